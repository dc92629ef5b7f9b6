package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Each choice model says how likely it makes the placements, so that the engine
// can compare them. A model that was not judged to apply is not asked.

// byNetwork is the likelihood where the clients of each network, or of each
// placement tag, are on one server.
func (s *Situation) byNetwork() (Likelihood, bool) {
	p := s.placement()
	var groups [][]int
	if _, ok := s.tagAffinity(); ok {
		for _, g := range s.Profile.Tags {
			groups = append(groups, s.byCluster(g.Counts))
		}
		return p.Pinned(groups), true
	}
	for _, g := range dividing(s.Profile.Networks) {
		groups = append(groups, s.byCluster(g.counts))
	}
	var alone [][]int
	held, _ := s.held()
	for _, g := range held {
		alone = append(alone, s.byCluster(g.Counts))
	}
	return max(p.Pinned(groups), p.Pinned(alone)), len(groups)+len(alone) > 0
}

// bySource is the likelihood where the clients of each shared source address are
// on one server. It is not a matter of choice where an address was seen to lead
// to one server only.
func (s *Situation) bySource() (Likelihood, bool) {
	if s.Profile == nil || s.balancers().sticky != nil {
		return 0, false
	}
	p := s.placement()
	var groups [][]int
	for _, source := range s.Profile.Sources {
		if s.kinds(source) > 1 || len(s.tenants(source.Addr)) > 1 {
			groups = append(groups, s.byCluster(source.Counts))
		}
	}
	return p.Pinned(groups), len(groups) > 0
}

// byProcess is the likelihood where the connections of one process, or of one
// host, are on one server.
func (s *Situation) byProcess() (Likelihood, bool) {
	if s.Profile == nil {
		return 0, false
	}
	p := s.placement()
	best, ok := Likelihood(0), false
	take := func(counts []int) {
		if l := p.Pinned([][]int{s.byCluster(counts)}); !ok || l > best {
			best, ok = l, true
		}
	}
	for _, process := range s.Profile.Processes {
		take(process.Counts)
	}
	for _, source := range s.Profile.Sources {
		take(source.Counts)
	}
	return best, ok
}

// byOrder is the likelihood where each client takes the first server of a list
// that was up.
func (s *Situation) byOrder() (Likelihood, bool) {
	best, ok := Likelihood(0), false
	for _, f := range listsOf(s.Own, wide) {
		p := s.placement()
		p.Up, p.Order = s.upWhen()
		var list []int
		for _, a := range f.Reach.Arrivals {
			id := s.Deployment.Servers[a.Server].ID
			if at := slices.IndexFunc(s.cluster(), func(o *checks.Server) bool { return o.ID == id }); at >= 0 && !slices.Contains(list, at) {
				list = append(list, at)
			}
		}
		if l := p.InOrder(list) + s.othersInOrder(list); !ok || l > best {
			best, ok = l, true
		}
	}
	return best, ok
}

// othersInOrder is the evidence against an order of the account's list from its
// other services, which have the same list unless another is tied to these
// clients. It is never above 0.
func (s *Situation) othersInOrder(list []int) Likelihood {
	if s.theirs || s.whole == nil || s.whole.Profile == nil || len(s.whole.Profile.Read) != len(s.Profile.Read) {
		return 0
	}
	p := s.placement()
	others := make([]int, len(s.whole.Profile.Read))
	for at, n := range s.whole.Profile.Read {
		others[at] = max(n-s.Profile.Read[at], 0)
	}
	p.Counts = s.byCluster(others)
	return min(0, p.InOrder(list)-p.Free())
}

// upWhen is the counts by how many servers were up, in the order of the cluster;
// nil where that is not known for all of them.
func (s *Situation) upWhen() (up [][]int, starts []int) {
	p := s.Profile
	if p == nil || len(p.Servers) != 1+len(s.Others) || len(p.StartOrder) != len(p.Servers) || len(p.Starts) != len(p.Servers) {
		return nil, nil
	}
	at := make([]int, len(p.Servers)) // by position in the profile, the one in the cluster
	for i, id := range p.Servers {
		at[i] = slices.IndexFunc(s.cluster(), func(o *checks.Server) bool { return o.ID == id })
		if at[i] < 0 {
			return nil, nil
		}
	}
	up = make([][]int, len(p.Servers))
	for i, row := range p.Starts {
		up[at[i]] = row
	}
	for _, i := range p.StartOrder {
		starts = append(starts, at[i])
	}
	return up, starts
}

// byCluster puts counts in the order of the profile into that of the cluster.
func (s *Situation) byCluster(counts []int) []int { return s.inCluster(s.Profile.Servers, counts) }

// kinds is how many different clients there are behind a source address: services
// where they are told apart, as the instances of one are no different clients.
func (s *Situation) kinds(source checks.Source) int {
	if len(s.everyone) == 0 {
		if s.oneService() && source.Kinds > 1 && len(s.Profile.Names) > 1 {
			return 1
		}
		return source.Kinds
	}
	n := 0
	for _, x := range s.everyone {
		if slices.ContainsFunc(x.Sources, func(o checks.Source) bool { return o.Addr == source.Addr }) {
			n++
		}
	}
	return n
}
