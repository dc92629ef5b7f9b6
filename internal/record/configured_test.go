package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// configured is a server of C1 that others have a route configured to, and no more.
func configured() []checks.Missing {
	return []checks.Missing{{Cluster: "C1", ClusterKnown: true, Kind: checks.Configured, Name: "10.0.0.1:6222", At: "10.0.0.1:6222", Reason: "n2 has a route configured to it"}}
}

// names are those of the servers that are missing in C1, and whether one may have connections.
func (d *desk) names() (names []string, open bool) {
	for _, m := range d.w.absentIn(map[string]bool{"C1": true}) {
		names, open = append(names, m.Name), open || m.Bound == nil
	}
	return names, open
}

// A server that only the configuration of others names is missing, also when watch begins:
// verdicts are unknown. When it has come it is gone under its address, and not silent.
func TestServerThatIsConfigured(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
	d.without(configured(), 20, 4)
	d.want(Silent, Watching, Shifted, Undecided)
	if s := d.w.Snapshot(d.now, 1); s.Totals.Missing != 1 || s.Unknown != 1 {
		t.Errorf("%+v", s)
	}
	d.w.Stats(wire.Statsz{From: at("n1"), Start: d.now}, d.now)
	d.pass(time.Second)
	d.w.Ask(d.now)
	d.report(0, 20, 4)
	d.want(Started, Crossed, Held, Decided)
	if names, _ := d.names(); len(names) > 0 {
		t.Errorf("%q", names)
	}
}

// One that is known by its name, as it went, is the one that others have a route configured
// to: it is missing once. One that said that it shuts down has no connection, and counts as
// one that is down for as long as others are configured so.
func TestServerThatWentIsConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		goes func(d *desk)
		open bool
	}{
		"shut down": {func(d *desk) { d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now) }, false},
		"killed":    {func(d *desk) { d.pass(30 * time.Second); d.without(hung(), 20, 4) }, true},
		"killed, and at once": {func(d *desk) {
			d.pass(30 * time.Second)
			d.without(nil, 20, 4)
		}, true},
	} {
		d := watching(t, 0, 0, 20, 4)
		c.goes(d)
		for i := range 10 {
			d.pass(5 * time.Minute)
			missing := configured()
			if i%2 > 0 { // or it is expected as so many are
				missing = []checks.Missing{{Kind: checks.Forgotten, Reason: "3 servers are expected"}}
			}
			d.without(missing, 20, 4)
			if kinds := d.kinds(); slices.Contains(kinds, Back) || (len(d.w.Undecided(d.now)) > 0) != c.open {
				t.Errorf("%s: %v, %+v", name, kinds, d.w.Undecided(d.now))
			}
			if names, open := d.names(); len(names) != 1 || names[0] != "n1" || open != c.open {
				t.Errorf("%s: %q are missing, open %v", name, names, open)
			}
		}
	}
	// It comes while a full report is made, which is without it.
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
	d.without(configured(), 20, 4)
	d.kinds()
	d.w.Ask(d.now)
	d.pass(time.Second)
	d.w.Stats(wire.Statsz{From: at("n1"), Start: d.now}, d.now)
	d.w.Reconcile(&checks.Deployment{Missing: configured(), Servers: []checks.Server{{ID: "Nn2", Name: "n2", Cluster: "C1"}, {ID: "Nn3", Name: "n3", Cluster: "C1"}}}, time.Second, d.now)
	if names, _ := d.names(); len(names) > 0 {
		t.Errorf("%q", names)
	}
}

// n3 was killed and runs again. Others still count its former process, and may mean the server
// that they have a route configured to: that one is missing still, unless it comes, or a
// server that is known to be gone is the one.
func TestFormerProcessIsNotTheServerThatIsConfigured(t *testing.T) {
	t.Parallel()
	place := configured()[0]
	fills := func() []checks.Missing { m := counted(); m[0].Fills = &place; return m }
	for name, c := range map[string]struct {
		missing []checks.Missing
		goes    func(d *desk)
		want    []string
	}{
		"one was missing":              {fills(), nil, []string{place.Name}},
		"and others are counted":       {slices.Concat(counted(), fills()), nil, []string{""}},
		"two were missing":             {slices.Concat(fills(), configured()), nil, []string{place.Name, place.Name}},
		"none was":                     {counted(), nil, nil},
		"it is forgotten, as are all":  {nil, nil, nil},
		"it is forgotten, one is away": {configured(), nil, []string{place.Name}},
		"n1 is the other one":          {fills(), func(d *desk) { d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now) }, []string{"n1"}},
	} {
		d := watching(t, 0, 7, 7, 7)
		d.pass(time.Second)
		next := d.again()
		if c.goes != nil {
			c.goes(d)
		}
		d.pass(2 * time.Second)
		d.after(next, c.missing, 7, 7, 7)
		d.kinds()
		names, open := d.names()
		if !slices.Equal(names, c.want) || c.goes == nil && open != (len(c.want) > 0) {
			t.Errorf("%s: %q are missing, want %q; open: %v", name, names, c.want, open)
		}
	}
}

