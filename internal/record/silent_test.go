package record

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// without is a full report without n1, which is missing as that or forgotten.
func (d *desk) without(missing []checks.Missing, counts ...uint32) {
	d.t.Helper()
	d.w.Ask(d.now)
	r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Missing: missing}
	for i, n := range counts {
		s := at([]string{"n2", "n3"}[i])
		r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: n}}})
	}
	r.Expected = len(r.Servers) + len(missing)
	d.w.Reconcile(r, time.Second, d.now)
}

// hung is n1 as its peers know it while their routes to it stand.
func hung() []checks.Missing {
	return []checks.Missing{{Name: "n1", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent, Reason: "n2 has a route to it, but it did not answer"}}
}

// A finding on a server that hangs is unknown, and not over: not while others know
// the server, not when they have forgotten it, and not after the watch was started
// again. It is over when the server says that it shuts down, or reports less.
func TestFindingOnAServerThatHangs(t *testing.T) {
	t.Parallel()
	for _, left := range []uint32{0, 1, 5} { // of ORDERS on each of the others
		d := watching(t, time.Minute, 40, left, left)
		d.pass(30 * time.Second)
		d.without(hung(), left, left)
		d.stays("it hangs", false)
		if over := d.w.Over(d.now); left == 0 && (len(over) != 1 || over[0].Spread.Connections != 40) {
			t.Fatalf("%+v", over)
		}
		d.pass(5 * time.Minute)
		d.without(nil, left, left)
		d.stays("others have forgotten it", false)
		d.pass(time.Hour)
		d.stays("for an hour", false)
		d.without(nil, left, left)
		d.stays("they do not know it", false)
		d.w.Ask(d.now)
		d.report(40, left, left)
		d.stays("it answers again", false)
		d.pass(30*time.Second - time.Millisecond)
		d.stays("it was known for less than a minute", false)
		d.pass(time.Millisecond)
		d.stays("it was known for a minute", true)
		d.w.Ask(d.now)
		d.report(10, 9, 9)
		d.stays("clients have left", true)
		d.pass(betweenFor)
		if kinds := d.kinds(); !slices.Contains(kinds, Back) {
			t.Errorf("%d: it answers, and clients have left: %v", left, kinds)
		}
		d = &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: d.now}
		d.w.Known(Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Connections: 40 + 2*int(left),
			Servers: []Share{{checks.ServerRef{ID: "Nn1", Name: "n1"}, 40}}}, Lean{To: checks.ServerRef{ID: "Nn1", Name: "n1"}, Since: epoch(), Finding: true}, epoch())
		d.without(nil, left, left)
		d.stays("another watch never saw it", true)
		d.pass(unheard)
		d.kinds()
		if left := len(d.w.Over(d.now)); left > 0 {
			t.Error("nothing was heard of it for a day")
		}
	}
}

// stays checks that ORDERS is still above the threshold, and whether as a finding.
func (d *desk) stays(when string, finding bool) {
	d.t.Helper()
	for _, c := range d.w.Tick(d.now) {
		if c.Kind == Back || c.Kind == Held && !finding {
			d.t.Errorf("%s: %s, %+v", when, c.Kind, c.Spread)
		}
	}
	if over := d.w.Over(d.now); len(over) != 1 || over[0].Finding != finding {
		d.t.Errorf("%s: %+v", when, over)
	}
}

// A server that hung and goes on is the same process: it answers again, whether others
// still knew it or not, and nothing is a start but another process.
func TestServerThatHungAnswersAgain(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		d := watching(t, 0, 5, 5, 5)
		d.pass(30 * time.Second)
		d.without(hung(), 5, 5)
		d.saw(Silent)
		if !known {
			d.pass(5 * time.Minute)
			d.without(nil, 5, 5)
		}
		d.count("n1", 5)
		d.saw(Answering)
		d.w.Ask(d.now)
		d.report(5, 5, 5)
		d.saw()
		d.pass(30 * time.Second)
		d.without(hung(), 5, 5)
		d.saw(Silent)
		other := at("n1")
		other.ID += "2"
		d.w.Stats(wire.Statsz{From: other, Start: d.now.Add(-time.Second)}, d.now)
		d.saw(Started)
	}
	// One that hung when the watch began is known by the start of its process.
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
	d.without(hung(), 5, 5)
	d.saw(Silent)
	d.pass(time.Minute)
	d.w.Stats(wire.Statsz{From: at("n1"), Start: epoch().Add(-time.Hour)}, d.now)
	d.saw(Answering)
}

