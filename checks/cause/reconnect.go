package cause

import (
	"math"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Reconnect is where clients go when their connection to the concentrated server
// ends: the funnel for a reconnect, as for [Diagnosis.FailOver].
type Reconnect struct {
	// Can reports whether there is another server for them. Why is the reason where it is
	// No, and what leaves it open where it is Unknown; nil where that can't be named.
	Can checks.Answer
	Why checks.Obstacle
	// Full is that it is No as the other servers have no room.
	Full bool
	// Need is what would settle it where it is Unknown; empty where nothing that can be
	// named would.
	Need Need
	// Servers are the others of the cluster that reported, and Reached says to
	// which of them the clients can get.
	Servers []checks.ServerRef
	Reached []checks.Answer
	// Foreseen is the same for a forecast: No also where all that is known speaks
	// against a server, though it is no proof that clients in need would not get there.
	Foreseen []checks.Answer
	// Home is the same of the concentrated server: No where none of the clients is
	// there, their lists lead to others only, and their servers advertise none.
	Home checks.Answer

	// Leaves says whether the clients may go to another cluster, to the servers Abroad, of
	// which nothing more is known than that their lists lead there.
	Leaves checks.Answer
	Abroad []int // indexes into Deployment.Servers

	here     string    // the id of the concentrated server
	known    []string  // the ids of those that the clients are shown to know
	barriers []Barrier // what keeps the clients from each of Servers
}

// Barrier is what keeps clients from a server.
type Barrier string

const (
	// NoBarrier means nothing, or that it is unknown.
	NoBarrier Barrier = ""
	// BarrierUntold means that neither their lists nor what servers advertise leads there.
	BarrierUntold Barrier = "untold"
	// BarrierProtocol means that the server does not take such connections.
	BarrierProtocol Barrier = "protocol"
	// BarrierLogin means that the server does not take their account or their users.
	BarrierLogin Barrier = "login"
	// BarrierRoom means that the server has no room.
	BarrierRoom Barrier = "room"
	// BarrierUnseen means that none of those that were moved came there, whatever the reason is.
	BarrierUnseen Barrier = "unseen"
)

// Barrier returns what keeps the clients from a server that they miss, by its id.
func (r Reconnect) Barrier(id string) Barrier {
	at := slices.IndexFunc(r.Servers, func(s checks.ServerRef) bool { return s.ID == id })
	if at >= 0 && r.barriers[at] != NoBarrier {
		return r.barriers[at]
	}
	return BarrierUntold
}

// Knows reports whether something shows that the clients know a server, by its id: they
// are on it or were, their lists lead there, or the server that they are on tells them.
func (r Reconnect) Knows(id string) bool { return slices.Contains(r.known, id) }

// Misses reports whether the clients are known not to go to a server, by its id.
func (r Reconnect) Misses(id string) bool {
	at := slices.IndexFunc(r.Servers, func(s checks.ServerRef) bool { return s.ID == id })
	return at >= 0 && r.Foreseen[at] == checks.No || id == r.here && r.Home == checks.No
}

// Reconnect returns where the clients of one of the Services go; where there is
// no such service, those of the account.
func (d Diagnosis) Reconnect(service int) Reconnect {
	s, of := &d.Situation, view{}
	if service >= 0 && service < len(d.Services) {
		at := d.Services[service].at
		s, of = s.project([]int{at}), d.viewOf(at)
	}
	out := Reconnect{Home: s.home(), here: s.Server.ID, Leaves: s.leaves(), Abroad: s.abroad()}
	left, _ := s.reconnects()
	out.Reached, out.Foreseen = slices.Clone(left[1:]), s.foreseen(left)[1:]
	for i, o := range s.Others {
		out.Servers = append(out.Servers, o.Ref())
		if left[i+1] == checks.Yes || s.tells(o) == checks.Yes || s.on(o.ID) > 0 || s.wasOn(o) {
			out.known = append(out.known, o.ID)
		}
	}
	out.barriers = make([]Barrier, len(s.Others))
	for _, f := range funnelSteps() {
		for i, a := range f.passes(s)[1:] {
			if a == checks.No && out.barriers[i] == NoBarrier {
				out.barriers[i] = barrierAt(f.name)
			}
		}
	}
	if s.on(s.Server.ID) > 0 {
		out.known = append(out.known, s.Server.ID)
	}
	can, step, doubt := s.canMove()
	if can == checks.Yes {
		if doubt = d.mayFail(s, of); doubt != noDoubt {
			can = checks.Unknown
		}
	}
	switch out.Can = can; can {
	case checks.No:
		out.Why, out.Full = HeldBack{step}, step == Room
	case checks.Unknown:
		out.Why, out.Need = doubt.obstacle(), doubt.need()
		switch {
		case doubt != noDoubt:
		case len(s.Own) == 0:
			out.Need = NeedClientURLs
		case !s.Tied:
			out.Need = NeedOwner
		}
	case checks.Yes:
	}
	return out
}

// barrierAt returns what keeps clients from a server that a step holds back; none where the
// step is about what they know.
func barrierAt(step StepName) Barrier {
	switch step {
	case Serves:
		return BarrierProtocol
	case Accepts:
		return BarrierLogin
	case Room:
		return BarrierRoom
	case Listed, Resolved, Forwarded, Up, Chosen:
	}
	return NoBarrier
}

// wasOn reports whether a server remembers a connection of these clients.
func (s *Situation) wasOn(o *checks.Server) bool {
	return slices.ContainsFunc(s.History, func(c checks.Closed) bool {
		return c.Server == o.ID && s.isUser(c.User) && !c.Reason.Refused()
	})
}

// home says whether clients get to the concentrated server at all: those of a service
// that is elsewhere may not know it.
func (s *Situation) home() checks.Answer {
	switch {
	case s.on(s.Server.ID) > 0:
		return checks.Yes
	case !s.Tied || s.disputed() || !s.surelyElsewhere(s.Server):
		return checks.Unknown
	case s.hearsOfNobody() || !slices.ContainsFunc(s.Others, func(o *checks.Server) bool {
		return s.on(o.ID) > 0 && (o.Details == nil || len(o.Details.ConnectURLs) > 0)
	}):
		return checks.No
	}
	return checks.Unknown
}

// foreseen takes from where clients may get to what neither their lists lead to, by
// the steps that these take, nor servers tell them of. A balancer may have more
// servers behind it than it was seen to lead to, and lead there when the others are
// down: a failover may get there, and clients that are moved do not.
func (s *Situation) foreseen(left []checks.Answer) []checks.Answer {
	out := slices.Clone(left)
	if s.missedByChance() {
		return out
	}
	for _, name := range []StepName{Listed, Resolved, Forwarded} {
		step := s.step(name)
		for i, o := range s.Others {
			if !step.Dropped && step.Passes[i+1] == checks.No && out[i+1] == checks.Unknown && s.tells(o) == checks.No {
				out[i+1] = checks.No
			}
		}
	}
	return out
}

// missedByChance reports whether a balancer that the clients come by may lead to one
// server more, evenly, and chance have kept it from the tries.
func (s *Situation) missedByChance() bool {
	const byChance = 0.05
	for _, l := range s.Own {
		for _, a := range l.Reach.Arrivals {
			if a.Own != checks.No {
				continue
			}
			seen := 0
			for _, b := range l.Reach.Arrivals {
				if b.Address == a.Address {
					seen++
				}
			}
			if math.Pow(float64(seen)/float64(seen+1), float64(a.AllTries)) > byChance {
				return true
			}
		}
	}
	return false
}
