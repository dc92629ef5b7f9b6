package record

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// again is n3 as another process, with its first heartbeat.
func (d *desk) again() wire.Server {
	next := at("n3")
	next.ID += "2"
	d.w.Stats(wire.Statsz{From: next, Start: d.now}, d.now)
	return next
}

// after is a full report in which n3 runs as another process.
func (d *desk) after(next wire.Server, missing []checks.Missing, counts ...uint32) {
	d.w.Ask(d.now)
	r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Missing: missing, Expected: 3 + len(missing)}
	for i, s := range []wire.Server{at("n1"), at("n2"), next} {
		r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: counts[i]}}})
	}
	d.w.Reconcile(r, time.Second, d.now)
}

// n3 was killed with most clients of ORDERS, runs again, and ORDERS is scaled down to
// three clients: its former process is no reason for a finding, and none is counted.
func TestFormerProcessCountsNoMore(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 10, 10, 12)
	d.pass(time.Second)
	next := d.again()
	d.count("n1", 1)
	d.count("n2", 2)
	d.saw(Started)
	if totals := d.w.totals(); totals.Servers != 3 || totals.Connections != 3 {
		t.Errorf("%+v", totals)
	}
	for _, s := range d.w.Of("ORDERS", d.now) {
		if s.Connections != 3 || s.Of != 3 {
			t.Errorf("%+v", s)
		}
	}
	d.pass(2 * time.Second)
	d.after(next, counted(), 1, 2, 0)
	for _, c := range d.w.Tick(d.now) {
		if c.Kind == Crossed || c.Kind == Held || c.Kind == Silent {
			t.Errorf("%+v", c)
		}
	}
	if missing := d.w.Snapshot(d.now, 10).Missing; len(missing) > 0 {
		t.Errorf("missing: %+v", missing)
	}
}

// ORDERS leans since n3 was killed: that is known once a full report is without its former
// process, though n1 counts that for minutes. Another one that is counted decides still.
func TestLeanAfterAKilledServerIsFound(t *testing.T) {
	t.Parallel()
	for _, more := range []bool{false, true} {
		d := watching(t, 0, 10, 10, 10)
		d.pass(time.Second)
		next := d.again()
		d.count("n1", 30)
		d.count("n2", 0)
		d.saw(Started)
		if len(d.w.Over(d.now)) > 0 {
			t.Error("judged while the former process may have its clients")
		}
		d.pass(2 * time.Second)
		missing := counted()
		if more {
			missing = append(missing, counted()...)
		}
		d.after(next, missing, 30, 0, 0)
		if over := d.judged(); (len(over) == 1) == more {
			t.Errorf("another one is missing: %v: %+v", more, over)
		}
	}
}

// Two servers share a name: n3 goes on beside another one of its name, or hangs beside it,
// also when others have forgotten it. What it has is not taken for nothing.
func TestServersThatShareAName(t *testing.T) {
	t.Parallel()
	crossed := func(d *desk) bool { return slices.Contains(d.kinds(), Crossed) }
	goes := watching(t, 0, 14, 1, 12)
	goes.pass(time.Second)
	goes.again()
	if crossed(goes) {
		t.Error("14 of 15, without those of the one that goes on")
	}
	goes.w.Stats(wire.Statsz{From: at("n3")}, goes.now)
	if crossed(goes) {
		t.Error("14 of 27")
	}
	if s := goes.w.Of("ORDERS", goes.now); s[0].Connections != 27 || s[0].Of != 4 {
		t.Errorf("it goes on: %+v", s[0])
	}

	hangs := watching(t, 0, 14, 1, 12)
	hangs.pass(time.Second)
	next := hangs.again()
	hangs.pass(time.Second)
	hangs.w.Stats(wire.Statsz{From: at("n3")}, hangs.now)
	hangs.pass(30 * time.Second)
	routed := []checks.Missing{{ID: "Nn3", Name: "n3", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent, Reason: "n1 has a route to it, and another server has its name"}}
	for _, missing := range [][]checks.Missing{routed, counted(), nil, nil} {
		hangs.after(next, missing, 14, 1, 0)
		if crossed(hangs) {
			t.Errorf("14 of 15 while the other n3 hangs: %+v", missing)
		}
		hangs.pass(5 * time.Minute)
	}
	hangs.w.Shut(wire.ServerEvent{From: at("n3")}, hangs.now)
	if !crossed(hangs) {
		t.Error("it shut down")
	}
}

