package cause

import (
	"fmt"
	"math"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// OrderedConnect is the code of the cause.
const OrderedConnect Code = "ordered-connect"

// orderedConnect: the list or DNS reaches several servers but clients always
// take the first: no randomising, or a client library that does not shuffle DNS
// answers.
//
// Clients shuffle the list that they are configured with unless told not to;
// of the addresses of one name, some libraries take the first that the resolver
// gives (ADR-11 asks them to shuffle). Confirmed takes that in every list of the
// account the first server is surely the concentrated one, the option beside it
// that switches off randomising, and that no other cause is likely. A fixed
// order of DNS with clients that keep it makes it likely, and so does a list
// without the option where the other servers would take the clients, as chance
// does not bring so many to the first; without the option it takes that the other
// servers were up as well, as far as that can be told. The file of a workload says what
// its clients start with now: those that run may have started with another list, so
// without the option it makes no more than possible. A first server that is
// another one, an option that says that randomising is on, or a rotating record
// rules it out where the list is the account's.
func orderedConnect() rule {
	return rule{
		Definition: Definition{Code: OrderedConnect, Title: "Clients take the first server of their list", Role: Root, Step: Chosen, Moved: GoToNext,
			Helps: []Help{{RemedyOrdered, ShortTerm}, {RemedyClientConfig, ShortTerm}, {RemedyKeepItSo, LongTerm}}},
		thing:      (*Situation).itsList,
		byLists:    true,
		judge:      judgeOrdered,
		likelihood: (*Situation).byOrder,
	}
}

func judgeOrdered(s *Situation) judgement {
	lists := listsOf(s.Own, wide)
	if other := listsOf(s.beside, wide); len(lists) == 0 && len(other) > 0 {
		if j := s.inOrder(other[0]); j.verdict != RuledOut {
			return judgement{verdict: Possible, confidence: 0.2, explains: j.explains, evidence: j.evidence}
		}
	}
	if len(lists) == 0 {
		switch open := listsOf(s.Own, unclear, perhaps); {
		case len(s.Own) == 0:
			return notTested("client URLs", "No list of the clients' URLs is known.").settledBy(NeedOrderedURLs)
		case len(open) > 0:
			return notTested(listWord(open), "Where the list leads is unknown: %s.", openOf(open[0].Reach))
		case !s.Tied || len(listsOf(s.Own, pins)) == 0:
			return notTested(listWord(s.Own), "No list that is known leads to several servers.").settledBy(NeedClientURLs)
		}
		return ruledOut(listWord(s.Own), "The account's list leads to one server, whatever the order.")
	}
	var best judgement
	agree := len(lists) == len(s.Own) && len(s.beside) == 0
	for _, f := range lists {
		j := s.inOrder(f)
		if j.verdict == Likely && f.Ordered != checks.Yes && judgeRestartDrift(s).verdict == NotTested {
			j.lower("It is unknown which servers were up when these clients connected.")
		}
		agree = agree && j.verdict == Confirmed
		if best.verdict == "" || j.verdict.Compare(best.verdict) < 0 || j.verdict == best.verdict && j.confidence > best.confidence {
			best = j
		}
	}
	if best.verdict == RuledOut && !s.Tied {
		best.verdict = NotTested
		best.evidence = append(best.evidence, say(listWord(lists), "It is unknown whose list this is.").settledBy(NeedClientURLs))
	}
	if best.verdict == Confirmed && !agree {
		best.verdict, best.confidence = Likely, 0.75
		best.evidence = append(best.evidence, say(listWord(s.Own), "The account has other lists, and what they reach is unknown."))
	}
	return best
}

// inOrder judges one list that leads to several servers.
func (s *Situation) inOrder(f List) judgement {
	arrivals, before, came := s.turn(f.Reach.Arrivals)
	first := arrivals[0]
	if full := s.fullFirst(arrivals); len(full) > 0 && f.Ordered != checks.No {
		return judgement{verdict: Possible, confidence: 0.3, explains: s.Finding.OnServer, evidence: []Evidence{
			say(f.Origin, "%s %s before %s in the list, and %s full now: clients that take it in its order go on to %s.",
				otherNames(full), verb(full, "comes", "come"), label(s.Server), verb(full, "is", "are"), label(s.Server))}}
	}
	switch came {
	case checks.Yes:
	case checks.Unknown:
		return notTested("start times", "%s comes before %s in the list, and whether it was up when these clients connected is unknown.",
			label(before), label(s.Server)).settledBy(s.Gap.details())
	default:
		return ruledOut(f.Origin, "The first server of the list is %s, not %s.", label(&s.Deployment.Servers[first.Server]), label(s.Server))
	}
	if first.Own == checks.No && (first.Tries < first.AllTries || first.AllTries < enoughTries) {
		return ruledOut(f.Origin, "%s is a load balancer's address, which chooses itself.", first.URL)
	}
	byDNS, name := false, f.nameOf(first)
	for _, a := range f.Reach.Arrivals {
		byDNS = byDNS || a.URL == first.URL && a.Server != first.Server
	}
	j := judgement{explains: s.Finding.OnServer}
	switch {
	case byDNS && name != nil && name.Verdict == checks.NameRotating:
		return ruledOut(f.Origin, "DNS rotates the addresses of %s.", name.Host)
	case byDNS && f.Ordered != checks.Yes:
		return s.orderOfDNS(f, name, j)
	}
	if before != nil {
		j.evidence = append(j.evidence, say("start times", "%s comes before %s in the list, but started after the clients had connected.",
			label(before), label(s.Server)))
	} else {
		j.evidence = append(j.evidence, say(f.Origin, "The list leads to %s, and %s comes first.", s.names(f.Reach.Servers()), label(s.Server)))
	}
	switch {
	case f.Ordered == checks.Yes && s.Tied && f.sure(first) && first.Own == checks.Yes && len(f.Reach.Open) == 0:
		j.verdict, j.confidence, j.direct = Confirmed, 0.95, true
		j.evidence = append(j.evidence, say(f.Origin, "Clients take it in its order: an option beside it switches randomising off."))
	case f.Ordered == checks.Yes:
		j.verdict, j.confidence, j.direct = Likely, 0.75, s.Tied
		j.evidence = append(j.evidence, say(f.Origin, "An option beside it switches randomising off."))
	case f.Ordered == checks.No:
		return ruledOut(f.Origin, "An option beside the list says that clients take it in random order.")
	case s.spreadLater():
		later, here := s.afterAll()
		return ruledOut("start times", "Clients that take their list in order go to one server: of %s that began when all servers were up, %s on %s.",
			connectionsOf(later), noneOr(here)+isOrAre(here), label(s.Server))
	case !s.Tied, s.Finding.Chance > 1e-4, s.lonely(f), s.Tied && len(listsOf(s.Own, pins, perhaps, unclear)) > 0, !s.othersTakeThem():
		j.verdict, j.confidence = Possible, 0.3
	case len(s.unsureOfUsers()) > 0:
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say("ACCOUNT INFO", "But whether %s %s these clients' users is unknown: they may have had no choice.",
			otherNames(s.unsureOfUsers()), verb(s.unsureOfUsers(), "takes", "take")).settledBy(NeedUsers))
	case !slices.Contains(s.wereUp()[1:], checks.Yes):
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say("start times", "Whether the others were up when they connected is unknown, so they may have had no choice."))
	case s.anotherFits():
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say("CONNZ", "But the account's other clients are spread: these may have another list.").settledBy(NeedServiceURLs))
	case len(s.leftOthers()) > 0:
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say("closed connections", "But clients of the same user were on %s before, while %s was up: they have moved or ended since.", otherNames(s.leftOthers()), label(s.Server)))
	case len(s.untold()) > 0:
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say("closed connections", "Whether clients were on %s before is unknown: the connections that were closed there were not read.", otherNames(s.untold())))
	case f.Workload != "":
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say(f.Origin, "The file says what clients start with now. If it was changed since these came, a restart of their pods may already spread them; if that does not, look for an option that switches shuffling off."))
	default:
		j.verdict, j.confidence = Likely, 0.6
		odds := fmt.Sprintf("1 of %.0f cases", math.Floor(1/max(s.Finding.Chance, 1e-9)))
		if s.Finding.Chance < 1e-9 {
			odds = "less than 1 of 1,000,000,000 cases"
		}
		j.evidence = append(j.evidence, say("chance", "Clients that shuffle their list come out like this in %s: look for an option that switches it off.", odds))
	}
	return j
}

