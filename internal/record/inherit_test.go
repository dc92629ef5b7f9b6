package record

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// A watch takes over from one that saw an account lean for a moment that this one
// missed: it says that the account is back, once. Where it leans still, that goes on.
func TestInherit(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	k := func() Spread { return *d.w.Of("ORDERS", d.now)[0] }
	since := d.now.Add(-time.Second)
	leans := func(server string, since time.Time) Recorded {
		return Recorded{Last: k(), At: since, Lean: Lean{To: checks.ServerRef{ID: "N" + server, Name: server}, Since: since, Finding: true}}
	}
	d.w.Inherit(leans("n1", since), d.now)
	d.want(Back)
	d.w.Inherit(Recorded{Last: k(), At: since}, d.now) // it was said to be back
	d.want()
	d.count("n1", 40)
	d.want(Crossed, Held)
	d.w.Inherit(leans("n1", since), d.now)
	d.want()
	if over := d.w.Over(d.now); len(over) != 1 || !over[0].Since.Equal(since) {
		t.Errorf("it leans since another time than is recorded: %+v", over)
	}
	// It leans to another server than was recorded: that is told, with the one that it left.
	d.w.Inherit(leans("n2", since), d.now)
	if told := d.w.Tick(d.now); len(told) != 2 || told[0].Kind != Crossed || told[0].Left == nil || told[0].Left.Server.Name != "n2" || told[1].Kind != Held {
		t.Errorf("%+v", told)
	}
}

// Another watch recorded that an account is back, and this one, which saw it lean as well, has
// yet to look: it does not say so again. Where the account leans still a moment later, it says
// that it does again, since then at the earliest.
func TestInheritBack(t *testing.T) {
	t.Parallel()
	for _, still := range []bool{false, true} {
		d := watching(t, time.Hour, 40, 7, 7)
		d.kinds()
		d.pass(time.Minute)
		at := d.now.Add(-10 * time.Millisecond)
		d.w.Inherit(Recorded{Last: Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1"}, At: at}, d.now)
		if !still {
			d.count("n1", 8)
			d.want(Shifted)
		} else {
			d.want()
		}
		d.pass(betweenFor)
		if !still {
			d.want()
			continue
		}
		if c := d.one(Crossed, "n1"); !c.NotBefore.Equal(at) || !c.Since.Equal(d.now) {
			t.Errorf("since %s, not before %s, recorded to be back at %s", c.Since, c.NotBefore, at)
		}
	}
}

// What another watch recorded while this one stood still is known: no verdict is unknown then.
func TestInheritWhatWasMissed(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Hour, 7, 7, 7)
	stopped := d.now
	d.pass(20 * time.Second)
	d.w.Stood(stopped, d.now)
	d.want(Undecided)
	recorded := d.now.Add(-time.Second)
	since := stopped.Add(10 * time.Second)
	d.w.InheritUntil(recorded)
	if all := d.w.Undecided(d.now); len(all) != 1 || !all[0].Since.Equal(recorded) {
		t.Errorf("%+v", all)
	}
	d.w.Inherit(Recorded{Last: Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1"}, At: stopped, Until: recorded}, d.now)
	d.w.Ask(d.now)
	d.report(40, 7, 7)
	for _, c := range d.w.Tick(d.now) {
		if c.Kind == Crossed && !c.NotBefore.Equal(recorded) || c.Kind == Decided && !c.Since.Equal(recorded) {
			t.Errorf("%s: since %s, not before %s, recorded until %s", c.Kind, c.Since, c.NotBefore, recorded)
		}
	}
	d.w.Inherit(Recorded{Last: Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1"}, At: since, Until: recorded,
		Lean: Lean{To: checks.ServerRef{ID: "Nn1", Name: "n1"}, Since: since}}, d.now)
	if over := d.w.Over(d.now); len(over) != 1 || !over[0].Since.Equal(since) || over[0].Unknown > d.now.Sub(recorded) {
		t.Errorf("%+v", over)
	}
}
