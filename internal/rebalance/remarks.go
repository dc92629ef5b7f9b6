package rebalance

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// byChance is the probability from which on a spread is nothing out of the
// ordinary.
const byChance = 0.05

// Remarks are what the prediction rests on, and why there are fewer moves than it takes
// for an even spread.
type Remarks struct {
	// MayReturn is how many of the moved clients may choose the same server again.
	MayReturn, Moves int
	KeptAway         []string // servers that are not for clients
	Confines         []Confine

	// What follows is foreseen, and no longer holds after a run.

	Fewer    []Short // why it moves fewer than an even spread takes; nil where it does not
	Expected int     // moves in all, where that is more than those of the plan; else 0
	Last     *LastInLists
	Uneven   *Uneven // nil where the servers are expected to become even
	// Ordinary reports whether clients that choose at random are often spread like this.
	Ordinary bool
	// Unproven are services whose users no other server is known to take.
	Unproven []string
}

// LastInLists is how many moves it takes where the clients have the servers that nobody is
// on last in their lists.
type LastInLists struct {
	Servers     []string
	Each, Moves int // of a client, and in all
}

// Uneven is the server that is expected to end furthest from its even share.
type Uneven struct {
	Server             string
	Connections, Share int
	Kept               []string // servers that clients which stay keep above theirs
}

// Remarks returns what there is to say of a plan.
func (p Plan) Remarks(s *State, f Forecast) Remarks {
	out := Remarks{Moves: len(p.Moves), KeptAway: s.keptAway(), Confines: s.Confines(), Last: s.lastOf(p), Ordinary: p.ordinary(s), Unproven: p.Unproven(s)}
	for _, m := range p.Moves {
		if m.MayReturn {
			out.MayReturn++
		}
	}
	if len(p.Moves) < p.Excess && f.Moves < p.Excess {
		out.Fewer = p.Short
	}
	if f.Moves > len(p.Moves) {
		out.Expected = f.Moves
	}
	if x := f.Short; x != nil {
		out.Uneven = &Uneven{s.Servers[x.Server].Name, x.Connections, x.Share, f.Kept}
	}
	return out
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

// lastOf is how many moves it takes where the clients have the servers that nobody is on
// last in their lists; nil where they do not.
func (s *State) lastOf(p Plan) *LastInLists {
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
	return &LastInLists{Servers: empty, Each: held, Moves: p.Excess * held}
}
