package record

import (
	"slices"
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
