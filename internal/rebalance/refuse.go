package rebalance

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// RefusalCode says why nothing should be moved. Causes that bring clients back
// refuse too, by their own codes.
type RefusalCode string

// The codes of refusals that need no cause.
const (
	TooFewServers RefusalCode = "too-few-servers"
	Coverage      RefusalCode = "coverage"
	NoneFree      RefusalCode = "no-room"
	NoMoves       RefusalCode = "no-moves"
	CameBack      RefusalCode = "clients-came-back"
	StayedAway    RefusalCode = "clients-stay-away"
	KeptAway      RefusalCode = "kept-away"
	Worse         RefusalCode = "spread-is-worse"
)

// Refusal is a reason to move nothing.
type Refusal struct {
	Code RefusalCode
	Why  RefusalReason
}

// Held returns the client connections of an account, by id, on a server.
func Held(d *checks.Deployment, server *checks.Server, account string) int {
	for _, u := range server.Usage {
		if d.Accounts[u.Account].ID == account {
			return int(u.Connections)
		}
	}
	return 0
}

// Members returns the servers of a cluster by name. Servers without a cluster
// share nothing: of them it is the one that has one of the accounts.
func Members(d *checks.Deployment, cluster string, accounts []string) []Server {
	var out []Server
	for i := range d.Servers {
		server := &d.Servers[i]
		n := 0
		for _, account := range accounts {
			n += Held(d, server, account)
		}
		if server.Cluster != cluster || cluster == "" && n == 0 {
			continue
		}
		m := Server{ID: server.ID, Name: server.Name, Limit: server.MaxConnections, Start: server.Start, KeptAway: server.KeepsAway()}
		if server.Details != nil {
			m.Connections = server.Details.Connections
			if !m.Start.IsZero() {
				m.Start = m.Start.Add(-server.Details.Offset)
			}
			m.Offset, m.Margin = server.Details.Offset, server.Details.Margin
		}
		out = append(out, m)
	}
	if cluster == "" {
		out = out[:min(len(out), 1)]
	}
	slices.SortFunc(out, func(a, b Server) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Bound reports whether no other server of the cluster takes a protocol: to close
// such a connection on the server moves nothing.
func Bound(d *checks.Deployment, cluster, server, protocol string) bool {
	others := false
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster != cluster || s.ID == server {
			continue
		}
		if s.Takes(protocol) != checks.No {
			return false
		}
		others = true
	}
	return others
}

// Uncovered returns the refusals for servers of the cluster that did not report,
// and for ones of which it is not known how many connections they may still take.
func Uncovered(d *checks.Deployment, cluster string, members []Server) []Refusal {
	var out []Refusal
	var missing NotReported
	for _, m := range d.Missing {
		switch name := cmp.Or(m.Name, m.ID); {
		case !m.MayBeIn(cluster):
		case name == "":
			missing.Nameless++
		default:
			missing.Names = append(missing.Names, name)
		}
	}
	if missing.Nameless+len(missing.Names) > 0 {
		out = append(out, Refusal{Coverage, missing})
	}
	unknown := 0
	for _, m := range members {
		if m.Connections == nil {
			unknown++
		}
	}
	if unknown > 0 {
		out = append(out, Refusal{Coverage, FreeUnknown{unknown, len(members)}})
	}
	return out
}

// Full returns the refusal for a cluster in which full servers that clients may choose keep
// all of them where they are.
func Full(s *State, goal Goal) (Refusal, bool) {
	without := goal
	without.IgnoreLimits = true
	goal.IgnoreLimits = false
	if len(PlanMoves(s, without).Moves) == 0 || len(PlanMoves(s, goal).Moves) > 0 {
		return Refusal{}, false
	}
	full, _ := newPlanning(s, goal).fullServers()
	return Refusal{NoneFree, Limits{full, reservePercent}}, true
}
