package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// What leans when that is known again began at some time since it was last known not to, and
// what it was like before is how it was spread when that was known.
func TestSinceWhenItMayLean(t *testing.T) {
	t.Parallel()
	const never = -1
	hangs := func(d *desk) { // n1, which was heard of at 60 s, and nobody says it until 90 s
		d.pass(time.Minute)
		d.count("n1", 9)
		d.pass(28 * time.Second)
		d.count("n2", 7)
		d.count("n3", 8)
		d.pass(2 * time.Second)
		d.without(hung(), 7, 8)
		d.kinds()
	}
	for name, c := range map[string]struct {
		goes      func(d *desk)
		notBefore int // seconds since the first full report
		before    int // the most on a server
	}{
		"it was seen": {func(d *desk) { d.pass(time.Minute); d.count("n1", 60) }, never, 8},
		"after a lost event": {func(d *desk) {
			d.pass(time.Minute)
			d.w.Lose(1, "too many", d.now)
			d.lacks(nil, time.Second, 60, 7, 7)
		}, never, 8},
		"after a lost connection": {func(d *desk) {
			d.pass(time.Minute)
			d.w.Hear(false)
			d.kinds()
			d.pass(time.Minute)
			d.w.Hear(true)
			d.lacks(nil, time.Second, 60, 7, 7)
		}, 60, 8},
		"after watch stood still": {func(d *desk) {
			d.pass(time.Minute)
			d.w.Stood(d.now.Add(-20*time.Second), d.now)
			d.kinds()
			d.lacks(nil, time.Second, 60, 7, 7)
		}, 40, 8},
		"a lost connection, even after it, and then it was seen": {func(d *desk) {
			d.pass(time.Minute)
			d.w.Hear(false)
			d.kinds()
			d.w.Hear(true)
			d.lacks(nil, time.Second, 9, 7, 7)
			d.kinds()
			d.pass(time.Minute)
			d.count("n1", 60)
		}, never, 8},
		"a server hung": {func(d *desk) {
			hangs(d)
			d.pass(time.Minute)
			d.lacks(nil, time.Second, 60, 7, 8)
		}, 60, 8},
		"a server hung, even after it, and then it was seen": {func(d *desk) {
			hangs(d)
			d.pass(time.Minute)
			d.lacks(nil, time.Second, 9, 7, 8)
			d.kinds()
			d.pass(time.Minute)
			d.count("n1", 60)
		}, never, 9},
		"it leaned while a server hung": {func(d *desk) {
			hangs(d)
			d.count("n2", 90)
			d.pass(time.Minute)
			d.kinds()
			d.lacks(nil, time.Second, 9, 90, 8)
		}, 60, 8},
		"a lost connection, and a server hung after it": {func(d *desk) {
			d.pass(time.Minute)
			for _, s := range []string{"n1", "n2", "n3"} {
				d.w.Stats(wire.Statsz{From: at(s)}, d.now)
			}
			d.w.Hear(false)
			d.kinds()
			d.pass(time.Minute)
			d.w.Hear(true)
			d.without(hung(), 90, 8)
			d.kinds()
			d.pass(time.Minute)
			d.lacks(nil, time.Second, 9, 90, 8)
		}, 60, 8},
		"a server was killed, and spreads were recorded until that was noticed": {func(d *desk) {
			d.pass(time.Minute)
			d.w.Stats(wire.Statsz{From: at("n1")}, d.now)
			for i := range uint32(4) {
				d.pass(restBetween + time.Second)
				d.count("n2", 10+3*i)
				d.count("n3", 7)
				d.kinds()
			}
			d.pass(3 * time.Second)
			d.without(counted(), 90, 7)
			d.kinds()
			d.pass(time.Minute)
			d.lacks(nil, time.Second, 0, 90, 7)
		}, 60, 8},
		"a killed server was counted twice, and it was known again before it hung": {func(d *desk) {
			hangs(d)
			d.count("n2", 16) // known again as 16 of 25
			d.kinds()
			d.pass(restBetween)
			d.kinds()
			d.lacks(nil, time.Second, 1, 16, 8)
			d.kinds()
			d.pass(time.Minute)
			d.w.Hear(false)
			d.kinds()
			d.w.Hear(true)
			d.lacks(nil, time.Second, 1, 90, 8)
		}, 155, 16},
		"a server was killed, and runs again": {func(d *desk) {
			d.pass(time.Minute)
			d.w.Stats(wire.Statsz{From: at("n3"), Connections: 7}, d.now)
			d.pass(5 * time.Second)
			next := d.again()
			d.count("n1", 60)
			d.kinds()
			d.pass(2 * time.Second)
			d.after(next, nil, 60, 7, 0)
		}, 60, 8},
		"one that nobody names is counted": {func(d *desk) {
			d.pass(time.Minute)
			d.lacks(counted(), time.Second, 9, 7, 7)
			d.kinds()
			d.pass(time.Minute)
			d.lacks(nil, time.Second, 60, 7, 7)
		}, 60, 8},
		"a server shut down, and it was seen": {func(d *desk) {
			d.pass(time.Minute)
			d.w.Shut(wire.ServerEvent{From: at("n3")}, d.now)
			d.kinds()
			d.count("n1", 60)
		}, never, 8},
	} {
		d := watching(t, time.Hour, 8, 7, 7)
		c.goes(d)
		var got *Change
		for range 5 {
			for _, x := range d.w.Tick(d.now) {
				if x.Kind == Crossed {
					got = &x
				}
			}
			for _, s := range d.w.ToAsk() {
				d.w.Answered(s.ID, d.now)
			}
			d.pass(betweenFor)
		}
		if got == nil {
			t.Errorf("%s: it does not lean", name)
			continue
		}
		if want := epoch().Add(time.Duration(c.notBefore) * time.Second); got.NotBefore.IsZero() != (c.notBefore == never) || c.notBefore != never && !got.NotBefore.Equal(want) {
			t.Errorf("%s: not before %s, want %d s", name, got.NotBefore, c.notBefore)
		}
		if b := got.Before; b == nil || b.Top().Connections != c.before || b.Verdict == checks.Incomplete {
			t.Errorf("%s: before: %+v", name, b)
		}
	}
	// Where it was never known there is nothing before, and it may have begun before watch did.
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
	d.without(hung(), 60, 8)
	d.kinds()
	d.pass(time.Minute)
	d.lacks(nil, time.Second, 1, 60, 8)
	for _, x := range d.w.Tick(d.now) {
		if x.Kind == Crossed && (x.Before != nil || !x.NotBefore.IsZero() || !x.AtStart) {
			t.Errorf("it was never known: not before %s, before %+v", x.NotBefore, x.Before)
		}
	}
}

