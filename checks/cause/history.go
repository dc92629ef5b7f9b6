package cause

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// standing divides closed connections: over are the refusals of users who logged in to
// the same server afterwards, as what kept them out is mended. Nothing else shows that:
// a server that was reloaded since may refuse them still. What is over keeps nobody
// away, and may be why the clients are where they are.
func standing(history []checks.Closed) (left, over []checks.Closed) {
	for _, c := range history {
		if c.User != "" && c.Reason.RefusedUser() && !loginAfter(history, c).IsZero() {
			over = append(over, c)
		} else {
			left = append(left, c)
		}
	}
	return left, over
}

// loginAfter is when a user logged in to the server that had refused it, at the
// latest; zero where that is not known of any.
func loginAfter(history []checks.Closed, refused checks.Closed) (at time.Time) {
	if refused.Last.IsZero() {
		return at
	}
	for _, x := range history {
		if x.Server != refused.Server || x.User != refused.User || x.Reason.Refused() || !x.Newest.After(refused.Last) {
			continue
		}
		began := x.Newest
		if x.First.After(refused.Last) {
			began = x.First
		}
		if at.IsZero() || began.Before(at) {
			at = began
		}
	}
	return at
}

// pastRefusals are the refusals of these clients' users by a server, also those that
// are over.
func (s *Situation) pastRefusals(o *checks.Server) []checks.Closed {
	return slices.DeleteFunc(slices.Concat(s.History, s.over), func(c checks.Closed) bool {
		return c.Server != o.ID || !s.isUser(c.User) || !c.Reason.RefusedUser()
	})
}
