package rebalance

import (
	"math"
	"slices"
)

// Forecast is what a run is expected to come to.
type Forecast struct {
	Moves  int   // all of them: some clients take more than one
	Of     []int // the same by service
	Rounds int
	// Loads and Held are the connections of each server, and of each account on
	// each, in whole connections.
	Loads []int
	Held  [][]int
	// Short is the server that ends furthest from its share, where the run is not
	// expected to make all level; nil where it is, or where --max-moves ends it.
	Short *Shortfall
	// Kept are the servers that clients which stay keep above their even share.
	Kept []string
}

// Shortfall is a server that does not come near its even share.
type Shortfall struct {
	Server, Connections, Share int
}

// mostRounds bounds a forecast.
const mostRounds = 200

// Foresee plays a run: plan, move a batch, let the clients go where they are
// expected, plan again. Pure.
func Foresee(s *State, goal Goal, batch int) Forecast {
	now := *s
	now.Connections = slices.Clone(s.Connections)
	now.peak, now.peaks = s.start()
	now.aim = now.aimOf(goal)
	first := PlanMoves(s, goal)
	batch = max(batch, first.Excess/50)
	now.Servers = slices.Clone(s.Servers)
	for i, server := range now.Servers {
		if server.Connections != nil {
			n := *server.Connections
			now.Servers[i].Connections = &n
		}
	}
	owed := make([]float64, len(s.Servers))
	f := Forecast{Of: make([]int, len(s.Services))}
	for f.Rounds < mostRounds && (goal.MaxMoves == 0 || f.Moves < goal.MaxMoves) {
		left := goal
		full := now.full(goal)
		if goal.MaxMoves > 0 {
			left.MaxMoves = goal.MaxMoves - f.Moves
		}
		plan := PlanMoves(&now, left)
		moves := nextBatch(plan, batch)
		if len(moves) == 0 || f.Moves >= len(first.Moves) && now.Level(goal) {
			break
		}
		now.land(moves, owed, full)
		f.Moves += len(moves)
		for _, m := range moves {
			f.Of[m.Service]++
		}
		f.Rounds++
	}
	f.Loads, f.Held = now.Loads(), now.Held()
	if goal.MaxMoves == 0 {
		f.Short, f.Kept = now.shortfall(goal), now.Kept(goal)
	}
	return f
}

// Names are the services, by index, that may be moved when a plan is confirmed: those that
// it and what is expected to come of it move. Where these have few clients, others are
// there for when it takes more: else the same ones would be closed again and again.
func (s *State) Names(p Plan, f Forecast, goal Goal) []bool {
	out, held := make([]bool, len(s.Services)), make([]int, len(s.Services))
	for i, n := range f.Of {
		out[i] = n > 0
	}
	for _, m := range p.Moves {
		out[m.Service] = true
	}
	for _, c := range s.Connections {
		held[c.Service]++
	}
	for {
		clients := 0
		others := make([]bool, len(out))
		for i, named := range out {
			if others[i] = !named; named {
				clients += held[i]
			}
		}
		if clients >= eachOf*max(f.Moves, len(p.Moves)) {
			return out
		}
		goal.Only = others
		moves := make([]int, len(out))
		for _, m := range PlanMoves(s, goal).Moves {
			moves[m.Service]++
		}
		next := slices.Index(moves, slices.Max(moves))
		if moves[next] == 0 {
			return out
		}
		out[next] = true
	}
}

// eachOf is how many clients there are to be for each move that is expected.
const eachOf = 2

// shortfall is the server that is furthest from its share; nil where all are near
// theirs.
func (s *State) shortfall(goal Goal) *Shortfall {
	aim, furthest := s.aimOf(goal).ideal(), 0.0
	var out *Shortfall
	for i, n := range s.Loads() {
		off := math.Abs(float64(n) - aim.share[i])
		if goal.To >= 0 && (i != goal.To || n >= leastOf(aim.share[i])) || goal.To < 0 && aim.near(i, n) || off <= furthest {
			continue
		}
		furthest, out = off, &Shortfall{i, n, aim.even[i]}
	}
	return out
}

// nextBatch takes the first moves of a plan, of each service those of one cohort:
// so it is known afterwards whose clients went where.
func nextBatch(p Plan, most int) []Move {
	var out []Move
	of := map[int]cohort{}
	for _, m := range p.Moves {
		if len(out) == most {
			break
		}
		c, ok := of[m.Service]
		if !ok {
			c = m.cohort()
			of[m.Service] = c
		}
		if c == m.cohort() {
			out = append(out, m)
		}
	}
	return out
}

// land lets the clients of moves go where they are expected, in whole connections;
// what is owed to a server by fractions is paid with the next.
func (s *State) land(moves []Move, owed []float64, full []bool) {
	moved := map[[2]uint64]Move{}
	for _, m := range moves {
		moved[[2]uint64{uint64(m.Server), m.ID}] = m //nolint:gosec // an index
	}
	for i := range s.Connections {
		c := &s.Connections[i]
		if _, ok := moved[[2]uint64{uint64(c.Server), c.ID}]; !ok { //nolint:gosec // an index
			continue
		}
		to, chances := c.Server, s.chances(c.cohort(), full)
		for i, chance := range chances {
			owed[i] += chance
		}
		for i, chance := range chances {
			if chance > 0 && (chances[to] == 0 || owed[i] > owed[to]+1e-9) {
				to = i
			}
		}
		owed[to]--
		if n := s.Servers[c.Server].Connections; n != nil {
			*n--
		}
		if n := s.Servers[to].Connections; n != nil {
			*n++
		}
		c.trail, c.epoch, c.tries = c.trail.then(c.Server), len(s.Servers), c.tries+1
		if c.trail.has(to) {
			c.returns++
		}
		c.Server, c.ID = to, 1<<63|uint64(i) //nolint:gosec // an id of its own
	}
}