// n3 reported, was killed, and ran again before that full report was complete: the next one
// is without its former process, which is gone. It does not hang, and nothing hangs on it.
func TestKilledWhileAFullReportIsMade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		reports bool // the former process is in the next full report as well
		silent  bool // and in none after it
		want    []Kind
	}{
		{"it was killed", false, false, []Kind{Started, Stopped}},
		{"two servers share the name", true, false, []Kind{Started}},
		{"two servers share the name, and one hangs", true, true, []Kind{Started, Silent}},
	} {
		d := watching(t, 0, 10, 10, 7)
		d.pass(time.Second)
		d.w.Ask(d.now)
		d.pass(2 * time.Second)
		next := d.again()
		d.pass(2 * time.Second)
		d.report(10, 10, 7)
		kinds := d.kinds()
		d.pass(2 * time.Second)
		if d.w.Ask(d.now); c.reports {
			r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Expected: 4}
			for i, s := range []wire.Server{at("n1"), at("n2"), at("n3"), next} {
				r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: []uint32{10, 10, 7, 0}[i]}}})
			}
			d.pass(4 * time.Second)
			d.w.Reconcile(r, time.Second, d.now)
			kinds = append(kinds, d.kinds()...)
		}
		if c.silent || !c.reports {
			d.pass(silentAfter)
			d.w.Stats(wire.Statsz{From: at("n1")}, d.now)
			d.w.Stats(wire.Statsz{From: at("n2")}, d.now)
			d.after(next, counted(), 10, 10, 2)
			kinds = append(kinds, d.kinds()...)
		}
		kinds = slices.DeleteFunc(kinds, func(k Kind) bool { return !strings.HasPrefix(string(k), "server-") })
		if !slices.Equal(kinds, c.want) {
			t.Errorf("%s: %v, want %v", c.name, kinds, c.want)
		}
		if open := d.w.Snapshot(d.now, 10).Unknown; (open > 0) != c.silent {
			t.Errorf("%s: %d verdicts are unknown", c.name, open)
		}
	}
}

// A server starts, or answers again, while a full report is made, which was asked for
// before it and says that a server of its name does not answer: that is not this one.
func TestStartedWhileAFullReportIsMade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		next  string // what is added to the id of n1
		later bool   // the report is asked for after that
		long  bool   // and it says nothing for long
		want  []Kind
	}{
		{"another process of it starts", "2", false, false, []Kind{Silent, Started}},
		{"it goes on", "", false, false, []Kind{Silent, Answering}},
		{"another process of it has started, and has no routes yet", "2", true, false, []Kind{Silent, Started}},
		{"another process of it starts, and hangs", "2", true, true, []Kind{Silent, Started, Silent}},
		{"it goes on, and hangs again", "", true, false, []Kind{Silent, Answering, Silent}},
	} {
		d := watching(t, 0, 8, 5, 5)
		d.pass(30 * time.Second)
		d.without(hung(), 5, 5)
		kinds := d.kinds()
		from := at("n1")
		from.ID += c.next
		come := func() {
			d.pass(time.Second)
			start := d.now
			if c.next == "" {
				start = epoch().Add(-time.Hour)
			}
			d.w.Stats(wire.Statsz{From: from, Start: start}, d.now)
			d.pass(time.Second)
		}
		if c.later {
			come()
		}
		if c.long {
			d.pass(silentAfter)
		}
		d.w.Ask(d.now)
		if !c.later {
			come()
		}
		r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Missing: hung(), Expected: 3}
		for _, s := range []wire.Server{at("n2"), at("n3")} {
			r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: 5}}})
		}
		d.w.Reconcile(r, time.Second, d.now)
		kinds = slices.DeleteFunc(append(kinds, d.kinds()...), func(k Kind) bool { return !strings.HasPrefix(string(k), "server-") })
		if !slices.Equal(kinds, c.want) {
			t.Errorf("%s: %v, want %v", c.name, kinds, c.want)
		}
	}
}

// n3 was killed and runs again. As long as it has no routes it is told apart as a cluster of
// its own: its former process is not the one that hangs once that is over.
func TestRunsAgainWithoutRoutes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		other bool // another server has its name, and was heard of meanwhile
		open  int
	}{{"it was killed", false, 0}, {"two servers share the name, and one hangs", true, 1}} {
		d := watching(t, 0, 10, 10, 7)
		d.pass(5 * time.Second)
		next := d.again()
		d.pass(time.Second)
		if c.other {
			d.w.Stats(wire.Statsz{From: at("n3")}, d.now)
			d.pass(silentAfter)
		}
		apart := next
		apart.Cluster = "C1 (2)"
		d.pass(time.Second)
		d.after(apart, nil, 10, 10, 0)
		d.kinds()
		d.pass(5 * time.Second)
		d.after(next, nil, 10, 10, 0)
		d.kinds()
		if open := d.w.Snapshot(d.now, 10).Unknown; open != c.open {
			t.Errorf("%s: %d verdicts are unknown, missing %+v", c.name, open, d.w.Snapshot(d.now, 10).Missing)
		}
	}
}
