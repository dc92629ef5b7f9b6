package rebalance

import "testing"

// A run stops where the largest share is above that before by more than chance,
// with one account that is to be spread evenly too.
func TestStopsWhenTheSpreadIsWorse(t *testing.T) {
	t.Parallel()
	before := []int{7, 6, 2}
	for _, c := range []struct {
		now  []int
		even bool
		want StopCode
	}{
		{[]int{4, 9, 2}, false, StopWorse},
		{[]int{4, 9, 2}, true, StopWorse},
		{[]int{5, 8, 2}, true, ""}, // one of three may go there by chance
		{[]int{5, 5, 5}, true, ""},
	} {
		s := &State{Servers: make([]Server, 3), Accounts: make([]Account, 1), Services: make([]Service, 1)}
		for i, n := range c.now {
			for range n {
				s.Connections = append(s.Connections, Connection{Server: i})
			}
		}
		a := &applying{loads: before, shares: [][]int{before}, flocks: make([]flock, 3), goal: Goal{Even: c.even}, now: s}
		stop := a.harmed(Arrivals{On: []int{0, 3, 0}}, []gain{{}, {1.5, .75}, {1.5, .75}})
		if (stop == nil) != (c.want == "") || stop != nil && stop.Code != c.want {
			t.Errorf("%v, even %v: %+v, want %q", c.now, c.even, stop, c.want)
		}
	}
}
