package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// turn are the arrivals of a list from the server on which clients that take it in
// order came to be, for all that start times tell: the first, or the next of those that
// were not up when most of these clients connected. A client starts with the first
// server that it reaches, and where its server stops it goes on to the next of the list,
// the first one again after the last (nats.go: selectNextServer; the walk of other
// clients is in facts.md). Passed is the server before the concentrated one that was not
// up then, nil where that one is first. Known is false where the arrivals are not those
// of the concentrated server, but may be: it is unknown whether the one before was up.
func (s *Situation) turn(all []Arrival) (arrivals []Arrival, passed *checks.Server, known bool) {
	at := slices.IndexFunc(all, func(a Arrival) bool { return a.Server == s.here })
	if at <= 0 {
		return all, nil, true
	}
	before := all[at-1].Server
	id := s.Deployment.Servers[before].ID
	i := slices.IndexFunc(s.cluster(), func(o *checks.Server) bool { return o.ID == id })
	switch {
	case i < 0:
		return all, nil, true
	case s.wereRunning()[i] == checks.No:
		return slices.Concat(all[at:], all[:at]), s.cluster()[i], true
	}
	return all, nil, s.wereRunning()[i] == checks.Yes
}
