package rebalance

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// reservePercent is how much of a server's connection limit a plan leaves free,
// for all accounts together.
const reservePercent = 10

// lastReservePercent is how much must stay free for a run to go on: less,
// because chance leads more clients to one server than to another.
const lastReservePercent = 5

// Member is a server of the cluster, for a plan.
type Member struct {
	ID, Name string
	// Held are the account's client connections.
	Held int
	// Unreached is whether nothing leads the clients there: neither their lists
	// nor what servers advertise.
	Unreached bool
	// Connections are all client connections and Limit is the most that the
	// server takes; nil where not known.
	Connections, Limit *int
}

// room is how many more connections the server takes without using up the
// reserve; nil where it is not known.
func (m Member) room() *int {
	if m.Connections == nil || m.Limit == nil {
		return nil
	}
	room := max(0, most(*m.Limit, reservePercent)-*m.Connections)
	return &room
}

// most is how many connections leave a reserve of a limit alone.
// Limits are as large as the server says: nothing is multiplied by one.
func most(limit, reserve int) int {
	return limit - limit/100*reserve - (limit%100*reserve+99)/100
}

// Candidate is a client connection of the account on an overfull server.
type Candidate struct {
	Server string // id
	ID     uint64
	// Name, Language and Protocol are what the client says of itself: any bytes.
	Name, Language, Protocol string
	Start                    time.Time
	Idle                     time.Duration
	Subscriptions            int
	Pending                  int64 // bytes that wait to be sent to it
}

// PlanInput is what a plan is made of.
type PlanInput struct {
	Servers []Member // every server of the cluster
	// Candidates are the account's client connections on the servers that hold
	// more than [checks.EvenShare].
	Candidates []Candidate
	// Bound is how many others there are, of a protocol that no other server takes.
	Bound int
	// ByName is whether the clients come by names, or addresses, that are not the
	// servers' own: the server that closes them is then among those that they
	// are told of, and not known to be the same.
	ByName bool
	// MaxMoves is the most connections to move, 0 for as many as it takes.
	MaxMoves int
	// IgnoreRoom plans as if every server had room.
	IgnoreRoom bool
}

// Place is a server in a plan.
type Place struct {
	Member
	Excess int  // held over an even spread
	Moves  int  // connections to move away
	Room   *int // nil where not known
	// Predicted is what the server is expected to hold afterwards, if clients
	// choose evenly among the servers that they have left.
	Predicted float64
}

// Move is a connection to close, so that its client connects elsewhere.
type Move struct {
	Candidate
	ServerName string
	// MayReturn is whether the client may choose the same server again: its
	// library may, or it came by another name than the one that it is told of.
	// Others try all the other servers first.
	MayReturn bool
}

// Plan is which connections to move.
type Plan struct {
	Connections int // of the account in the cluster
	Even        int // what no server holds more of when they are spread evenly
	Excess      int // how many connections are over that
	Servers     []Place
	// Moves are in the order in which to make them: from the fullest server
	// first, and there those that cost least.
	Moves []Move
	// Short is why there are fewer moves than Excess, one clause each.
	Short []string
}

// PlanMoves plans to move the excess over an even spread, and no more. It is
// limited by the room that the servers without excess have, each keeping
// [reservePercent] of its limit, and by MaxMoves. What costs least goes first:
// what has nothing pending, is idle longest (by orders of magnitude), has
// fewest subscriptions, is oldest.
func PlanMoves(in PlanInput) Plan {
	var p Plan
	for _, m := range in.Servers {
		p.Connections += m.Held
	}
	p.Even = checks.EvenShare(p.Connections, len(in.Servers))
	at := map[string]int{}
	// Where nobody reaches another server, it is not room that is lacking.
	room, known := 0, slices.ContainsFunc(in.Servers, func(m Member) bool { return m.Held <= p.Even && !m.Unreached })
	for i, m := range in.Servers {
		place := Place{Member: m, Excess: max(0, m.Held-p.Even), Room: m.room()}
		if in.IgnoreRoom {
			place.Room = nil
		}
		p.Servers, at[m.ID] = append(p.Servers, place), i
		p.Excess += place.Excess
		switch {
		case place.Excess > 0, m.Unreached:
		case place.Room == nil:
			known = false
		default:
			room += *place.Room
		}
	}
	budget := p.Excess
	limit := func(n int, why string) {
		if n < budget {
			budget = n
			p.Short = append(p.Short, why)
		}
	}
	if known {
		limit(room, "the other servers have no room for more")
	}
	if in.MaxMoves > 0 {
		limit(in.MaxMoves, "--max-moves")
	}
	candidates := make([][]Candidate, len(p.Servers))
	for _, c := range in.Candidates {
		if i, ok := at[c.Server]; ok {
			candidates[i] = append(candidates[i], c)
		}
	}
	for i, of := range candidates {
		slices.SortFunc(of, cheaper)
		candidates[i] = of[:min(len(of), p.Servers[i].Excess)]
	}
	for len(p.Moves) < budget {
		fullest := -1
		for i, s := range p.Servers {
			if s.Moves < len(candidates[i]) && (fullest < 0 || s.Held-s.Moves > p.Servers[fullest].Held-p.Servers[fullest].Moves) {
				fullest = i
			}
		}
		if fullest < 0 {
			why := "not all connections could be read"
			if in.Bound > 0 {
				why = "no other server takes the protocol of " + words.Plural(in.Bound, "connection")
			}
			p.Short = append(p.Short, why)
			break
		}
		s := &p.Servers[fullest]
		c := candidates[fullest][s.Moves]
		s.Moves++
		p.Moves = append(p.Moves, Move{Candidate: c, ServerName: s.Name, MayReturn: in.ByName || mayReturn(c)})
	}
	p.predict()
	return p
}