// fullFirst are the servers that come before the concentrated one in a list, where all
// of them are full, and another one has room: else the order makes no difference.
func (s *Situation) fullFirst(arrivals []Arrival) (full []*checks.Server) {
	if !slices.ContainsFunc(arrivals, func(a Arrival) bool {
		o := &s.Deployment.Servers[a.Server]
		return a.Server != s.here && o.Details != nil && (o.MaxConnections == nil || o.Details.Connections != nil) && !o.Full()
	}) {
		return nil
	}
	for _, a := range arrivals {
		o := &s.Deployment.Servers[a.Server]
		switch {
		case a.Server == s.here:
			return full
		case !a.Sure || o.Details == nil || !o.Full():
			return nil
		case !slices.Contains(full, o):
			full = append(full, o)
		}
	}
	return nil
}

// anotherFits reports whether a list of their own explains better by far where these
// clients are than an order of the account's list, which its other services do not
// take.
func (s *Situation) anotherFits() bool {
	if s.theirs {
		return false
	}
	p := s.placement()
	order, ok := s.byOrder()
	return ok && order+likelyOverOthers < p.Pinned([][]int{p.Counts})
}

// untold are the other servers of which it is unknown what they remember: clients
// may have been there and left, as [Situation.leftOthers] would say.
func (s *Situation) untold() []*checks.Server {
	return slices.DeleteFunc(slices.Clone(s.Others), func(o *checks.Server) bool { return s.Remember[o.ID] })
}

