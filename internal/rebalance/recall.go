package rebalance

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// Recalled is a service whose clients are known to have come straight back when their
// connections were closed before.
type Recalled struct {
	Service int // index
	Name    ServiceName
	Server  string    // its name
	Closed  int       // by request, as far as that server remembers
	At      time.Time // the last of them
	Lost    int       // clients of them that have not connected again; 0 where they came back
}

// Recall returns the services of an account whose clients came back to the server that
// closed them at somebody's request, by the closed connections that servers remember. It
// shows nothing where clients connected anew since, as from other processes, or where
// another server has started since, to which they may go now.
func (s *State) Recall(account int, history []checks.Closed) []Recalled {
	type held struct {
		n      int
		newest time.Time
	}
	on := make([][]held, len(s.Services))
	for i := range on {
		on[i] = make([]held, len(s.Servers))
	}
	for _, c := range s.Connections {
		h := &on[c.Service][c.Server]
		if h.n++; c.Start.After(h.newest) {
			h.newest = c.Start
		}
	}
	var out []Recalled
	for i, x := range s.Services {
		if x.Account != account {
			continue
		}
		all := 0
		for _, h := range on[i] {
			all += h.n
		}
		for k, server := range s.Servers {
			closed, at := cause.Kicked(history, server.ID, x.Stem, x.User)
			if closed == 0 || !cause.BackSince(at, on[i][k].newest) || s.startedSince(k, at) {
				continue
			}
			t := tally{kicked: closed, returned: max(0, closed-(all-on[i][k].n))}
			if x.mayReturn() {
				chance := 1 / float64(len(s.Servers))
				t.expected = gain{chance * float64(closed), chance * (1 - chance) * float64(closed)}
			}
			// One that is tried alone shows it however few, as it does in a run.
			alone := x.Unproven || x.Protocol == checks.MQTT
			if t.tooFewLeft() || alone && x.shows(t) {
				out = append(out, Recalled{i, s.nameOf(i), server.Name, closed, at, 0})
				break
			}
		}
	}
	return out
}

// startedSince reports whether a server other than that one started after a time.
func (s *State) startedSince(but int, at time.Time) bool {
	return slices.ContainsFunc(s.Servers, func(x Server) bool { return x.ID != s.Servers[but].ID && x.Start.After(at) })
}

// LeaveOut has the clients of services stay that are known to come back, or not to.
func (s *State) LeaveOut(all []Recalled) {
	for _, r := range all {
		if s.Services[r.Service].Stays == nil {
			s.Services[r.Service].Stays = r
		}
	}
}

// nameOf names a service.
func (s *State) nameOf(service int) ServiceName {
	x := s.Services[service]
	return ServiceName{x.Name, s.Accounts[x.Account].Name}
}

// why is why more moves are of no use: what was seen of the clients, and no more.
func (a *applying) why() Enough {
	var all tally
	for _, t := range a.tallies {
		all.add(*t)
	}
	if all.returned*2 > all.kicked {
		return StillReturning{all.returned, all.kicked}
	}
	return NothingGained{a.since}
}
