package history

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// An account leans to n2 until its clients go to n1, as n2 drains: these are two times, each with
// its own beginning, and the second one is a finding once it has lasted.
func TestLeanThatMoved(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	n1, n2 := checks.ServerRef{ID: "N1", Name: "n1"}, checks.ServerRef{ID: "N2", Name: "n2"}
	on := func(kind record.Kind, minute, since int, to checks.ServerRef, finding bool) record.Change {
		s := spread(at(minute), 2, 18, 1)
		if to == n1 {
			s = spread(at(minute), 18, 2, 1)
		}
		top := 0
		if to == n2 {
			top = 1
		}
		s.Servers[0], s.Servers[top] = s.Servers[top], s.Servers[0]
		return record.Change{Kind: kind, Time: at(minute), Since: at(since), Cluster: "C1", Spread: s, LeansTo: to, Finding: finding}
	}
	moves := on(record.Crossed, 5, 5, n1, false)
	moves.Left = &record.Left{Server: n2, Since: at(0), Finding: true}
	again := moves // by another recorder, which saw it a moment later
	again.Time, again.Since = again.Time.Add(time.Second), again.Since.Add(time.Second)
	lost := on(record.Shifted, 5, 5, n1, false) // what said that it moved was lost
	for name, c := range map[string]struct {
		moved []record.Change
		from  string
	}{
		"seen":           {[]record.Change{moves}, "n2"},
		"seen by two":    {[]record.Change{moves, again}, "n2"},
		"lost, but seen": {[]record.Change{lost}, ""},
	} {
		changes := append([]record.Change{on(record.Crossed, 0, 0, n2, false), on(record.Held, 2, 0, n2, true)}, c.moved...)
		h := tellUntil(documents(append(changes, on(record.Held, 7, 5, n1, true))), at(9))
		if len(h.Episodes) != 2 {
			t.Errorf("%s: %+v", name, h.Episodes)
			continue
		}
		was, is := h.Episodes[1], h.Episodes[0]
		if was.To.Name != "n2" || !was.Finding || was.Ended == nil || !was.Ended.Equal(at(5)) || was.Next.Name != "n1" ||
			is.To.Name != "n1" || !is.Finding || is.Ended != nil || !is.Began.Equal(at(5)) || is.From.Name != c.from {
			t.Errorf("%s: %+v, %+v", name, was, is)
		}
		doc := DocumentOf(h, "", at(9))
		if e := doc.Episodes[1]; e.Server.Name != "n2" || e.MovedTo.Name != "n1" || e.MovedFrom != nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
	// A server that starts again is another process of the same one.
	next := checks.ServerRef{ID: "N2-next", Name: "n2"}
	if h := tellUntil(documents([]record.Change{on(record.Crossed, 0, 0, n2, false), on(record.Held, 2, 0, next, true)}), at(9)); len(h.Episodes) != 1 {
		t.Errorf("%+v", h.Episodes)
	}
}

// What a watch takes over of how an account leans is what the one before it said: to which server,
// from when on, and of which part of that time nothing is known.
func TestLeanIsTakenOver(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	s, err := OpenLocal(sourcetest.Within(t), t.TempDir(), limits())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n1, other := checks.ServerRef{ID: "N1", Name: "n1"}, checks.ServerRef{ID: "N2", Name: "n2"}
	last := spread(at(5), 0, 4, 0) // as n1 does not report
	last.Verdict, last.Servers = checks.Incomplete, []record.Share{{Server: other, Connections: 4}}
	written(t, s, []record.Change{
		{Kind: record.Watching, Time: at(0), Of: &record.Totals{}},
		{Kind: record.Crossed, Time: at(0), Since: at(0), NotBefore: at(-2), Cluster: "C1", Spread: spread(at(0), 20, 4, 0), LeansTo: n1},
		{Kind: record.Undecided, Time: at(1), Cluster: "C1", Count: 1, Reason: "n3"},
		{Kind: record.Decided, Time: at(2), Since: at(1), Cluster: "C1", Count: 1},
		{Kind: record.Undecided, Time: at(4), Cluster: "C1", Count: 1, Reason: "n1"},
		{Kind: record.Shifted, Time: at(5), Since: at(0), NotBefore: at(-2), Cluster: "C1", Spread: last, LeansTo: n1},
	})
	h, err := s.verdicts(sourcetest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if until := h.knownUntil(last, at(6)); !until.Equal(at(4)) {
		t.Errorf("known until %s", until)
	}
	w := record.New(record.Settings{Parameters: checks.Defaults(), For: time.Hour, Reconcile: time.Hour})
	if err := s.Restore(sourcetest.Within(t), w); err != nil {
		t.Fatal(err)
	}
	if over := w.Over(at(4)); len(over) != 1 || over[0].LeansTo != n1 || !over[0].Since.Equal(at(0)) || !over[0].NotBefore.Equal(at(-2)) || over[0].Unknown != time.Minute {
		t.Errorf("%+v", over)
	}
}

// A watch is killed, and n1 with most of an account. The next watch sees the 4 connections on n2,
// and does not know what n1 has: the account moved to n2 when it is known to lean there, if it is.
func TestLeanThatIsUnknownAfterAGap(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	n1, n2 := checks.ServerRef{ID: "N1", Name: "n1"}, checks.ServerRef{ID: "N2", Name: "n2"}
	report := func(d *checks.Deployment, n int, s checks.ServerRef) {
		d.Servers = append(d.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: "C1", Usage: []checks.Usage{{Connections: uint32(n)}}})
	}
	for name, c := range map[string]struct {
		later [3]int // when n1 is there again
		moved bool
	}{
		"n1 has its clients again": {[3]int{24, 4, 0}, false},
		"they are on n2":           {[3]int{0, 28, 0}, true},
	} {
		docs := documents([]record.Change{
			{Kind: record.Watching, Time: at(0), Of: &record.Totals{}},
			{Kind: record.Crossed, Time: at(0), Since: at(0), AtStart: true, Cluster: "C1", Spread: spread(at(0), 24, 4, 0), LeansTo: n1},
			{Kind: record.Held, Time: at(1), Since: at(0), AtStart: true, Cluster: "C1", Spread: spread(at(1), 24, 4, 0), LeansTo: n1, Finding: true},
		})
		w := record.New(record.Settings{Parameters: checks.Defaults(), For: time.Hour, Reconcile: time.Hour})
		w.Known(*docs[2].SpreadOf(), docs[2].LeanOf(), at(2))
		orders := []checks.Account{{ID: "ORDERS", Name: "orders"}}
		d := &checks.Deployment{Accounts: orders, Expected: 3, Missing: []checks.Missing{{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted, Reason: "n2 counts 3 servers"}}}
		report(d, 4, n2)
		report(d, 0, checks.ServerRef{ID: "N3", Name: "n3"})
		w.Ask(at(3))
		w.Reconcile(d, time.Second, at(3))
		changes := w.Tick(at(3))
		changes[0].Since = at(2)
		docs = append(docs, documents(changes)...)
		if h := tellUntil(docs, at(4)); len(h.Episodes) != 1 || h.Episodes[0].To.Name != "n1" || h.Episodes[0].Next.Name != "" || h.Episodes[0].Ended != nil {
			t.Errorf("%s: %+v", name, h.Episodes)
		}
		d = &checks.Deployment{Accounts: orders, Expected: 3}
		for i, n := range c.later {
			report(d, n, []checks.ServerRef{{ID: "N1-next", Name: "n1"}, n2, {ID: "N3", Name: "n3"}}[i])
		}
		w.Ask(at(5))
		w.Reconcile(d, time.Second, at(5))
		docs = append(append(docs, documents(w.Tick(at(5)))...), documents(w.Tick(at(5).Add(2*time.Second)))...)
		h := tellUntil(docs, at(6))
		if was := h.Episodes[len(h.Episodes)-1]; (len(h.Episodes) == 2) != c.moved || (was.Next.Name == "n2") != c.moved {
			t.Errorf("%s: %+v", name, h.Episodes)
		}
		if is := h.Episodes[0]; c.moved && (is.To != record.DocumentServer(n2) || is.From.Name != "n1" || !is.Began.Equal(at(5)) || is.NotBefore == nil || !is.NotBefore.Equal(at(2))) {
			t.Errorf("%s: %+v", name, is)
		}
	}
}
