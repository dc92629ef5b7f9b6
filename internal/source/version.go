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
	numbers := numbersOf(version)
	return numbers != nil && slices.Compare(numbers, []int{2, 14, 2}) < 0
}

// saysCertificate reports whether a server of this version says in VARZ until when its
// certificate is valid, if it has one: those since 2.12.4, and since 2.11.12 of 2.11
// (nats-server#7709). One that does not say its version is not known to.
func saysCertificate(version string) bool {
	numbers := numbersOf(version)
	is := func(least ...int) bool { return slices.Compare(numbers, least) >= 0 }
	return is(2, 12, 4) || is(2, 11, 12) && !is(2, 12)
}

// numbersOf are those of a version; nil where it has others than numbers.
func numbersOf(version string) []int {
	plain, _, _ := strings.Cut(version, "-")
	var numbers []int
	for text := range strings.SplitSeq(plain, ".") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil
		}
		numbers = append(numbers, n)
	}
	return numbers
}
