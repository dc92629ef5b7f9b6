package rebalance

import (
	"math"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Move is a connection to close, so that its client connects elsewhere.
type Move struct {
	Connection
	// MayReturn reports whether the client may choose the same server again: its
	// library may, or it came by another name than the one that it is told of.
	// Others try all the other servers first.
	MayReturn bool
}

// First reports whether its client was not moved before in the same run, as far as is
// known whose a connection is.
func (m Move) First() bool { return m.tries == 0 }

// Plan is which connections to move next.
type Plan struct {
	Even   int // what no server holds more of when all are spread evenly
	Excess int // the fewest moves it takes where clients go where they are sent
	// Moves are in the order in which to make them. Within a server and among
	// clients that are alike those that cost least come first.
	Moves []Move
	// From is how many of them each server gives.
	From []int
	// Short is why there are fewer moves than Excess.
	Short []Short
}

// above is the weight of an account's excess over its ceiling next to a server's
// over its even share: a finding comes first.
const above = 1000

// planning is a plan in the making: expected numbers after the moves so far.
type planning struct {
	*State
	goal     Goal
	aimed    *aim
	held     [][]int     // what is there, less what is moved: by account and server
	expected [][]float64 // that, and what is expected to come
	variance [][]float64 // of what is expected to come
	load     []float64
	free     []float64
	full     []bool
	hard     []int   // ceilings of the accounts
	soft     []int   // the same on the way
	passes   []bool  // servers that give, and so are on the way
	peak     int     // the most that a server had before the first move
	give     []int   // how many more each server gives to come down to its share
	over     [][]int // how many more an account gives of a server
	overs    []int   // the same of all accounts
	want     float64 // how many more Goal.To takes
}

// PlanMoves plans to bring every server to its even share, and every account below
// its ceiling, and no more: no server gives more than what is too much on it now,
// and the others keep [reservePercent] of their limits free. It takes first what
// levels most by what is known of where the clients go. Pure.
func PlanMoves(s *State, goal Goal) Plan {
	if len(s.Servers) == 0 {
		return Plan{} // none reported
	}
	p := newPlanning(s, goal)
	plan := Plan{Even: slices.Max(p.aimed.ideal().even), From: make([]int, len(s.Servers))}
	for i, give := range p.give {
		plan.Excess += max(give, p.overs[i])
	}
	budget := plan.Excess
	if goal.To >= 0 {
		plan.Excess = int(p.want)
		budget = len(s.Connections)
	}
	if goal.MaxMoves > 0 && goal.MaxMoves < budget {
		budget = goal.MaxMoves
		plan.Short = append(plan.Short, Short{Code: ShortMaxMoves})
	}
	groups := p.groups()
	for len(plan.Moves) < budget {
		best, gain := -1, 0.0
		for g := range groups {
			if len(groups[g].left) == 0 {
				continue
			}
			if x := p.gain(&groups[g]); x > gain+1e-9 {
				best, gain = g, x
			}
		}
		if best < 0 {
			break
		}
		g := &groups[best]
		// In steps that are small next to the whole, so that a large plan takes no
		// more than a few thousand of them.
		for range min(1+plan.Excess/1000, len(g.left), budget-len(plan.Moves)) {
			c := g.left[0]
			if !p.mayTake(c.Server, s.Services[c.Service].Account) {
				break
			}
			g.left = g.left[1:]
			p.take(g, c)
			plan.From[c.Server]++
			plan.Moves = append(plan.Moves, Move{Connection: c, MayReturn: g.returns})
		}
	}
	if len(plan.Moves) < min(budget, plan.Excess) {
		plan.Short = append(plan.Short, p.why())
	} else if kept := s.Kept(goal); len(kept) > 0 {
		plan.Short = append(plan.Short, Short{Code: ShortKept, Servers: kept})
	}
	return plan
}

func newPlanning(s *State, goal Goal) *planning {
	p := &planning{State: s, goal: goal, aimed: s.aimOf(goal), held: s.Held(), load: make([]float64, len(s.Servers)),
		free: make([]float64, len(s.Servers)), full: s.full(goal), give: make([]int, len(s.Servers)), overs: make([]int, len(s.Servers)), passes: make([]bool, len(s.Servers))}
	loads := s.Loads()
	p.peak, p.peaks = s.start()
	for i, server := range s.Servers {
		p.load[i], p.free[i] = float64(loads[i]), math.Inf(1)
		if free := server.Free(); free != nil && !goal.IgnoreLimits {
			p.free[i] = float64(*free)
		}
	}
	for i, n := range loads {
		p.give[i] = max(0, n-p.aimed.even[i])
		p.passes[i] = p.give[i] > 0
	}
	p.hard, p.soft = s.ceilings(goal)
	for a, held := range p.held {
		expected := make([]float64, len(held))
		for i, n := range held {
			expected[i] = float64(n)
		}
		over := make([]int, len(held))
		for i, n := range held {
			if s.Accounts[a].Stays == nil && goal.To < 0 {
				over[i] = max(0, n-p.hard[a])
				p.overs[i] += over[i]
			}
		}
		p.expected, p.variance, p.over = append(p.expected, expected), append(p.variance, make([]float64, len(held))), append(p.over, over)
	}
	if goal.To >= 0 {
		p.want = max(0, math.Floor(p.aimed.share[goal.To]+checks.Near)-p.load[goal.To])
	}
	return p
}

// mostTries is how often a client is moved that does not go where the others lead.
const mostTries = 2

// triedOut reports whether a client was moved often enough: it came to a server that it
// had been moved from, or has seen all of them. What chance or a balancer did with it
// twice they do again.
func (p *planning) triedOut(c Connection) bool {
	return c.tries >= mostTries && (c.returns > 0 || c.tries >= len(p.Servers)-1)
}

// group is the connections of a cohort that may move, the cheapest first.
type group struct {
	cohort
	account int
	returns bool
	left    []Connection
	chances []float64
}

func (p *planning) groups() []group {
	at := map[cohort]int{}
	var out []group
	for _, c := range p.Connections {
		service := &p.Services[c.Service]
		if p.triedOut(c) || !p.moves(c.Service) || !p.goal.names(c.Service) || p.keeps(c) || p.give[c.Server] == 0 && p.over[service.Account][c.Server] == 0 {
			continue
		}
		i, ok := at[c.cohort()]
		if !ok {
			i = len(out)
			at[c.cohort()] = i
			out = append(out, group{cohort: c.cohort(), account: service.Account,
				returns: service.mayReturn()})
		}
		out[i].left = append(out[i].left, c)
	}
	for i := range out {
		slices.SortFunc(out[i].left, cheaper)
	}
	return out
}

// gain is by how much the load becomes more even, and accounts come closer to
// their ceilings, if a client of the group moves: the expected fall of the sum of
// squares. Nothing is gained where it must not be taken.
func (p *planning) gain(g *group) float64 {
	if !p.mayTake(g.server, g.account) || p.goal.To >= 0 && (p.want <= 0 || !p.reaches(g.service, p.goal.To)) {
		return 0
	}
	if g.chances == nil {
		g.chances = p.chances(g.cohort, p.full)
	}
	out, from := 0.0, p.load[g.server]
	x, own := p.expected[g.account], p.ceiling(g.account, g.server)
	here := x[g.server]
	if p.Servers[g.server].KeptAway { // any other one is better
		from, here = float64(p.peak)+1, float64(p.peaks[g.account])+1
	}
	for i, chance := range g.chances {
		if i == g.server || chance == 0 {
			continue
		}
		if p.free[i] < chance-1e-9 {
			return 0 // its reserve is not for this
		}
		if p.Servers[i].KeptAway {
			continue // to be moved on from
		}
		level := from - p.load[i] - 1
		if p.goal.Even {
			out += chance * 2 * p.each(level, here-x[i]-1)
			continue
		}
		if p.goal.To >= 0 && i == p.goal.To {
			level = p.want
		}
		to, ceiling := x[i]+p.doubt(g.account, i), p.ceiling(g.account, i)
		out += chance * (2*level + above*(beyond(x[g.server], own)-beyond(x[g.server]-1, own)+beyond(to, ceiling)-beyond(to+1, ceiling)))
	}
	if out <= 0 && p.goal.To < 0 {
		return lastResort * p.detour(g)
	}
	return out
}

// each is what is gained where every account is to be even: by the account first, and
// where it is all the same to that, by the servers' loads. What each account may have
// too much would add up on the same server without.
func (p *planning) each(loads, account float64) float64 {
	return account + loads/float64(100*len(p.Accounts))
}

// lastResort makes detours come after all else.
const lastResort = 1e-6

// detour is what is gained by moving a client of the group twice: it goes to a
// server that has enough, and from there on to one that has not. No server gets
// more than the fullest had before the first move.
func (p *planning) detour(g *group) float64 {
	if p.give[g.server] <= 0 && !p.goal.Even {
		return 0
	}
	out, x := 0.0, p.expected[g.account]
	for i, chance := range g.chances {
		if chance == 0 || i == g.server {
			continue
		}
		if p.load[i]+1 > float64(p.peak) || p.goal.Even && x[i]+1 > float64(p.peaks[g.account]) {
			return 0
		}
		next := cohort{service: g.service, server: i, epoch: len(p.Servers), trail: g.trail.then(g.server)}
		for k, onward := range p.chances(next, p.full) {
			if k != i && k != g.server {
				level := p.load[g.server] - p.load[k] - 1
				if p.goal.Even {
					level = p.each(level, x[g.server]-x[k]-1)
				}
				out += chance * onward * level
			}
		}
	}
	return out
}

// ceiling is what moves may not lead to: a few more on the way.
func (p *planning) ceiling(account, server int) float64 {
	if p.goal.To >= 0 || p.goal.Even || p.passes[server] {
		return float64(p.soft[account])
	}
	return float64(p.hard[account])
}

// doubt is what chance may add to the clients of an account that are expected at a
// server. It counts for an account without a finding where several are balanced: that
// one must not become less even while others are moved.
func (p *planning) doubt(account, server int) float64 {
	if p.goal.Even || len(p.Accounts) == 1 || p.peaks[account] > p.soft[account] {
		return 0
	}
	return math.Sqrt(p.variance[account][server])
}

// beyond is the square of what is over a ceiling.
func beyond(n, ceiling float64) float64 {
	over := max(0, n-ceiling)
	return over * over
}

// mayTake reports whether the server, or the account on it, still has too much, and
// the account would not be left on one server only.
func (p *planning) mayTake(server, account int) bool {
	give := p.give[server]
	if p.goal.Even { // what the accounts have too much goes first
		give -= p.overs[server]
	}
	if p.over[account][server] <= 0 && give <= 0 {
		return false
	}
	if p.held[account][server] > 1 {
		return true
	}
	on := 0
	for _, n := range p.held[account] {
		if n > 0 {
			on++
		}
	}
	return on != 2
}

// take moves a connection of the group, as far as is expected.
func (p *planning) take(g *group, c Connection) {
	p.give[c.Server]--
	if p.over[g.account][c.Server] > 0 {
		p.overs[c.Server]--
	}
	p.over[g.account][c.Server]--
	p.held[g.account][c.Server]--
	p.expected[g.account][c.Server]--
	p.load[c.Server]--
	for i, chance := range g.chances {
		p.expected[g.account][i] += chance
		p.variance[g.account][i] += chance * (1 - chance)
		p.load[i] += chance
		if i != c.Server {
			p.free[i] -= chance
		}
		if i == p.goal.To {
			p.want -= chance
		}
	}
}

// Takes is about how long moves take: the rate is in moves per second, and in each
// round it waits for the clients and asks the servers. A look is how long it took to
// ask them who is connected, which is about half of it.
func Takes(moves, rounds, rate int, look time.Duration) time.Duration {
	if moves == 0 || rate < 1 {
		return 0
	}
	return time.Duration(moves)*time.Second/time.Duration(rate) + time.Duration(rounds)*(lookEvery+2*look)
}
