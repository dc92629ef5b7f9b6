package cause

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// enoughTries tells an address that always leads to the same server from one
// that chooses at random: of two servers, the chance of the same one ten times
// is 1 in 512, of three it is 1 in 20,000.
const enoughTries = 10

// StickyLoadBalancer is the code of the cause.
const StickyLoadBalancer Code = "sticky-load-balancer"

// stickyLoadBalancer: an address that is no server's own leads every time to
// the same server, or source addresses shared by unrelated clients are each
// pinned to one server.
//
// There are two views. The auditor's: it connects to the address of the
// account's list again and again, and arrives at the same server. The clients':
// they come from the address that the balancer has towards the servers, or each
// shared source address has all of its unrelated clients on one server. Of one address
// that several accounts share all clients have a say, see [Situation.byAddress]: where
// they are on several servers, or when they came explains it as well, it is not likely;
// nor is it while the address may be that of a NAT, whose clients share a list. To servers
// both look the same, unless the auditor was seen to come from there through a balancer.
// Confirmed takes both, because a balancer that hashes sources may lead others
// elsewhere than the auditor; one makes it likely. An address of the list that
// leads to several servers rules it out.
func stickyLoadBalancer() rule {
	return rule{
		Definition: Definition{Code: StickyLoadBalancer, Title: "A load balancer sends the clients to the same server every time", Role: Root, Step: Forwarded, Moved: ComeBack, First: RemedyLoadBalancer,
			Helps: []Help{{RemedyLoadBalancer, Immediate}, {RemedyRebalance, ShortTerm}, {RemedyDrain, ShortTerm}, {RemedyClientConfig, LongTerm}}},
		thing:      (*Situation).itsBalancer,
		byLists:    true,
		judge:      judgeSticky,
		likelihood: (*Situation).bySource,
	}
}

// balancers are what the lists show of addresses that are no server's own.
type balancers struct {
	sticky, here *List   // one example each; here leads to the concentrated server
	arrival      Arrival // of sticky, or of here where there is one
	unsure       Arrival // leads there, and is perhaps no server's own address
	spread       Arrival // leads to several servers
	forward      Arrival // is one of several, each to one server
	aside        Arrival // is sticky, and others come through it, not these
}

func (s *Situation) balancers() balancers {
	var b balancers
	by := s.byAddress()
	for i := range s.Own {
		f := &s.Own[i]
		for _, a := range f.Reach.Arrivals {
			switch {
			case a.forward:
				b.forward = a
			case a.Own == checks.Unknown && a.Sure && a.Server == s.here && f.kind == pins:
				b.unsure = a
			case a.Own != checks.No || !a.Sure:
			case !s.Tied && by.verdict == Likely && (a.Server != s.here || !s.comesThrough(a, by.addr)):
				// Another's list: these clients come from elsewhere.
			case a.Tries < a.AllTries && !a.nearlyAlways():
				if a.Tries > 0 {
					b.spread = a
				}
			case !s.Tied && s.isAside(a):
				b.aside = a
			case a.Server == s.here:
				b.here, b.sticky, b.arrival = f, f, a
			case b.here == nil:
				b.sticky, b.arrival = f, a
			}
		}
	}
	return b
}

