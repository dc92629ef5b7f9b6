package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// tells are the changes of one tick that are of how an account leans.
func (d *desk) tells() (out []Change) {
	for _, c := range d.w.Tick(d.now) {
		if c.Kind == Crossed || c.Kind == Held || c.Kind == Back {
			out = append(out, c)
		}
	}
	return out
}

// one is the only change of how an account leans, within what clients may be on their way.
func (d *desk) one(kind Kind, to string) Change {
	d.t.Helper()
	all := d.tells()
	if len(all) == 0 {
		d.pass(betweenFor)
		all = d.tells()
	}
	if len(all) != 1 || all[0].Kind != kind || all[0].LeansTo.Name != to {
		d.t.Fatalf("%+v, want one %s to %s", all, kind, to)
	}
	return all[0]
}

// A server drains, and the clients of an account that leaned to it are on another one, where it
// leans too: that is another lean, and not a finding until it has lasted for long enough there.
func TestLeanMovesWithALameDuck(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Minute, 0, 18, 2)
	d.pass(time.Minute)
	d.one(Held, "n2")
	d.pass(30 * time.Second)
	d.w.Drain(wire.ServerEvent{From: at("n2")}, d.now)
	d.count("n2", 0)
	d.count("n1", 18)
	c := d.one(Crossed, "n1")
	if c.Finding || !c.Since.Equal(d.now) || !c.NotBefore.IsZero() || c.Left == nil || c.Left.Server.Name != "n2" || !c.Left.Since.Equal(epoch()) || !c.Left.Finding || c.Before.Top().Server.Name != "n2" {
		t.Errorf("%+v", c)
	}
	if over := d.w.Over(d.now); len(over) != 1 || over[0].Finding || over[0].LeansTo.Name != "n1" || !over[0].Since.Equal(c.Since) {
		t.Errorf("%+v", over)
	}
	d.pass(time.Minute - time.Millisecond)
	if got := d.tells(); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	d.pass(time.Millisecond)
	if held := d.one(Held, "n1"); !held.Since.Equal(c.Since) || held.Unknown != 0 {
		t.Errorf("%+v", held)
	}
}

// An account leans to n2, n3 hangs, and when that is known again it leans to n1: nobody knows
// when that began, and it is not a finding before it was known to last there.
func TestLeanMovesWhileItIsUnknown(t *testing.T) {
	t.Parallel()
	n3 := []checks.Missing{{Name: "n3", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent, Reason: "it hangs"}}
	d := watching(t, time.Minute, 6, 36, 1)
	d.pass(10 * time.Second)
	d.w.Stats(wire.Statsz{From: at("n3")}, d.now)
	d.pass(28 * time.Second)
	d.count("n1", 6)
	d.count("n2", 36)
	d.w.Ask(d.now)
	d.lackOf(n3, 6, 36)
	d.kinds()
	d.pass(7 * time.Second)
	d.count("n2", 6)
	d.pass(45 * time.Second)
	d.kinds()
	d.count("n1", 36)
	d.pass(5 * time.Second)
	d.kinds()
	d.w.Ask(d.now)
	d.report(36, 6, 1)
	c := d.one(Crossed, "n1")
	if !c.Since.Equal(d.now) || !c.NotBefore.Equal(epoch().Add(10*time.Second)) || c.Left == nil || c.Left.Server.Name != "n2" || c.Finding {
		t.Errorf("%+v", c)
	}
	d.pass(time.Minute)
	if held := d.one(Held, "n1"); !held.Since.Equal(c.Since) {
		t.Errorf("%+v", held)
	}
}

// lackOf is a full report in which servers are missing and the others have so many.
func (d *desk) lackOf(missing []checks.Missing, counts ...uint32) {
	r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Missing: missing, Expected: len(counts) + len(missing)}
	there := slices.DeleteFunc([]string{"n1", "n2", "n3"}, func(name string) bool {
		return slices.ContainsFunc(missing, func(m checks.Missing) bool { return m.Name == name })
	})
	for i, n := range counts {
		s := at(there[i])
		r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: n}}})
	}
	d.w.Reconcile(r, time.Second, d.now)
}

// A server that starts again, with the clients that it had, is the same one: the lean goes on.
func TestLeanToAServerThatStartsAgain(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Hour, 20, 1, 1)
	d.pass(time.Minute)
	d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
	next := at("n1")
	next.ID = "Nn1-next"
	d.w.Stats(wire.Statsz{From: next, Start: d.now}, d.now)
	d.w.Counted(wire.AccountConns{From: next, Stamp: wire.Stamp{Seq: 1}, Account: "ORDERS", Clients: 20}, d.now)
	for range 3 {
		if got := d.tells(); len(got) > 0 {
			t.Errorf("%+v", got)
		}
		d.pass(time.Second)
	}
	if over := d.w.Over(d.now); len(over) != 1 || !over[0].Since.Equal(epoch()) || over[0].LeansTo.ID != next.ID {
		t.Errorf("%+v", over)
	}
}

// Below a threshold of 50% two servers may be above it: which of them has more does not end a lean.
func TestLeanWithTwoAboveTheThreshold(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), For: time.Minute, Reconcile: time.Hour}), now: epoch()}
	d.w.s.Parameters.ThresholdPercent = 40
	d.w.Ask(d.now)
	d.report(46, 44, 10)
	d.one(Crossed, "n1")
	d.pass(30 * time.Second)
	d.count("n2", 48)
	d.pass(30 * time.Second)
	if c := d.one(Held, "n1"); !c.Since.Equal(epoch()) || c.Spread.Top().Server.Name != "n1" {
		t.Errorf("%+v", c)
	}
	d.count("n1", 20)
	d.one(Crossed, "n2")
}

// Of the time in which a lean must have been known to become a finding, that in which no watch
// was there is none, nor that in which a watch before this one did not know.
func TestLeanAcrossAStart(t *testing.T) {
	t.Parallel()
	n1, n2 := at("n1"), at("n2")
	leans := Lean{To: checks.ServerRef{ID: n1.ID, Name: "n1"}, Since: epoch().Add(-10 * time.Minute), Unknown: 6*time.Minute + 30*time.Second}
	for _, c := range []struct {
		to   string
		n    [3]uint32
		kind Kind
		in   time.Duration
	}{{"n1", [3]uint32{20, 1, 1}, Held, 90 * time.Second}, {n2.Name, [3]uint32{1, 20, 1}, Held, 2 * time.Minute}} {
		d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), For: 2 * time.Minute, Reconcile: time.Hour}), now: epoch()}
		last := Spread{Time: leans.Since, Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Connections: 22, Verdict: checks.Found, Servers: []Share{{leans.To, 20}}}
		d.w.Known(last, leans, epoch().Add(-3*time.Minute)) // it was known for half a minute
		d.w.Ask(d.now)
		d.report(c.n[:]...)
		if c.to == "n2" {
			if x := d.one(Crossed, "n2"); !x.NotBefore.Equal(epoch().Add(-3*time.Minute)) || x.Left == nil {
				t.Errorf("%+v", x)
			}
		}
		d.kinds()
		d.pass(c.in - time.Millisecond)
		if got := d.tells(); len(got) > 0 {
			t.Errorf("%+v", got)
		}
		d.pass(time.Millisecond)
		d.one(Held, c.to)
	}
}
