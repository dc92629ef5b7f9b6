package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// A server is killed, and its clients are on the others within a moment. What was above the
// threshold is not back because they count twice, and what has too few connections to be
// checked is not above it.
func TestKilledServerCountsTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		counts []uint32 // on n1, which is killed, n2 and n3
		after  []uint32 // on n2 and n3
		lives  bool     // it was not killed, these came beside
		want   []Kind
	}{
		{"a finding that stays one", []uint32{20, 4, 0}, []uint32{4, 20}, false, nil},
		{"a finding that is spread by it", []uint32{20, 4, 4}, []uint32{14, 14}, false, []Kind{Back}},
		{"too few to be checked", []uint32{3, 0, 6}, []uint32{0, 9}, false, nil},
		{"others came, and it is spread", []uint32{20, 4, 0}, []uint32{4, 20}, true, []Kind{Back}},
		{"enough came", []uint32{3, 0, 6}, []uint32{0, 9}, true, []Kind{Crossed}},
		{"many came to one: whoever is gone, that is a finding", []uint32{5, 5, 5}, []uint32{60, 5}, false, []Kind{Crossed}},
		{"many came to one, and all live", []uint32{5, 5, 5}, []uint32{60, 5}, true, []Kind{Crossed}},
		{"few came, and it stays spread", []uint32{8, 8, 9}, []uint32{8, 10}, false, nil},
	} {
		d := watching(t, time.Hour, c.counts...)
		d.kinds()
		d.pass(9 * time.Second)
		d.count("n2", c.after[0])
		d.count("n3", c.after[1])
		got := d.kinds()
		asked := d.w.ToAsk()
		if c.lives {
			for _, s := range asked {
				d.w.Answered(s.ID, d.now)
			}
		}
		d.pass(askAgainIn)
		got = append(got, d.kinds()...)
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("%s: %v, asked %v", c.name, got, asked)
		}
		if c.want != nil || c.lives || len(asked) == 0 {
			continue
		}
		// A full report is due once it has not answered, and what it says is told.
		d.pass(answersIn)
		d.kinds()
		if why, due := d.w.Due(d.now); !due || why != "no answer of n1 for 2s" {
			t.Errorf("%s: %q, %v", c.name, why, due)
		}
		d.w.Ask(d.now)
		d.pass(time.Second)
		d.without(hung(), c.after...)
		for _, k := range d.kinds() {
			if k == Back || k == Crossed || k == Held {
				t.Errorf("%s: %s though nobody knows what the missing one has", c.name, k)
			}
		}
	}
}

// What is not known to be above the threshold any more becomes no finding by the time that
// it was: the clients of a killed server count twice, and the share that would be told is
// below it. On another server it is not one yet.
func TestNoFindingWhileItIsAsked(t *testing.T) {
	t.Parallel()
	for lives, want := range map[bool]Kind{false: Crossed, true: Back} {
		d := watching(t, 10*time.Second, 20, 4, 0)
		d.pass(9 * time.Second)
		d.count("n2", 4)
		d.count("n3", 20)
		d.want()
		asked := d.w.ToAsk()
		d.pass(time.Second + askAgainIn)
		if lives {
			for _, s := range asked {
				d.w.Answered(s.ID, d.now)
			}
		} else {
			d.want()
			d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
		}
		got := d.kinds()
		d.pass(betweenFor) // some connections ended just now
		if got = append(got, d.kinds()...); !slices.Contains(got, want) || slices.Contains(got, Held) {
			t.Errorf("n1 lives: %t: %v, want %s", lives, got, want)
		}
	}
}

