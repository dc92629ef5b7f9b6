package rebalance

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
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
	Text string // a sentence
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
// and for ones whose room is not known.
func Uncovered(d *checks.Deployment, cluster string, members []Server) []Refusal {
	var out []Refusal
	var missing []string
	nameless := 0
	for _, m := range d.Missing {
		switch name := cmp.Or(m.Name, m.ID); {
		case !m.MayBeIn(cluster):
		case name == "":
			nameless++
		default:
			missing = append(missing, name)
		}
	}
	n := nameless + len(missing)
	if nameless > 0 { // first, as the end of a long list is cut off
		missing = append([]string{words.Count(nameless) + " of unknown name"}, missing...)
	}
	if n > 0 {
		out = append(out, Refusal{Coverage, fmt.Sprintf("%s did not report (%s), so how the connections are spread is unknown.",
			words.Plural(n, "server"), words.ListUpTo(shown, missing))})
	}
	unknown := 0
	for _, m := range members {
		if m.Connections == nil {
			unknown++
		}
	}
	if unknown > 0 {
		out = append(out, Refusal{Coverage, fmt.Sprintf("Whether there is room is unknown: %s of %s servers did not say how many connections they have and take.",
			words.Count(unknown), words.Count(len(members)))})
	}
	return out
}

// Full returns the refusal for a cluster in which servers without room that clients may
// choose keep all of them where they are.
func Full(s *State, goal Goal) (Refusal, bool) {
	without := goal
	without.IgnoreLimits = true
	goal.IgnoreLimits = false
	if len(PlanMoves(s, without).Moves) == 0 || len(PlanMoves(s, goal).Moves) > 0 {
		return Refusal{}, false
	}
	return Refusal{NoneFree, fmt.Sprintf("%s. %d%% of a limit is kept free, as clients would be refused there and come back. Raise max_connections there.",
		words.UpperFirst(newPlanning(s, goal).crowded()), reservePercent)}, true
}

// byChance is the probability from which on a spread is nothing out of the
// ordinary.
const byChance = 0.05

// Remarks returns what the prediction rests on, and why there are fewer moves
// than it takes for an even spread, a sentence each. Those that are foreseen no longer
// hold after a run.
func (p Plan) Remarks(s *State, f Forecast) (lasting, foreseen []string) {
	may := 0
	for _, m := range p.Moves {
		if m.MayReturn {
			may++
		}
	}
	if may > 0 {
		lasting = append(lasting, fmt.Sprintf("%s of the %s may choose the same server again, by their library or by the name that they came by: some of them are expected to come back.",
			words.Count(may), words.Plural(len(p.Moves), "client")))
	}
	lasting = append(lasting, slices.Concat(s.remarkKeptAway(), s.Confines())...)
	if len(p.Moves) < p.Excess && f.Moves < p.Excess {
		foreseen = append(foreseen, fmt.Sprintf("It moves fewer than an even spread takes: %s.", words.List(p.Short)))
	}
	if f.Moves > len(p.Moves) {
		foreseen = append(foreseen, fmt.Sprintf("Clients choose where they go, so it plans again after each batch: about %s in all, of these services only.", words.Plural(f.Moves, "move")))
	}
	foreseen = append(foreseen, s.lastOf(p)...)
	if x := f.Short; x != nil {
		text := fmt.Sprintf("The servers are not expected to become even: %s would have about %s, and its even share is %s", s.Servers[x.Server].Name, words.Plural(x.Connections, "connection"), words.Count(x.Share))
		if kept := f.Kept; kept != "" {
			text += ". " + words.UpperFirst(kept)
		}
		foreseen = append(foreseen, text+".")
	}
	if p.ordinary(s) {
		foreseen = append(foreseen, "Clients that choose at random are often spread like this: moving some will hardly make it more even.")
	}
	return lasting, foreseen
}

// ordinary reports whether the spread of all connections, and of each account that the plan
// moves, is what clients that choose at random often make of it: no server has so many, nor
// so few.
func (p Plan) ordinary(s *State) bool {
	spreads := [][]int{s.Loads()}
	held, named := s.Held(), make([]bool, len(s.Accounts))
	for _, m := range p.Moves {
		if account := s.Services[m.Service].Account; !named[account] {
			named[account] = true
			spreads = append(spreads, held[account])
		}
	}
	for _, counts := range spreads {
		most, total := largest(counts)
		n, k := float64(total), float64(len(counts))
		others := gain{n * (k - 1) / k, n * (k - 1) / (k * k)} // of those that are not on the emptiest
		if checks.Chance(total, len(counts), most) < byChance || k*others.atLeast(total-slices.Min(counts)) < byChance {
			return false
		}
	}
	return true
}

// lastOf says how many moves it takes where the clients have the servers that nobody is on
// last in their lists: a sentence, or none.
func (s *State) lastOf(p Plan) []string {
	if !s.untried(p.Moves) {
		return nil
	}
	var empty []string
	held := 0
	for i, n := range s.Loads() {
		switch {
		case s.Servers[i].KeptAway:
		case n == 0:
			empty = append(empty, s.Servers[i].Name)
		default:
			held++
		}
	}
	if held < 2 {
		return nil
	}
	return []string{fmt.Sprintf("Nobody is on %s. Clients that have it last in their lists take %s moves each to get there: up to about %s in all.",
		words.Or(empty), words.Count(held), words.Plural(p.Excess*held, "move"))}
}
