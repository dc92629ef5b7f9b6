package checks

import (
	"slices"
	"testing"
)

func TestOverEven(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ counts, want []int }{
		{nil, []int{}}, {[]int{5}, []int{0}}, {[]int{0, 0}, []int{0, 0}}, {[]int{9, 8, 8}, []int{0, 0, 0}}, {[]int{10, 8, 7}, []int{1, 0, 0}},
		{[]int{24, 0, 0}, []int{16, 0, 0}}, {[]int{20, 16, 0}, []int{8, 4, 0}},
	} {
		if got := OverEven(c.counts); !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.counts, got, c.want)
		}
	}
}
