package rebalance

import (
	"fmt"
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
