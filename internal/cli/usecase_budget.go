package cli

import (
	"context"
	"time"
)

// budget is how an audit divides --timeout, which bounds all of it. A part that
// needs less leaves the rest to those after it. What is divided further down, among
// requests to servers and among names to look up, is said where that is done:
// internal/gather, internal/probe.
type budget struct{ timeout time.Duration }

// details is how long servers may take to say what they are like, of the time that
// is left: a third. One that says nothing must leave enough for reading who is
// connected and for DNS, which come next.
func (budget) details(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline()
	return context.WithTimeout(ctx, time.Until(deadline)/3)
}

// look is how long one connection may take by which an ordinary account finds out
// who is at an address: a fifth, a second at most. They are tried at once, twice at
// most, so that nobody being there takes two fifths and leaves the account's reports
// the rest.
func (b budget) look() time.Duration { return min(time.Second, b.timeout/5) }

// reports is how long the reports of an ordinary account may take: what looking
// has left, and a tenth at least, so that an audit that was slow so far says which
// servers are missing rather than nothing.
func (b budget) reports(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return b.timeout
	}
	return max(time.Until(deadline), b.timeout/10)
}
