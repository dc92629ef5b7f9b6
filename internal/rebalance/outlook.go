package rebalance

import (
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// Outlook is what the reasons for where the clients are say about moving them.
type Outlook struct {
	// Refusals are for causes that lead clients back.
	Refusals []Refusal
	Notes    []string // a sentence each
	// AllReturn is that all clients that are moved are expected to come back.
	AllReturn bool
	// ByName is [PlanInput.ByName].
	ByName bool
	// Unreached are the ids of servers that the clients can't get to.
	Unreached []string
}

// OutlookOf returns what the causes of a concentration say about moving its
// clients: refused is what would not hold.
func OutlookOf(d cause.Diagnosis) Outlook {
	var out Outlook
	note := func(format string, args ...any) { out.Notes = append(out.Notes, fmt.Sprintf(format, args...)) }
	refuse := func(c cause.Cause, rest string) {
		out.Refusals = append(out.Refusals, Refusal{RefusalCode(c.Code), fmt.Sprintf("%s (%s, %s), %s Put that right first.", leadsBack(c), c.Code, c.Verdict, rest)})
	}
	for _, l := range slices.Concat(d.Own, d.Hints) {
		out.ByName = out.ByName || slices.ContainsFunc(l.Reach.Arrivals, func(a cause.Arrival) bool { return !a.OwnName || a.Own != checks.Yes })
	}
	where := d.Reconnect(-1)
	for i, a := range where.Reached {
		if a == checks.No {
			out.Unreached = append(out.Unreached, where.Servers[i].ID)
		}
	}
	known := false
	for _, c := range d.Causes {
		if !c.Strong() || c.Role != cause.Root {
			continue
		}
		known = true
		definition, _ := cause.Define(c.Code)
		switch moved := definition.Moved; {
		case d.ComesBack(c.Code):
			out.AllReturn = true
			refuse(c, "so they would come straight back.")
		case moved == cause.ComeBackUntold:
			refuse(c, "so it would not last: they move to those that they were told of, and come back when their processes restart.")
		case moved == cause.GoToNext:
			note("The clients try their servers in order (%s, %s): those that are moved all go to the next one of their list, not evenly to all.", c.Code, c.Verdict)
		case moved == cause.Undecided:
			note("%s (%s, %s): clients may come back whenever they connect anew.", c.Title, c.Code, c.Verdict)
		}
	}
	if !known {
		note("It is not known why the clients are where they are, so they may come back: pass --client-url or --client-config with what they are configured with.")
	}
	return out
}

// leadsBack is why a cause leads clients to where they were.
func leadsBack(c cause.Cause) string {
	switch c.Code {
	case cause.SingleURL:
		return "The clients know the address of one server only"
	case cause.SingleAddressDNS:
		return "The clients' host names lead to one server only"
	case cause.StickyLoadBalancer:
		return "A load balancer leads each client to the same server every time"
	case cause.AccountGap:
		return "The account can't be used on the other servers"
	case cause.ListenerGap:
		return "The other servers have no listener for the clients' protocol"
	default:
		return c.Title
	}
}
