package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// isFull reports whether a closed connection is one that a server turned away as it
// was full.
func isFull(c checks.Closed) bool { return c.Reason == checks.ReasonFull }

// TurnedAway reports whether servers turned clients from the addresses of these away as
// full. They do so before a client says who it is: who else comes from there shows
// whose it may have been.
func TurnedAway(c Case) bool { return slices.ContainsFunc(c.History, isFull) }

// turnedAway are the other servers that turned clients away as full which may be these,
// and how often. A server does not know whose they were: they are told by their
// address, but for those of which a record says more.
func (s *Situation) turnedAway() (by []*checks.Server, n int) {
	for _, o := range s.Others {
		from := n
		for _, c := range s.History {
			if c.Server == o.ID && isFull(c) && (c.User == "" || s.isUser(c.User)) && (c.Stem == "" || s.Profile != nil && s.hasStem(c.Stem)) {
				n += c.Connections
			}
		}
		if n > from {
			by = append(by, o)
		}
	}
	return by, n
}

// fewTurnedAway is how many clients one that was turned away stands for at the most: who
// takes a list of several servers at random tries about one that is full before it ends
// on the one that has room, and who takes it in order tries all.
const fewTurnedAway = 2

// doubtRefusals says why so many clients that were turned away as full may not be these,
// or not many of them; doubted is false where nothing speaks against it.
func (s *Situation) doubtRefusals(n int) (why Evidence, doubted bool) {
	switch {
	case n*fewTurnedAway < s.Finding.OnServer:
		return say("closed connections", "That is few for %s: most of them did not try these servers, or not at that time.", connectionsOf(s.Finding.OnServer)).settledBy(NeedOwnURLs), true
	case s.sharesAddresses():
		return say("CONNZ", "Others come from these addresses too, so whose they were is unknown.").settledBy(NeedOwnURLs), true
	case !s.othersRead():
		return say("CONNZ", "Whether other accounts have clients at these addresses is unknown, so they may be theirs.").settledBy(NeedOwnURLs), true
	}
	return Evidence{}, false
}

// sharesAddresses reports whether clients of other accounts, or other services of this
// one, come from an address of these clients.
func (s *Situation) sharesAddresses() bool {
	if s.Profile == nil {
		return false
	}
	mine := func(x checks.Service) bool {
		return slices.ContainsFunc(s.Profile.Services, func(o checks.Service) bool { return o.Stem == x.Stem && o.User == x.User })
	}
	return slices.ContainsFunc(s.Profile.Sources, func(at checks.Source) bool {
		return len(s.tenants(at.Addr)) > 1 || slices.ContainsFunc(s.everyone, func(x checks.Service) bool {
			return !mine(x) && slices.ContainsFunc(x.Sources, func(o checks.Source) bool { return o.Addr == at.Addr })
		})
	})
}

// mayHaveBeenFull reports whether every other server turned as many clients away as full
// as would explain where these are, which may be these.
func (s *Situation) mayHaveBeenFull() bool {
	by, n := s.turnedAway()
	return len(s.Others) > 0 && len(by) == len(s.Others) && n*fewTurnedAway >= s.Finding.OnServer
}
