package record

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// counted is a server that others count and of which nothing else is known, not even its
// cluster.
func counted() []checks.Missing {
	return []checks.Missing{{Kind: checks.Counted, Reason: "n1 counts 4 servers, and this one did not answer"}}
}

// lacks is a full report of n1, n2 and n3 beside servers that are missing.
func (d *desk) lacks(missing []checks.Missing, took time.Duration, counts ...uint32) {
	d.t.Helper()
	d.w.Ask(d.now)
	r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Missing: missing, Expected: len(counts) + len(missing)}
	for i, n := range counts {
		s := at([]string{"n1", "n2", "n3"}[i])
		r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: n}}})
	}
	d.w.Reconcile(r, took, d.now)
}

// An account leans while a server is missing that could have more of it. Nothing of the
// account changes after that, and it is judged all the same once none is missing: that of
// no cluster is missing in every one.
func TestJudgedAgainWhenNoServerIsMissing(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string][]checks.Missing{"counted": counted(), "hung": {{Name: "n4", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent}}} {
		d := watching(t, time.Minute, 8, 7, 7)
		d.pass(time.Minute)
		d.lacks(missing, time.Second, 8, 7, 7)
		d.kinds()
		for server, n := range map[string]uint32{"n1": 75, "n2": 10, "n3": 5} {
			d.count(server, n)
		}
		for _, k := range d.kinds() {
			if k == Crossed || k == Held {
				t.Errorf("%s: %s while it is missing", name, k)
			}
		}
		d.pass(4 * time.Minute)
		if name == "hung" { // one that is forgotten may hang still, until it is back
			n4 := at("n4")
			d.w.row(n4, d.now)
			d.w.Ask(d.now)
			d.w.Reconcile(&checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Servers: []checks.Server{
				{ID: "Nn1", Name: "n1", Cluster: "C1", Usage: []checks.Usage{{Connections: 75}}}, {ID: "Nn2", Name: "n2", Cluster: "C1", Usage: []checks.Usage{{Connections: 10}}},
				{ID: "Nn3", Name: "n3", Cluster: "C1", Usage: []checks.Usage{{Connections: 5}}}, {ID: n4.ID, Name: "n4", Cluster: "C1"}}, Expected: 4}, time.Second, d.now)
		} else {
			d.lacks(nil, time.Second, 75, 10, 5)
		}
		if over := d.judged(); len(over) != 1 || over[0].Spread.Top().Connections != 75 {
			t.Errorf("%s: not judged again: %+v", name, over)
		}
		d.pass(time.Minute)
		d.kinds()
		if over := d.w.Over(d.now); len(over) != 1 || !over[0].Finding {
			t.Errorf("%s: no finding: %+v", name, over)
		}
	}
}

func (d *desk) judged() []Change {
	d.kinds()
	return d.w.Over(d.now)
}

// A full report that waited for a server that hangs took as long as that, and was no work
// for the others: the one that is due when it answers does not wait ten times as long.
func TestServerThatAnswersIsAskedSoon(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.pass(time.Minute)
	d.lacks(nil, 100*time.Millisecond, 8, 7, 7)
	d.pass(30 * time.Second)
	d.without([]checks.Missing{{ID: "Nn1", Name: "n1", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent}}, 7, 7)
	d.w.took = 4 * time.Second
	d.pass(2 * time.Second)
	d.count("n1", 8)
	d.pass(2 * time.Second)
	if why, due := d.w.Due(d.now); !due {
		t.Error("no full report is due after the server answered")
	} else if why == "" {
		t.Error("no reason")
	}
	// Where all reported, the pause is for their sake.
	d.lacks(nil, 4*time.Second, 8, 7, 7)
	d.w.Lose(1, "they came too fast", d.now)
	d.pass(30 * time.Second)
	if _, due := d.w.Due(d.now); due {
		t.Error("a full report that took 4 s is due again after 30 s")
	}
}

// What could not be judged is told, from when to when, and whose connections decide.
func TestVerdictsAreUnknown(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.pass(time.Minute)
	began := d.now
	d.lacks(counted(), time.Second, 30, 1, 1)
	var told []Change
	look := func() []Change {
		told = slices.DeleteFunc(d.w.Tick(d.now), func(c Change) bool { return c.Kind != Undecided && c.Kind != Decided })
		return told
	}
	if c := look(); len(c) != 1 || c[0].Kind != Undecided || c[0].Cluster != "C1" || c[0].Count != 1 || c[0].Reason != "1 server of unknown name" {
		t.Fatalf("%+v", c)
	}
	if doc := DocumentOf(told[0]); *doc.Cluster != "C1" || *doc.Count != 1 || doc.Account != nil || doc.Change != "verdicts-unknown" {
		t.Errorf("%+v", doc)
	}
	d.pass(4 * time.Minute)
	d.count("n1", 31)
	if c := look(); len(c) != 0 {
		t.Errorf("told again: %+v", c)
	}
	d.lacks(nil, time.Second, 31, 1, 1)
	if c := look(); len(c) != 1 || c[0].Kind != Decided || !c[0].Since.Equal(began) || c[0].Cluster != "C1" {
		t.Fatalf("%+v", c)
	}
	if len(d.w.open) != 0 {
		t.Errorf("left open: %v", d.w.open)
	}
	d.w.Hear(false)
	if c := look(); len(c) != 1 || c[0].Kind != Undecided || DocumentOf(c[0]).Cluster != nil {
		t.Fatalf("%+v", c)
	}
}

