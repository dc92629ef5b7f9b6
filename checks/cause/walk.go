package cause

import "slices"

// mostWalked bounds how many servers the walk is worked out for: it goes
// through all orders of a list, 720 of six.
const mostWalked = 6

// walk is where clients are after a rolling restart, by server in the order of
// the restarts and by when their connection began: walk[server][k] is the share
// of all clients that are on a server and came there when the first k servers
// had been restarted and the next one went down.
type walk [][]float64

// rollingRestart returns where clients with a list of n servers, shuffled once,
// end when the servers restart one after the other, each back before the next
// goes down. It is how the libraries for Go, C, Java, JavaScript and .NET walk:
// the server that was lost goes to the end of the list, and the next of the
// list that is up is taken (nats.go selectNextServer). It returns nil for more
// servers than it goes through, and for none.
//
// The server that restarts last has nobody; of three, the first has 2/3 of the
// clients and the second 1/3.
func rollingRestart(n int) walk {
	if n < 1 || n > mostWalked {
		return nil
	}
	out := make(walk, n)
	for i := range out {
		out[i] = make([]float64, n+1)
	}
	orders := 0
	permutations(n, func(list []int) {
		orders++
		at, began := walkThrough(list)
		out[at][began]++
	})
	for _, row := range out {
		for k := range row {
			row[k] /= float64(orders)
		}
	}
	return out
}

// walkThrough walks one client's list through restarts of the servers 0, 1, …
// It returns where the client ends, and how many servers had been restarted when
// it came there; 0 where it never moved.
func walkThrough(list []int) (server, began int) {
	pool := slices.Clone(list)
	for restarted := range pool {
		if pool[0] != restarted {
			continue // the client is elsewhere
		}
		pool = append(pool[1:], restarted)
		began = restarted
	}
	return pool[0], began
}

// permutations calls visit with every order of 0 to n-1. The slice changes with
// the next call.
func permutations(n int, visit func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var swap func(k int)
	swap = func(k int) {
		if k == n {
			visit(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			swap(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	swap(0)
}
