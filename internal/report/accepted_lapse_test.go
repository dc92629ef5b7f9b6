package report

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// How something was accepted but is no longer names the day or the share.
func TestLapseText(t *testing.T) {
	t.Parallel()
	by := checks.Acceptance{Expires: time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC), MaxSharePercent: 94}
	for want, lapse := range map[string]*checks.Lapse{
		"":                                   nil,
		"accepted until 2026-02-02: expired": {By: by, Why: checks.Expired},
		"accepted up to 94%: it has more":    {By: by, Why: checks.AboveShare},
	} {
		if got := lapseText(lapse); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
