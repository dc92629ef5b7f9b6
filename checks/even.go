package checks

// EvenShare returns the most that one server holds of an account's connections
// when they are spread evenly.
func EvenShare(connections, servers int) int {
	if servers < 1 {
		return connections
	}
	return (connections + servers - 1) / servers
}
