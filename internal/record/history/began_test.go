package history

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
)

// What leans when verdicts are known again began at some time while they were not, and not
// with the server that came back.
func TestBeganWhileUnknown(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	even, lean := spread(at(2), 8, 7, 7), spread(at(3), 20, 1, 1)
	undecided := record.Change{Kind: record.Undecided, Time: at(1), Cluster: "C1", Count: 2, Reason: "n3"}
	elsewhere := undecided
	elsewhere.Cluster = "C2"
	stood := record.Change{Kind: record.Undecided, Time: at(5), Since: at(1), Everywhere: true}
	everywhere := record.Change{Kind: record.Undecided, Time: at(1), Everywhere: true}
	decided := func(u record.Change) record.Change {
		u.Kind, u.Time, u.Since = record.Decided, at(5), at(1)
		return u
	}
	crossed := func(minute int, before *record.Spread) record.Change {
		return record.Change{Kind: record.Crossed, Time: at(minute), Since: at(minute), Cluster: "C1", Before: before, Spread: spread(at(minute), 20, 1, 1)}
	}
	for name, c := range map[string]struct {
		of               []record.Change
		began, notBefore int // 0 where it was seen to begin
	}{
		"with the end of it":                        {[]record.Change{undecided, crossed(5, spread(at(0), 8, 7, 7)), decided(undecided)}, 5, 1},
		"nothing is known of the time before":       {[]record.Change{undecided, crossed(5, nil), decided(undecided)}, 5, 1},
		"it was spread in between":                  {[]record.Change{undecided, crossed(5, even), decided(undecided)}, 5, 2},
		"it leaned in between":                      {[]record.Change{undecided, crossed(5, lean), decided(undecided)}, 3, 1},
		"while watch was not connected":             {[]record.Change{everywhere, crossed(5, nil), decided(everywhere)}, 5, 1},
		"while watch stood still":                   {[]record.Change{stood, crossed(5, nil), decided(stood)}, 5, 1},
		"seen, as nobody who is missing decides":    {[]record.Change{undecided, crossed(3, nil), decided(undecided)}, 3, 0},
		"seen, and unknown in another cluster":      {[]record.Change{elsewhere, crossed(5, nil), decided(elsewhere)}, 5, 0},
		"seen, before":                              {[]record.Change{crossed(0, nil), undecided, decided(undecided)}, 0, 0},
		"seen, later":                               {[]record.Change{undecided, decided(undecided), crossed(6, nil)}, 6, 0},
		"seen, while it is still unknown of others": {[]record.Change{undecided, crossed(4, nil)}, 4, 0},
	} {
		h := tellUntil(documents(c.of), at(10))
		if len(h.Episodes) != 1 {
			t.Errorf("%s: %+v", name, h.Episodes)
			continue
		}
		e := h.Episodes[0]
		if !e.Began.Equal(at(c.began)) || (e.NotBefore == nil) != (c.notBefore == 0) || e.Undecided != (c.notBefore > 0) || c.notBefore > 0 && !e.NotBefore.Equal(at(c.notBefore)) {
			t.Errorf("%s: began %s, not before %v", name, e.Began, e.NotBefore)
		}
	}
}
