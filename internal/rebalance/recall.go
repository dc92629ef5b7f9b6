package rebalance

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Recalled is a service whose clients are known to have come straight back when their
// connections were closed before.
type Recalled struct {
	Service int // index
	Name    string
	Server  string    // its name
	Closed  int       // by request, as far as that server remembers
	At      time.Time // the last of them
	Lost    int       // clients of them that have not connected again; 0 where they came back
}

// Closes says what was closed, in a clause.
func (r Recalled) Closes() string {
	return fmt.Sprintf("%s on %s until %s", words.Plural(r.Closed, "close"), r.Server, r.At.UTC().Format("15:04:05 UTC"))
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
			if t.tooFewLeft() || alone && t.failed() {
				out = append(out, Recalled{i, cmp.Or(x.Name, "clients without a name"), server.Name, closed, at, 0})
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
		why := "after " + r.Closes() + " the clients came straight back"
		if r.Lost > 0 {
			why = fmt.Sprintf("after %s %s not connected again, and closing more may lose them too", r.Closes(), words.Plurals(r.Lost, "client has", "clients have"))
		}
		s.Services[r.Service].Stays = cmp.Or(s.Services[r.Service].Stays, why)
	}
}

// why is why more moves are of no use: what was seen of the clients, and no more.
func (a *applying) why() string {
	var all tally
	for _, t := range a.tallies {
		all.add(*t)
	}
	if all.returned*2 > all.kicked {
		return fmt.Sprintf("It does not become more even: after %s of %s the clients came back to the same server.", words.Count(all.returned), words.Plural(all.kicked, "close"))
	}
	return fmt.Sprintf("It does not become more even: clients choose where they go, and the last %s brought nothing.", words.Plural(a.since, "close"))
}
