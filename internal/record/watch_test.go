package record

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// desk is a watch of three servers n1, n2, n3, driven by hand.
type desk struct {
	t   *testing.T
	w   *Watch
	now time.Time
	seq uint64
}

func at(name string) wire.Server {
	return wire.Server{ID: "N" + name, Name: name, Cluster: "C1"}
}

// watching has seen a full report with so many connections of ORDERS on each.
func watching(t *testing.T, hold time.Duration, counts ...uint32) *desk {
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), For: hold, Reconcile: 5 * time.Minute}), now: epoch()}
	d.w.Ask(d.now)
	d.report(counts...)
	if got := d.kinds(); !slices.Contains(got, Watching) {
		t.Fatal(got)
	}
	return d
}

func (d *desk) report(counts ...uint32) {
	r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}, {ID: "SYS", Name: "SYS", System: true}}}
	for i, n := range counts {
		s := at(fmt.Sprintf("n%d", i+1))
		r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Account: 0, Connections: n}, {Account: 1, Connections: 50}}})
	}
	r.Expected = len(counts)
	d.w.Reconcile(r, time.Second, d.now)
}

func (d *desk) count(server string, n uint32) {
	d.seq++
	d.w.Counted(wire.AccountConns{From: at(server), Stamp: wire.Stamp{Seq: d.seq}, Account: "ORDERS", Clients: n}, d.now)
}

func (d *desk) pass(t time.Duration) { d.now = d.now.Add(t) }

// live has the servers answer that are asked whether they live, and waits until what hangs
// on that is judged again.
func (d *desk) live() {
	d.t.Helper()
	d.want()
	for _, s := range d.w.ToAsk() {
		d.w.Answered(s.ID, d.now)
	}
	d.pass(askAgainIn)
}

// arrive waits until clients that left would have come to another server: nothing is told
// before.
func (d *desk) arrive() {
	d.t.Helper()
	d.want()
	d.pass(betweenFor - time.Millisecond)
	d.want()
	d.pass(time.Millisecond)
}

func (d *desk) kinds() []Kind {
	var out []Kind
	for _, c := range d.w.Tick(d.now) {
		out = append(out, c.Kind)
	}
	return out
}

func (d *desk) want(kinds ...Kind) {
	d.t.Helper()
	if got := d.kinds(); !slices.Equal(got, kinds) {
		d.t.Errorf("%v, want %v", got, kinds)
	}
}

// An account that leans is told of at once, and is a finding once it has leaned for
// as long as was asked for; one that comes back before never was.
func TestCrossingAndHoldDown(t *testing.T) {
	t.Parallel()
	d := watching(t, 2*time.Minute, 8, 7, 7)
	d.pass(time.Minute)
	d.count("n1", 20)
	d.count("n2", 1)
	d.count("n3", 1)
	changes := d.w.Tick(d.now)
	if len(changes) != 1 || changes[0].Kind != Crossed || changes[0].Spread.Connections != 22 || changes[0].Spread.Top().Connections != 20 ||
		changes[0].Before.Top().Connections != 8 || !changes[0].Since.Equal(d.now) || changes[0].Spread.Of != 3 {
		t.Fatalf("%+v", changes)
	}
	d.pass(2*time.Minute - time.Second)
	d.want()
	d.pass(time.Second)
	d.want(Held)
	d.count("n1", 2)
	d.arrive()
	changes = d.w.Tick(d.now)
	if len(changes) != 1 || changes[0].Kind != Back || !changes[0].Finding || changes[0].Since.IsZero() {
		t.Fatalf("%+v", changes)
	}
	d.count("n1", 20)
	d.want(Crossed)
	d.pass(time.Minute)
	d.count("n2", 20)
	d.live()
	changes = d.w.Tick(d.now)
	if len(changes) != 1 || changes[0].Kind != Back || changes[0].Finding {
		t.Fatalf("%+v", changes)
	}
	d.pass(time.Hour)
	d.want()
}

// A server that shuts down in a cluster of three does not make it a cluster of two
// that nobody judges, and one that starts again takes its place.
func TestServerShutsDownAndStarts(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	d.pass(10 * time.Second)
	d.w.Drain(wire.ServerEvent{From: at("n2")}, d.now)
	d.want(Draining)
	d.w.Shut(wire.ServerEvent{From: at("n2")}, d.now)
	d.count("n1", 15)
	d.count("n3", 1)
	d.want(Stopped) // 6 of its 7 clients may be on their way
	d.pass(betweenFor)
	d.want(Crossed, Held)
	d.count("n2", 9) // late
	d.want()
	if d.w.Counters.Stale != 1 {
		t.Error(d.w.Counters)
	}
	again := at("n2")
	again.ID = "Nn2again"
	d.w.Stats(wire.Statsz{From: again, Start: d.now}, d.now)
	d.want(Started)
	if _, due := d.w.Due(d.now); due {
		t.Error("a full report is due before the new server can be known")
	}
	d.pass(10 * time.Second)
	if why, due := d.w.Due(d.now); !due || why == "" {
		t.Error("no full report is due after a server started")
	}
}