// leftOthers are the other servers that remember connections of these clients'
// users, more than a few together, which began when the concentrated server was
// up: in the order of a list with that one first nobody comes to them.
func (s *Situation) leftOthers() []*checks.Server {
	if untimed(s.Server) {
		return nil
	}
	up := s.Server.Start.Add(s.Server.Details.Margin - s.Server.Details.Offset)
	var out []*checks.Server
	all := 0
	for _, o := range s.Others {
		n := 0
		for _, c := range s.History {
			if c.Server == o.ID && s.isUser(c.User) && s.hasStem(c.Stem) && !c.Reason.Refused() && c.First.After(up) {
				n += c.Connections
			}
		}
		if n > 0 {
			all += n
			out = append(out, o)
		}
	}
	if all*10 < s.Finding.OnServer {
		return nil
	}
	return out
}

// hasStem reports whether it is the name of some of these clients.
func (s *Situation) hasStem(stem string) bool {
	return slices.ContainsFunc(s.Profile.Names, func(g checks.Group) bool { return !g.Other && Stem(g.Key) == stem })
}

// othersTakeThem reports whether the other servers are known to have room, as far as is
// known also when these clients came, the account and the listener: only then does
// chance speak for an order.
func (s *Situation) othersTakeThem() bool {
	_, full, silent := s.roomOnOthers()
	return len(full)+len(silent)+s.Missing == 0 && !s.mayHaveBeenFull() && s.accountsTaken() && judgeListenerGap(s).verdict == RuledOut
}

// accountsTaken reports whether all other servers know the account, and none is
// known to refuse its users, or to have refused them.
func (s *Situation) accountsTaken() bool {
	return !slices.ContainsFunc(s.Others, func(o *checks.Server) bool {
		return s.knows(o) != checks.Yes || s.takesUser(o) == checks.No || s.refusedOnce(o)
	})
}

// unsureOfUsers are the other servers of which it is unknown whether they take the users
// of these clients.
func (s *Situation) unsureOfUsers() []*checks.Server {
	return slices.DeleteFunc(slices.Clone(s.Others), func(o *checks.Server) bool { return s.takesUser(o) != checks.Unknown })
}

// orderOfDNS judges a name with several addresses in a fixed order.
func (s *Situation) orderOfDNS(f List, name *checks.Name, j judgement) judgement {
	if s.Profile == nil {
		return notTested("CONNZ", "Which client libraries are used is unknown: the connections were not read.")
	}
	keep, shuffle, libraries := s.habits()
	on := s.onServer()
	fixed := name != nil && name.Complete && name.Verdict == checks.NameSeveral && !name.HostsFile
	if fixed {
		j.evidence = append(j.evidence, say(f.Origin, "DNS gives the addresses of %s in the same order every time, that of %s first.", f.urls(), label(s.Server)))
	} else {
		j.evidence = append(j.evidence, say(f.Origin, "From here, the first address of %s is that of %s; whether it is so for the clients is unknown.", f.urls(), label(s.Server)))
	}
	switch {
	case keep*10 >= on*9:
		j.verdict, j.confidence, j.explains = Likely, 0.8, s.explained(keep)
		j.evidence = append(j.evidence, say("CONNZ", "%d of these %d clients use libraries that take addresses in the order of the resolver: %s.", keep, on, words.Few(libraries)))
		if j.fixed = fixed; !fixed {
			j.verdict, j.confidence = Possible, 0.4
		}
	case shuffle*2 > on:
		return ruledOut("CONNZ", "%d of these %d clients use libraries that shuffle the addresses of a name, unless an option switches that off.", shuffle, on)
	default:
		j.verdict, j.confidence, j.explains = Possible, 0.3, s.explained(keep)
	}
	return j
}

// firstInOrder reports whether clients that take some list of the account in order
// may all be on the concentrated server.
func (s *Situation) firstInOrder() bool {
	return slices.ContainsFunc(listsOf(s.Own, wide), func(f List) bool { return s.inOrder(f).verdict != RuledOut })
}
