package checks

import (
	"fmt"
	"math"
	"strings"
)

// enoughTries tells an address that always leads to the same server from one
// that chooses at random: of two servers, the chance of the same one ten times
// is 1 in 512, of three it is 1 in 20,000.
const enoughTries = 10

// stickyLoadBalancer: an address that is no server's own leads every time to
// the same server, or source addresses shared by unrelated clients are each
// pinned to one server.
//
// There are two views. The auditor's: it connects to the address of the
// account's list again and again, and arrives at the same server. The clients':
// they come from the address that the balancer has towards the servers, or each
// shared source address has all of its unrelated clients on one server.
// Confirmed takes both, because a balancer that hashes sources may lead others
// elsewhere than the auditor; one makes it likely. An address of the list that
// leads to several servers rules it out.
func stickyLoadBalancer() rule {
	return rule{code: "sticky-load-balancer", title: "A load balancer sends the clients to the same server every time", role: Root,
		silenced: []string{"account-gap", "listener-gap", "single-url", "single-address-dns", "network-affinity", "restart-drift"}, judge: judgeSticky}
}

// balancers are what the lists show of addresses that are no server's own.
type balancers struct {
	sticky, here *followed // one example each; here leads to the concentrated server
	arrival      Arrival   // of sticky, or of here where there is one
	unsure       Arrival   // leads there, and is perhaps no server's own address
	spread       Arrival   // leads to several servers
}

func (s *situation) balancers() balancers {
	var b balancers
	for i := range s.lists {
		f := &s.lists[i]
		for _, a := range f.reach.Arrivals {
			switch {
			case a.Own == Unknown && a.Sure && a.Server == s.here && f.kind == pins:
				b.unsure = a
			case a.Own != No || !a.Sure:
			case a.Tries < a.AllTries:
				b.spread = a
			case a.Server == s.here:
				b.here, b.sticky, b.arrival = f, f, a
			case b.here == nil:
				b.sticky, b.arrival = f, a
			}
		}
	}
	return b
}

func judgeSticky(s *situation) judgement {
	b := s.balancers()
	view, shared := s.sharedSources()
	j := judgement{explains: s.Finding.OnServer}
	switch {
	case b.sticky == nil && b.spread.URL != "" && s.tied:
		return ruledOut("INFO", "%s led to %s in %s, and to others too.", place(b.spread), s.Deployment.Servers[b.spread.Server].label(), tries(b.spread))
	case b.sticky == nil && shared && (!s.tied || len(listsOf(s.lists, pins, wide)) == 0):
		j.verdict, j.confidence, j.evidence = Likely, 0.5, []Evidence{view,
			say("client URLs", "To be certain, pass the balancer's address: %s.", s.example("--client-url ", "=URL"))}
		return j
	case b.sticky == nil && shared:
		j.verdict, j.confidence, j.evidence = Possible, 0.3, []Evidence{view}
		return j
	case b.sticky == nil && len(s.lists) == 0:
		return notTested("client URLs", "Whether the clients come through a load balancer is not known: pass its address as %s.", s.example("--client-url ", "=URL"))
	case b.sticky == nil && len(listsOf(s.lists, unclear, perhaps)) > 0:
		open := listsOf(s.lists, unclear, perhaps)
		return notTested(listWord(open), "Where the list leads is not known: %s.", enumerate(open[0].reach.Open))
	case b.sticky == nil && !s.tied:
		return notTested(listWord(s.lists), "The lists that are known hold no load balancer that is sticky, but none is known to be this account's: pass %s.", s.example("--client-url ", "=URL[,URL…]"))
	case b.sticky == nil && len(listsOf(s.lists, pins, wide)) == 0:
		return notTested(listWord(s.lists), "The account's list does not lead to %s: pass the one that these clients came by, %s.", s.server.label(), s.example("--client-url ", "=URL[,URL…]"))
	case b.sticky == nil && b.unsure.URL != "":
		a := b.unsure
		return judgement{verdict: Possible, confidence: 0.2, explains: s.Finding.OnServer, evidence: []Evidence{
			say("INFO", "%s led to %s in %s; whether it is the server's own address is not known.",
				place(a), s.Deployment.Servers[a.Server].label(), tries(a))}}
	case b.sticky == nil:
		return ruledOut(listWord(s.lists), "All addresses of the account's list are servers' own.")
	}
	a := b.arrival
	j.evidence = append(j.evidence, say(b.sticky.Origin, "%s is no server's own address and led to %s in %s.",
		place(a), s.Deployment.Servers[a.Server].label(), tries(a)))
	through, fromBalancer := s.fromBalancer(a)
	if fromBalancer {
		j.evidence = append(j.evidence, through)
	}
	if shared {
		j.evidence = append(j.evidence, view)
	}
	enough := a.AllTries >= enoughTries
	_, _, fits := s.startsFit()
	wider := len(listsOf(s.lists, wide)) > 0
	switch {
	case b.here == nil && !shared && s.tied && enough && !wider:
		j.verdict, j.confidence = Likely, 0.55
		j.evidence = append(j.evidence, say("INFO", "It may lead the clients to %s, by where they come from: run the audit from where they are to be certain.", s.server.label()))
	case b.here == nil && !shared:
		return notTested(b.sticky.Origin, "%s leads the auditor to %s only, not to %s: what it does for the clients is not known; run the audit from where they are.",
			a.URL, s.Deployment.Servers[a.Server].label(), s.server.label())
	case wider || !enough:
		j.verdict, j.confidence = Possible, 0.4
	case !s.tied:
		j.verdict, j.confidence = Likely, 0.6
	case fits:
		j.verdict, j.confidence = Likely, 0.6
		j.evidence = append(j.evidence, say("start times", "When the clients connected would explain it too: it had no other server to lead them to."))
	case a.Doubt:
		j.verdict, j.confidence = Likely, 0.7
		j.evidence = append(j.evidence, say("VARZ", "That it is no own address follows from what the server names as its own, which may be what it advertises only."))
	case fromBalancer && b.here != nil || shared:
		j.verdict, j.confidence = Confirmed, 0.9
	default:
		j.verdict, j.confidence = Likely, 0.75
		j.evidence = append(j.evidence, say("CONNZ", "Whether the clients are led in the same way can't be seen from their source addresses."))
	}
	return j
}

