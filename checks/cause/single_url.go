package cause

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
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
		case a.forward:
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

// plain reports whether nothing about the whole list had to be taken on trust, nor
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

// SingleURL is the code of the cause.
const SingleURL Code = "single-url"

// singleURL: the client's list holds servers' own addresses, and of them only
// the concentrated server is reached. However many strings the list has, what
// counts is which servers of the cluster answer there.
//
// Confirmed takes a list that is known to be this account's, a server that
// answered there as itself, and no other list that may be these clients' and
// leads elsewhere: then it is possible at most. Several lists of an account are
// those of its services, and placements tell whose. A list that may be anyone's
// makes it likely, and so do a name beside it that no connection has, a dead address
// where servers of the cluster are missing, and start times or networks that
// would explain it too. A list that leads
// further as well, or none at all, leaves it open: how a client is configured
// can't be seen from the servers.
func singleURL() rule {
	return rule{
		Definition: Definition{Code: SingleURL, Title: "Clients know the address of one server only", Role: Root, Step: Listed, Moved: ComeBackUntold,
			Helps: []Help{{RemedyClientConfig, ShortTerm}, {RemedyRebalance, ShortTerm}, {RemedyDrain, LongTerm}, {RemedyDNS, LongTerm}}},
		thing:   (*Situation).itsOwnURLs,
		byLists: true,
		judge:   func(s *Situation) judgement { return s.pinned(byAddress) },
	}
}

// itsOwnURLs are the URLs of the list that leads to the server alone. Accounts that have
// it for certain are not one group with those that may have it.
func (s *Situation) itsOwnURLs() string {
	urls := s.itsURLs()
	if urls != "" && !s.Tied {
		return urls + ", perhaps"
	}
	return urls
}

// namedUnserved are the other servers that lists name, and that have no listener
// for their URLs.
func (s *Situation) namedUnserved(lists []List) []*checks.Server {
	var out []*checks.Server
	for _, o := range s.Others {
		if slices.ContainsFunc(lists, func(l List) bool {
			return slices.ContainsFunc(l.Reach.Unserved, func(u Unlistened) bool { return s.Deployment.Servers[u.Server].ID == o.ID })
		}) {
			out = append(out, o)
		}
	}
	return out
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
	// What the rest of the cluster contradicts explains nothing.
	_, unlike := s.unlikeOthers()
	_, up := s.downThen()
	named := s.namedUnserved(found)
	switch {
	case len(named) > 0:
		return judgement{verdict: Possible, confidence: 0.2, explains: s.Finding.OnServer, evidence: append(j.evidence,
			say(found[0].Origin, "But the list names %s too, where nobody listens for these clients.", otherNames(named)))}
	case s.Tied && s.contradicted(s.listPasses(Listed)):
		return judgement{verdict: NotTested, evidence: append(j.evidence,
			say("CONNZ", "Many of the clients are on other servers, so this is not the list that they came by.").settledBy(NeedOwnURLs))}
	case !s.Tied && len(further) > 0:
		j.verdict, j.confidence = Possible, 0.35
		j.evidence = append(j.evidence, say(listWord(further), "It is unknown whose list this is, and another leads to %s.", s.names(further[0].Reach.Servers())).settledBy(NeedOwner))
	case !s.Tied && len(others) > 0:
		j.verdict, j.confidence = Possible, 0.35
		j.evidence = append(j.evidence, say(listWord(others), "It is unknown whose list this is, and others lead to other servers.").settledBy(NeedOwner))
	case !s.Tied:
		j.verdict, j.confidence = Likely, 0.7
		j.evidence = append(j.evidence, s.sayWhose(found).settledBy(NeedOwner))
		if judgeSingleProcess(s).verdict.Strong() || drift.Strong() || fits && !unlike && len(up) == 0 {
			j.verdict, j.confidence = Possible, 0.3
		}
		if len(s.claimants(found)) > 0 {
			j.verdict, j.confidence = Possible, 0.35
		}
		return j
	case len(s.rivals()) > 0:
		j.verdict, j.confidence = Possible, 0.35
		j.evidence = append(j.evidence, s.sayRivals())
	case !whole:
		j.verdict, j.confidence = Likely, 0.6
		j.evidence = append(j.evidence, say(listWord(found), "There may be more to the list: it was not read as a whole.").settledBy(NeedOwnURLs))
	case !certain || gone:
		j.verdict, j.confidence = Likely, 0.75
	case fits && !unlike:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("start times", "It is not certain that these are all lists of the account: when the clients connected would explain it too."))
	case judgeNetwork(s).verdict.Strong():
		j.verdict, j.confidence = Likely, 0.75
		j.evidence = append(j.evidence, say("CONNZ", "It is not certain that these are all lists of the account: clients of other networks are on other servers."))
	case s.Profile == nil || !s.Profile.Whole:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("CONNZ", "Not all connections were read, so other clients may have other lists.").settledBy(NeedConnections))
	case drift != RuledOut && !unlike:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, s.sayPartlyUp())
	case len(s.unnamed) > 0:
		l := s.unnamed[0]
		j.verdict, j.confidence = Likely, 0.7
		j.evidence = append(j.evidence, say(l.Origin, "No connection has the name %s, so it may be the list of another service.",
			cmp.Or(l.Client, l.Workload)).settledBy(NeedServiceURLs))
	default:
		j.verdict, j.confidence = Confirmed, 0.95
	}
	j.direct = s.Tied && j.verdict.Strong()
	if len(s.beside) > 0 && len(s.rivals()) == 0 && j.verdict.Strong() {
		j.evidence = append(j.evidence, say(listWord(s.beside), "Another list of the account leads to %s: its clients are not those on %s.",
			s.names(s.beside[0].Reach.Servers()), label(s.Server)))
	}
	return j
}