// A server that is counted by others when a full report is made, as it has just stopped, is
// asked for again soon, and ever less often while it stays missing.
func TestMissingServersAreLookedForAgain(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	d.lacks(counted(), time.Second, 8, 7, 7)
	var waits []time.Duration
	for range 7 {
		from := d.now
		for {
			for _, s := range []string{"n1", "n2", "n3"} {
				d.w.Stats(wire.Statsz{From: at(s), Connections: int(map[string]uint32{"n1": 8, "n2": 7, "n3": 7}[s])}, d.now)
			}
			if why, due := d.w.Due(d.now); due {
				if len(waits) < 6 && why != "servers were missing in the last full report" {
					t.Error(why)
				}
				break
			}
			d.pass(time.Second)
		}
		waits = append(waits, d.now.Sub(from).Round(time.Second))
		d.lacks(counted(), time.Second, 8, 7, 7)
	}
	if want := "[10s 10s 20s 40s 1m20s 2m40s 5m0s]"; fmt.Sprint(waits) != want {
		t.Errorf("%s, want %s", waits, want)
	}
	d.lacks(nil, time.Second, 8, 7, 7)
	d.pass(time.Minute)
	if _, due := d.w.Due(d.now); due {
		t.Error("due though nobody is missing")
	}
}

// A server said that it shuts down, and another one, which did not hear it, counts it still:
// nobody else is missing. More than that, or for longer than it is counted, may be others.
func TestGoodbyeThatAPeerDidNotHear(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		missing []checks.Missing
		after   time.Duration
		want    []Kind
	}{
		"one is counted":                  {counted(), restBetween, []Kind{Corrected, Crossed}},
		"two are counted":                 {slices.Concat(counted(), counted()), restBetween, []Kind{Silent, Corrected, Shifted, Undecided}},
		"one is counted for too long":     {counted(), checks.StillCounted, []Kind{Silent, Corrected, Shifted, Undecided}},
		"one by its name, that is no one": {[]checks.Missing{{ID: "Nn4", Name: "n4", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent}}, restBetween, []Kind{Silent, Corrected, Shifted, Undecided}},
	} {
		d := watching(t, time.Hour, 8, 7, 7)
		d.kinds()
		d.w.Shut(wire.ServerEvent{From: at("n3")}, d.now)
		d.want(Stopped)
		d.pass(c.after)
		for _, s := range []string{"n1", "n2"} {
			d.w.Stats(wire.Statsz{From: at(s)}, d.now)
		}
		d.lacks(c.missing, time.Second, 20, 1)
		if got := d.kinds(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Verdicts depend on n3, which hangs. Then n2 is gone too, and n3 answers: that they depend on
// others is told each time, and that they are known again once.
func TestUnknownDependsOnOthers(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Hour, 8, 7, 7)
	gone := func(names ...string) (out []checks.Missing) {
		for _, n := range names {
			out = append(out, checks.Missing{Name: n, Cluster: "C1", ClusterKnown: true, Kind: checks.Silent, Reason: "it hangs"})
		}
		return out
	}
	var began time.Time
	for i, c := range []struct {
		missing []checks.Missing
		counts  []uint32
		on      []string // nil where nothing is told
	}{
		{gone("n3"), []uint32{8, 7}, []string{"n3"}},
		{gone("n3"), []uint32{8, 7}, nil},
		{gone("n2", "n3"), []uint32{8}, []string{"n2", "n3"}},
		{gone("n2"), []uint32{8, 7}, []string{"n2"}},
	} {
		d.pass(time.Minute)
		d.w.Ask(d.now)
		d.lackOf(c.missing, c.counts...)
		told := slices.DeleteFunc(d.w.Tick(d.now), func(c Change) bool { return c.Kind != Undecided && c.Kind != Decided })
		if i == 0 {
			began = d.now.Add(-time.Minute) // when n3 was last heard of
		}
		if c.on == nil && len(told) == 0 {
			continue
		}
		if len(told) != 1 || told[0].Kind != Undecided || !slices.Equal(told[0].DependsOn, c.on) || told[0].Still != (i > 0) || !told[0].Since.Equal(began) {
			t.Errorf("%d: %+v", i, told)
		}
	}
	d.pass(time.Minute)
	d.w.Ask(d.now)
	d.report(8, 7, 7)
	if told := d.w.Tick(d.now); len(told) == 0 || told[len(told)-1].Kind != Decided || !told[len(told)-1].Since.Equal(began) {
		t.Errorf("%+v", told)
	}
}