// place names an address with the URL that led there.
func place(a Arrival) string {
	if strings.Contains(a.URL, a.Address.String()) {
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

// fromBalancer is whether the clients come from the address that the balancer
// had towards the server when it led the auditor there.
func (s *situation) fromBalancer(a Arrival) (Evidence, bool) {
	if s.Profile == nil || s.Profile.SourcesSampled {
		return Evidence{}, false
	}
	for _, l := range s.lists {
		for _, e := range l.Endpoints {
			for _, address := range e.Addresses {
				if address.IP != a.Address.Addr() || address.Port != int(a.Address.Port()) {
					continue
				}
				for _, g := range address.Contact.Greetings {
					for _, source := range s.Profile.Sources {
						if g.ID == s.server.ID && source.Addr.IsValid() && source.Addr == g.ClientIP && source.Counts[0]*10 >= s.Finding.OnServer*9 {
							return say("CONNZ", "%d of the %s on %s come from %s, as the auditor's did through that address.",
								source.Counts[0], connectionsOf(s.onServer()), s.server.label(), source.Addr), true
						}
					}
				}
			}
		}
	}
	return Evidence{}, false
}

// sharedSources is whether source addresses that unrelated clients share are
// each pinned to one server, and not all to the same one.
func (s *situation) sharedSources() (Evidence, bool) {
	if s.Profile == nil || !s.Profile.Whole {
		return Evidence{}, false
	}
	sources, connections, chance := 0, 0, 0.0
	servers := map[int]bool{}
	for _, source := range s.Profile.Sources {
		total, at, most := 0, 0, 0
		for i, n := range source.Counts {
			total += n
			if n > most {
				most, at = n, i
			}
		}
		if source.Kinds < 2 || total < 3 {
			continue
		}
		if most < total {
			return Evidence{}, false
		}
		sources, connections = sources+1, connections+total
		servers[at] = true
		// That all of one source are where the first is.
		chance += float64(total-1) * math.Log10(float64(len(s.others)+1))
	}
	const enough = 5 // 1 in 100,000
	if sources < 3 || len(servers) < 2 || chance < enough || connections*2 < s.Finding.Connections {
		return Evidence{}, false
	}
	return say("CONNZ", "%d source addresses that unrelated clients share have all of their %d connections on one server each, on %d servers.",
		sources, connections, len(servers)), true
}
