package cause

import (
	"math"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// A list that is known to be the account's or its user's, and nothing more of, is that
// of one service of those. Which one can't be seen where there are several: that it would
// explain where these clients are makes it likely, and it is no more than possible where
// another service is where it leads, and these are not.

// mayBeAnothers reports whether the lists that are tied to these clients may be those of
// another service of the account: of one that speaks their protocol, and logs in as the
// user beside them.
func (s *Situation) mayBeAnothers() bool {
	if s.tie != accounts && s.tie != byUser {
		return false
	}
	if s.Profile == nil || len(s.everyone) == 0 {
		return !s.oneService()
	}
	may := 0
	for _, x := range s.everyone {
		if slices.ContainsFunc(s.Own, func(l List) bool { return mayHave(x, l) }) {
			may++
		}
		if x.Remainder {
			may++ // they may be several
		}
	}
	return may > 1
}

// mayHave reports whether clients of a service can have a list, by its protocol and user.
func mayHave(x checks.Service, l List) bool {
	return x.Remainder || (l.User == "" || l.User == x.User) &&
		(len(l.Endpoints) == 0 || slices.ContainsFunc(l.Endpoints, func(e checks.Endpoint) bool { return speaks(e.Scheme, x.Protocol) }))
}

// sayOwnerOpen says so.
func (s *Situation) sayOwnerOpen(lists []List) Evidence {
	return say(listWord(lists), "Which of the services that may have this list has it is unknown.").settledBy(NeedServiceURLs)
}

// fitsAnother reports whether some service of the account is where a list leads, and most
// of these clients are those of others that are there in part only, by far.
func (s *Situation) fitsAnother(l List) bool {
	if !s.ownerOpen || s.Profile == nil || len(s.everyone) == 0 {
		return false
	}
	best := Likelihood(math.Inf(1))
	for _, x := range s.everyone {
		if !x.Remainder && sum(x.Counts) >= fewestThere && mayHave(x, l) {
			best = min(best, s.astray(l, x.Counts))
		}
	}
	worse := 0
	for _, x := range s.Profile.Services {
		if len(x.Counts) > 0 && s.astray(l, x.Counts) > best+likelyOverOthers {
			worse += x.Counts[0]
		}
	}
	return 2*worse > s.Finding.OnServer
}

// astray is how much better connections are explained by where they are than by a list of
// which each client takes any server: none are where it explains all.
func (s *Situation) astray(l List, counts []int) Likelihood {
	p := s.placement()
	p.Counts = s.byCluster(counts)
	for at, server := range s.cluster() {
		p.Reachable[at] = slices.ContainsFunc(l.Reach.Arrivals, func(a Arrival) bool { return s.Deployment.Servers[a.Server].ID == server.ID })
	}
	best, all := Likelihood(0), float64(sum(p.Counts))
	for _, n := range p.Counts {
		if n > 0 {
			best += Likelihood(float64(n) * math.Log(float64(n)/all))
		}
	}
	return best - p.Free()
}