func judgeSticky(s *Situation) judgement {
	b, by := s.balancers(), s.byAddress()
	view, shared := s.sharedSources()
	if by.verdict == Likely && !shared {
		view, shared = by.evidence[0], true
	}
	if b.sticky == nil {
		return s.noBalancer(b, by, view, shared)
	}
	j := judgement{explains: s.Finding.OnServer}
	a := b.arrival
	j.evidence = append(j.evidence, say(b.sticky.Origin, "%s %s and led to %s in %s.",
		place(a), a.notOwn(), label(&s.Deployment.Servers[a.Server]), tries(a)))
	through, fromBalancer := s.fromBalancer(a)
	if fromBalancer {
		j.evidence = append(j.evidence, through)
	}
	if shared {
		j.evidence = append(j.evidence, view)
	}
	enough := a.AllTries >= enoughTries
	_, _, fits := s.startsFit()
	wider := len(listsOf(s.Own, wide)) > 0
	switch {
	case b.here == nil && !shared && s.Tied && enough && !wider:
		j.verdict, j.confidence = Likely, 0.55
		j.evidence = append(j.evidence, say("INFO", "It may lead the clients to %s, by where they come from: run the audit from where they are to be certain.", label(s.Server)))
	case b.here == nil && !shared && by.few && by.verdict == Possible && a.as == by.addr:
		j.verdict, j.confidence = Possible, 0.35
		j.evidence = append(j.evidence, by.evidence...)
	case b.here == nil && !shared:
		return notTested(b.sticky.Origin, "%s leads the auditor to %s only, not to %s: what it does for the clients is unknown; run the audit from where they are.",
			a.URL, label(&s.Deployment.Servers[a.Server]), label(s.Server))
	case by.verdict != Likely && s.spreadFrom(a):
		j.verdict, j.confidence = Possible, 0.35
		j.evidence = append(j.evidence, say("CONNZ", "But clients of other accounts that come from %s are on other servers too: it may be a forward to %s alone, beside others.",
			a.as, label(&s.Deployment.Servers[a.Server])))
	case s.isAside(a):
		j.verdict, j.confidence = Possible, 0.35
		j.evidence = append(j.evidence, s.sayAside(a).settledBy(NeedOwnURLs))
	case !s.Tied && by.verdict == Likely:
		j.verdict, j.confidence = Likely, 0.6
	case wider || !enough || b.here != nil && wayOf(*b.here) != byBalancer:
		j.verdict, j.confidence = Possible, 0.4
	case !s.Tied:
		j.verdict, j.confidence = Likely, 0.6
	case fits:
		j.verdict, j.confidence = Likely, 0.6
		j.evidence = append(j.evidence, say("start times", "When the clients connected would explain it too: it had no other server to lead them to."))
	case a.doubt:
		j.verdict, j.confidence = Possible, 0.4
		j.evidence = append(j.evidence, say("VARZ", "Servers may name what they advertise only: it may be an address of %s, or be forwarded there alone.", label(&s.Deployment.Servers[a.Server])))
	case by.few && by.verdict == Likely && s.comesThrough(a, by.addr):
		j.verdict, j.confidence = Likely, 0.75
		j.evidence = append(j.evidence, by.proof)
	case fromBalancer && b.here != nil && s.behind(a) || shared && (by.verdict != Likely || s.comesThrough(a, by.addr) && (b.here != nil || !by.together)):
		j.verdict, j.confidence = Confirmed, 0.9
	default:
		j.verdict, j.confidence = Likely, 0.75
		j.evidence = append(j.evidence, say("CONNZ", "Whether the clients are led in the same way can't be seen from their source addresses."))
	}
	j.direct = s.Tied && j.verdict.Strong() && b.here != nil
	return j
}

// noBalancer is the verdict where no list shows an address that is sticky: source
// addresses may show one, which a list that is these clients' contradicts.
func (s *Situation) noBalancer(b balancers, by addressed, view Evidence, shared bool) judgement {
	mayBe := !s.Tied || len(listsOf(s.Own, pins, wide)) == 0
	switch open := listsOf(s.Own, unclear, perhaps); {
	case b.forward.URL != "" && (s.Tied || by.verdict != Likely || b.forward.as == by.addr):
		return ruledOut("INFO", "%s is a forward to %s alone: other addresses lead to other servers in the same way.", place(b.forward), label(&s.Deployment.Servers[b.forward.Server]))
	case b.spread.URL != "" && s.Tied:
		return ruledOut("INFO", "%s led to %s in %s, and to others too.", place(b.spread), label(&s.Deployment.Servers[b.spread.Server]), tries(b.spread))
	case b.spread.as.IsValid() && b.spread.as == by.addr:
		return judgement{verdict: NotTested, evidence: append(slices.Clip(by.evidence[:min(1, len(by.evidence))]), say("INFO", "%s leads there, and now led to %s in %s, and to others too.",
			place(b.spread), label(&s.Deployment.Servers[b.spread.Server]), tries(b.spread)))}
	case shared && mayBe && by.verdict == Likely && s.isBalancer(by.addr):
		return judgement{verdict: Likely, confidence: 0.7, direct: by.together, explains: s.Finding.OnServer, evidence: []Evidence{view,
			say("INFO", "%s is a load balancer's: the auditor came from there when it connected through an address that is not an address of any server.", by.addr),
			{Where: "client URLs", Settle: NeedThisBalancer}}}
	case shared && mayBe:
		return judgement{verdict: Possible, confidence: 0.4, explains: s.Finding.OnServer, evidence: []Evidence{view,
			say("CONNZ", "But a NAT looks the same to servers: behind one, clients that share one URL, or take one list in its order, are on one server too.").settledBy(NeedThisBalancer)}}
	case shared:
		return judgement{verdict: Possible, confidence: 0.3, explains: s.Finding.OnServer, evidence: []Evidence{view}}
	case by.verdict == Possible && mayBe:
		return judgement{verdict: Possible, confidence: 0.3, explains: s.Finding.OnServer, evidence: by.evidence}
	case len(s.Own) == 0 && len(by.evidence) > 0:
		return judgement{verdict: NotTested, evidence: slices.Clone(by.evidence)}.settledBy(NeedClientURLs)
	case len(s.Own) == 0:
		return notTested("client URLs", "Whether the clients come through a load balancer is unknown.").settledBy(NeedBalancer)
	case b.aside.URL != "":
		a := b.aside
		return judgement{verdict: NotTested, evidence: []Evidence{say("INFO", "%s led to %s in %s.", place(a), label(&s.Deployment.Servers[a.Server]), tries(a)),
			s.sayAside(a).settledBy(NeedClientURLs)}}
	case len(open) > 0:
		return notTested(listWord(open), "Where the list leads is unknown: %s.", openOf(open[0].Reach))
	case !s.Tied:
		return notTested(listWord(s.Own), "The lists that are known hold no load balancer that is sticky, but none is known to be this account's.").settledBy(NeedClientURLs)
	case mayBe:
		return s.notThere(NeedOwnURLs)
	case b.unsure.URL != "":
		a := b.unsure
		return judgement{verdict: Possible, confidence: 0.2, explains: s.Finding.OnServer, evidence: []Evidence{
			say("INFO", "%s led to %s in %s; whether it is the server's own address is unknown.",
				place(a), label(&s.Deployment.Servers[a.Server]), tries(a))}}
	}
	return ruledOut(listWord(s.Own), "All addresses of the account's list are servers' own.")
}

