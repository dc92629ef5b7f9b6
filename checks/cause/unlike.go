package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// unlikeList reports whether these clients are not where their list brings clients:
// more are on one server than it, the servers that take them and the times when
// they came explain, by far. A list that was read today says what new clients do.
// Those that run may have been started with another one, with another answer of
// DNS, or when a balancer had other servers behind it. Where it was seen that they
// take the list in its order, that is why.
func (s *Situation) unlikeList() bool {
	if len(listsOf(s.Own, wide, perhaps, unclear)) == 0 || len(listsOf(s.Own, pins)) > 0 || s.seenInOrder() {
		return false
	}
	if rolled, _ := s.rolled(); rolled {
		return false
	}
	p := s.placement()
	for i, a := range s.reachableThen() {
		p.Reachable[i] = a != checks.No
	}
	free := p.Free()
	timed := p
	if timed.Up, timed.Order = s.upWhen(); timed.Up != nil {
		timed.Moved = true
		free = max(free, timed.WhileUp())
	}
	return p.Leaning() >= free+likelyOverFree
}

// seenInOrder reports whether an option beside a list, or a fixed order of DNS with
// libraries that keep it, says that the clients take the first server.
func (s *Situation) seenInOrder() bool {
	return slices.ContainsFunc(listsOf(s.Own, wide), func(f List) bool {
		j := s.inOrder(f)
		return j.verdict.Compare(Possible) <= 0 && (f.Ordered == checks.Yes || j.fixed)
	})
}
