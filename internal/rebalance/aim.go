package rebalance

import (
	"math"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// aim is what each server has when the clients are spread as evenly as where they can
// get to allows.
type aim struct {
	share []float64
	even  []int // the same rounded up
	own   []int // of each account by itself, the most on a server
	// of are the same of each account on each server; nil but where each is to be even.
	of [][]float64
	// all is the aim where those that stay could move; nil where it is this one.
	all *aim
}

// ideal is the aim where those that stay could move.
func (x *aim) ideal() *aim {
	if x.all == nil {
		return x
	}
	return x.all
}

// Confined reports whether clients of some services get to some of the servers only, so
// that what is even depends on whose connections they are.
func (s *State) Confined() bool { return s.blocks(false) != nil }

// AimAs judges by the aim of another state where that knows that not all clients get
// everywhere. Else the connections that there are say what is even: some may have come or
// gone since the other. What clients that stay have too much of is uneven.
func (s *State) AimAs(o *State, goal Goal) {
	if !o.Confined() {
		o = s
	}
	s.aim = o.aimOf(goal).ideal()
}

// Kept returns the servers that can't come down to their even share, as clients that stay
// are there.
func (s *State) Kept(goal Goal) []string {
	aim := s.aimOf(goal)
	even := aim.ideal().even
	var names []string
	for i, n := range aim.even {
		if n > even[i]+slack(even[i]) && !s.Servers[i].KeptAway {
			names = append(names, s.Servers[i].Name)
		}
	}
	return names
}

// aimOf works out the aim. What a server can't give, as its clients stay, is not too much of
// it: the others are spread around them. But a single server is filled to the even share of
// all.
func (s *State) aimOf(goal Goal) *aim {
	if s.aim != nil {
		return s.aim
	}
	all := s.aimWith(goal, s.blocks(false), nil)
	if goal.To >= 0 || !slices.ContainsFunc(s.Connections, func(c Connection) bool { return !s.moves(c.Service) }) {
		return all
	}
	out := s.aimWith(goal, s.blocks(true), all.own)
	out.all = all
	return out
}

// aimWith is the aim for these clients, with the most of each account where that is known.
// Where all get everywhere it is the same of every server. An account is not led above its
// ceiling for it.
func (s *State) aimWith(goal Goal, blocks []*checks.Confined, most []int) *aim {
	out := &aim{share: make([]float64, len(s.Servers)), even: make([]int, len(s.Servers)), own: most}
	if goal.Even {
		s.aimEach(out, blocks)
		return out
	}
	if blocks == nil {
		for i := range out.share {
			out.share[i] = float64(len(s.Connections)) / float64(len(s.Servers))
			out.even[i] = s.Even()
		}
		for _, held := range s.Held() {
			if most != nil {
				break
			}
			_, total := largest(held)
			out.own = append(out.own, checks.EvenShare(total, len(held)))
		}
		return out
	}
	free := slices.Repeat([]float64{math.Inf(1)}, len(s.Accounts))
	own := make([][]*checks.Confined, len(s.Accounts))
	for _, b := range blocks {
		own[b.Account] = append(own[b.Account], b)
	}
	for _, of := range own {
		if most != nil {
			break
		}
		out.own = append(out.own, checks.WholeShare(slices.Max(checks.Level(of, len(s.Servers), free))))
	}
	s = &State{Servers: s.Servers, Accounts: s.Accounts, Services: s.Services, Connections: s.Connections, peak: s.peak, peaks: s.peaks, aim: out}
	ceilings, _ := s.ceilings(goal)
	for a, n := range ceilings {
		if s.Accounts[a].Stays == nil {
			free[a] = float64(n)
		}
	}
	out.share = checks.Level(blocks, len(s.Servers), free)
	for _, kept := range s.kept() {
		for i, n := range kept {
			out.share[i] += float64(n)
		}
	}
	for i, n := range out.share {
		out.even[i] = checks.WholeShare(n)
	}
	return out
}

// aimEach aims at an even share of every account by itself; those that are left alone
// count with what they have.
func (s *State) aimEach(out *aim, blocks []*checks.Confined) {
	kept := s.kept()
	for a, held := range s.Held() {
		share := make([]float64, len(held))
		var own []*checks.Confined
		for _, b := range blocks {
			if b.Account == a {
				own = append(own, b)
			}
		}
		_, total := largest(held)
		for i := range share {
			share[i] = float64(total) / float64(len(held))
		}
		if blocks != nil {
			share = checks.Level(own, len(held), slices.Repeat([]float64{math.Inf(1)}, len(s.Accounts)))
		}
		most := slices.Max(share)
		for i, n := range held {
			share[i] += float64(kept[a][i])
			if s.Accounts[a].Stays != nil {
				share[i] = float64(n)
			}
			out.share[i] += share[i]
		}
		if out.of = append(out.of, share); len(out.own) < len(out.of) {
			out.own = append(out.own, checks.WholeShare(most))
		}
	}
	for i, n := range out.share {
		out.even[i] = checks.WholeShare(n)
	}
}

// Level reports whether every server is near its even share and no account that is
// balanced is above its ceiling; where each is to be even, near its own.
func (s *State) Level(goal Goal) bool {
	aim := s.aimOf(goal)
	loads := s.Loads()
	if goal.To >= 0 {
		return loads[goal.To] >= leastOf(aim.share[goal.To])
	}
	for i, n := range loads {
		if !aim.near(i, n) && !s.emptied(i, n, aim.share[i]) {
			return false
		}
	}
	ceilings, _ := s.ceilings(goal)
	staying := map[[2]int]int{} // by account and server
	for _, c := range s.Connections {
		if aim.all != nil && !s.moves(c.Service) {
			staying[[2]int{s.Services[c.Service].Account, c.Server}]++
		}
	}
	for a, held := range s.Held() {
		if s.Accounts[a].Stays != nil {
			continue
		}
		for i, n := range held {
			most := max(ceilings[a], staying[[2]int{a, i}])
			if goal.Even {
				most += slack(most)
			}
			if n > most || goal.Even && n < leastOf(aim.of[a][i]) && !s.emptied(i, n, aim.of[a][i]) {
				return false
			}
		}
	}
	return true
}

// emptied reports whether clients left a server that is not for them.
func (s *State) emptied(server, n int, share float64) bool {
	return s.Servers[server].KeptAway && float64(n) <= share
}

// near reports whether a server with so many is near its share.
func (x *aim) near(server, n int) bool {
	return n >= leastOf(x.share[server]) && n <= x.even[server]+slack(x.even[server])
}

// NearEven reports whether no server has more than a few over the even share of these.
func NearEven(loads []int) bool {
	most, total := largest(loads)
	even := checks.EvenShare(total, len(loads))
	return most <= even+slack(even)
}

// leastOf is how few are near a share.
func leastOf(share float64) int {
	return int(math.Floor(share+checks.Near)) - slack(checks.WholeShare(share))
}

// unevenness is how far it is from the goal: less of either is better.
type unevenness struct {
	// loads is the sum of squares of what each server has over or below its share,
	// accounts that of what they have over their ceilings.
	loads, accounts float64
}

func (s *State) unevenness(goal Goal) (out unevenness) {
	share := s.aimOf(goal).share
	for i, n := range s.Loads() {
		out.loads += (float64(n) - share[i]) * (float64(n) - share[i])
	}
	ceilings, _ := s.ceilings(goal)
	for a, held := range s.Held() {
		for _, n := range held {
			out.accounts += beyond(float64(n), float64(ceilings[a]))
		}
	}
	return out
}
