package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// abroad are the servers of other clusters, indexes into Deployment.Servers, that the
// clients' lists lead to.
func (s *Situation) abroad() []int {
	if !s.Tied {
		return nil
	}
	var out []int
	for _, l := range s.Own {
		for _, e := range l.Endpoints {
			for _, a := range e.Addresses {
				for _, g := range a.Contact.Greetings {
					at := slices.IndexFunc(s.Deployment.Servers, func(x checks.Server) bool { return x.ID == g.ID })
					if at >= 0 && !s.isMember(&s.Deployment.Servers[at]) && !slices.Contains(out, at) {
						out = append(out, at)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// isMember reports whether a server is of the finding's cluster.
func (s *Situation) isMember(o *checks.Server) bool {
	return o.ID == s.Server.ID || slices.ContainsFunc(s.Others, func(x *checks.Server) bool { return x.ID == o.ID })
}

// leaves says whether the clients may go to another cluster: yes where their lists lead
// to servers there. That these take them is not said.
func (s *Situation) leaves() checks.Answer {
	switch {
	case len(s.abroad()) > 0:
		return checks.Yes
	case !s.Deployment.Gateways && len(s.Deployment.Silent) == 0 && !slices.ContainsFunc(s.Deployment.Servers, func(o checks.Server) bool { return !s.isMember(&o) }):
		return checks.No // there is no other one
	case !s.Tied || len(s.Own) == 0 || s.mayHaveAnother():
		return checks.Unknown
	case slices.ContainsFunc(s.Own, func(l List) bool { return len(l.Reach.Open)+len(l.Reach.Foreign) > 0 }):
		return checks.Unknown
	}
	return checks.No
}

// mayLeave reports whether clients that find no place in the cluster may find one in
// another: where it has no other server, nothing that is known speaks against it unless
// their lists do.
func (r Reconnect) mayLeave(survivors int) bool {
	return r.Leaves == checks.Yes || r.Leaves == checks.Unknown && survivors == 0
}
