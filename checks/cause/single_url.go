package cause

import (
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// way is how a list comes to lead to one server only.
type way int

const (
	byAddress  way = iota // servers' own addresses or names
	byName                // names that are not a server's own
	byBalancer            // addresses that are no server's own
)

// wayOf a list that reaches one server.
func wayOf(f List) way {
	balanced, named := 0, 0
	for _, a := range f.Reach.Arrivals {
		switch {
		case a.Own == checks.No:
			balanced++
		case !a.OwnName:
			named++
		}
	}
	switch n := len(f.Reach.Arrivals); {
	case balanced == n:
		return byBalancer
	case named > 0 && balanced+named == n:
		return byName
	}
	return byAddress
}

// plain is whether nothing about the whole list had to be taken on trust, nor
// whether its addresses are servers' own.
func (f List) plain() bool {
	for _, a := range f.Reach.Arrivals {
		if !f.sure(a) || a.Own == checks.Unknown {
			return false
		}
	}
	for _, e := range f.Endpoints {
		if !e.Literal && (e.Name == nil || !e.Name.Complete || e.Name.HostsFile || e.Name.Verdict == checks.NameDiffers) {
			return false
		}
	}
	return true
}

// singleURL: the client's list holds servers' own addresses, and of them only
// the concentrated server is reached. However many strings the list has, what
// counts is which servers of the cluster answer there.
//
// Confirmed takes a list that is known to be this account's, a server that
// answered there as itself, and no other list of the account that leads
// further. A list that may be anyone's makes it likely, and so do a dead address
// where servers of the cluster are missing, and start times or networks that
// would explain it too. A list that leads
// further as well, or none at all, leaves it open: how a client is configured
// can't be seen from the servers.
func singleURL() rule {
	return rule{
		Definition: Definition{Code: SingleURL, Title: "Clients know the address of one server only", Role: Root, Step: Listed, Moved: ComeBackUntold,
			Helps: []Help{{RemedyClientConfig, ShortTerm}, {RemedyRebalance, ShortTerm}, {RemedyDrain, LongTerm}, {RemedyDNS, LongTerm}}},
		byLists: true,
		judge:   func(s *Situation) judgement { return s.pinned(byAddress) },
	}
}

// pinned judges the causes by which a list leads to one server only.
func (s *Situation) pinned(w way) judgement {
	var found []List
	for _, f := range listsOf(s.Own, pins, perhaps) {
		if wayOf(f) == w {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		return s.notPinned(w)
	}
	j := judgement{explains: s.Finding.OnServer}
	for i, f := range found {
		if i == 3 {
			break
		}
		j.evidence = append(j.evidence, s.leadsTo(f)...)
	}
	certain, whole := len(listsOf(found, pins)) > 0, true
	gone := false // what is dead may be a missing server
	for _, f := range found {
		certain = certain && f.plain()
		whole = whole && !f.ByPattern && len(f.Incomplete) == 0
		gone = gone || s.Missing > 0 && len(f.Reach.Dead)+len(f.dead()) > 0
	}
	further := listsOf(s.Own, wide)
	others := s.pinnedElsewhere()
	_, _, fits := s.startsFit()
	drift := judgeRestartDrift(s).verdict
	switch {
	case s.Tied && s.contradicted(s.listPasses(Listed)):
		return judgement{verdict: NotTested, evidence: append(j.evidence,
			say("CONNZ", "Many of the clients are on other servers, so this is not the list that they came by.").settledBy(NeedOwnURLs))}
	case !s.Tied && len(further) > 0:
		j.verdict, j.confidence = Possible, 0.35
		j.evidence = append(j.evidence, say(listWord(further), "It is not known whose list this is, and another leads to %s.", s.names(further[0].Reach.Servers())).settledBy(NeedOwner))
	case !s.Tied && len(others) > 0:
		j.verdict, j.confidence = Possible, 0.35
		j.evidence = append(j.evidence, say(listWord(others), "It is not known whose list this is, and others lead to other servers.").settledBy(NeedOwner))
	case !s.Tied:
		j.verdict, j.confidence = Likely, 0.7
		j.evidence = append(j.evidence, say(listWord(found), "It is not known whose list this is.").settledBy(NeedOwner))
		if order(judgeSingleProcess(s).verdict) <= order(Likely) || order(drift) <= order(Likely) {
			j.verdict, j.confidence = Possible, 0.3
		}
		return j
	case !whole:
		j.verdict, j.confidence = Likely, 0.6
		j.evidence = append(j.evidence, say(listWord(found), "There may be more to the list: it was not read as a whole.").settledBy(NeedOwnURLs))
	case !certain || gone:
		j.verdict, j.confidence = Likely, 0.75
	case fits:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("start times", "It is not certain that these are all lists of the account: when the clients connected would explain it too."))
	case order(judgeNetwork(s).verdict) <= order(Likely):
		j.verdict, j.confidence = Likely, 0.75
		j.evidence = append(j.evidence, say("CONNZ", "It is not certain that these are all lists of the account: clients of other networks are on other servers."))
	case s.Profile == nil || !s.Profile.Whole:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("CONNZ", "Not all connections were read, so other clients may have other lists.").settledBy(NeedConnections))
	case drift != RuledOut:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("start times", "Which servers were up when the clients connected is not known in full.").settledBy(s.Gap.details()))
	default:
		j.verdict, j.confidence = Confirmed, 0.95
	}
	j.direct = s.Tied && j.strong()
	if len(s.beside) > 0 && j.strong() {
		j.evidence = append(j.evidence, say(listWord(s.beside), "Another list of the account leads to %s: its clients are not those on %s.",
			s.names(s.beside[0].Reach.Servers()), label(s.Server)))
	}
	return j
}

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
		out = append(out, say(f.Origin, "No server answers at %s.", enumerate(dead)))
	}
	if len(f.Reach.Dead) > 0 {
		out = append(out, say(f.Origin, "No server of the cluster is at %s.", enumerate(f.Reach.Dead)))
	}
	if len(f.Reach.Foreign) > 0 {
		out = append(out, say(f.Origin, "Servers of another cluster answer at %s.", enumerate(f.Reach.Foreign)))
	}
	if len(f.Reach.Open) > 0 {
		out = append(out, say(f.Origin, "Not known: %s.", openOf(f.Reach)))
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
		return notTested(listWord(open), "Where the list leads is not known: %s.", openOf(open[0].Reach))
	case len(listsOf(s.Own, wide, pins, perhaps)) == 0 && s.leadNowhere():
		return notTested(listWord(s.Own), "By now the list leads nowhere, so what it led to is not known.").settledBy(NeedClientConfig)
	case len(listsOf(s.Own, wide, pins, perhaps)) == 0 && s.balancers().sticky != nil:
		return notTested(listWord(s.Own), "The list leads through an address that is no server's own; from here, not to %s.", label(s.Server))
	case len(listsOf(s.Own, wide, pins, perhaps)) == 0:
		return notTested(listWord(s.Own), "The list does not lead to %s, so it is not the one that these clients came by.", label(s.Server)).settledBy(NeedClientConfig)
	case !s.Tied:
		return notTested(listWord(s.Own), "The lists that are known do not show it, but none is known to be this account's.").settledBy(NeedClientConfig)
	}
	further := listsOf(s.Own, wide)
	if j, ok := s.halfWide(w, further); ok {
		return j
	}
	if len(further) > 0 {
		return ruledOut(listWord(further), "The account's list leads to %s.", s.names(further[0].Reach.Servers()))
	}
	list := listsOf(s.Own, pins, perhaps)[0]
	switch wayOf(list) {
	case byName:
		return ruledOut(list.Origin, "The list holds a name that is no server's own.")
	case byBalancer:
		return ruledOut(list.Origin, "The list holds an address that is no server's own.")
	case byAddress:
	}
	return ruledOut(list.Origin, "The list holds servers' own addresses.")
}

// leadNowhere is whether no server at all answers at any list.
func (s *Situation) leadNowhere() bool {
	return !slices.ContainsFunc(s.Own, func(f List) bool { return len(f.Reach.Arrivals)+len(f.Reach.Foreign) > 0 })
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
				say(f.Origin, "The account's list leads to %s, but with the answers of %s to %s only: which resolver do the clients use?",
					s.names(f.Reach.Servers()), resolver, label(s.Server))}}, true
		}
	}
	return judgement{}, false
}

// lonely is whether of the servers of a list only the concentrated one answered.
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
