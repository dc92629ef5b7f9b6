package cause

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// addressed is what is known of the source address that most of these clients come
// from, where clients of other accounts come from there too.
type addressed struct {
	addr     netip.Addr
	accounts int
	// verdict is Likely where the address explains by far where all of its clients
	// are, Possible where when they came explains it as well, unknown where they are
	// on several servers; empty where no address is shared.
	verdict Verdict
	// together reports whether it leads all of them to the concentrated server.
	together bool
	// few reports whether it is few accounts, see [fewTenants], and proof says by which
	// list it is known to be a balancer's then.
	few      bool
	proof    Evidence
	evidence []Evidence
}

// byAddress judges whether it is the address that most of these clients come from
// which brings them to the concentrated server. An address which several accounts
// share is a NAT, a proxy or a load balancer. All of its clients of which it was not
// observed why they are where they are have a say: on one server, or in the order
// of one list, or those of each account on one server.
func (s *Situation) byAddress() addressed {
	if s.address == nil {
		a := s.judgeAddress()
		s.address = &a
	}
	return *s.address
}

func (s *Situation) judgeAddress() addressed {
	out := addressed{}
	addr, accounts := s.sharedByAccounts()
	if accounts < 2 {
		return out
	}
	out.addr, out.accounts, out.verdict = addr, accounts, NotTested
	c := s.Neighbours.atAddress[addr]
	at := -1
	if c != nil {
		at = slices.IndexFunc(c.servers, func(o *checks.Server) bool { return o.ID == s.Server.ID })
	}
	if at < 0 || sum(c.counts) == 0 {
		return out
	}
	best, evidence := out.explains(c, at, s)
	out.evidence = []Evidence{evidence}
	elsewhere := c.counts[at] < sum(c.counts)
	add := func(e Evidence) { out.evidence = append(out.evidence, e) }
	switch ok := best >= c.free+likelyOverFree; {
	case ok && !c.timed && best >= c.own+likelyOverOthers:
		out.verdict = Possible
		add(say("start times", "But which servers were up when they connected is unknown.").settledBy(s.Gap.details()))
	case ok && best < c.up+likelyOverOthers && c.up >= c.own:
		out.verdict = Possible
		add(say("start times", "But which servers were up when they connected explains that as well."))
	case ok && out.few && best >= c.own+likelyOverOthers-rounding:
		proof, proven := s.provenBalancer(addr)
		if out.verdict, out.proof = Possible, proof; proven {
			out.verdict = Likely
		} else {
			add(say("CONNZ", "But so few accounts may each have a list of their own, behind a NAT or a proxy with a port for each server.").settledBy(NeedThisBalancer))
		}
	case ok && best >= c.own+likelyOverOthers:
		out.verdict = Likely
	case elsewhere:
		add(say("CONNZ", "Clients from that address are on other servers too, so it does not decide which one they take."))
	default:
		add(say("CONNZ", "That is too few to say that it decides which server they take."))
	}
	return out
}

// explains returns how well the address explains where its clients are, with these
// on the server where most are, and says where they are.
func (a *addressed) explains(c *addressClients, at int, s *Situation) (Likelihood, Evidence) {
	const is = "it is a load balancer, a proxy or a NAT."
	read := ""
	if !s.allRead() {
		read = " that were read"
	}
	pinned, of, servers := c.pinnedTenants()
	if a.together = c.order[0] == at && c.together >= c.free+likelyOverFree; !a.together && (pinned >= fewestTenants && servers > 1 || fewTenants(pinned, of, servers)) {
		a.few = pinned < fewestTenants
		return c.kept, say("CONNZ", "%s carries clients of %s accounts%s%s, and of %s of these nearly all are on one server each, on %s in all: %s",
			a.addr, words.Count(of), read, c.but(), words.Count(pinned), words.Plural(servers, "server"), is)
	}
	best := c.together
	if !a.together {
		best = c.free
	}
	return best, say("CONNZ", "%s carries clients of %s accounts, and %s of their %s%s are on %s%s: %s",
		a.addr, words.Count(a.accounts), words.Count(c.counts[at]), words.Plural(sum(c.counts), "connection"), read, label(s.Server), c.but(), is)
}

// allRead reports whether the connections of all accounts of the cluster were read
// to the end.
func (s *Situation) allRead() bool {
	accounts := map[uint32]bool{}
	for _, o := range s.cluster() {
		for _, u := range o.Usage {
			if u.Connections > 0 && int(u.Account) < len(s.Deployment.Accounts) && !s.Deployment.Accounts[u.Account].System {
				accounts[u.Account] = true
			}
		}
	}
	for account := range accounts {
		if p := s.Neighbours.Profiles[s.Deployment.Accounts[account].ID]; p == nil || !p.Whole || p.SourcesSampled {
			return false
		}
	}
	return true
}

// but says of how many accounts the clients are not counted.
func (c *addressClients) but() string {
	if c.left == 0 {
		return ""
	}
	return fmt.Sprintf(", beside those of %s whose lists explain where they are", words.Plural(c.left, "account"))
}

