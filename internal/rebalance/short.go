package rebalance

import "github.com/nats-balance/nats-balance/internal/words"

// why says why there are fewer moves than it takes.
func (p *planning) why() []string {
	full := p.crowded()
	stays, tried, left, unnamed := 0, 0, 0, 0
	for _, c := range p.Connections {
		switch {
		case p.give[c.Server] <= 0 && p.over[p.Services[c.Service].Account][c.Server] <= 0:
		case !p.moves(c.Service):
			stays++
		case !p.goal.names(c.Service):
			unnamed++
		case p.triedOut(c):
			tried++
		default:
			left++
		}
	}
	switch {
	case full != "":
		return []string{full}
	case unnamed > 0:
		return []string{"the plan did not name the services of the " + words.Plural(unnamed, "other connection") + " on servers with too many"}
	case stays > 0:
		return []string{words.Plural(stays, "connection") + " on servers with too many are left out"}
	case tried > 0:
		return []string{words.Plural(tried, "client") + " on servers with too many were moved often enough"}
	}
	if left > 0 {
		return []string{"closing more would not make the servers even at once: clients also go to servers that have enough"}
	}
	return []string{"no connection that may move is on a server with too many"}
}

// crowded says which servers have no room for those that are moved, in a clause; empty
// where all have.
func (p *planning) crowded() string {
	var full []string
	others := 0
	for i := range p.free {
		if !p.passes[i] {
			others++
		}
		if p.free[i] < 1 {
			full = append(full, p.Servers[i].Name)
		}
	}
	switch {
	case len(full) == 0:
		return ""
	case len(full) >= others:
		return "the other servers have no room for more"
	}
	if len(full) == 1 {
		return full[0] + " has no room for more, and clients that are moved may choose it"
	}
	return words.ListUpTo(shown, full) + " have no room for more, and clients that are moved may choose them"
}
