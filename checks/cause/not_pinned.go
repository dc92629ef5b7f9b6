package cause

import (
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// pinnedElsewhere are lists that lead to other servers of the cluster.
func (s *Situation) pinnedElsewhere() []List {
	var out []List
	for _, f := range listsOf(s.Own, elsewhere) {
		if len(f.Reach.Arrivals) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// leadsTo says where a list leads, and why no further.
func (s *Situation) leadsTo(f List) []Evidence {
	a := f.Reach.Arrivals[0]
	var out []Evidence
	switch to := a.Address.String(); {
	case !a.OwnName:
		out = append(out, say(f.Origin, "%s %s to %s only: %s", f.urls(), f.leads(), label(s.Server), nameEvidence(f, a)))
	case !a.Sure:
		out = append(out, say(f.Origin, "%s %s to %s only, which says that it listens at %s.", f.urls(), f.leads(), label(s.Server), to))
	case len(f.Endpoints) == 1:
		out = append(out, say(f.Origin, "%s leads to %s only, which answers at %s.", f.urls(), label(s.Server), to))
	default:
		out = append(out, say(f.Origin, "The list of %d URLs, %s, leads to %s only, which answers at %s.", len(f.Endpoints), f.urls(), label(s.Server), to))
	}
	if dead := f.dead(); !a.OwnName && len(dead) > 0 {
		out = append(out, say(f.Origin, "No server answers at %s.", words.Few(dead)))
	}
	if len(f.Reach.Dead) > 0 {
		out = append(out, say(f.Origin, "No server of the cluster is at %s.", words.Few(f.Reach.Dead)))
	}
	if len(f.Reach.Foreign) > 0 {
		out = append(out, say(f.Origin, "Servers of another cluster answer at %s.", words.Few(f.Reach.Foreign)))
	}
	if len(f.Reach.Open) > 0 {
		out = append(out, say(f.Origin, "Unknown: %s.", openOf(f.Reach)))
	}
	return out
}

// nameEvidence says what DNS has to do with it.
func nameEvidence(f List, a Arrival) string {
	if name := f.nameOf(a); name != nil && name.Detail != "" {
		return strings.TrimSuffix(name.Detail, ".") + "."
	}
	return "it answers at " + a.Address.String() + "."
}

// notPinned is the verdict where no list leads to the server alone in that way.
func (s *Situation) notPinned(w way) judgement {
	if j, ok := s.hinted(w); ok {
		return j
	}
	open := listsOf(s.Own, unclear)
	switch {
	case len(s.Own) == 0:
		return notTested("client URLs", "No list of the clients' URLs is known, and servers can't see it.").settledBy(NeedClientConfig)
	case len(open) > 0:
		return notTested(listWord(open), "Where the list leads is unknown: %s.", openOf(open[0].Reach))
	case len(listsOf(s.Own, wide, pins, perhaps)) == 0 && s.leadNowhere():
		if host := s.unresolved(); host != "" {
			return notTested(listWord(s.Own), "The list leads nowhere from here, as %s does not resolve. Which resolver the clients ask is unknown.", host).settledBy(NeedResolver)
		}
		return notTested(listWord(s.Own), "The list leads nowhere now, so what it led to is unknown.").settledBy(NeedClientConfig)
	case len(listsOf(s.Own, wide, pins, perhaps)) == 0 && s.balancers().sticky != nil:
		return notTested(listWord(s.Own), "The list leads through an address that is not an address of any server; from here, not to %s.", label(s.Server))
	case len(listsOf(s.Own, wide, pins, perhaps)) == 0:
		return s.notThere(NeedClientConfig)
	case !s.Tied:
		return notTested(listWord(s.Own), "The lists that are known do not show it, but none is known to be this account's.").settledBy(NeedClientConfig)
	}
	further := listsOf(s.Own, wide)
	if j, ok := s.halfWide(w, further); ok {
		return j
	}
	shared := func(f List) bool {
		return slices.ContainsFunc(f.Reach.Arrivals, func(a Arrival) bool { return !a.OwnName || a.Own == checks.No })
	}
	if w == byName && len(further) > 0 && !slices.ContainsFunc(further, shared) {
		return ruledOut(listWord(further), "The account's list holds servers' own addresses.")
	}
	if len(further) > 0 && !slices.ContainsFunc(further, s.leadsElsewhere) {
		return notTested(listWord(further), "The account's list has addresses of %s, but no other server answered there.", s.names(further[0].Reach.Servers())).settledBy(NeedProbe)
	}
	if len(further) > 0 {
		return ruledOut(listWord(further), "The account's list leads to %s.", s.names(further[0].Reach.Servers()))
	}
	if open := listsOf(s.Own, perhaps); len(open) > 0 && len(s.Own) > 1 {
		return notTested(listWord(open), "Where the whole list leads is unknown: %s.", openOf(open[0].Reach))
	}
	list := listsOf(s.Own, pins, perhaps)[0]
	switch wayOf(list) {
	case byName:
		return ruledOut(list.Origin, "The list holds a name that is not a name of any server.")
	case byBalancer:
		a := list.Reach.Arrivals[0]
		if by := s.byAddress(); w == byAddress && by.few && by.verdict == Likely && a.as == by.addr {
			return judgement{verdict: NotTested, evidence: []Evidence{say(list.Origin, "%s %s.", place(a), a.notOwn()), by.proof}}
		}
		if w == byAddress && !s.behind(a) {
			return notTested(list.Origin, "%s %s. It may be a forward to %s alone, or a balancer.", place(a), a.notOwn(), label(s.Server)).settledBy(NeedBalancer)
		}
		return ruledOut(list.Origin, "The list holds an address that is not an address of any server.")
	case byAddress:
	}
	return ruledOut(list.Origin, "The list holds servers' own addresses.")
}

// leadNowhere reports whether no server at all answers at any list.
func (s *Situation) leadNowhere() bool {
	return !slices.ContainsFunc(s.Own, func(f List) bool { return len(f.Reach.Arrivals)+len(f.Reach.Foreign) > 0 })
}

// unresolved is a host of the lists that has no address here, as DNS says; empty where
// there is none. Clients may ask a resolver that has some.
func (s *Situation) unresolved() string {
	for _, f := range s.Own {
		for _, e := range f.Endpoints {
			if n := e.Name; n != nil && len(e.Addresses) == 0 && (n.Verdict == checks.NameMissing || n.Verdict == checks.NameNoData) {
				return e.Host
			}
		}
	}
	return ""
}

// halfWide judges lists that lead to several servers, but perhaps not so for the
// clients: only the concentrated one answered, or resolvers disagree.
func (s *Situation) halfWide(w way, lists []List) (judgement, bool) {
	for _, f := range lists {
		switch resolver := s.narrowAnswer(f); {
		case w == byAddress && s.lonely(f):
			return judgement{verdict: Possible, confidence: 0.3, explains: s.Finding.OnServer, evidence: []Evidence{
				say(f.Origin, "The account's list has addresses of %s, but only %s answered.", s.names(f.Reach.Servers()), label(s.Server))}}, true
		case w == byName && resolver != "":
			return judgement{verdict: Possible, confidence: 0.4, explains: s.Finding.OnServer, evidence: []Evidence{
				say(f.Origin, "The account's list leads to %s, but by the answers of %s to %s only. Which resolver the clients ask is unknown.",
					s.names(f.Reach.Servers()), resolver, label(s.Server)).settledBy(NeedResolver)}}, true
		}
	}
	return judgement{}, false
}

// leadsElsewhere reports whether another server than the concentrated one answered.
func (s *Situation) leadsElsewhere(f List) bool {
	return slices.ContainsFunc(f.Reach.Arrivals, func(a Arrival) bool { return a.Sure && a.Server != s.here })
}

// lonely reports whether of the servers of a list only the concentrated one answered.
func (s *Situation) lonely(f List) bool {
	here, further := false, false
	for _, a := range f.Reach.Arrivals {
		here = here || a.Sure && a.Server == s.here
		further = further || a.Sure && a.Server != s.here
	}
	return here && !further
}

// narrowAnswer is a resolver by whose answers alone the list would lead to the
// concentrated server only, where others say otherwise; empty where none does.
func (s *Situation) narrowAnswer(f List) string {
	for _, e := range f.Endpoints {
		if e.Name == nil || e.Name.Verdict != checks.NameDiffers {
			continue
		}
		for _, answer := range e.Name.Answers {
			here, further := false, false
			for _, a := range f.Reach.Arrivals {
				given := a.URL != e.URL || slices.ContainsFunc(answer.Addresses, func(n checks.NameAddress) bool { return n.IP == a.Address.Addr() })
				here = here || given && a.Server == s.here
				further = further || given && a.Server != s.here
			}
			if here && !further {
				return answer.Resolver
			}
		}
	}
	return ""
}

// hinted looks at URLs that no client is known to use, where there are no
// others. A server's own address that the audit was given says nothing.
func (s *Situation) hinted(w way) (judgement, bool) {
	if len(s.Own) > 0 || w != byName {
		return judgement{}, false
	}
	for _, f := range listsOf(s.Hints, pins) {
		if wayOf(f) == w && f.plain() {
			return judgement{verdict: Possible, confidence: 0.3, explains: s.Finding.OnServer, evidence: append(s.leadsTo(f),
				say(f.Origin, "If the clients use this name too, it explains all.").settledBy(NeedUse))}, true
		}
	}
	return judgement{}, false
}
