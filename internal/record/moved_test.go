package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// TestClientsOnAnotherServer: that the clients of an account went to another server is
// written down, though their share is as large there: where it is above the threshold, as another
// lean. Two servers that have as many take no turns.
func TestClientsOnAnotherServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		from, to   [3]uint32
		writes     bool
		top, wants string
	}{
		{"all of them", [3]uint32{20, 0, 0}, [3]uint32{0, 20, 0}, true, "n2", "n2"},
		{"most of them", [3]uint32{18, 1, 1}, [3]uint32{1, 1, 18}, true, "n3", "n3"},
		{"the same share of others", [3]uint32{20, 0, 0}, [3]uint32{0, 0, 30}, true, "n3", "n3"},
		{"two have as many", [3]uint32{10, 10, 1}, [3]uint32{10, 10, 1}, false, "n1", "n1"},
		{"one fewer here and more there", [3]uint32{11, 10, 10}, [3]uint32{10, 11, 10}, false, "n2", "n1"},
		{"few of many", [3]uint32{24, 23, 23}, [3]uint32{23, 24, 23}, false, "n2", "n1"},
	} {
		d := watching(t, 0, c.from[:]...)
		d.kinds()
		d.pass(time.Minute)
		for i, n := range c.to {
			d.count([]string{"n1", "n2", "n3"}[i], n)
		}
		changes := slices.DeleteFunc(d.w.Tick(d.now), func(c Change) bool { return c.Kind == Held })
		if wrote := len(changes) == 1 && changes[0].Kind == Crossed && changes[0].Left.Server.Name == "n1"; wrote != c.writes || !wrote && len(changes) > 0 {
			t.Errorf("%s: %+v", c.name, changes)
			continue
		}
		p, _ := d.w.pair(pairKey{d.w.m.byAccount["ORDERS"], "C1"})
		if top := p.written.Top().Server.Name; top != c.wants {
			t.Errorf("%s: %s was written down last, want %s", c.name, top, c.wants)
		}
		if top := d.w.spread(pairKey{d.w.m.byAccount["ORDERS"], "C1"}, d.now, 0).Top().Server.Name; top != c.top {
			t.Errorf("%s: most are on %s, want %s", c.name, top, c.top)
		}
	}
}

// TestVerdictIsKnownAgain: a verdict that was unknown while a server was missing is one
// again when it is there with what it had, though nothing is to be written down.
func TestVerdictIsKnownAgain(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 4, 20, 0)
	d.kinds()
	d.pass(time.Minute)
	verdict := func() checks.Verdict {
		over := d.w.Over(d.now)
		if len(over) != 1 {
			t.Fatalf("%+v", over)
		}
		return over[0].Spread.Verdict
	}
	d.without(hung(), 24, 0) // those of n1 came to n2
	d.kinds()
	if v := verdict(); v != checks.Incomplete {
		t.Errorf("with a server that does not report it is %s", v)
	}
	d.pass(time.Minute)
	d.w.Ask(d.now)
	d.report(0, 24, 0)
	d.kinds()
	if v := verdict(); v != checks.Found {
		t.Errorf("with a server that reports again it is %s", v)
	}
}

// TestMovesThatAreNotListed: a change lists the moves with most connections, says how many
// connections there were beside these, and that some were not heard of.
func TestMovesThatAreNotListed(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	d.pass(10 * time.Second)
	for i := range shownMoves + 2 {
		for range 1 + i {
			d.w.Connected(wire.ClientEvent{From: at("n1"), Account: "ORDERS", Client: true, Name: string(rune('a'+i)) + "-service"}, d.now)
		}
	}
	d.count("n1", 44)
	changes := d.w.Tick(d.now)
	if len(changes) == 0 || len(changes[0].Moves) != shownMoves || changes[0].MoreMoves != 2+1 || changes[0].MovesMissed {
		t.Errorf("%+v", changes)
	}
	for _, missed := range []bool{true, false} {
		d.pass(10 * time.Minute)
		d.w.Tick(d.now)
		d.pass(movesFor)
		d.w.Tick(d.now)
		if missed {
			d.w.Again(d.now)
			d.report(44, 7, 7)
		}
		d.count("n2", 107)
		d.w.Tick(d.now)
		d.count("n2", 7)
		d.w.Tick(d.now)
		d.pass(betweenFor)
		for _, c := range d.w.Tick(d.now) {
			if c.Kind != Held && c.Spread != nil && c.MovesMissed != missed {
				t.Errorf("missed %t: %+v", missed, c)
			}
		}
	}
}