// Watch said that an account is back, and notices a moment later that n3 hangs since before that:
// what it leans to next did not begin before it was back, and before is how it was spread then.
func TestWhatWasSaidIsNotTakenBack(t *testing.T) {
	t.Parallel()
	n3 := []checks.Missing{{Name: "n3", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent, Reason: "it hangs"}}
	d := watching(t, 30*time.Second, 6, 6, 1)
	d.pass(10 * time.Second)
	d.count("n2", 36)
	for _, s := range d.w.ToAsk() {
		d.w.Answered(s.ID, d.now)
	}
	d.w.Stats(wire.Statsz{From: at("n3"), Connections: 1}, d.now)
	d.one(Crossed, "n2")
	d.pass(26 * time.Second) // n3 said nothing more
	d.count("n1", 6)
	d.count("n2", 6)
	d.w.Tick(d.now)
	d.pass(betweenFor)
	back := d.one(Back, "n2")
	d.w.Ask(d.now)
	d.lackOf(n3, 6, 6)
	if kinds := d.kinds(); !slices.Contains(kinds, Undecided) {
		t.Fatal(kinds)
	}
	d.pass(32 * time.Second)
	d.count("n1", 36)
	d.kinds()
	d.pass(5 * time.Second)
	d.w.Ask(d.now)
	d.report(36, 6, 1)
	c := d.one(Crossed, "n1")
	if !c.NotBefore.Equal(back.Time) || c.Before == nil || !c.Before.Time.Equal(back.Time) || c.Before.Top().Connections != 6 || c.Left != nil {
		t.Errorf("back at %s, not before %s, before %+v", back.Time, c.NotBefore, c.Before)
	}
	d.pass(30 * time.Second)
	if held := d.one(Held, "n1"); !held.NotBefore.Equal(back.Time) || !held.Since.Equal(c.Since) {
		t.Errorf("%+v", held)
	}
	if over := d.w.Over(d.now); len(over) != 1 || !over[0].NotBefore.Equal(back.Time) {
		t.Errorf("%+v", over)
	}
}
