package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// next is the next process of a server, by its number.
func next(name string) wire.Server {
	s := at(name)
	s.ID += "next"
	return s
}

// report2 is a full report of two clusters: n1 to n3 of C1 balanced, and what processes of C2
// have of ORDERS.
func (d *desk) report2(missing []checks.Missing, of map[wire.Server]uint32) {
	r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Missing: missing}
	add := func(s wire.Server, n uint32) {
		r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: n}}})
	}
	for _, name := range []string{"n1", "n2", "n3"} {
		add(at(name), 5)
	}
	for s, n := range of {
		add(s, n)
	}
	r.Expected = len(r.Servers) + len(missing)
	d.w.Reconcile(r, time.Second, d.now)
}

func in(cluster string, s wire.Server) wire.Server {
	s.Cluster = cluster
	return s
}

// A whole cluster behind a gateway is killed and starts again. Clients came to it before what it
// says is heard: that it has none is not known until it was asked, and of an account that leans
// then it is unknown when that began.
func TestStartedServerIsUnknownUntilItIsAsked(t *testing.T) {
	t.Parallel()
	n4, n5, n4b, n5b := in("C2", at("n4")), in("C2", at("n5")), in("C2", next("n4")), in("C2", next("n5"))
	for name, c := range map[string]struct {
		before, after map[wire.Server]uint32
		says          func(d *desk, start time.Time) // what is heard first of n4
		want          Kind                           // told once it was asked
		unknown       bool                           // until then
	}{
		"it leaned, and its clients are back": {map[wire.Server]uint32{n4: 12, n5: 0}, map[wire.Server]uint32{n4b: 12, n5b: 0},
			func(d *desk, start time.Time) {
				d.w.Stats(wire.Statsz{From: n4b, Start: start, Connections: 12}, d.now)
			}, "", true},
		"it leans now": {map[wire.Server]uint32{n4: 6, n5: 6}, map[wire.Server]uint32{n4b: 12, n5b: 0},
			func(d *desk, start time.Time) {
				d.w.Stats(wire.Statsz{From: n4b, Start: start, Connections: 12}, d.now)
			}, Crossed, true},
		"a count of another account is heard first": {map[wire.Server]uint32{n4: 6, n5: 6}, map[wire.Server]uint32{n4b: 12, n5b: 0},
			func(d *desk, _ time.Time) {
				d.w.Counted(wire.AccountConns{From: n4b, Stamp: wire.Stamp{Seq: 1}, Account: "PAY", Clients: 3}, d.now)
			}, Crossed, true},
		"it has none": {map[wire.Server]uint32{n4: 12, n5: 0}, map[wire.Server]uint32{n4b: 0, n5b: 0},
			func(d *desk, start time.Time) { d.w.Stats(wire.Statsz{From: n4b, Start: start}, d.now) }, "", false},
	} {
		s := checks.Defaults()
		s.MinServers = 2
		d := &desk{t: t, w: New(Settings{Parameters: s, For: time.Hour, Reconcile: time.Hour}), now: epoch()}
		d.w.Ask(d.now)
		d.report2(nil, c.before)
		d.kinds()
		d.pass(30 * time.Second)
		for _, n := range []string{"n1", "n2", "n3"} {
			d.w.Stats(wire.Statsz{From: at(n), Connections: 5}, d.now)
		}
		d.w.Ask(d.now)
		d.pass(time.Second)
		d.report2([]checks.Missing{{Name: "n4", Cluster: "C2", ClusterKnown: true, Kind: checks.Silent}, {Name: "n5", Cluster: "C2", ClusterKnown: true, Kind: checks.Silent}}, nil)
		d.kinds()
		d.pass(10 * time.Second)
		start := d.now
		d.pass(time.Second)
		d.w.Stats(wire.Statsz{From: n5b, Start: start}, d.now)
		c.says(d, start)
		var told []Change
		for range 8 { // longer than clients are taken to be on their way
			told = append(told, d.w.Tick(d.now)...)
			d.pass(250 * time.Millisecond)
		}
		known := slices.ContainsFunc(told, func(x Change) bool { return x.Kind == Decided || x.Kind == Back || x.Kind == Crossed })
		if known == c.unknown {
			t.Errorf("%s: %+v", name, told)
		}
		d.w.Ask(d.now)
		d.pass(100 * time.Millisecond)
		d.report2(nil, c.after)
		told = append(d.w.Tick(d.now), d.w.Tick(d.now.Add(2*time.Second))...)
		crossed := slices.IndexFunc(told, func(x Change) bool { return x.Kind == Crossed })
		if (crossed >= 0) != (c.want == Crossed) {
			t.Errorf("%s: %+v", name, told)
		}
		if crossed >= 0 && (told[crossed].NotBefore.IsZero() || told[crossed].Beginning().Seen()) {
			t.Errorf("%s: not before %s", name, told[crossed].NotBefore)
		}
		if left := slices.ContainsFunc(told, func(x Change) bool { return x.Kind == Back }); left {
			t.Errorf("%s: it leans no longer", name)
		}
	}
}

// Of a server that has started at most as many connections are unknown as it said that it
// has, and those that came since: accounts of more are judged.
func TestStartedServerHasAtMostWhatItSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says    int
		counts  []uint32 // of ORDERS, later
		unknown bool
	}{
		"few":                             {4, nil, false},
		"as many":                         {40, nil, true},
		"few, and others came since":      {4, []uint32{30}, true},
		"few, and others came and went":   {4, []uint32{30, 1}, false},
		"a report that was asked earlier": {-1, nil, true},
	} {
		d := watching(t, time.Hour, 8, 7, 7)
		d.pass(time.Minute)
		d.kinds()
		n4 := at("n4")
		if c.says < 0 {
			d.w.Ask(d.now)
			d.pass(time.Second)
			d.w.Stats(wire.Statsz{From: n4, Start: d.now, Connections: 40}, d.now)
			d.report(8, 7, 7, 0)
		} else {
			d.w.Stats(wire.Statsz{From: n4, Start: d.now, Connections: c.says}, d.now)
		}
		for _, n := range c.counts {
			d.count("n4", n)
		}
		d.w.Tick(d.now)
		for server, n := range map[string]uint32{"n1": 60, "n2": 5, "n3": 5} {
			d.count(server, n)
		}
		d.pass(2 * time.Second)
		for _, id := range []string{"n1", "n2", "n3", "n4"} {
			d.w.Answered("N"+id, d.now)
		}
		d.kinds()
		if crossed := len(d.w.Over(d.now)) > 0; crossed == c.unknown {
			t.Errorf("%s: known that it leans: %v", name, crossed)
		}
		d.w.Ask(d.now)
		d.report(60, 5, 5, 1)
		d.kinds()
		if len(d.w.Over(d.now)) == 0 {
			t.Errorf("%s: not known after it was asked", name)
		}
	}
}
