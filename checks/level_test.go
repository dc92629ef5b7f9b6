package checks

import (
	"math"
	"slices"
	"testing"
)

// Clients that get to some servers only fill these, and others make up for it.
func TestLevel(t *testing.T) {
	t.Parallel()
	all := []int{0, 1, 2}
	free := []float64{math.Inf(1), math.Inf(1)}
	for _, c := range []struct {
		name     string
		blocks   []*Confined
		ceilings []float64
		want     []int
	}{
		{"all get everywhere", []*Confined{{To: all, N: 24}}, free, []int{8, 8, 8}},
		{"some get to two", []*Confined{{To: all[:2], N: 18}}, free, []int{9, 9, 0}},
		{"others fill the third", []*Confined{{To: all[:2], N: 18}, {Account: 1, To: all, N: 12}}, free, []int{10, 10, 10}},
		{"two groups that have no server in common", []*Confined{{To: all[:1], N: 5}, {Account: 1, To: all[1:], N: 7}}, free, []int{5, 4, 4}},
		{"a ceiling", []*Confined{{To: all[:2], N: 18}, {Account: 1, To: all, N: 12}}, []float64{free[0], 6}, []int{12, 12, 6}},
	} {
		var got []int
		for _, n := range Level(c.blocks, 3, c.ceilings) {
			got = append(got, WholeShare(n))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
