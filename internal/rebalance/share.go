package rebalance

import (
	"fmt"
	"math"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// reaches reports whether the clients of a service may get to a server.
func (s *State) reaches(service, server int) bool {
	unreached := s.Services[service].Unreached
	return server >= len(unreached) || !unreached[server]
}

// moves reports whether the clients of a service may be moved.
func (s *State) moves(service int) bool {
	x := &s.Services[service]
	return x.Stays == "" && s.Accounts[x.Account].Stays == ""
}

// Reached reports whether clients that may be moved get to a server.
func (s *State) Reached(server int) bool {
	return slices.ContainsFunc(s.Connections, func(c Connection) bool { return s.moves(c.Service) && s.reaches(c.Service, server) })
}

// confined are the servers that clients of a service get to, where these are several
// and not all: nil for others, whose share is of all. So it is for those that stay:
// what they have too much of is said, and not made the share of a server.
func (s *State) confined(service int) []int {
	if !s.moves(service) {
		return nil
	}
	var to []int
	all := s.taking()
	for _, i := range all {
		if s.reaches(service, i) {
			to = append(to, i)
		}
	}
	if len(to) < 2 || len(to) == len(all) {
		return nil
	}
	return to
}

// taking are the servers that are for clients.
func (s *State) taking() []int {
	var out []int
	for i, server := range s.Servers {
		if !server.KeptAway {
			out = append(out, i)
		}
	}
	return out
}

// remarkKeptAway says which servers are not for clients: a sentence, or none.
func (s *State) remarkKeptAway() []string {
	var names []string
	for _, server := range s.Servers {
		if server.KeptAway {
			names = append(names, server.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Not for clients, by a tag: %s. Clients that are there stay, and those that are moved and choose it are moved on.", words.ListUpTo(5, names))}
}

// Confines says for which servers some clients are not planned, as they are known
// not to get there: a sentence for the accounts of which it is the same servers, or
// for the services, where those of an account do not get to the same ones.
func (s *State) Confines() []string {
	by, order, n := map[string][]string{}, []string(nil), make([]int, len(s.Services))
	for _, c := range s.Connections {
		n[c.Service]++
	}
	without, first, mixed := make([]string, len(s.Services)), map[int]string{}, map[int]bool{}
	for service, x := range s.Services {
		if n[service] == 0 {
			continue
		}
		without[service] = s.without(service)
		if key, ok := first[x.Account]; ok && key != without[service] {
			mixed[x.Account] = true
		}
		first[x.Account] = without[service]
	}
	for service, x := range s.Services {
		key := without[service]
		if key == "" {
			continue
		}
		if by[key] == nil {
			order = append(order, key)
		}
		name := s.Accounts[x.Account].Name
		if mixed[x.Account] && x.Name != "" {
			name = x.Name + " of " + name
		}
		if !slices.Contains(by[key], name) {
			by[key] = append(by[key], name)
		}
	}
	for i, key := range order {
		order[i] = fmt.Sprintf("Clients of %s do not get to %s: they are spread over the other servers.", words.ListUpTo(5, by[key]), key)
	}
	return order[:min(len(order), 5)]
}

// without names the servers that clients of a service do not get to; empty where they
// are not confined to some.
func (s *State) without(service int) string {
	to := s.confined(service)
	if to == nil {
		return ""
	}
	var out []string
	for i, server := range s.Servers {
		if !slices.Contains(to, i) && !server.KeptAway {
			out = append(out, server.Name)
		}
	}
	return words.ListUpTo(5, out) + s.whyNot(service)
}

// whyNot is why clients of a service do not get to servers, in brackets, where that is the
// same of all.
func (s *State) whyNot(service int) string {
	why := ""
	for i, reason := range s.Services[service].Why {
		switch {
		case s.reaches(service, i):
		case reason == "" || why != "" && why != reason:
			return " by what is known"
		default:
			why = reason
		}
	}
	if why == "" {
		return " by what is known"
	}
	return " (" + why + ")"
}

// blocks are all clients; nil where none are confined. Those of services that stay are
// confined to where they are, if they are to count so.
func (s *State) blocks(stay bool) []*checks.Confined {
	to, some := make([][]int, len(s.Services)), false
	for service := range s.Services {
		to[service] = s.confined(service)
		some = some || to[service] != nil || stay && s.Services[service].Stays != ""
	}
	everywhere := s.taking()
	if !some && len(everywhere) == len(s.Servers) || len(everywhere) == 0 {
		return nil
	}
	type spot struct{ service, server int }
	of := map[spot]*checks.Confined{}
	byAccount := make([][]*checks.Confined, len(s.Accounts))
	var out []*checks.Confined
	for _, c := range s.Connections {
		if s.keeps(c) {
			continue
		}
		key := spot{c.Service, -1}
		if stay && s.Services[c.Service].Stays != "" {
			key.server = c.Server
		}
		if of[key] == nil {
			account, reach := s.Services[c.Service].Account, to[c.Service]
			switch {
			case key.server >= 0:
				reach = []int{c.Server}
			case reach == nil:
				reach = everywhere
			}
			at := slices.IndexFunc(byAccount[account], func(b *checks.Confined) bool { return slices.Equal(b.To, reach) })
			if at < 0 {
				at = len(byAccount[account])
				b := &checks.Confined{Account: account, To: reach}
				byAccount[account], out = append(byAccount[account], b), append(out, b)
			}
			of[key] = byAccount[account][at]
		}
		of[key].N++
	}
	return out
}

// keeps reports whether a connection stays on a server that is not for clients: what was
// there before the run does.
func (s *State) keeps(c Connection) bool { return s.Servers[c.Server].KeptAway && c.tries == 0 }

// kept are the connections that stay so, of each account on each server.
func (s *State) kept() [][]int {
	out := make([][]int, len(s.Accounts))
	for a := range out {
		out[a] = make([]int, len(s.Servers))
	}
	for _, c := range s.Connections {
		if s.keeps(c) {
			out[s.Services[c.Service].Account][c.Server]++
		}
	}
	return out
}

// aim is what each server has when the clients are spread as evenly as where they can
// get to allows.
type aim struct {
	share []float64
	even  []int // the same rounded up
	own   []int // of each account by itself, the most on a server
	// of are the same of each account on each server; nil but where each is to be even.
	of [][]float64
}

// Confined reports whether clients of some services get to some of the servers only, so
// that what is even depends on whose connections they are.
func (s *State) Confined() bool { return s.blocks(false) != nil }

// AimAs judges by the aim of another state where that knows that not all clients get
// everywhere. Else the connections that there are say what is even: some may have come or
// gone since the other.
func (s *State) AimAs(o *State, goal Goal) {
	if o.Confined() {
		s.aim = o.aimOf(goal)
	}
}

// aimOf works out the aim. Where all get everywhere it is the same of every server.
// An account is not led above its ceiling for it.
func (s *State) aimOf(goal Goal) *aim {
	if s.aim != nil {
		return s.aim
	}
	out := &aim{share: make([]float64, len(s.Servers)), even: make([]int, len(s.Servers))}
	blocks := s.blocks(goal.Even)
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
		out.own = append(out.own, checks.WholeShare(slices.Max(checks.Level(of, len(s.Servers), free))))
	}
	s = &State{Servers: s.Servers, Accounts: s.Accounts, Services: s.Services, Connections: s.Connections, peak: s.peak, peaks: s.peaks, aim: out}
	ceilings, _ := s.ceilings(goal)
	for a, n := range ceilings {
		if s.Accounts[a].Stays == "" {
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
// count with what they have, and services that are as well.
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
			if s.Accounts[a].Stays != "" {
				share[i] = float64(n)
			}
			out.share[i] += share[i]
		}
		out.own, out.of = append(out.own, checks.WholeShare(most)), append(out.of, share)
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
	for a, held := range s.Held() {
		if s.Accounts[a].Stays != "" {
			continue
		}
		for i, n := range held {
			most := ceilings[a]
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
