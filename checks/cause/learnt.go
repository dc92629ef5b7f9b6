package cause

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/nats-balance/nats-balance/checks"
)

// notThere is the verdict where the lists lead to other servers and not to this one. That
// is no proof that they are another's: clients learn of servers which the list does not
// have, and go on there when their own server stops. Where that can't be, these clients
// came by another list.
func (s *Situation) notThere(settle Need) judgement {
	var to []int
	for _, f := range s.Own {
		to = append(to, f.Reach.Servers()...)
	}
	slices.Sort(to)
	to = slices.Compact(to)
	if len(to) == 0 || !s.mayLearn() {
		return notTested(listWord(s.Own), "The list does not lead to %s, so it is not the one that these clients came by.", label(s.Server)).settledBy(settle)
	}
	return notTested(listWord(s.Own), "The list leads to %s, not to %s: they have another list, or went on to %s, which servers advertise, when a server of theirs stopped. Start one anew: with this list it does not go there.",
		s.names(to), label(s.Server), label(s.Server))
}

// mayLearn reports whether clients of this kind may have been told of the concentrated
// server by another: one that advertises addresses other than its own does so, and
// one that did not say what it advertises may.
func (s *Situation) mayLearn() bool {
	if s.hearsOfNobody() {
		return false
	}
	return s.Missing > 0 || slices.ContainsFunc(s.Others, func(o *checks.Server) bool {
		if o.Details == nil {
			return true
		}
		own := []string{o.Details.Host + ":" + strconv.Itoa(o.Details.Port)}
		for _, ip := range addresses(o) {
			own = append(own, netip.AddrPortFrom(ip, uint16(o.Details.Port)).String()) //nolint:gosec // what is no port is in no URL
		}
		return slices.ContainsFunc(o.Details.ConnectURLs, func(u string) bool { return !slices.Contains(own, u) })
	})
}