// predict reckons where the clients go.
func (p *Plan) predict() {
	for i, gain := range landing(p.Servers, p.Moves) {
		s := &p.Servers[i]
		s.Predicted = math.Round((float64(s.Held-s.Moves)+gain.mean)*10) / 10
	}
}

// gain is how many clients a server is expected to get, and the variance of that.
type gain struct{ mean, variance float64 }

func (g *gain) add(p float64) {
	g.mean, g.variance = g.mean+p, g.variance+p*(1-p)
}

// landing is how many of the clients that are moved are expected at each server.
// They choose evenly among the servers that they reach and that have room: all of
// them where the library may return to the one that it came from, else all
// others, and that one only where no other takes it.
func landing(servers []Place, moves []Move) []gain {
	out := make([]gain, len(servers))
	room, at := make([]float64, len(servers)), map[string]int{}
	for i, s := range servers {
		at[s.ID], room[i] = i, math.Inf(1)
		if s.Room != nil {
			room[i] = float64(*s.Room)
		}
		if s.Unreached {
			room[i] = 0
		}
	}
	for _, m := range moves {
		from, ok := at[m.Server]
		if !ok {
			continue
		}
		choices := 0
		for i := range servers {
			if i != from && room[i] > 0 {
				choices++
			}
		}
		if m.MayReturn || choices == 0 {
			choices++
			out[from].add(1 / float64(choices))
		}
		for i := range servers {
			if i != from && room[i] > 0 {
				out[i].add(1 / float64(choices))
				room[i] -= 1 / float64(choices)
			}
		}
	}
	return out
}

// returning is how many of the clients moved are expected on the servers that
// any were moved from, by the same rule, and the variance of that number. Clients
// that reach no other server come back too, but that is what a run is to stop at.
func returning(servers []Place, moves []Move, sources map[string]int) (out gain) {
	for _, m := range moves {
		choices, back := 0, 0
		nowhere := !slices.ContainsFunc(servers, func(s Place) bool { return s.ID != m.Server && !s.Unreached })
		for _, s := range servers {
			if s.ID == m.Server || s.Unreached && !nowhere || s.Room != nil && *s.Room == 0 {
				continue
			}
			choices++
			if sources[s.ID] > 0 {
				back++
			}
		}
		if m.MayReturn || choices == 0 {
			choices++
			back++
		}
		out.add(float64(back) / float64(choices))
	}
	return out
}

// cheaper orders candidates by what it costs to close them.
func cheaper(a, b Candidate) int {
	return cmp.Or(
		cmp.Compare(min(a.Pending, 1), min(b.Pending, 1)),
		cmp.Compare(idleClass(b.Idle), idleClass(a.Idle)),
		cmp.Compare(a.Subscriptions, b.Subscriptions),
		cmp.Compare(a.ID, b.ID),
	)
}

// idleClass is the order of magnitude of an idle time: whether it is 40 or 41
// seconds matters less than how many subscriptions there are.
func idleClass(d time.Duration) int {
	class := 0
	for _, from := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour} {
		if d >= from {
			class++
		}
	}
	return class
}

// mayReturn reports whether a client may choose the server that closed it at once.
// The libraries listed put it at the end of their list (read in their sources);
// of others it is not known.
func mayReturn(c Candidate) bool {
	if c.Protocol == "mqtt" {
		return true
	}
	return !slices.Contains([]string{"go", "c", "java", ".net", "nats.js", "nats.ws", "nats.deno", "node", "javascript"},
		strings.ToLower(c.Language))
}

// Takes is about how long the moves take: the rate is in moves per second, and
// after every batch there is a look of about a second.
func (p Plan) Takes(rate, batch int) time.Duration {
	n := len(p.Moves)
	if n == 0 || rate < 1 || batch < 1 {
		return 0
	}
	return time.Duration(n)*time.Second/time.Duration(rate) + time.Duration((n+batch-1)/batch)*time.Second
}