// rounding is what likelihoods that are sums of the same numbers may differ by.
const rounding = Likelihood(0.001)

// fewestTenants is how many accounts behind one address have to be on one server
// each to say that it is the address's doing.
const fewestTenants = 5

// sharedByAccounts is the address that carries clients of the most accounts and most of
// these clients, with how many accounts that is.
func (s *Situation) sharedByAccounts() (addr netip.Addr, accounts int) {
	if s.Profile == nil {
		return addr, 0
	}
	for _, source := range s.Profile.Sources {
		if n := len(s.tenants(source.Addr)); n >= 2 && n > accounts && source.Counts[0]*2 > s.Finding.OnServer {
			addr, accounts = source.Addr, n
		}
	}
	return addr, accounts
}

// BehindAddress is the source address which alone says that a load balancer keeps the
// clients on one server: no list shows one, and it may be a NAT. ok is false where a
// list does, or nothing says so.
func (d Diagnosis) BehindAddress() (addr netip.Addr, ok bool) {
	s := d.of(StickyLoadBalancer)
	by := s.byAddress()
	return by.addr, by.verdict == Likely && s.balancers().sticky == nil && !s.isBalancer(by.addr)
}

// isBalancer reports whether a source address is known to be a load balancer's:
// through an address of any list that is not a server's own, and always led to one
// server, the auditor was seen to come from there. A forward to one server shows none,
// and neither does the address of a NAT that the auditor is behind itself.
func (s *Situation) isBalancer(addr netip.Addr) bool {
	var lists []List
	for _, l := range s.Lists {
		lists = append(lists, List{URLList: l, Reach: ReachOf(s.Deployment, s.Finding.Cluster, l)})
	}
	found := false
	for _, l := range lists {
		for _, a := range l.Reach.Arrivals {
			switch {
			case a.as != addr:
			case a.Own != checks.No:
				return false
			case a.AllTries >= enoughTries && a.Steady() && !isForward(a, lists):
				found = true
			}
		}
	}
	return found
}

// Explained reports whether it was observed of an account by itself why its clients
// are where they are, as by a list that is known to be theirs: then an address that
// they share with clients of other accounts is not the reason.
func Explained(c Case) bool {
	c.Neighbours = nil
	s := newSituation(c)
	all, views := rules(), s.views()
	for _, v := range views {
		observed := false
		for i, j := range v.judge(all) {
			observed = observed || all[i].Role == Root && all[i].Code != StickyLoadBalancer && j.direct && j.verdict.Strong()
		}
		if !observed {
			return false
		}
	}
	return true
}

// sharedSources reports whether source addresses that unrelated clients share are
// each pinned to one server, and not all to the same one.
func (s *Situation) sharedSources() (Evidence, bool) {
	if s.Profile == nil || !s.Profile.Whole {
		return Evidence{}, false
	}
	sources, connections, chance := 0, 0, 0.0
	servers := map[int]bool{}
	for _, source := range s.Profile.Sources {
		at, most, total := top(source.Counts)
		if s.kinds(source) < 2 || total < fewestThere {
			continue
		}
		if most < total || s.othersElsewhere(source.Addr, s.Profile.Servers[at]) {
			return Evidence{}, false
		}
		sources, connections = sources+1, connections+total
		servers[at] = true
		// That all of one source are where the first is.
		chance += float64(total-1) * math.Log10(float64(len(s.Others)+1))
	}
	const enough = 5 // 1 in 100,000
	if sources < 3 || len(servers) < 2 || chance < enough || connections*2 < s.Finding.Connections {
		return Evidence{}, false
	}
	return say("CONNZ", "%d source addresses that unrelated clients share have all of their %d connections on one server each, on %d servers.",
		sources, connections, len(servers)), true
}

// othersElsewhere reports whether clients of other accounts come from an address and
// are on other servers than this one.
func (s *Situation) othersElsewhere(addr netip.Addr, server string) bool {
	if len(s.tenants(addr)) < 2 {
		return false
	}
	c := s.Neighbours.atAddress[addr]
	return c != nil && slices.ContainsFunc(c.servers, func(o *checks.Server) bool {
		return o.ID != server && c.counts[slices.Index(c.servers, o)] > 0
	})
}

// spreadFrom reports whether most clients of other accounts that come from where an
// address leads through are on other servers than it leads to.
func (s *Situation) spreadFrom(a Arrival) bool {
	if s.Neighbours == nil || !a.as.IsValid() {
		return false
	}
	there, all := 0, 0
	for id, p := range s.Neighbours.Profiles {
		at := slices.Index(p.Servers, s.Deployment.Servers[a.Server].ID)
		if id == s.Finding.Account.ID || at < 0 {
			continue
		}
		for _, x := range p.Sources {
			if x.Addr == a.as && at < len(x.Counts) {
				there, all = there+x.Counts[at], all+sum(x.Counts)
			}
		}
	}
	return 2*there < all
}