// saw checks what was said of servers.
func (d *desk) saw(want ...Kind) {
	d.t.Helper()
	got := slices.DeleteFunc(d.kinds(), func(k Kind) bool { return !strings.HasPrefix(string(k), "server-") })
	if !slices.Equal(got, want) {
		d.t.Errorf("%v, want %v", got, want)
	}
}

// A server that says that it shuts down has no connection any more.
func TestFindingOnAServerThatShutsDown(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 40, 1, 1)
	d.pass(time.Minute)
	d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
	d.stays("its clients are on their way", true)
	d.pass(betweenFor)
	if kinds := d.kinds(); !slices.Contains(kinds, Back) {
		t.Error(kinds)
	}
}

// A server that was killed is one that is missing, though others still count it and
// know no name of it.
func TestKilledServerIsCountedOnce(t *testing.T) {
	t.Parallel()
	counted := checks.Missing{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted, Reason: "n2 counts 3 servers, and this one did not answer"}
	for _, c := range []struct {
		others []checks.Missing
		want   int
	}{
		{nil, 1},
		{[]checks.Missing{counted}, 1},
		{[]checks.Missing{counted, counted}, 2}, // its former process is counted as well
		{[]checks.Missing{{Cluster: "C2", ClusterKnown: true, Kind: checks.Counted}}, 1}, // nothing of C2 is watched
		{hung(), 1},
	} {
		d := watching(t, 0, 5, 5, 5)
		d.pass(5 * time.Minute)
		d.without(c.others, 5, 5)
		missing := d.w.Snapshot(d.now, 10).Missing
		if len(missing) != c.want || !slices.ContainsFunc(missing, func(m checks.Missing) bool { return m.Name == "n1" }) {
			t.Errorf("%+v: %+v", c.others, missing)
		}
	}
}

// A watch that is started after the others have forgotten a server that hangs has it
// from its history: for a day, and unless it is back, or said that it shut down.
func TestWatchStartsBesideAServerThatHangs(t *testing.T) {
	t.Parallel()
	gone := func(set func(*checks.RecordedGone)) checks.RecordedGone {
		g := checks.RecordedGone{Server: checks.ServerRef{ID: at("n1").ID, Name: "n1"}, Cluster: "C1", At: epoch().Add(-time.Hour), Kind: checks.Silent}
		set(&g)
		return g
	}
	for name, c := range map[string]struct {
		gone    checks.RecordedGone
		missing []checks.Missing
		back    bool
		want    int
	}{
		"forgotten":          {gone(func(*checks.RecordedGone) {}), nil, false, 1},
		"still counted":      {gone(func(g *checks.RecordedGone) { g.At = epoch().Add(-time.Minute) }), []checks.Missing{{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted}}, false, 1},
		"another is counted": {gone(func(*checks.RecordedGone) {}), []checks.Missing{{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted}}, false, 2},
		"others know it":     {gone(func(*checks.RecordedGone) {}), hung(), false, 1},
		"it is back":         {gone(func(*checks.RecordedGone) {}), nil, true, 0},
		"another process is": {gone(func(g *checks.RecordedGone) { g.Server.ID += "before" }), nil, true, 0},
		"it shut down":       {gone(func(g *checks.RecordedGone) { g.Kind = checks.Down }), nil, false, 0},
		"a day ago":          {gone(func(g *checks.RecordedGone) { g.At = epoch().Add(-checks.MayHang) }), nil, false, 0},
	} {
		d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
		d.w.KnownPast([]checks.RecordedPast{{Identity: checks.Identity{Servers: []checks.ServerProcess{{ServerRef: checks.ServerRef{ID: at("n2").ID, Name: "n2"}, Cluster: "C1"}}}, Gone: []checks.RecordedGone{c.gone}}})
		d.w.Ask(d.now)
		if c.back {
			d.report(5, 5, 5)
		} else {
			d.without(c.missing, 5, 5)
		}
		told := d.w.Tick(d.now)
		at := slices.IndexFunc(told, func(c Change) bool { return c.Kind == Watching })
		if missing := d.w.Snapshot(d.now, 10).Missing; len(missing) != c.want || at < 0 || told[at].Of.Missing != c.want {
			t.Errorf("%s: %+v, told %+v", name, missing, told)
		}
		silent := slices.DeleteFunc(told, func(c Change) bool { return c.Kind != Silent })
		if len(silent) != c.want || c.want > 0 && !slices.ContainsFunc(silent, func(c Change) bool { return c.Server.Name == "n1" }) {
			t.Errorf("%s: told %+v", name, silent)
		}
	}
}

