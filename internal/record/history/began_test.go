package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// What leans when verdicts are known again began at some time while they were not, and not
// with the server that came back. Since when it leans is what watch said, whatever was recorded
// while a server was missing.
func TestBeganWhileUnknown(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	even, lean := spread(at(2), 8, 7, 7), spread(at(3), 20, 1, 1) // as far as was known
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
		"it leaned in between":                          {[]record.Change{undecided, shifted(lean), crossed(5, 1, nil), decided(undecided)}, 5, 1},
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
// last there, or since that last knew: watch and history say the same.
func TestBeganAcrossAStart(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	start := record.Change{Kind: record.Watching, Time: at(1), Of: &record.Totals{}}
	undecided := func(minute int, cluster string) record.Change {
		return record.Change{Kind: record.Undecided, Time: at(minute), Cluster: cluster, Everywhere: cluster == "", Count: 1, Reason: "n3"}
	}
	shifted := func(minute int, verdict checks.Verdict) record.Change {
		s := spread(at(minute), 8, 7, 7)
		s.Verdict = verdict
		return record.Change{Kind: record.Shifted, Time: s.Time, Cluster: "C1", Spread: s}
	}
	for name, c := range map[string]struct {
		of        []record.Change // of the watch before, which was last there at 7
		later     bool            // a server is missing at first, until 12
		notBefore int             // 0: at any time
		undecided bool
	}{
		"a plain start":                           {[]record.Change{start, shifted(1, checks.Pass)}, false, 7, false},
		"the first start":                         {nil, false, 0, false},
		"an account that is new":                  {[]record.Change{start}, false, 0, false},
		"it was unknown when the watch ended":     {[]record.Change{start, undecided(3, "C1"), shifted(4, checks.Incomplete)}, false, 3, true},
		"it was not connected when it ended":      {[]record.Change{start, shifted(1, checks.Pass), undecided(5, "")}, false, 5, true},
		"it was unknown of others":                {[]record.Change{start, undecided(3, "C1"), shifted(4, checks.Pass)}, false, 4, true},
		"it was unknown elsewhere":                {[]record.Change{start, undecided(3, "C2"), shifted(4, checks.Pass)}, false, 7, false},
		"it is unknown first":                     {[]record.Change{start, shifted(1, checks.Pass)}, true, 7, true},
		"it is unknown first, at the first start": {nil, true, 0, false},
		"it was unknown, and is first":            {[]record.Change{start, undecided(3, "C1"), shifted(4, checks.Incomplete)}, true, 3, true},
	} {
		docs := documents(c.of)
		h := verdictsOf(docs)
		w := record.New(record.Settings{Parameters: checks.Defaults(), For: time.Minute, Reconcile: time.Hour})
		for i := range docs {
			if last := docs[i].SpreadOf(); last != nil {
				w.Known(*last, record.Lean{}, h.knownUntil(last, at(7)))
			}
		}
		report := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "orders"}}, Expected: 3}
		for i, n := range []uint32{20, 1, 1} {
			name := fmt.Sprintf("n%d", i+1)
			report.Servers = append(report.Servers, checks.Server{ID: "N" + name[1:], Name: name, Cluster: "C1", Usage: []checks.Usage{{Connections: n}}})
		}
		began := at(9)
		w.Ask(began)
		var changes []record.Change
		if c.later {
			less := *report
			less.Servers = report.Servers[:2]
			less.Missing = []checks.Missing{{Name: "n3", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent, Reason: "it hangs"}}
			w.Reconcile(&less, time.Second, began)
			changes = append(changes, w.Tick(began)...)
			began = at(12)
			w.Ask(began)
		}
		w.Reconcile(report, time.Second, began)
		changes = append(append(changes, w.Tick(began)...), w.Tick(began.Add(time.Minute))...)
		if c.of != nil {
			changes[0].Since = at(7)
		}
		want := time.Time{}
		if c.notBefore > 0 {
			want = at(c.notBefore)
		}
		said := 0
		for _, x := range changes {
			if x.Kind == record.Crossed || x.Kind == record.Held {
				said++
				if !x.NotBefore.Equal(want) || !x.Since.Equal(began) || !x.AtStart && c.notBefore == 0 {
					t.Errorf("%s: %s since %s, not before %s, want %s", name, x.Kind, x.Since, x.NotBefore, want)
				}
			}
		}
		told := tellUntil(append(docs, documents(changes)...), at(20))
		if len(told.Episodes) != 1 || said != 2 {
			t.Errorf("%s: %+v", name, told.Episodes)
			continue
		}
		if e := told.Episodes[0]; !e.Began.Equal(began) || e.NotBefore == nil || !e.NotBefore.Equal(want) {
			t.Errorf("%s: since %s, not before %v, want %s, unknown %v", name, e.Began, e.NotBefore, want, e.Undecided)
		} else if e.Undecided != c.undecided {
			t.Errorf("%s: unknown %v", name, e.Undecided)
		}
	}
}
