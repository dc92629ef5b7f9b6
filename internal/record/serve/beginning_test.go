package serve

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

// The page says of every time in which an account leaned whether it may have begun earlier.
func TestPageOfBeginnings(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	from, never, ended := at(1), time.Time{}, at(9)
	for name, c := range map[string]struct {
		e           history.Episode
		lasts, past string
	}{
		"seen":        {history.Episode{}, ">since 2026-01-02 03:05:00 UTC<", ">from 2026-01-02 03:05:00 UTC to 2026-01-02 03:09:00 UTC<"},
		"not read":    {history.Episode{Unread: true}, ">since 2026-01-02 03:05:00 UTC or earlier<", ">from 2026-01-02 03:05:00 UTC or earlier to 2026-01-02 03:09:00 UTC<"},
		"never known": {history.Episode{NotBefore: &never}, ">since 2026-01-02 03:05:00 UTC or earlier<", ">from 2026-01-02 03:05:00 UTC or earlier to 2026-01-02 03:09:00 UTC<"},
		"unknown": {history.Episode{NotBefore: &from, Undecided: true}, ">since 2026-01-02 03:05:00 UTC, or from any time since 2026-01-02 03:01:00 UTC<",
			">from 2026-01-02 03:05:00 UTC, or from any time since 2026-01-02 03:01:00 UTC, to 2026-01-02 03:09:00 UTC<"},
		"unrecorded": {history.Episode{NotBefore: &from}, ">since 2026-01-02 03:05:00 UTC, or from any time since 2026-01-02 03:01:00 UTC<",
			">from 2026-01-02 03:05:00 UTC, or from any time since 2026-01-02 03:01:00 UTC, to 2026-01-02 03:09:00 UTC<"},
	} {
		lasts := c.e
		lasts.Account, lasts.Cluster, lasts.Began = record.DocumentAccount{ID: "ORDERS", Name: "ORDERS"}, "C1", at(5)
		past := lasts
		past.Ended = &ended
		s := listening(t, Options{History: func(context.Context) (history.History, error) {
			return history.History{Episodes: []history.Episode{lasts, past}}, nil
		}})
		_, body, _ := get(t, s, "/", nil)
		for _, want := range []string{c.lasts, c.past} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s in %s", name, want, body)
			}
		}
	}
}
