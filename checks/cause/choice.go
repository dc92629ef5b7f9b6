package cause

import (
	"math"
	"slices"
)

// Placement is what a choice model is judged by: how many connections are on
// each server, by what was up when they began, and by group. Servers are
// indexes from 0.
type Placement struct {
	// Counts are the connections by server.
	Counts []int
	// Reachable reports which servers the funnel lets through.
	Reachable []bool
	// Up[server][k] counts the connections of a server that began when the first
	// k servers of Order were up; nil where it is not known.
	Up    [][]int
	Order []int
	// Moved reports whether connections may be those of clients that a restart
	// moved, whose library walks a list that was shuffled once.
	Moved bool
}

// Likelihood is the natural logarithm of how likely a model makes a placement,
// less what the model costs for each thing that it chose freely. Larger is
// better; two models of the same connections compare by their difference.
type Likelihood float64

const (
	// strayRate is how often a client is where its model does not put it: moved
	// by hand, by a server that was busy, or since.
	strayRate = 0.01

	// likelyOverFree and likelyOverOthers are the factors by which a model has to
	// explain placements better than chance, and than every other model, to be
	// likely (natural logarithms of 100 and 10).
	likelyOverFree   = Likelihood(4.605)
	likelyOverOthers = Likelihood(2.303)
)

// Free is the likelihood where each client takes any reachable server.
func (p Placement) Free() Likelihood {
	m := p.reachable()
	out := 0.0
	for server, n := range p.Counts {
		out += float64(n) * math.Log(p.share(1/float64(m), p.Reachable[server], m))
	}
	return Likelihood(out)
}

// WhileUp is the likelihood where each client takes any of the reachable
// servers that were up when its connection began. Without times it is that of
// Free. Where clients were moved by a rolling restart of all servers, the walk of
// their list is taken if it explains the placement better.
func (p Placement) WhileUp() Likelihood {
	if p.Up == nil {
		return p.Free()
	}
	out := p.whileUp(func(_, _, m int) float64 { return 1 / float64(m) })
	if walk := p.walk(); walk != nil {
		out = max(out, p.whileUp(func(server, k, m int) float64 {
			if share, ok := walk(server, k); ok {
				return share
			}
			return 1 / float64(m)
		}))
	}
	return out
}

// whileUp adds up over servers and moments; chance is that of a server at one,
// where m could be had.
func (p Placement) whileUp(chance func(server, k, m int) float64) Likelihood {
	out := 0.0
	for server, row := range p.Up {
		for k, n := range row {
			if n == 0 {
				continue
			}
			m := 0
			for _, s := range p.Order[:k] {
				if p.Reachable[s] {
					m++
				}
			}
			here := p.Reachable[server] && slices.Contains(p.Order[:k], server)
			out += float64(n) * math.Log(p.share(chance(server, k, max(m, 1)), here, m))
		}
	}
	return Likelihood(out)
}

// walk returns the chance of a server for connections that began when the first
// k had been restarted, after a rolling restart of all; nil where it does not
// apply.
func (p Placement) walk() func(server, k int) (float64, bool) {
	if !p.Moved || slices.Contains(p.Reachable, false) {
		return nil
	}
	table := rollingRestart(len(p.Counts))
	if table == nil {
		return nil
	}
	position := make([]int, len(p.Order))
	for at, server := range p.Order {
		position[server] = at
	}
	return func(server, k int) (float64, bool) {
		sum := 0.0
		for _, row := range table {
			if k < len(row) {
				sum += row[k]
			}
		}
		if sum == 0 || k == len(p.Order) { // began when all were up: a first connect
			return 0, false
		}
		return table[position[server]][k] / sum, true
	}
}

// InOrder is the likelihood where each client takes the first server of a list
// that was up when its connection began, or went on from the one before in the list when
// that stopped, see [Situation.turn]. Nil is a list that is not known: the
// best order is taken, and costs what it was chosen from.
func (p Placement) InOrder(list []int) Likelihood {
	if list != nil {
		return p.inOrder(list)
	}
	order := make([]int, 0, len(p.Counts))
	for server, reachable := range p.Reachable {
		if reachable {
			order = append(order, server)
		}
	}
	// The best list has the fullest servers first.
	slices.SortStableFunc(order, func(a, b int) int { return p.Counts[b] - p.Counts[a] })
	cost := 0.0
	for at := range order {
		if p.Counts[order[at]] == 0 || at == len(order)-1 {
			break
		}
		cost += math.Log(float64(len(order) - at))
	}
	return p.inOrder(order) - Likelihood(cost)
}

func (p Placement) inOrder(list []int) Likelihood {
	up := func(server, k int) bool { return k < 0 || slices.Contains(p.Order[:k], server) }
	taken := func(server, k int) bool {
		at := slices.Index(list, server)
		if at > 0 && p.Reachable[server] && !up(list[at-1], k) {
			return true
		}
		first := slices.IndexFunc(list, func(o int) bool { return p.Reachable[o] && up(o, k) })
		return first >= 0 && first == at
	}
	m := p.reachable()
	out := 0.0
	add := func(server, k, n int) {
		if n > 0 {
			out += float64(n) * math.Log(pinned(taken(server, k), m))
		}
	}
	for server, n := range p.Counts {
		if p.Up == nil {
			add(server, -1, n)
			continue
		}
		for k, n := range p.Up[server] {
			add(server, k, n)
		}
	}
	return Likelihood(out)
}

// Pinned is the likelihood where all clients of a group are on one server, which
// each group is free to choose. Groups are counts by server; what is in none of
// them takes any server.
func (p Placement) Pinned(groups [][]int) Likelihood {
	m := p.reachable()
	rest := slices.Clone(p.Counts)
	out := 0.0
	for _, counts := range groups {
		most := slices.Index(counts, slices.Max(counts))
		for server, n := range counts {
			rest[server] -= n
			out += float64(n) * math.Log(pinned(server == most, m))
		}
		out -= math.Log(float64(max(m, 1)))
	}
	free := p
	free.Counts = make([]int, len(rest))
	for server, n := range rest {
		free.Counts[server] = max(n, 0)
	}
	return Likelihood(out) + free.Free()
}

// Leaning is the likelihood where one server has a share of its own, which is free
// to choose as that server is, and the others have the same: some of the clients are
// bound to it, others are not.
func (p Placement) Leaning() Likelihood {
	all := sum(p.Counts)
	if all == 0 || len(p.Counts) < 2 {
		return 0
	}
	most := slices.Max(p.Counts)
	out := 0.0
	if most > 0 {
		out += float64(most) * math.Log(float64(most)/float64(all))
	}
	if rest := all - most; rest > 0 {
		out += float64(rest) * math.Log(float64(rest)/float64(all)/float64(len(p.Counts)-1))
	}
	return Likelihood(out - math.Log(float64(len(p.Counts))) - math.Log(float64(all))/2)
}

// pinned is the chance of a server where one of m has all but the strays.
func pinned(here bool, m int) float64 {
	switch {
	case m <= 1:
		return 1
	case here:
		return 1 - strayRate
	}
	return strayRate / float64(m-1)
}

// share is a model's chance of a server, which leaves something for strays: on
// servers that it excludes too.
func (p Placement) share(chance float64, reachable bool, m int) float64 {
	all := len(p.Counts)
	switch {
	case !reachable:
		return strayRate / float64(all)
	case m == all || all == 0:
		return max(chance, strayRate/float64(all))
	}
	return max((1-strayRate)*chance, strayRate/float64(all))
}

func (p Placement) reachable() int {
	n := 0
	for _, r := range p.Reachable {
		if r {
			n++
		}
	}
	return n
}