// TestExpectedByName: of a server that is expected by its name nobody knows the cluster.
// It is missing until one of that name is there, in which cluster ever, and told of once.
func TestExpectedByName(t *testing.T) {
	t.Parallel()
	now := epoch()
	w := New(Settings{Parameters: checks.Defaults(), Reconcile: time.Minute})
	report := func(missing []checks.Missing, names ...string) (silent int) {
		d := &checks.Deployment{Missing: missing, Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}}
		for _, name := range names {
			d.Servers = append(d.Servers, checks.Server{ID: "ID-" + name, Name: name, Cluster: "C1", Start: now.Add(-time.Hour)})
		}
		now = now.Add(time.Minute)
		w.Ask(now)
		w.Reconcile(d, time.Second, now)
		for _, c := range w.Tick(now) {
			if c.Kind == Silent {
				silent++
			}
		}
		return silent
	}
	expected := []checks.Missing{{Name: "n2", Kind: checks.Forgotten, Reason: "expected by name"}}
	for i, c := range []struct {
		missing []checks.Missing
		there   []string
		told    int
		left    int
	}{
		{expected, []string{"n1"}, 1, 1},
		{expected, []string{"n1"}, 0, 1},
		{nil, []string{"n1", "n2"}, 0, 0},
		{nil, []string{"n1", "n2"}, 0, 0},
	} {
		told := report(c.missing, c.there...)
		if left := len(w.absentIn(map[string]bool{})); told != c.told || left != c.left {
			t.Errorf("report %d: told of %d, %d missing; want %d and %d", i+1, told, left, c.told, c.left)
		}
	}
}

// A server was killed and started while the connection was lost: it is the former
// process that is gone, not the one that runs.
func TestServerThatRunsAgainIsNotGone(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 5, 5)
	d.pass(time.Minute)
	d.w.Ask(d.now)
	d.pass(time.Second)
	r := &checks.Deployment{Expected: 2}
	for _, id := range []string{"Nn1", "Nanother"} {
		name := map[string]string{"Nn1": "n1", "Nanother": "n2"}[id]
		r.Servers = append(r.Servers, checks.Server{ID: id, Name: name, Cluster: "C1", Start: d.now})
	}
	d.w.Reconcile(r, time.Second, d.now)
	stops := 0
	for _, c := range d.w.Tick(d.now) {
		if c.Kind == Stopped {
			stops++
		}
		if c.Kind == Stopped && (c.Server.ID != "Nn2" || c.Unannounced != Replaced) {
			t.Errorf("%+v", c)
		}
	}
	if stops != 1 {
		t.Errorf("%d are gone", stops)
	}
	if m := d.w.Snapshot(d.now, 10).Missing; len(m) != 0 {
		t.Errorf("missing: %+v", m)
	}
}

// Of a server that says nothing and that nobody names it is said that others count one
// that is missing where they do, and else that it may be cut off. It is not said to be gone.
func TestSilentServerThatOthersMayCount(t *testing.T) {
	t.Parallel()
	counted := checks.Missing{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted, Reason: "n2 counts 3 servers, and this one did not answer"}
	elsewhere := checks.Missing{Cluster: "C2", ClusterKnown: true, Kind: checks.Counted}
	for _, c := range []struct {
		missing []checks.Missing
		known   bool
	}{{nil, false}, {[]checks.Missing{elsewhere}, false}, {[]checks.Missing{counted}, true}, {[]checks.Missing{{Kind: checks.Counted}}, true}} {
		d := watching(t, 0, 5, 5, 5)
		d.kinds()
		d.pass(30 * time.Second)
		d.without(c.missing, 5, 5)
		told := slices.DeleteFunc(d.w.Tick(d.now), func(x Change) bool { return x.Server.Name != "n1" })
		if len(told) != 1 || told[0].Kind != Silent || told[0].Had == nil ||
			strings.Contains(told[0].Reason, "other servers count one") != c.known || strings.Contains(told[0].Reason, "no server that answered knows") == c.known || !strings.Contains(told[0].Reason, "cut off with its clients") {
			t.Errorf("%+v: %+v", c.missing, told)
		}
	}
}
