package cause

import (
	"fmt"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// HeldBack is that no other server is left to clients, with the step of the funnel that
// takes the last one from them.
type HeldBack struct{ By StepName }

// Clause implements [checks.Obstacle].
func (h HeldBack) Clause() string {
	switch h.By {
	case Serves:
		return "no other server takes such connections"
	case Accepts:
		return "the account can't be used on the other servers"
	case Room:
		return "the other servers are full"
	case Listed, Resolved, Forwarded, Up, Chosen:
	}
	return "they know of no other server"
}

// eachHeldBack is that no other server is left to clients, as several steps hold some of
// them back each, in the order of the funnel.
type eachHeldBack []heldAt

// heldAt is the servers that a step holds back.
type heldAt struct {
	step    StepName
	servers []*checks.Server
}

// Clause implements [checks.Obstacle].
func (e eachHeldBack) Clause() string {
	var clauses []string
	for _, at := range e {
		names := otherNames(at.servers)
		switch at.step {
		case Serves:
			clauses = append(clauses, names+" "+verb(at.servers, "does", "do")+" not take their protocol")
		case Accepts:
			clauses = append(clauses, "the account can't be used on "+names)
		default:
			clauses = append(clauses, names+" "+verb(at.servers, "is", "are")+" full")
		}
	}
	return words.List(clauses)
}

// tooLittleRoom is that the servers have room for some of the clients that would come.
type tooLittleRoom struct {
	some         bool // whether the clients get to some of the other servers only
	free, coming int
}

// Clause implements [checks.Obstacle].
func (r tooLittleRoom) Clause() string {
	those := "the other servers have"
	if r.some {
		those = "the servers that they get to have"
	}
	return fmt.Sprintf("as %s room for %s of the %s", those, words.Count(r.free), words.Count(r.coming))
}