// What is far from the threshold is written down when it doubles, not at each client.
func TestWhatIsWrittenDown(t *testing.T) {
	t.Parallel()
	counts := make([]uint32, 20)
	for i := range counts {
		counts[i] = 2
	}
	d := watching(t, 0, counts...)
	for _, c := range []struct {
		server string
		n      uint32
		want   []Kind
	}{{"n1", 5, nil}, {"n2", 6, nil}, {"n1", 12, []Kind{Shifted}}, {"n1", 13, nil}, {"n1", 18, []Kind{Shifted}}, {"n1", 2, []Kind{Shifted}},
		{"n3", 4, nil}} {
		d.pass(10 * time.Second)
		d.count(c.server, c.n)
		d.want(c.want...)
	}
	for i := range counts {
		d.count(fmt.Sprintf("n%d", i+1), 5)
	}
	d.pass(10 * time.Second)
	d.want(Shifted)
}

// A server that drained does not say that it shut down: the next process of it does.
func TestServerDrainsAndStarts(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	d.pass(10 * time.Second)
	d.w.Drain(wire.ServerEvent{From: at("n2")}, d.now)
	d.want(Draining)
	d.count("n3", 14) // where its clients went
	d.want(Shifted)
	again := at("n2")
	again.ID = "Nn2again"
	d.w.Stats(wire.Statsz{From: again, Start: d.now}, d.now)
	d.kinds()
	if n := d.w.totals().Connections; n != 22 {
		t.Errorf("%d connections, want 22", n)
	}
	d.count("n2", 9) // late
	if d.w.Counters.Stale != 1 || d.w.totals().Servers != 3 {
		t.Errorf("%+v, %+v", d.w.Counters, d.w.totals())
	}
}

// What drains answers no report, and its row stays for its clients that have not left.
func TestDrainingServerKeepsItsRow(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.pass(10 * time.Second)
	d.w.Drain(wire.ServerEvent{From: at("n3")}, d.now)
	d.w.Ask(d.now)
	r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}},
		Missing: []checks.Missing{{ID: "Nn3", Name: "n3", Cluster: "C1", ClusterKnown: true, Kind: checks.Draining}}}
	for _, s := range []string{"n1", "n2"} {
		r.Servers = append(r.Servers, checks.Server{ID: "N" + s, Name: s, Cluster: "C1", Usage: []checks.Usage{{Connections: 7}}})
	}
	d.w.Reconcile(r, time.Second, d.now)
	d.kinds()
	if n := d.w.totals().Connections; n != 21 {
		t.Errorf("%d connections, want 21", n)
	}
}

// Refusals are told together, not one by one.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	for range 500 {
		d.w.Refuse(wire.ClientEvent{From: at("n2"), Account: "$G", Reason: "Authentication Failure"}, d.now)
	}
	c := d.w.Tick(d.now)
	if len(c) != 1 || c[0].Kind != Refused || c[0].Count != 500 || c[0].Server.Name != "n2" {
		t.Fatalf("%+v", c)
	}
	d.w.Refuse(wire.ClientEvent{From: at("n2"), Account: "$G", Reason: "Authentication Failure"}, d.now)
	d.pass(refusedEvery - time.Second)
	d.want()
	d.pass(time.Second)
	d.want(Refused)
}

// A watch that starts again knows since when an account leans.
func TestKnownFromBefore(t *testing.T) {
	t.Parallel()
	w := New(Settings{Parameters: checks.Defaults(), For: time.Minute, Reconcile: time.Minute})
	since := epoch().Add(-time.Hour)
	orders := checks.Account{ID: "ORDERS", Name: "ORDERS"}
	w.Known(Spread{Time: since, Account: orders, Cluster: "C1", Connections: 22, Servers: []Share{{checks.ServerRef{ID: "Nn1"}, 20}}}, Lean{Since: since, Finding: true}, since)
	w.Known(Spread{Time: since, Account: checks.Account{ID: "GONE", Name: "GONE"}, Cluster: "C1", Connections: 30, Servers: []Share{{checks.ServerRef{ID: "Nn1"}, 30}}}, Lean{Since: since, Finding: true}, since)
	d := &desk{t: t, w: w, now: epoch()}
	w.Ask(d.now)
	d.report(20, 1, 1)
	changes := w.Tick(d.now)
	if len(changes) != 2 || changes[1].Kind != Back || changes[1].Spread.Account.ID != "GONE" {
		t.Fatalf("%+v", changes)
	}
	if over := w.Over(d.now); len(over) != 1 || !over[0].Since.Equal(since) || !over[0].Finding {
		t.Fatalf("%+v", over)
	}
}