// A watch begins while one that shut down is not back, or while others count the former
// process of one that runs again, as another watch recorded.
func TestBeginsWithWhatWasRecorded(t *testing.T) {
	t.Parallel()
	ref := checks.ServerRef{ID: "A1", Name: "n1"}
	who := checks.Identity{Servers: []checks.ServerProcess{{ServerRef: checks.ServerRef{ID: "Nn2", Name: "n2"}, Cluster: "C1"}}, Accounts: []string{"ORDERS"}, System: "SYS"}
	went := func(kind checks.MissingKind) []checks.RecordedGone {
		return []checks.RecordedGone{{Server: ref, Cluster: "C1", At: epoch().Add(-time.Minute), Kind: kind}}
	}
	begin := func(past checks.RecordedPast) *desk {
		d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
		past.Identity = who
		d.w.KnownPast([]checks.RecordedPast{past})
		return d
	}
	d := begin(checks.RecordedPast{Gone: went(checks.Down)})
	d.without(configured(), 20, 4)
	d.want(Watching, Crossed, Held)
	if names, open := d.names(); len(names) != 1 || open {
		t.Errorf("%q, open %v", names, open)
	}
	d = begin(checks.RecordedPast{Gone: went(checks.Down)}) // it is not expected
	d.without(nil, 20, 4)
	d.want(Watching, Unchecked)

	d = begin(checks.RecordedPast{Former: went(checks.Silent)})
	d.lacks(counted(), time.Second, 20, 1, 1)
	d.want(Watching, Crossed, Held)
	if _, due := d.w.Due(d.now.Add(time.Minute)); due {
		t.Error("who is counted is known")
	}
	d = begin(checks.RecordedPast{})
	d.lacks(counted(), time.Second, 20, 1, 1)
	d.want(Silent, Watching, Shifted, Undecided)
	if _, due := d.w.Due(d.now.Add(time.Minute)); !due {
		t.Error("others forget whom they count, and that is looked for in an hour")
	}
}

// That a cluster has too few servers to be checked is told once, and when it has enough.
func TestTooFewServersAreTold(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
	d.w.Ask(d.now)
	d.report(20, 4)
	told := d.w.Tick(d.now)
	if len(told) != 2 || told[1].Kind != Unchecked || told[1].Cluster != "C1" || told[1].Count != 2 || told[1].Least != 3 {
		t.Errorf("%+v", told)
	}
	if standing := d.w.Standing(d.now); len(standing) != 2 || standing[1].Kind != Unchecked {
		t.Errorf("%+v", standing)
	}
	d.pass(time.Minute)
	d.want()
	d.w.Stats(wire.Statsz{From: at("n3"), Start: d.now}, d.now)
	d.want(Started, Crossed, Held, Checked)
	d.w.Shut(wire.ServerEvent{From: at("n3")}, d.now)
	d.want(Stopped)
	d.pass(remembered)
	d.want(Back, Unchecked)
	// One that is counted may be another one of it.
	d = &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
	d.lacks(counted(), time.Second, 20, 4)
	d.want(Silent, Watching, Shifted, Undecided)
}

// A watch that takes over says what is unknown, and what is known that was not. So does a
// history that begins anew.
func TestTakesOverWhatIsUnknown(t *testing.T) {
	t.Parallel()
	said := []Change{{Kind: Undecided, Cluster: "C1", Time: epoch()}, {Kind: Undecided, Cluster: "C2", Time: epoch()}, {Kind: Undecided, Everywhere: true, Time: epoch()}}
	d := watching(t, 0, 20, 4, 4)
	d.without(hung(), 4, 4)
	d.kinds()
	got := d.w.InheritUndecided(said, d.now)
	if len(got) != 3 || got[0].Kind != Undecided || got[0].Cluster != "C1" || got[0].Reason != "n1" || got[1].Kind != Decided || got[1].Cluster != "C2" || !got[1].Since.Equal(epoch()) ||
		got[2].Kind != Decided || !got[2].Everywhere {
		t.Errorf("%+v", got)
	}
	standing := d.w.Standing(d.now)
	if last := standing[len(standing)-1]; standing[0].Kind != Watching || last.Kind != Undecided || last.Cluster != "C1" || last.Reason != "n1" {
		t.Errorf("%+v", standing)
	}
	d.w.Hear(false)
	d.kinds()
	if standing = d.w.Standing(d.now); !slices.ContainsFunc(standing, func(c Change) bool { return c.Kind == Undecided && c.Everywhere }) {
		t.Errorf("%+v", standing)
	}
}