// sayPartlyUp says why it is not certain that when the clients connected has no part in
// it. Servers are asked to say more only where some did not say when they started.
func (s *Situation) sayPartlyUp() Evidence {
	var later []*checks.Server
	for i, a := range s.wereUp()[1:] {
		if a == checks.No {
			later = append(later, s.Others[i])
		}
	}
	switch {
	case slices.ContainsFunc(s.cluster(), untimed):
		return say("start times", "Which servers were up when the clients connected is only partly known.").settledBy(s.Gap.details())
	case len(later) > 0:
		return say("start times", "%s started after most of these clients had connected: that explains it too, if they came by another list.", otherNames(later))
	}
	return say("start times", "Which servers were up when the clients connected is only partly known: servers started and clients connected at about the same time.")
}

// sayWhose says that it is unknown whose lists these are, and why where a name beside
// one is that of services of several accounts.
func (s *Situation) sayWhose(lists []List) Evidence {
	for _, l := range lists {
		if others := s.namesakes(l.URLList); len(others) > 0 {
			return say(l.Origin, "Clients of %s have the name %s too, so it is unknown whose list this is.", words.Few(others), cmp.Or(l.Client, l.Workload))
		}
	}
	if s.tie == byNameOnly {
		return say(lists[0].Origin, "Only the name %s says that this is their list: other accounts, whose clients were not read, may have clients of this name.",
			cmp.Or(lists[0].Client, lists[0].Workload))
	}
	if others := s.claimants(lists); len(others) > 0 {
		return say(listWord(lists), "The clients of %s are on %s too, so it is unknown whose list this is.", words.Few(others), label(s.Server))
	}
	return say(listWord(lists), "It is unknown whose list this is.")
}

// sayRivals says that there are lists which would not explain the placements.
func (s *Situation) sayRivals() Evidence {
	l := s.rivals()[0]
	if to := l.Reach.Servers(); len(to) > 0 {
		return say(l.Origin, "Another list that may be theirs leads to %s: which of them the clients on %s came by is unknown.", s.names(to), label(s.Server)).settledBy(NeedOneList)
	}
	return say(l.Origin, "Where another list that may be theirs leads is unknown: %s.", openOf(l.Reach)).settledBy(NeedOneList)
}
