package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// turn reports whether clients that take a list in its order came to be on the
// concentrated server, for all that start times tell, with the arrivals from the server
// that they took, and the server before the concentrated one, nil where that is first. A
// client starts with the first server that it reaches. Where its server stops it goes on
// to the next of the list, and to the first one after the last (nats.go:
// selectNextServer). So the server before must have stopped, or not have been up, when most
// of these clients connected.
func (s *Situation) turn(all []Arrival) (arrivals []Arrival, before *checks.Server, came checks.Answer) {
	at := slices.IndexFunc(all, func(a Arrival) bool { return a.Server == s.here })
	switch at {
	case -1:
		return all, nil, checks.No
	case 0:
		return all, nil, checks.Yes
	}
	before = &s.Deployment.Servers[all[at-1].Server]
	i := slices.IndexFunc(s.cluster(), func(o *checks.Server) bool { return o.ID == before.ID })
	if i < 0 {
		return all, before, checks.Unknown // of another cluster
	}
	switch s.wereRunning()[i] {
	case checks.No:
		return slices.Concat(all[at:], all[:at]), before, checks.Yes
	case checks.Yes:
		return all, before, checks.No
	default:
		return all, before, checks.Unknown
	}
}
