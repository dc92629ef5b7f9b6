package history

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
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
	crossed := func(minute, notBefore int, before *record.Spread) record.Change {
		c := record.Change{Kind: record.Crossed, Time: at(minute), Since: at(minute), Cluster: "C1", Before: before, Spread: spread(at(minute), 20, 1, 1)}
		if notBefore > 0 {
			c.NotBefore = at(notBefore)
		}
		return c
	}
	shifted := func(s *record.Spread) record.Change {
		s.Verdict = checks.Incomplete
		return record.Change{Kind: record.Shifted, Time: s.Time, Cluster: "C1", Spread: s}
	}
	for name, c := range map[string]struct {
		of               []record.Change
		began, notBefore int // 0 where it was seen to begin
	}{
		"with the end of it":                            {[]record.Change{undecided, crossed(5, 1, spread(at(0), 8, 7, 7)), decided(undecided)}, 5, 1},
		"nothing is known of the time before":           {[]record.Change{undecided, crossed(5, 1, nil), decided(undecided)}, 5, 1},
		"it was spread in between":                      {[]record.Change{undecided, crossed(5, 2, even), decided(undecided)}, 5, 2},
		"it was spread in between, and one was missing": {[]record.Change{undecided, shifted(spread(at(2), 8, 0, 7)), crossed(5, 1, nil), decided(undecided)}, 5, 1},
		"it leaned elsewhere in between":                {[]record.Change{undecided, shifted(spread(at(2), 1, 0, 20)), crossed(5, 1, nil), decided(undecided)}, 5, 1},
		"it leaned in between, and not then":            {[]record.Change{undecided, shifted(spread(at(2), 20, 1, 1)), shifted(spread(at(3), 8, 1, 7)), crossed(5, 1, nil), decided(undecided)}, 5, 1},
		"it leaned in between":                          {[]record.Change{undecided, shifted(lean), crossed(5, 1, nil), decided(undecided)}, 3, 1},
		"while watch was not connected":                 {[]record.Change{everywhere, crossed(5, 1, nil), decided(everywhere)}, 5, 1},
		"while watch stood still":                       {[]record.Change{stood, crossed(5, 1, nil), decided(stood)}, 5, 1},
		"seen, as nobody who is missing decides":        {[]record.Change{undecided, crossed(3, 0, nil), decided(undecided)}, 3, 0},
		"seen, and unknown in another cluster":          {[]record.Change{elsewhere, crossed(5, 0, nil), decided(elsewhere)}, 5, 0},
		"seen, before":                                  {[]record.Change{crossed(0, 0, nil), undecided, decided(undecided)}, 0, 0},
		"seen, later":                                   {[]record.Change{undecided, decided(undecided), crossed(6, 0, nil)}, 6, 0},
		"seen, while it is still unknown of others":     {[]record.Change{undecided, crossed(4, 0, nil)}, 4, 0},
		"not seen, while it is still unknown of others": {[]record.Change{undecided, crossed(4, 1, nil)}, 4, 1},
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

// What leans when a watch begins, or when it first knows, began since the watch before it was
// last there, or since that last knew.
func TestBeganAcrossAStart(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	start := func(minute, since int) record.Change {
		c := record.Change{Kind: record.Watching, Time: at(minute), Of: &record.Totals{}}
		if since > 0 {
			c.Since = at(since)
		}
		return c
	}
	undecided := func(minute int, cluster string) record.Change {
		return record.Change{Kind: record.Undecided, Time: at(minute), Cluster: cluster, Everywhere: cluster == "", Count: 1, Reason: "n3"}
	}
	shifted := func(minute int, verdict checks.Verdict) record.Change {
		s := spread(at(minute), 8, 7, 7)
		s.Verdict = verdict
		return record.Change{Kind: record.Shifted, Time: s.Time, Cluster: "C1", Spread: s}
	}
	even := spread(at(1), 8, 7, 7)
	crossed := func(minute, notBefore int, before *record.Spread) record.Change {
		c := record.Change{Kind: record.Crossed, Time: at(minute), Since: at(minute), Cluster: "C1", Before: before, Spread: spread(at(minute), 20, 1, 1), AtStart: notBefore == 0}
		if notBefore > 0 {
			c.NotBefore = at(notBefore)
		}
		return c
	}
	for name, c := range map[string]struct {
		of        []record.Change
		notBefore int // 0: at any time
		undecided bool
	}{
		"a plain start":                             {[]record.Change{start(1, 0), shifted(1, checks.Pass), start(9, 7), crossed(9, 0, even)}, 7, false},
		"the first start":                           {[]record.Change{start(9, 0), crossed(9, 0, nil)}, 0, false},
		"an account that is new":                    {[]record.Change{start(1, 0), start(9, 7), crossed(9, 0, nil)}, 0, false},
		"it was unknown when the watch ended":       {[]record.Change{start(1, 0), undecided(3, "C1"), shifted(4, checks.Incomplete), start(9, 7), crossed(9, 0, nil)}, 3, true},
		"it was not connected when it ended":        {[]record.Change{start(1, 0), shifted(1, checks.Pass), undecided(5, ""), start(9, 7), crossed(9, 0, even)}, 5, true},
		"it was unknown of others":                  {[]record.Change{start(1, 0), undecided(3, "C1"), shifted(4, checks.Pass), start(9, 7), crossed(9, 0, even)}, 4, true},
		"it was unknown elsewhere":                  {[]record.Change{start(1, 0), undecided(3, "C2"), shifted(4, checks.Pass), start(9, 7), crossed(9, 0, even)}, 7, false},
		"it is unknown first":                       {[]record.Change{start(1, 0), shifted(1, checks.Pass), start(9, 7), undecided(9, "C1"), crossed(12, 9, even)}, 7, true},
		"it is unknown first, at the first start":   {[]record.Change{start(9, 0), undecided(9, "C1"), crossed(12, 9, nil)}, 0, true},
		"it was unknown, and is first":              {[]record.Change{start(1, 0), undecided(3, "C1"), shifted(4, checks.Incomplete), start(9, 7), undecided(9, "C1"), crossed(12, 9, nil)}, 3, true},
		"it is unknown later":                       {[]record.Change{start(1, 0), start(9, 7), undecided(11, "C1"), crossed(12, 11, even)}, 11, true},
		"a history that was deleted in such a time": {[]record.Change{start(9, 9), undecided(9, "C1"), crossed(12, 5, even)}, 5, true},
	} {
		h := tellUntil(documents(c.of), at(20))
		if len(h.Episodes) != 1 {
			t.Errorf("%s: %+v", name, h.Episodes)
			continue
		}
		want := time.Time{}
		if c.notBefore > 0 {
			want = at(c.notBefore)
		}
		if e := h.Episodes[0]; e.NotBefore == nil || !e.NotBefore.Equal(want) || e.Undecided != c.undecided {
			t.Errorf("%s: not before %v, want %v, unknown %v", name, e.NotBefore, want, e.Undecided)
		}
	}
}
