package rebalance

import (
	"slices"
	"testing"
)

// TestClientsInOrder: clients that take their list in order go to the next server of it
// that takes them, and a run is not stopped where they turn out to choose at random.
func TestClientsInOrder(t *testing.T) {
	t.Parallel()
	s := held([][]int{{0, 30, 0}})
	s.Services[0].Order, s.Services[0].ByName = []int{1, 2, 0}, true
	next := func(server int) int {
		chances := s.chances(cohort{server: server}, s.full(everywhere()))
		if slices.Max(chances) != 1 {
			t.Errorf("from %d: %v", server, chances)
		}
		return slices.Index(chances, 1)
	}
	if a, b, c := next(1), next(2), next(0); a != 2 || b != 0 || c != 1 {
		t.Errorf("%d, %d and %d", a, b, c)
	}
	plan, forecast := PlanMoves(s, everywhere()), Foresee(s, everywhere(), 20)
	if plan.Moves[0].MayReturn || forecast.Moves <= plan.Excess || slices.Max(forecast.Loads) > 13 {
		t.Errorf("excess %d, foreseen %+v", plan.Excess, forecast)
	}
	on, back := s.expected(plan.Moves[:10])
	if on[2].mean != 10 || on[0].mean != 5 || back.mean != 0 {
		t.Errorf("of 10 expected %+v, and %+v back", on, back)
	}
	s.Services[0].Unreached = []bool{false, false, true}
	if next(1) != 0 {
		t.Error("one that is not reached comes next")
	}
	s.Services[0].Unreached, s.Services[0].Language = nil, "python3"
	if slices.Max(s.chances(cohort{server: 1}, nil)) == 1 {
		t.Error("a library that shuffles again keeps an order")
	}
}
