package history

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Times in which verdicts were unknown are told from when to when, also where the recorder
// that said so ended before it said that they are known, or said so twice.
func TestUnknownIsTold(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	unknown := func(minute int) record.Change {
		return record.Change{Kind: record.Undecided, Time: at(minute), Cluster: "C1", Count: 2, Reason: "n3"}
	}
	known := func(minute, since int) record.Change {
		return record.Change{Kind: record.Decided, Time: at(minute), Since: at(since), Cluster: "C1"}
	}
	start := func(minute int) record.Change {
		return record.Change{Kind: record.Watching, Time: at(minute), Of: &record.Totals{}}
	}
	for name, c := range map[string]struct {
		of       []record.Change
		from, to int // 0 while it lasts
	}{
		"from when to when":     {[]record.Change{start(0), unknown(1), known(5, 1)}, 1, 5},
		"it lasts":              {[]record.Change{start(0), unknown(1)}, 1, 0},
		"by two recorders":      {[]record.Change{start(0), unknown(1), unknown(2), known(5, 2)}, 1, 5},
		"another watch began":   {[]record.Change{start(0), unknown(1), start(4)}, 1, 4},
		"what began is gone":    {[]record.Change{known(5, 1)}, 1, 5},
		"two say that it ended": {[]record.Change{start(0), unknown(1), known(5, 1), known(6, 1)}, 1, 5},
		"the next one says so":  {[]record.Change{start(0), unknown(1), unknown(4), known(6, 4)}, 1, 6},
		"watch stood still":     {[]record.Change{start(0), {Kind: record.Undecided, Everywhere: true, Time: at(4), Since: at(1)}, {Kind: record.Decided, Everywhere: true, Time: at(5), Since: at(1)}}, 1, 5},
		"noticed late":          {[]record.Change{start(0), {Kind: record.Undecided, Cluster: "C1", Time: at(4), Since: at(1), Reason: "n1"}, known(5, 1)}, 1, 5},
		"said again, the same":  {[]record.Change{start(0), unknown(1), {Kind: record.Undecided, Cluster: "C1", Time: at(4), Since: at(1), Reason: "n1"}}, 1, 0},
		"everywhere":            {[]record.Change{start(0), {Kind: record.Undecided, Everywhere: true, Time: at(1)}, {Kind: record.Decided, Everywhere: true, Time: at(5), Since: at(1)}}, 1, 5},
	} {
		h := tell(documents(c.of))
		if len(h.Unknown) != 1 || !h.Unknown[0].From.Equal(at(c.from)) || (h.Unknown[0].To == nil) != (c.to == 0) || c.to != 0 && !h.Unknown[0].To.Equal(at(c.to)) {
			t.Errorf("%s: %+v", name, h.Unknown)
		}
		if all := h.Unknowns("ORDERS"); len(all) != 1 {
			t.Errorf("%s: of an account: %+v", name, all)
		}
	}
	// What was unknown from before on, as another one says late, is not told of twice.
	twice := tell(documents([]record.Change{start(0), unknown(1), known(5, 1), {Kind: record.Undecided, Cluster: "C1", Time: at(9), Since: at(4), Reason: "n1"}})).Unknown
	if len(twice) != 2 || !twice[0].To.Equal(at(5)) || !twice[1].From.Equal(at(5)) || twice[1].To != nil {
		t.Errorf("%+v", twice)
	}
	// What it depends on may change meanwhile, and all of it is told.
	later := unknown(3)
	later.Reason, later.DependsOn, later.Since, later.Still = "n3 and n4", []string{"n3", "n4"}, at(1), true
	first := unknown(1)
	first.Reason, first.DependsOn = "n5", []string{"n5"}
	for _, to := range []int{0, 5} {
		changes := []record.Change{start(0), first, unknown(2), later}
		if to > 0 {
			changes = append(changes, known(to, 1))
		}
		h := tell(documents(changes))
		if len(h.Unknown) != 1 || !slices.Equal(h.Unknown[0].On, []string{"n5", "n3", "n4"}) || !h.Unknown[0].From.Equal(at(1)) || *DocumentOf(h, "", at(9)).Unknown[0].DependsOn != "n5, n3 and n4" {
			t.Errorf("%+v", h.Unknown)
		}
	}
	// A time that lasts is unknown until now, though nothing was recorded since it began.
	leans := record.Change{Kind: record.Crossed, Time: at(0), Since: at(0), Cluster: "C1", Spread: spread(at(0), 20, 1, 1)}
	for _, of := range [][]record.Change{{leans, unknown(1)}, {leans, unknown(1), known(2, 1), unknown(3)}} {
		h, want := tellUntil(documents(of), at(9)), Gap{at(len(of) - 1), at(9)}
		if unseen := h.Episodes[0].Unseen; len(unseen) == 0 || unseen[len(unseen)-1] != want {
			t.Errorf("%+v, want %+v last", unseen, want)
		}
		doc := DocumentOf(h, "", at(9))
		if unseen := doc.Episodes[0].Unseen; len(unseen) == 0 || !unseen[len(unseen)-1].To.Equal(at(9)) {
			t.Errorf("%+v", unseen)
		}
	}
	// An account that is in another cluster is not concerned, and part of a time in which
	// one leaned was not seen.
	other := record.Change{Kind: record.Shifted, Time: at(0), Cluster: "C2", Spread: spread(at(0), 8, 7, 7)}
	h := tell(documents([]record.Change{other, unknown(1), known(5, 1)}))
	if all := h.Unknowns("ORDERS"); len(all) != 0 || len(h.Unknowns("")) != 1 {
		t.Errorf("%+v", all)
	}
	lean := record.Change{Kind: record.Crossed, Time: at(0), Since: at(0), Cluster: "C1", Spread: spread(at(0), 20, 1, 1)}
	back := record.Change{Kind: record.Back, Time: at(10), Since: at(0), Cluster: "C1", Spread: spread(at(10), 7, 7, 7)}
	again := start(8)
	again.Since = at(4)
	h = tell(documents([]record.Change{lean, unknown(1), known(5, 1), again, back}))
	if len(h.Episodes) != 1 || len(Joined(h.Episodes[0].Unseen)) != 1 || Joined(h.Episodes[0].Unseen)[0] != (Gap{at(1), at(8)}) {
		t.Errorf("%+v", h.Episodes)
	}
}

