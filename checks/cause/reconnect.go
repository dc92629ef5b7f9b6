package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Reconnect is where clients go when their connection to the concentrated server
// ends: the funnel for a reconnect, as for [Diagnosis.FailOver].
type Reconnect struct {
	// Can reports whether there is another server for them; Why is the reason in a
	// clause where it is No, and what would settle it where it is Unknown and that
	// is known.
	Can checks.Answer
	Why string
	// Servers are the others of the cluster that reported, and Reached says to
	// which of them the clients can get.
	Servers []checks.ServerRef
	Reached []checks.Answer
}

// Reconnect returns where the clients of one of the Services go; where there is
// no such service, those of the account.
func (d Diagnosis) Reconnect(service int) Reconnect {
	s := &d.Situation
	if service >= 0 && service < len(d.Services) {
		s = s.project([]int{d.Services[service].at})
	}
	out := Reconnect{}
	left, _ := s.reconnects()
	out.Reached = slices.Clone(left[1:])
	for _, o := range s.Others {
		out.Servers = append(out.Servers, o.Ref())
	}
	var step StepName
	switch out.Can, step = s.canMove(); {
	case out.Can == checks.No:
		out.Why = nowhere(step)
	case out.Can == checks.Unknown && step == Accepts:
		out.Why = untilOneLogsIn
	}
	return out
}
