package record

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// Who was on a server is told when it goes. Of one that fell silent it is who was
// there before its clients came to the others, which they have done by then.
func TestWhoWasOnAServerThatGoes(t *testing.T) {
	t.Parallel()
	came := func(d *desk, server string, n int, left bool) {
		for range n {
			e := wire.ClientEvent{From: at(server), Account: "ORDERS", Client: true, Name: "orders-api"}
			if left {
				d.w.Disconnected(e, d.now)
			} else {
				d.w.Connected(e, d.now)
			}
		}
	}
	for _, c := range []struct {
		name   string
		goes   func(d *desk)
		others int
	}{
		{"shuts down", func(d *desk) { d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now) }, 6},
		{"drains", func(d *desk) { d.w.Drain(wire.ServerEvent{From: at("n1")}, d.now) }, 6},
		{"drains, and shuts down with nobody on it", func(d *desk) {
			d.w.Drain(wire.ServerEvent{From: at("n1")}, d.now)
			d.count("n1", 0)
			d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
		}, 6},
		{"is killed", func(d *desk) {
			d.pass(5 * time.Second)
			came(d, "n2", 12, false)
			came(d, "n3", 9, false)
			came(d, "n3", 1, true)
			d.pass(25 * time.Second)
			d.without(hung(), 15, 11)
		}, 6},
		{"is killed and forgotten", func(d *desk) {
			d.pass(5 * time.Second)
			came(d, "n2", 20, false)
			d.pass(25 * time.Second)
			d.without(nil, 23, 3)
		}, 6},
	} {
		d := watching(t, time.Minute, 20, 3, 3)
		d.kinds()
		c.goes(d)
		var had []*Had
		for _, x := range d.w.Tick(d.now) {
			if x.Had != nil {
				had = append(had, x.Had)
			}
		}
		if len(had) != 1 || had[0].Connections != 20 || had[0].Accounts != 1 || len(had[0].Of) != 1 || had[0].Of[0].Connections != 20 || had[0].Of[0].Others != c.others {
			t.Errorf("%s: %+v", c.name, had)
		}
	}
	d := watching(t, time.Minute, 0, 3, 3)
	d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
	for _, x := range d.w.Tick(d.now) {
		if x.Had != nil {
			t.Errorf("nobody was on it: %+v", x.Had)
		}
	}
}
