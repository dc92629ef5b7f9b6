package remedy

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// part is the services that make the finding, divided as the rebalancer does it: the
// clients of some would come back, and it leaves them out, and moves those of others.
type part struct {
	stay, move []string // names for sentences
	// back reports whether those that stay come straight back, and do not move at first
	// to servers that are advertised to them.
	back bool
	// strong are the root causes of those that move.
	strong []cause.Code
}

// stays reports whether the rebalancer leaves the clients of a service out, as a cause
// of theirs leads them back.
func (x *facts) stays(service int) bool {
	return slices.ContainsFunc(x.Services[service].Strong, func(code cause.Code) bool { return !x.StaysAway(code) })
}

// parts divides the services; ok is false where all stay, or all move, or where what is
// moved may be lost: then the rebalancer refuses.
func (x *facts) parts() (p part, ok bool) {
	if x.losing() || x.loginFirst() != "" {
		return part{}, false
	}
	for k, service := range x.Services {
		name := shown(cause.ServiceName(service.Service))
		switch {
		case service.Remainder || !service.Concentrated:
		case x.stays(k):
			p.stay = append(p.stay, name)
			p.back = p.back || slices.ContainsFunc(service.Strong, x.ComesBack)
		default:
			p.move, p.strong = append(p.move, name), append(p.strong, service.Strong...)
		}
	}
	return p, len(p.stay) > 0 && len(p.move) > 0
}

// moved reports whether that becomes of those that move.
func (p part) moved(m cause.Moved) bool {
	return slices.ContainsFunc(p.strong, func(code cause.Code) bool {
		def, _ := cause.Define(code)
		return def.Moved == m
	})
}

// staying are the connections of services that stay, by member.
func (x *facts) staying() []int {
	out := make([]int, len(x.members))
	for k, service := range x.Services {
		if service.Remainder || !x.stays(k) {
			continue
		}
		for i, m := range x.members {
			if at := slices.Index(x.Profile.Servers, m.ID); at >= 0 && at < len(service.Counts) {
				out[i] += service.Counts[at]
			}
		}
	}
	return out
}

// say tells what becomes of both.
func (p part) say(here string) []string {
	stay := "Those of " + words.Few(p.stay) + " would come straight back, so the command leaves them out."
	if !p.back {
		stay = "Those of " + words.Few(p.stay) + " would come back when their processes restart, so the command leaves them out."
	}
	move := "Those of " + words.Few(p.move) + " choose again among all servers that they know."
	switch {
	case len(p.strong) == 0:
		move = "Whether those of " + words.Few(p.move) + " stay away is unknown, as their cause is: move a few, and see."
	case p.moved(cause.GoToNext):
		move = "Those of " + words.Few(p.move) + " take their servers in order: they all go to the next one of their list, and take " + here +
			" again when their processes restart. Let them choose at random first (ordered)."
	case p.moved(cause.Undecided):
		move = "Those of " + words.Few(p.move) + " choose again among all servers that they know, but may come back whenever they connect anew."
	}
	return []string{stay, move}
}
