package record

import (
	"testing"
	"time"
)

// A watch takes over from one that saw an account lean for a moment that this one
// missed: it says that the account is back, once. Where it leans still, that goes on.
func TestInherit(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	k := func() Spread { return *d.w.Of("ORDERS", d.now)[0] }
	since := d.now.Add(-time.Second)
	d.w.Inherit(k(), Lean{Since: since, Finding: true})
	d.want(Back)
	d.w.Inherit(k(), Lean{}) // it was said to be back
	d.want()
	d.count("n1", 40)
	d.want(Crossed, Held)
	d.w.Inherit(k(), Lean{Since: since, Finding: true})
	d.want()
}
