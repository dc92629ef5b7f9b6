package cause

import (
	"math"
	"testing"
)

func placed(counts ...int) Placement {
	p := Placement{Counts: counts}
	for range counts {
		p.Reachable = append(p.Reachable, true)
	}
	return p
}

// apart returns groups of one connection each.
func apart(counts ...int) [][]int {
	var out [][]int
	for server, n := range counts {
		for range n {
			group := make([]int, len(counts))
			group[server] = 1
			out = append(out, group)
		}
	}
	return out
}

// TestWorkedByHand has the numbers of docs/diagnosis.md.
func TestWorkedByHand(t *testing.T) {
	t.Parallel()
	restarted := placed(162, 84, 0)
	// All began before the last server was back. Who left the second one is on
	// the first.
	restarted.Order, restarted.Moved = []int{0, 1, 2}, true
	restarted.Up = [][]int{{0, 41, 121, 0}, {0, 0, 84, 0}, {0, 0, 0, 0}}
	thirty := placed(390, 0, 0)
	for name, c := range map[string]struct{ got, want, within float64 }{
		"everyone on n1, free":          {float64(placed(24, 0, 0).Free()), -26.4, 0.1},
		"everyone on n1, pinned":        {float64(placed(24, 0, 0).Pinned([][]int{{24, 0, 0}})), -1.1, 0.3},
		"27 networks, free":             {float64(placed(22, 3, 2).Free()), -29.7, 0.1},
		"27 networks, by network":       {float64(placed(22, 3, 2).Pinned(apart(22, 3, 2))), -29.7, 0.4},
		"3 networks, by network":        {float64(placed(22, 3, 2).Pinned([][]int{{22, 0, 0}, {0, 3, 0}, {0, 0, 2}})), -3.3, 0.4},
		"restarts, free":                {float64(restarted.Free()), -270, 1},
		"30 accounts, by source":        {float64(thirty.Pinned([][]int{{390, 0, 0}})), -1.1, 4},
		"a list in order, all up":       {float64(placed(24, 0, 0).InOrder([]int{0, 1, 2})), 0, 0.3},
		"an order that nobody passed":   {float64(placed(24, 0, 0).InOrder(nil)), -1.1, 0.3},
		"nobody's list has n1 in it":    {float64(placed(24, 0, 0).InOrder([]int{1, 2, 0})), -127, 1},
		"groups of one explain nothing": {float64(placed(24, 0, 0).Pinned(apart(24, 0, 0))), -26.4, 0.4},
	} {
		if math.Abs(c.got-c.want) > c.within {
			t.Errorf("%s: %.2f, want %.2f", name, c.got, c.want)
		}
	}
	if up, free, order := restarted.WhileUp(), restarted.Free(), restarted.InOrder(nil); up < free+likelyOverFree || up < order+likelyOverOthers {
		t.Errorf("after restarts: %.1f while up, %.1f free, %.1f in order", up, free, order)
	}
}

// TestTheFirstOfAListWhenItWasDown: clients that take their list in order are on
// the second where the first was down when they came.
func TestTheFirstOfAListWhenItWasDown(t *testing.T) {
	t.Parallel()
	p := placed(0, 24, 0)
	p.Order = []int{1, 2, 0} // n1 started last
	p.Up = [][]int{{0, 0, 0, 0}, {0, 0, 24, 0}, {0, 0, 0, 0}}
	if in, free := p.InOrder([]int{0, 1, 2}), p.Free(); in < free+likelyOverFree {
		t.Errorf("%.1f in order, %.1f free", in, free)
	}
}

// TestWithoutTimesNothingIsSaidOfRestarts.
func TestWithoutTimesNothingIsSaidOfRestarts(t *testing.T) {
	t.Parallel()
	if p := placed(20, 1, 0); p.WhileUp() != p.Free() {
		t.Errorf("%.1f and %.1f", p.WhileUp(), p.Free())
	}
}
