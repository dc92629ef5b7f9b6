package rebalance

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// reaches reports whether the clients of a service may get to a server.
func (s *State) reaches(service, server int) bool {
	unreached := s.Services[service].Unreached
	return server >= len(unreached) || !unreached[server]
}

// moves reports whether the clients of a service may be moved.
func (s *State) moves(service int) bool {
	x := &s.Services[service]
	return x.Stays == nil && s.Accounts[x.Account].Stays == nil
}

// Reached reports whether clients that may be moved get to a server.
func (s *State) Reached(server int) bool {
	return slices.ContainsFunc(s.Connections, func(c Connection) bool { return s.moves(c.Service) && s.reaches(c.Service, server) })
}

// confined are the servers that clients of a service get to, where these are several
// and not all: nil for others, whose share is of all.
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

// keptAway are the names of the servers that are not for clients.
func (s *State) keptAway() []string {
	var names []string
	for _, server := range s.Servers {
		if server.KeptAway {
			names = append(names, server.Name)
		}
	}
	return names
}

// Confine is a service whose clients are not planned for some servers, as they are known
// not to get there.
type Confine struct {
	Name    ServiceName
	Alike   bool     // whether all services of its account do not get to the same servers
	Servers []string // that they do not get to
	// Barrier is what keeps them from these; none where that is not the same of all, or
	// unknown.
	Barrier cause.Barrier
}

// Confines returns the services with clients for which that is so.
func (s *State) Confines() []Confine {
	n := make([]int, len(s.Services))
	for _, c := range s.Connections {
		n[c.Service]++
	}
	same := func(a, b Confine) bool { return slices.Equal(a.Servers, b.Servers) && a.Barrier == b.Barrier }
	first, mixed := map[int]Confine{}, map[int]bool{} // by account
	all := make([]Confine, len(s.Services))
	for service, x := range s.Services {
		if n[service] == 0 {
			continue
		}
		all[service] = s.without(service)
		if one, ok := first[x.Account]; ok && !same(one, all[service]) {
			mixed[x.Account] = true
		}
		first[x.Account] = all[service]
	}
	var out []Confine
	for service, x := range s.Services {
		if c := all[service]; len(c.Servers) > 0 {
			c.Name, c.Alike = s.nameOf(service), !mixed[x.Account]
			out = append(out, c)
		}
	}
	return out
}

// without returns the servers that clients of a service do not get to; none where they are
// not confined to some.
func (s *State) without(service int) (c Confine) {
	to := s.confined(service)
	if to == nil {
		return c
	}
	for i, server := range s.Servers {
		if !slices.Contains(to, i) && !server.KeptAway {
			c.Servers = append(c.Servers, server.Name)
		}
	}
	c.Barrier = s.barrier(service)
	return c
}

// barrier returns what keeps clients of a service from the servers that they do not get to;
// none where that is not the same of all.
func (s *State) barrier(service int) cause.Barrier {
	same := cause.NoBarrier
	for i, barrier := range s.Services[service].Barriers {
		switch {
		case s.reaches(service, i):
		case barrier == cause.NoBarrier || same != cause.NoBarrier && same != barrier:
			return cause.NoBarrier
		default:
			same = barrier
		}
	}
	return same
}

// blocks are all clients; nil where none are confined. Those that stay are confined to their
// server where they are to be counted there, as long as others may move.
func (s *State) blocks(stay bool) []*checks.Confined {
	stay = stay && slices.ContainsFunc(s.Connections, func(c Connection) bool { return s.moves(c.Service) })
	to, some := make([][]int, len(s.Services)), stay && slices.ContainsFunc(s.Connections, func(c Connection) bool { return !s.moves(c.Service) })
	for service := range s.Services {
		to[service] = s.confined(service)
		some = some || to[service] != nil
	}
	everywhere := s.taking()
	if !some && len(everywhere) == len(s.Servers) || len(everywhere) == 0 {
		return nil
	}
	of := make([]*checks.Confined, len(s.Services))
	byAccount := make([][]*checks.Confined, len(s.Accounts))
	var out []*checks.Confined
	staying := map[[2]int]*checks.Confined{} // by account and server
	for _, c := range s.Connections {
		if s.keeps(c) {
			continue
		}
		if stay && !s.moves(c.Service) {
			at := [2]int{s.Services[c.Service].Account, c.Server}
			if staying[at] == nil {
				staying[at] = &checks.Confined{Account: at[0], To: []int{c.Server}}
				out = append(out, staying[at])
			}
			staying[at].N++
			continue
		}
		if of[c.Service] == nil {
			account, reach := s.Services[c.Service].Account, to[c.Service]
			if reach == nil {
				reach = everywhere
			}
			at := slices.IndexFunc(byAccount[account], func(b *checks.Confined) bool { return slices.Equal(b.To, reach) })
			if at < 0 {
				at = len(byAccount[account])
				b := &checks.Confined{Account: account, To: reach}
				byAccount[account], out = append(byAccount[account], b), append(out, b)
			}
			of[c.Service] = byAccount[account][at]
		}
		of[c.Service].N++
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