// An account that has leaned since before the time that is asked for, and did not change,
// leans still. One that was never recorded is told from one that did not lean.
func TestLeaningSinceLongBefore(t *testing.T) {
	t.Parallel()
	s, err := OpenLocal(sourcetest.Within(t), t.TempDir(), limits())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	written(t, s, leaning()[:8])
	for account, want := range map[string]int{"": 1, "ORDERS": 1, "NOPE": 0} {
		docs, _, err := s.Documents(sourcetest.Within(t), Query{Account: account, Since: time.Now()})
		if h := tell(docs); err != nil || len(h.Episodes) != want || want > 0 && !h.Episodes[0].Began.Equal(began()) {
			t.Errorf("%q: %v, %+v", account, err, h)
		}
		if known, err := s.Knows(sourcetest.Within(t), account); account != "" && (err != nil || known != (want > 0)) {
			t.Errorf("%q: known %v, %v", account, known, err)
		}
	}
	// What was written last shows that a recorder was there, where nobody said so.
	if err := s.bucket.Delete(sourcetest.Within(t), aliveKey); err != nil {
		t.Fatal(err)
	}
	if at, last := s.LastAlive(sourcetest.Within(t)), leaning()[7].Time; !at.Equal(last) {
		t.Errorf("%s, want %s", at, last)
	}
}

// written records changes and waits until they are.
func written(t *testing.T, s *Store, changes []record.Change) {
	t.Helper()
	running, stop := context.WithCancel(sourcetest.Within(t))
	done := make(chan struct{})
	go func() { s.Run(running, func(bool) {}); close(done) }()
	s.Add(changes)
	waitWritten(t, s)
	stop()
	<-done
}
