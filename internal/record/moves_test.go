package record

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// A change is told with what came and left in the minute before it.
func TestMovesBeforeAChange(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.pass(time.Minute)
	d.kinds()
	for i := range 12 {
		e := wire.ClientEvent{From: at("n2"), Client: true, Account: "ORDERS", Name: fmt.Sprintf("api-%d", i), Reason: "Server Shutdown"}
		d.w.Disconnected(e, d.now)
		e.From, e.Reason = at("n1"), ""
		d.w.Connected(e, d.now)
		e.Client = false // a leafnode is none of them
		d.w.Connected(e, d.now)
	}
	d.count("n1", 20)
	d.count("n2", 1)
	d.count("n3", 1)
	c := d.w.Tick(d.now)
	if len(c) != 2 || c[0].Kind != Crossed || c[1].Kind != Held || len(c[0].Moves) != 2 {
		t.Fatalf("%+v", c)
	}
	want := []Move{{Service: "api", Server: checks.ServerRef{ID: "Nn1", Name: "n1"}, Count: 12},
		{Left: true, Service: "api", Server: checks.ServerRef{ID: "Nn2", Name: "n2"}, Reason: "Server Shutdown", Count: 12}}
	if !slices.Equal(c[0].Moves, want) {
		t.Errorf("%+v", c[0].Moves)
	}
}

// A deployment every minute or so: a change has those of the minute before it, and no others,
// whenever what is older is dropped.
func TestMovesOfTheMinuteBefore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ago  time.Duration
		told bool
	}{{0, true}, {59 * time.Second, true}, {time.Minute, true}, {time.Minute + movesEach, false}, {70 * time.Second, false}, {108 * time.Second, false}, {time.Hour, false}} {
		for _, ticks := range []time.Duration{time.Second, 7 * time.Second, 61 * time.Second} {
			d := watching(t, 0, 8, 7, 7)
			d.pass(time.Hour)
			d.w.Connected(wire.ClientEvent{From: at("n2"), Client: true, Account: "ORDERS", Name: "api"}, d.now)
			d.w.Lose(1, "slow", d.now)
			for passed := time.Duration(0); passed < c.ago; {
				step := min(ticks, c.ago-passed)
				passed += step
				d.pass(step)
				d.w.Tick(d.now)
			}
			d.w.explainsOrders(t, d.now, c.told, fmt.Sprintf("%s ago, a look every %s", c.ago, ticks))
		}
	}
}

// explainsOrders is what a change of ORDERS has of what came, and that some were missed.
func (w *Watch) explainsOrders(t *testing.T, now time.Time, told bool, when string) {
	t.Helper()
	all := []Change{{Cluster: "C1", Spread: &Spread{Account: checks.Account{ID: "ORDERS"}}}}
	w.explain(all, now)
	if (len(all[0].Moves) == 1) != told || all[0].MovesMissed != told {
		t.Errorf("%s: %+v, missed %v", when, all[0].Moves, all[0].MovesMissed)
	}
}

// A million names take no more memory than the kinds of moves that are kept apart.
func TestMovesAreBounded(t *testing.T) {
	t.Parallel()
	m := newMoves()
	for i := range 100_000 {
		m.add(wire.ClientEvent{From: at("n1"), Account: fmt.Sprintf("A%d", i), Name: fmt.Sprintf("%c%c%c-%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, 'a'+i/17576%26)}, false, epoch())
	}
	if len(m.kinds) > 2*mostMoves || m.dropped == 0 {
		t.Errorf("%d kinds, %d dropped", len(m.kinds), m.dropped)
	}
}

// Of few kinds, so many times are not kept that memory grows without end: that some are
// missing is said.
func TestMomentsOfMovesAreBounded(t *testing.T) {
	t.Parallel()
	m := newMoves()
	now := epoch()
	for i := range mostMoments + 1000 {
		m.add(wire.ClientEvent{From: at("n1"), Account: fmt.Sprintf("A%d", i%mostMoves)}, false, now.Add(time.Duration(i/mostMoves)*movesEach))
	}
	if m.kept != mostMoments || m.dropped != 1000 || !m.missed(now.Add(mostMoments/mostMoves*movesEach)) {
		t.Errorf("%d kept, %d dropped", m.kept, m.dropped)
	}
	m.tick(now.Add(time.Hour))
	if m.kept != 0 || len(m.kinds)+len(m.names) != 0 || m.missed(now.Add(time.Hour)) {
		t.Errorf("%d kept an hour later", m.kept)
	}
}
