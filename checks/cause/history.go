package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// standing are closed connections without the refusals of users who logged in to the
// same server afterwards: what kept them out is mended. Nothing else shows that: a
// server that was reloaded since may refuse them still.
func standing(history []checks.Closed) []checks.Closed {
	return slices.DeleteFunc(slices.Clone(history), func(c checks.Closed) bool {
		return c.User != "" && isRefusal(c) && slices.ContainsFunc(history, func(x checks.Closed) bool {
			return x.Server == c.Server && x.User == c.User && !refusal(x.Reason) && x.Newest.After(c.Last) && !c.Last.IsZero()
		})
	})
}
