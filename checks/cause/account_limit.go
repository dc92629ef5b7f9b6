package cause

import "github.com/nats-balance/nats-balance/checks"

// An account's limit of connections counts on all servers together, but each server
// takes it from its own configuration, or from the claims that it has: where it is
// lower on some, these refuse clients that the others take.

// isOverLimit reports whether a closed connection is one that was refused for its
// account's limit.
func isOverLimit(c checks.Closed) bool { return c.Reason == checks.ReasonAccountFull }

// overLimit are the other servers that refused these clients for their account's limit,
// and how often all servers did.
func (s *Situation) overLimit() (by []*checks.Server, n int) {
	for _, o := range s.cluster() {
		from := n
		for _, c := range s.History {
			if c.Server == o.ID && isOverLimit(c) && s.isUser(c.User) && (c.Stem == "" || s.Profile != nil && s.hasStem(c.Stem)) {
				n += c.Connections
			}
		}
		if n > from && o != s.Server {
			by = append(by, o)
		}
	}
	return by, n
}

// LimitedOn are the servers on which the account has a lower limit of connections than
// on the concentrated one, as far as refusals show that: all others refused these
// clients for it, and that one did not.
func (d Diagnosis) LimitedOn() []*checks.Server {
	by, _ := d.limitedOn()
	return by
}

func (s *Situation) limitedOn() (by []*checks.Server, n int) {
	by, n = s.overLimit()
	for _, c := range s.History {
		if c.Server == s.Server.ID && isOverLimit(c) && s.isUser(c.User) {
			return nil, 0 // it is the same everywhere
		}
	}
	if len(by) == 0 || len(by) < len(s.Others) {
		return nil, 0
	}
	return by, n
}