// Clients come all the time. A server that lives is asked once, and what they make of an
// account is told.
func TestClientsComeAllTheTime(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Hour, 20, 4, 0)
	d.kinds()
	d.pass(9 * time.Second)
	told := 0
	for n := uint32(20); n < 30; n++ {
		d.count("n3", n)
		for _, k := range d.kinds() {
			if k == Back {
				told++
			}
		}
		for _, s := range d.w.ToAsk() {
			d.w.Answered(s.ID, d.now)
		}
		d.pass(askAgainIn)
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// A server is killed, and most of its clients come to one of the others, which has nearly all
// then. The row of the killed one hides that, as nothing seems to change: 23 of 47 are not above
// the threshold, and 23 of 30 are. It is asked for all the same, and what is unknown is
// unknown since it was last heard of.
func TestKilledServerHidesThatAnAccountLeans(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Hour, 17, 6, 7)
	d.kinds()
	d.pass(time.Second)
	heard := d.now
	d.count("n1", 17)
	d.pass(8 * time.Second)
	killed := d.now
	for _, n := range []uint32{9, 14, 20, 23} { // as they come
		d.count("n2", n)
		for _, k := range d.kinds() {
			if k != Shifted {
				t.Error(k)
			}
		}
		d.pass(100 * time.Millisecond)
	}
	asked := d.w.ToAsk()
	if !slices.ContainsFunc(asked, func(s wire.Server) bool { return s.Name == "n1" }) {
		t.Fatalf("asked %v", asked)
	}
	d.w.Answered("Nn3", d.now)
	d.pass(answersIn)
	d.want()
	if why, due := d.w.Due(d.now); !due || why != "no answer of n1 for 2s" {
		t.Errorf("%q, %v", why, due)
	}
	d.w.Ask(d.now)
	d.pass(time.Second)
	d.without(hung(), 23, 7)
	changes := d.w.Tick(d.now)
	at := slices.IndexFunc(changes, func(c Change) bool { return c.Kind == Undecided })
	if at < 0 || !changes[at].Since.Equal(heard) || changes[at].Time.Sub(killed) > 4*time.Second {
		t.Fatalf("%+v", changes)
	}
	if open := d.w.Undecided(d.now); len(open) != 1 || !open[0].Since.Equal(heard) {
		t.Errorf("%+v", open)
	}
	d.pass(10 * time.Second) // n1 runs again, and they stay
	d.w.Stats(wire.Statsz{From: wire.Server{ID: "Nagain", Name: "n1", Cluster: "C1"}, Start: d.now}, d.now)
	d.kinds()
	d.w.Ask(d.now)
	d.w.Reconcile(&checks.Deployment{Expected: 3, Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Servers: []checks.Server{
		{ID: "Nagain", Name: "n1", Cluster: "C1", Start: d.now}, {ID: "Nn2", Name: "n2", Cluster: "C1", Usage: []checks.Usage{{Connections: 23}}},
		{ID: "Nn3", Name: "n3", Cluster: "C1", Usage: []checks.Usage{{Connections: 7}}}}}, time.Second, d.now)
	for _, c := range d.w.Tick(d.now) {
		if c.Kind == Decided && !c.Since.Equal(heard) || c.Kind == Crossed && !c.NotBefore.Equal(heard) {
			t.Errorf("%+v", c)
		}
	}
}

// What a live server has, and who comes in ordinary life, asks nobody: it takes half as many as
// a server has, and that they decide.
func TestWhoComesAsksNobody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		has  []uint32
		to   uint32 // on n2
		asks bool
	}{
		"one more":                    {[]uint32{17, 6, 7}, 7, false},
		"fewer than half":             {[]uint32{17, 6, 7}, 9, false},
		"as many, and nothing hangs":  {[]uint32{17, 6, 27}, 16, false},
		"as many, and they decide it": {[]uint32{17, 6, 7}, 23, true},
		"too few to be checked":       {[]uint32{3, 1, 1}, 4, false},
	} {
		d := watching(t, time.Hour, c.has...)
		d.kinds()
		d.pass(9 * time.Second)
		d.count("n3", c.has[2]) // says something
		d.count("n2", c.to)
		d.pass(time.Millisecond)
		d.kinds()
		if asked := d.w.ToAsk(); (len(asked) > 0) != c.asks {
			t.Errorf("%s: asked %v", name, asked)
		}
	}
}
