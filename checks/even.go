package checks

// EvenShare returns the most that one server holds of an account's connections
// when they are spread evenly.
func EvenShare(connections, servers int) int {
	if servers < 1 {
		return connections
	}
	return (connections + servers - 1) / servers
}

// OverEven returns what each server has above that: how many connections have to
// leave it so that they are spread evenly.
func OverEven(counts []int) []int {
	total := 0
	for _, n := range counts {
		total += n
	}
	even, out := EvenShare(total, len(counts)), make([]int, len(counts))
	for i, n := range counts {
		out[i] = max(0, n-even)
	}
	return out
}
