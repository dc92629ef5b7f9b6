package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// comeAside are those whose clients come through a balancer, as the servers see them come
// from its address, where these come from addresses of their own: then that the balancer
// is sticky says nothing of these. They are other accounts, or clients of this one.
// ok is false where none are, or it is not known that the address is the balancer's: a
// NAT before the auditor has an address of its own too.
func (s *Situation) comeAside(a Arrival) (others []string, ok bool) {
	p := s.Profile
	if p == nil || p.SourcesSampled || len(p.Sources) == 0 || !a.as.IsValid() || !s.isBalancer(a.as) {
		return nil, false
	}
	from := func(p *checks.Profile) (n int) {
		for _, x := range p.Sources {
			if x.Addr.Unmap() == a.as {
				n += sum(x.Counts)
			}
		}
		return n
	}
	mine := from(p)
	if mine*10 > s.Finding.OnServer {
		return nil, false
	}
	if s.whole != nil && s.whole.Profile != nil && from(s.whole.Profile)-mine >= fewestThere {
		others = append(others, "other services of the account")
	}
	if s.Neighbours != nil {
		for id, o := range s.Neighbours.Profiles {
			if id != s.Finding.Account.ID && from(o) >= fewestThere {
				others = append(others, s.accountName(id))
			}
		}
	}
	slices.Sort(others)
	return others, len(others) > 0
}

func (s *Situation) isAside(a Arrival) bool {
	_, ok := s.comeAside(a)
	return ok
}

// sayAside says that these do not come through the balancer that others come through.
func (s *Situation) sayAside(a Arrival) Evidence {
	others, _ := s.comeAside(a)
	return say("CONNZ", "But those who come through that address are seen as %s, as clients of %s are, and these come from addresses of their own.", a.as, words.Few(others))
}
