package record

import (
	"slices"
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
		name         string
		goes         func(d *desk)
		others, came int
		unseen       bool
	}{
		{"shuts down", func(d *desk) { d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now) }, 6, 0, false},
		{"shuts down after others came", func(d *desk) {
			came(d, "n2", 12, false)
			d.count("n2", 15)
			d.pass(3 * time.Second)
			d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
		}, 18, 0, false},
		{"shuts down, and its clients are heard of before", func(d *desk) {
			came(d, "n2", 12, false)
			d.count("n2", 15)
			d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
		}, 6, 12, false},
		{"drains", func(d *desk) { d.w.Drain(wire.ServerEvent{From: at("n1")}, d.now) }, 6, 0, false},
		{"drains, and shuts down with nobody on it", func(d *desk) {
			d.w.Drain(wire.ServerEvent{From: at("n1")}, d.now)
			d.count("n1", 0)
			d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
		}, 6, 0, false},
		{"is killed", func(d *desk) {
			d.pass(5 * time.Second)
			came(d, "n2", 12, false)
			came(d, "n3", 9, false)
			came(d, "n3", 1, true)
			d.pass(25 * time.Second)
			d.without(hung(), 15, 11)
		}, 5, 21, false}, // the one that left may have been there before, or have come
		{"is killed after others came", func(d *desk) {
			came(d, "n2", 12, false)
			d.count("n2", 15)
			d.pass(20 * time.Second)
			d.count("n1", 20)
			d.pass(5 * time.Second)
			came(d, "n3", 7, false)
			d.pass(20 * time.Second)
			d.without(hung(), 15, 10)
		}, 18, 7, false},
		{"is killed, and events were lost", func(d *desk) {
			d.pass(5 * time.Second)
			came(d, "n2", 12, false)
			d.w.Lose(1, "too many", d.now)
			d.pass(25 * time.Second)
			d.without(hung(), 15, 3)
		}, 0, 0, true},
		{"hung for long, and others came all the time", func(d *desk) {
			for range 40 {
				d.pass(5 * time.Second)
				came(d, "n2", 1, false)
			}
			d.without(hung(), 43, 3)
		}, 0, 0, true},
		{"is killed, events were lost, and nobody is on the others", func(d *desk) {
			d.pass(5 * time.Second)
			d.w.Lose(1, "too many", d.now)
			d.pass(25 * time.Second)
			d.without(hung(), 0, 0)
		}, 0, 0, false},
		{"is killed and forgotten", func(d *desk) {
			d.pass(5 * time.Second)
			came(d, "n2", 20, false)
			d.pass(25 * time.Second)
			d.without(nil, 23, 3)
		}, 6, 20, false},
	} {
		d := watching(t, time.Minute, 20, 3, 3)
		d.kinds()
		c.goes(d)
		var had []*Had
		for _, x := range d.w.Tick(d.now) {
			if x.Had != nil && x.Had.Accounts > 0 {
				had = append(had, x.Had)
			}
		}
		if len(had) != 1 || had[0].Connections != 20 || had[0].Accounts != 1 || len(had[0].Of) != 1 || had[0].Of[0].Connections != 20 || had[0].Of[0].Others != c.others || had[0].Of[0].Came != c.came || had[0].Of[0].Unseen != c.unseen {
			t.Errorf("%s: %+v", c.name, had[0])
		}
	}
	d := watching(t, time.Minute, 0, 3, 3)
	d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
	for _, x := range d.w.Tick(d.now) {
		if x.Kind == Stopped && (x.Had == nil || x.Had.Accounts != 0 || len(x.Beside) != 2) {
			t.Errorf("nobody was on it: %+v, beside %q", x.Had, x.Beside)
		}
	}

	// One that hung and answers again has nobody knows what, until it has reported.
	d = watching(t, 0, 1, 1, 20)
	d.kinds()
	d.pass(30 * time.Second)
	d.w.Stats(wire.Statsz{From: at("n1")}, d.now)
	d.w.Stats(wire.Statsz{From: at("n2")}, d.now)
	d.report(1, 1)
	d.kinds()
	d.w.Stats(wire.Statsz{From: at("n3"), Start: epoch().Add(-time.Hour)}, d.now)
	if kinds := d.kinds(); slices.Contains(kinds, Back) {
		t.Errorf("it answers again: %v", kinds)
	}
	d.w.Shut(wire.ServerEvent{From: at("n3")}, d.now)
	for _, x := range d.w.Tick(d.now) {
		if x.Kind == Stopped && x.Had != nil {
			t.Errorf("it stopped before it reported: %+v", x.Had)
		}
	}
}