// behind reports whether something shows that there are more servers behind a
// balancer's address: clients that come through it are on others too, or a try
// ended there. A forward to one server looks the same otherwise.
func (s *Situation) behind(a Arrival) bool {
	if a.Tries < a.AllTries {
		return true
	}
	for _, l := range s.Own {
		for _, e := range l.Endpoints {
			for _, address := range e.Addresses {
				for _, g := range address.Contact.Greetings {
					if address.IP != a.Address.Addr() || address.Port != int(a.Address.Port()) || s.Profile == nil {
						continue
					}
					if slices.ContainsFunc(s.Profile.Sources, func(x checks.Source) bool { return x.Addr == g.ClientIP && sum(x.Counts) > x.Counts[0] }) {
						return true
					}
				}
			}
		}
	}
	return false
}

// isForward reports whether an address that is no server's own is a forward to one
// server, as a published container port: another known address, on the same
// machine or not, leads to another server alone in the same way. Two that connect to
// the servers from addresses of their own are proxies, each of which may have other
// servers too.
func isForward(a Arrival, lists []List) bool {
	return slices.ContainsFunc(lists, func(l List) bool {
		return slices.ContainsFunc(l.Reach.Arrivals, func(o Arrival) bool {
			return o.Own == checks.No && o.Sure && o.Tries == o.AllTries && o.Server != a.Server && o.Address != a.Address &&
				(o.Address.Addr() == a.Address.Addr() || o.Address.Port() == a.Address.Port() && (!a.as.IsValid() || a.as == o.as)) && a.Tries == a.AllTries
		})
	})
}

// comesThrough reports whether clients from a source address may have come through the
// address of a list: servers see those who do as it, or as themselves.
func (s *Situation) comesThrough(a Arrival, from netip.Addr) bool {
	return !a.as.IsValid() || a.as == from
}

// place names an address with the URL that led there.
func place(a Arrival) string {
	host := a.URL
	if _, after, ok := strings.Cut(host, "://"); ok {
		host = after
	}
	host, _, _ = strings.Cut(host, "/")
	if at, err := netip.ParseAddrPort(host); err == nil && at == a.Address {
		return a.URL
	}
	return a.URL + " (" + a.Address.String() + ")"
}

func tries(a Arrival) string {
	if a.AllTries == 1 {
		return "the one try"
	}
	return fmt.Sprintf("%d of %d tries", a.Tries, a.AllTries)
}

// fromBalancer reports whether the clients come from the address that the balancer
// had towards the server when it led the auditor there.
func (s *Situation) fromBalancer(a Arrival) (Evidence, bool) {
	if s.Profile == nil || s.Profile.SourcesSampled {
		return Evidence{}, false
	}
	for _, l := range s.Own {
		for _, e := range l.Endpoints {
			for _, address := range e.Addresses {
				if address.IP != a.Address.Addr() || address.Port != int(a.Address.Port()) {
					continue
				}
				for _, g := range address.Contact.Greetings {
					for _, source := range s.Profile.Sources {
						if g.ID == s.Server.ID && source.Addr.IsValid() && source.Addr == g.ClientIP && source.Counts[0]*10 >= s.Finding.OnServer*9 {
							return say("CONNZ", "%d of the %s come from %s, as the auditor's did through that address.",
								source.Counts[0], s.ofThese(), source.Addr), true
						}
					}
				}
			}
		}
	}
	return Evidence{}, false
}