// A server that said that it drains does not hang, and has no other system account.
func TestServerThatDrainsAndAnswersNothing(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 7, 7, 7)
	d.w.Drain(wire.ServerEvent{From: at("n1")}, d.now)
	d.kinds()
	for range 3 {
		d.pass(30 * time.Second)
		d.without([]checks.Missing{{Name: "n1", Cluster: "C1", ClusterKnown: true, Kind: checks.OtherSystem, Reason: "it has another system account, or hangs"}}, 7, 7)
		for _, c := range d.w.Tick(d.now) {
			if c.Kind == Silent && c.Reason != "it said that it drains, and answers nothing more" {
				t.Error(c.Reason)
			}
		}
		if m := d.w.absentIn(map[string]bool{"C1": true}); len(m) != 1 || m[0].Kind != checks.Draining {
			t.Errorf("%+v", m)
		}
	}
}

// What came to two processes of a server came to that server.
func TestMovesByName(t *testing.T) {
	t.Parallel()
	to := func(id, name string, n int) Move {
		return Move{Service: "svc", Server: checks.ServerRef{ID: id, Name: name}, Count: n}
	}
	left := to("A1", "n1", 2)
	left.Left = true
	got := ByName([]Move{to("C1", "n2", 8), to("A1", "n1", 7), to("B1", "n1", 5), left, to("D1", "", 1), to("E1", "", 1)})
	var counts []int
	for _, m := range got {
		counts = append(counts, m.Count)
	}
	if want := []int{12, 8, 2, 1, 1}; !slices.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

// A server that started again before drains, and its name alone is what others tell of it as it
// stops. Then it is the one that they have a route configured to, and not one more; so it is
// where it is known by its row until then.
func TestServerThatDrainedIsConfigured(t *testing.T) {
	t.Parallel()
	named := []checks.Missing{{Name: "n1", Cluster: "C1", ClusterKnown: true, Kind: checks.Draining, Reason: "n2 has a route to it"}}
	for name, c := range map[string]struct{ restarted, seen, apart bool }{
		"it ran all the time":                      {false, true, false},
		"it was restarted":                         {true, true, false},
		"it was restarted, and stopped at once":    {true, false, false},
		"another one was missing while it drained": {true, true, true},
	} {
		d := watching(t, 0, 7, 7, 7)
		n1 := at("n1")
		report := func(missing []checks.Missing, servers ...wire.Server) {
			d.pass(5 * time.Second)
			d.w.Ask(d.now)
			r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Missing: missing}
			for _, s := range servers {
				r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: 7}}})
			}
			d.w.Reconcile(r, time.Second, d.now)
			d.kinds()
		}
		if c.restarted {
			d.w.Shut(wire.ServerEvent{From: n1}, d.now)
			d.pass(time.Second)
			n1.ID += "next"
			d.w.Stats(wire.Statsz{From: n1, Start: d.now}, d.now)
		}
		var others []checks.Missing
		if c.apart {
			others = []checks.Missing{{Cluster: "C1", ClusterKnown: true, Kind: checks.Configured, Name: "10.0.0.4:6222", At: "10.0.0.4:6222"}}
		}
		report(others, n1, at("n2"), at("n3"))
		d.w.Drain(wire.ServerEvent{From: n1}, d.now)
		if c.seen {
			report(slices.Concat(named, others), at("n2"), at("n3"))
			if m := d.w.absentIn(map[string]bool{"C1": true}); !slices.ContainsFunc(m, func(m checks.Missing) bool { return saidToDrain(&m) && m.ID == n1.ID && m.Bound == nil }) && !d.hasRow(n1) {
				t.Errorf("%s: it drains: %+v", name, m)
			}
		}
		for range 5 {
			report(slices.Concat(configured(), others), at("n2"), at("n3"))
			names, open := d.names()
			slices.Sort(names)
			want := []string{"n1"}
			if c.apart {
				want = []string{"10.0.0.4:6222", "n1"}
			}
			if !slices.Equal(names, want) || open != c.apart {
				t.Errorf("%s: %q are missing, open %v", name, names, open)
			}
		}
	}
}

// hasRow reports whether what a process has counts still.
func (d *desk) hasRow(s wire.Server) bool { return d.w.m.server(s.ID) != nil }
