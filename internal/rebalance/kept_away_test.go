package rebalance

import (
	"slices"
	"testing"
)

// TestKeptAway: a server that is not for clients has no share of them. What it has stays,
// and clients that choose it are moved on to the others.
func TestKeptAway(t *testing.T) {
	t.Parallel()
	for _, even := range []bool{false, true} {
		for _, had := range []int{0, 3} {
			goal := everywhere()
			goal.Even = even
			s := simulate(7, 3)
			s.connect(0, 60)
			s.join()
			s.servers[3].KeptAway = true
			s.clients = slices.DeleteFunc(s.clients, func(c *pooled) bool { return c.list[0] == 2 })
			for _, c := range s.clients[:had] { // they came there by themselves
				c.list[0], c.list[slices.Index(c.list, 3)] = 3, c.list[0]
			}
			before := s.state(1)
			p := PlanMoves(before, goal)
			if share := (len(s.clients) - had + 2) / 3; p.Even != share {
				t.Errorf("even %v: %d are even, want %d", even, p.Even, share)
			}
			if slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Server == 3 }) {
				t.Errorf("even %v: what is there is to move", even)
			}
			if r := p.Remarks(before, Foresee(before, goal, 5)); !slices.Equal(r.KeptAway, []string{"n4"}) || len(r.Confines) > 0 {
				t.Errorf("%+v", r)
			}
			_, now := s.run(1, 5, goal)
			if loads := now.Loads(); !now.Level(goal) || loads[3] != had {
				t.Errorf("even %v: %v became %v", even, before.Loads(), loads)
			}
		}
	}
}
