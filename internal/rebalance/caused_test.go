package rebalance

import (
	"math"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
)

// Accounts whose clients live shorter than the time between two looks are now on more
// servers and now on fewer. They stop no run that closed none of theirs, nor more than one
// in a hundred of those that did.
func TestStopsForWhatItCausedOnly(t *testing.T) {
	t.Parallel()
	const short, runs = 6, 200
	for _, named := range []bool{false, true} {
		stopped := 0
		for seed := range uint64(runs) {
			s := simulate(seed, 3)
			s.connect(0, 60)
			s.connect(1, 40)
			s.restart()
			for account := range short {
				s.connect(2+account, 10)
			}
			s.between = func() {
				for i, c := range s.clients {
					if c.account >= 2 {
						s.clients[i] = &pooled{account: c.account, list: s.r.Perm(len(s.servers))}
						s.arrive(s.clients[i])
					}
				}
			}
			goal := everywhere()
			if !named {
				goal.Only = []bool{true, true}
			}
			if stop := s.watched(2+short, 15, goal); stop != nil && stop.Code == StopWorse {
				stopped++
				t.Logf("%+v", stop)
			}
		}
		if stopped*100 > runs {
			t.Errorf("%d of %d were stopped, accounts named %v", stopped, runs, named)
		}
	}
}

// What of the clients of an account came to a server for sure, and what that is worth.
func TestCaused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before [][]int
		now    [][]int
		moved  []int // of each account, from the first server
		want   StopCode
	}{
		{"an account that is not touched", [][]int{{30, 0, 0}, {5, 3, 2}}, [][]int{{10, 10, 10}, {0, 1, 9}}, []int{20, 0}, ""},
		{"one that is, and its clients choose one server", [][]int{{40, 20, 0}, {12, 12, 0}}, [][]int{{40, 20, 0}, {0, 24, 0}}, []int{0, 12}, StopWorse},
		{"the same by chance", [][]int{{40, 20, 0}, {12, 12, 0}}, [][]int{{40, 20, 0}, {7, 16, 1}}, []int{0, 5}, ""},
		{"who came may all be others", [][]int{{40, 20, 0}, {12, 12, 0}}, [][]int{{40, 20, 0}, {0, 24, 24}}, []int{0, 12}, ""},
		{"all of them on one server", [][]int{{60, 50, 40}, {10, 10, 10}}, [][]int{{40, 70, 40}, {10, 10, 10}}, []int{20, 0}, StopWorse},
	} {
		before, now := held(c.before), held(c.now)
		for i := range now.Connections { // held numbers them anew
			now.Connections[i].ID += 1000
		}
		// Those that nobody moved are the same as before.
		keep := map[place]int{}
		for _, x := range before.Connections {
			keep[place{x.Server, uint64(x.Service)}]++
		}
		var moves []Move
		left := append([]int(nil), c.moved...)
		for _, x := range before.Connections {
			if x.Server == 0 && left[x.Service] > 0 {
				left[x.Service]--
				keep[place{0, uint64(x.Service)}]--
				moves = append(moves, Move{Connection: x})
			}
		}
		same := map[place][]uint64{}
		for _, x := range before.Connections {
			if !contains(moves, x) {
				at := place{x.Server, uint64(x.Service)}
				same[at] = append(same[at], x.ID)
			}
		}
		for i, x := range now.Connections {
			at := place{x.Server, uint64(x.Service)}
			if ids := same[at]; len(ids) > 0 {
				now.Connections[i].ID, same[at] = ids[0], ids[1:]
			}
		}
		a := started(before, everywhere())
		expected, _ := a.expect(moves)
		arrived := now.Learn(before, moves)
		a.caused.came(before, now, moves, &arrived)
		a.now = now
		for i := range a.flocks { // those that flock are found by another look
			a.flocks[i] = flock{arrived.On[i], expected[i]}
		}
		if stop := a.worse(0); (stop == nil) != (c.want == "") || stop != nil && stop.Code != c.want {
			t.Errorf("%s: %+v, want %q", c.name, stop, c.want)
		}
	}
}

func contains(moves []Move, x Connection) bool {
	for _, m := range moves {
		if m.Server == x.Server && m.ID == x.ID {
			return true
		}
	}
	return false
}

// The tail is that of the binomial distribution, and what all looks of a run make of it
// together is no more than one run in a hundred.
func TestChanceOfARun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		g    gain
		n    int
		want float64
	}{
		{gain{5, 2.5}, 10, 1.0 / 1024},
		{gain{5, 2.5}, 9, 11.0 / 1024},
		{gain{5, 2.5}, 5, 1},
		{gain{5, 2.5}, 11, 0},
		{gain{}, 1, 0},
		{gain{2, 0}, 2, 1},
	} {
		if got := c.g.atLeast(c.n); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v, %d: %g, want %g", c.g, c.n, got, c.want)
		}
	}
	a, all := started(held([][]int{{9, 9, 9}}), everywhere()), 0.0
	for range 10_000 {
		all += 7 * 3 * a.mistaken(7)
		a.run.Batches = append(a.run.Batches, Batch{})
	}
	if all > mostMistaken || all < 0.99*mostMistaken {
		t.Errorf("%g", all)
	}
}

// An account of which nothing is closed gathers on one server while another is moved.
func TestApplyGoesOnWhereOthersGather(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS", "JOBS"))
	roam(t, "ORDERS", 30, "go", l.Cluster("C1")...)
	job := func(server string) *nats.Conn {
		return connect(t, l.Server(server).URL("JOBS"), nats.Name("job"), nats.IgnoreDiscoveredServers())
	}
	var first []*nats.Conn
	for range 4 {
		first = append(first, job("C1-n1"))
		job("C1-n2")
		job("C1-n3")
	}
	scope, state := stageOf(t, l, "C1", "ORDERS", "JOBS")
	goal := everywhere()
	goal.Only = make([]bool, len(state.Services))
	for i, x := range state.Services {
		goal.Only[i] = x.Account == 0
	}
	pace := calm(long, 6)
	var once sync.Once
	pace.Tried = func(string, Outcome) {
		once.Do(func() {
			for _, nc := range first {
				nc.Close()
				job("C1-n2")
				job("C1-n2")
			}
		})
	}
	r := Apply(within(t), connect(t, l.SystemURL()), scope, state, goal, pace)
	if r.Stop != nil || len(r.Batches) < 2 {
		t.Errorf("stop %+v, batches %+v", r.Stop, r.Batches)
	}
	if on := r.Last.Held()[1]; on[1] < 12 {
		t.Errorf("JOBS gathered on no server: %v", on)
	}
}

// Clients that were moved are not said to have come back where others of their name come
// and go there.
func TestReturnsAreSure(t *testing.T) {
	t.Parallel()
	before, now := held([][]int{{12, 4, 4}}), held([][]int{{12, 4, 4}})
	var moves []Move
	for i, x := range before.Connections[:4] {
		moves = append(moves, Move{Connection: x})
		now.Connections[i].ID += 100 // these are on the first server again, or others are
	}
	for _, c := range []struct{ ended, back int }{{0, 4}, {8, 0}} {
		for i := range c.ended { // and as many come there
			now.Connections[4+i].ID += 100
		}
		arrived := now.Learn(before, moves)
		caused{}.came(before, now, moves, &arrived)
		if arrived.Services[0].Back != c.back || arrived.Back != c.back || arrived.On[0] != c.back {
			t.Errorf("%d others: %+v", c.ended, arrived)
		}
	}
}
