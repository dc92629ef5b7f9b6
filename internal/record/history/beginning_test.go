package history

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
)

// Whether an account may have leaned earlier is decided once, by what is known of its
// beginning. JSON has the same.
func TestBeginningOfAnEpisode(t *testing.T) {
	t.Parallel()
	from, never := began().Add(-time.Hour), time.Time{}
	for name, c := range map[string]struct {
		e     Episode
		begun record.Begun
		from  time.Time
	}{
		"seen":                       {Episode{}, record.SeenToBegin, never},
		"not read":                   {Episode{Unread: true}, record.Unread, never},
		"never known":                {Episode{NotBefore: &never}, record.NeverKnown, never},
		"never known, and not read":  {Episode{NotBefore: &never, Unread: true}, record.NeverKnown, never},
		"unknown":                    {Episode{NotBefore: &from, Undecided: true}, record.WhileUnknown, from},
		"unrecorded":                 {Episode{NotBefore: &from}, record.WhileUnrecorded, from},
		"unrecorded, and not read":   {Episode{NotBefore: &from, Unread: true}, record.WhileUnrecorded, from},
		"unknown, and none was read": {Episode{NotBefore: &from, Undecided: true, Unread: true}, record.WhileUnknown, from},
	} {
		c.e.Began = began()
		b := c.e.Beginning()
		at, known := b.Earliest()
		if b.Begun != c.begun || !at.Equal(c.from) || known == c.from.IsZero() {
			t.Errorf("%s: %+v", name, b)
		}
		doc := DocumentOf(History{Episodes: []Episode{c.e}}, "", began()).Episodes[0]
		if doc.Seen != (c.begun == record.SeenToBegin) || (doc.NotBefore != nil) != known || known && !doc.NotBefore.Equal(from) {
			t.Errorf("%s: seen %v, not before %v", name, doc.Seen, doc.NotBefore)
		}
	}
}

// A chart says of every time in which an account leaned whether it may have begun earlier, in
// its list and where one points at it.
func TestChartOfBeginnings(t *testing.T) {
	t.Parallel()
	at, from := began(), began().Add(-30*time.Minute)
	first := record.Change{Kind: record.Crossed, Time: at, Since: at, Cluster: "C1", Spread: spread(at, 20, 1, 1)}
	started, unknown, held := first, first, first
	started.AtStart = true
	unknown.NotBefore = from
	held.Kind, held.Time = record.Held, at.Add(time.Minute)
	for name, c := range map[string]struct {
		change record.Change
		since  string // its end in the list, after what it leaned with
		title  string
	}{
		"seen":        {first, "20 of 22 connections on n1.", "<title>since 2026-01-02 03:04:05</title>"},
		"never known": {started, "20 of 22 connections on n1, and it may have begun earlier.", "<title>since 2026-01-02 03:04:05, and it may have begun earlier</title>"},
		"not read":    {held, "Since 2026-01-02 03:04:05: above the threshold, and it may have begun earlier.", "<title>since 2026-01-02 03:04:05, and it may have begun earlier</title>"},
		"unknown":     {unknown, "20 of 22 connections on n1, from 2026-01-02 02:34:05 on at the earliest.", "<title>since 2026-01-02 03:04:05, from 2026-01-02 02:34:05 on at the earliest</title>"},
	} {
		page := charted(t, "history-beginning", Chart{}, documents([]record.Change{c.change}))
		for _, want := range []string{c.since, c.title} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %s in\n%s", name, want, page)
			}
		}
	}
}
