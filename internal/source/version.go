package source

import (
	"slices"
	"strconv"
	"strings"
)

// LeavesOutLeafnodes reports whether a server of this version leaves accounts
// that have leafnodes only out of its report, unless unused ones are asked for:
// those before 2.14.2. One that does not say its version is not old.
func LeavesOutLeafnodes(version string) bool {
	plain, _, _ := strings.Cut(version, "-")
	var numbers []int
	for text := range strings.SplitSeq(plain, ".") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return false
		}
		numbers = append(numbers, n)
	}
	return slices.Compare(numbers, []int{2, 14, 2}) < 0
}
