package cause

import (
	"math"
	"net/netip"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// addressClients is all clients that come from one source address which several accounts
// share: a NAT, a proxy or a load balancer, never a process. Servers can't tell which
// of these it is. Whether it is the address that brings them where they are is a
// matter of likelihood over all of them: one that is elsewhere speaks against it.
type addressClients struct {
	servers  []*checks.Server
	accounts []tenant
	// left are accounts of which it was observed why they are where they are: they
	// are no evidence for or against the address.
	left int
	// counts are the connections of the others, by server.
	counts []int

	// free, up and own are how likely the placements are if each client took any
	// server, any that was up when it came, and if each account has reasons of its
	// own: its clients are on one server by its own list, or they are free.
	free, up, own Likelihood
	// together is how likely they are if all are led to one server, or take the same
	// list in its order, the servers of which are order; kept, if each account is led
	// to one server.
	together, kept Likelihood
	order          []int
	// timed reports whether it is known for all which servers were up when they came.
	timed bool
}

// tenant is the clients of one account at the address, by service.
type tenant struct {
	account string
	parts   []part
}

// part is the clients that one service of an account has at an address. Up is nil
// where all servers were up when they came, or where timed is false, which is unknown.
type part struct {
	account string
	addr    netip.Addr
	timed   bool
	Placement
}

// fewestThere is how many connections of an account, or of a service, have to come
// from an address to say something of it.
const fewestThere = 3

// ownReason is what it costs to say that an account has a reason of its own to be on
// one server, beside the choice of the server: of ten accounts fewer than one has.
const ownReason = Likelihood(2.303)

// mostTimed is up to how many servers it is worked out which were up: for each
// connection that takes a number for every server.
const mostTimed = 100

// partsOf are the parts of an account, at each of its source addresses that is shared.
func partsOf(account string, p *checks.Profile, servers []*checks.Server, shared map[netip.Addr][]string) []part {
	at := make([]int, len(p.Servers)) // by position in the profile, the one in servers
	for i, id := range p.Servers {
		at[i] = slices.IndexFunc(servers, func(o *checks.Server) bool { return o.ID == id })
		if at[i] < 0 {
			return nil
		}
	}
	reachable := slices.Repeat([]bool{true}, len(servers))
	var out []part
	take := func(sources []checks.Source, starts [][]int) {
		for _, source := range sources {
			if _, is := shared[source.Addr]; !is {
				continue
			}
			x := part{account: account, addr: source.Addr, Placement: Placement{Counts: make([]int, len(servers)), Moved: true, Reachable: reachable}}
			counts := source.Counts[:min(len(source.Counts), len(at))]
			for i, n := range counts {
				x.Counts[at[i]] += n
			}
			x.when(p, servers, counts, starts, at)
			out = append(out, x)
		}
	}
	if len(p.Services) == 0 {
		take(p.Sources, p.Starts)
	}
	for _, service := range p.Services {
		take(service.Sources, service.Starts)
	}
	return out
}

// when sets which servers were up when the connections of a part began: of those of
// its service, the ones that began when the fewest were. Where the clocks are not fine
// enough for that, it is known only of accounts of which most surely came when all
// were up.
func (x *part) when(p *checks.Profile, servers []*checks.Server, counts []int, starts [][]int, at []int) {
	n := len(servers)
	fine := len(p.StartOrder) == n && len(p.Servers) == n && len(starts) == n
	coarse := slices.ContainsFunc(servers, func(o *checks.Server) bool { return untimed(o) || o.Details.Margin > fineClock })
	early := false // some began when not all were up
	for i, on := range counts {
		early = early || on > 0 && i < len(starts) && sum(starts[i][:min(n, len(starts[i]))]) > 0
	}
	x.timed = fine && (!coarse && (!early || n <= mostTimed) || coarse && cameAfter(p))
	if !x.timed || coarse || !early {
		return
	}
	x.Up = make([][]int, n)
	for i, on := range counts {
		if on == 0 {
			continue
		}
		row := make([]int, n+1)
		for k := 0; i < len(starts) && k < min(len(starts[i]), n); k++ {
			row[k] = min(on, starts[i][k])
			on -= row[k]
		}
		row[n] = on
		x.Up[at[i]] = row
	}
	for _, i := range p.StartOrder {
		x.Order = append(x.Order, at[i])
	}
}

func newAddressClients(servers []*checks.Server) *addressClients {
	return &addressClients{servers: servers, counts: make([]int, len(servers)), timed: true}
}

// add takes in a part; those of an account come one after the other.
func (c *addressClients) add(p part, explained bool) {
	last := len(c.accounts) - 1
	if last < 0 || c.accounts[last].account != p.account {
		if explained {
			c.left++
		}
		c.accounts = append(c.accounts, tenant{account: p.account})
		last++
	}
	if explained || sum(p.Counts) == 0 {
		return
	}
	c.accounts[last].parts = append(c.accounts[last].parts, p)
	for i, n := range p.Counts {
		c.counts[i] += n
	}
}

// weigh works out how well each model explains the placements.
func (c *addressClients) weigh() {
	for _, t := range c.accounts {
		if len(t.parts) == 0 {
			continue
		}
		all, each := placementOf(c.servers), Likelihood(0)
		for _, p := range t.parts {
			free := p.Free()
			up := max(free, p.WhileUp())
			c.timed = c.timed && p.timed
			c.free, c.up = c.free+free, c.up+up
			each += max(up, p.Pinned([][]int{p.Counts})-ownReason)
			all.Counts = added(all.Counts, p.Counts)
		}
		pinned := all.Pinned([][]int{all.Counts})
		c.own += max(each, pinned-ownReason)
		c.kept += pinned
	}
	c.kept -= ownReason
	c.order = make([]int, len(c.servers))
	for i := range c.order {
		c.order[i] = i
	}
	slices.SortStableFunc(c.order, func(a, b int) int { return c.counts[b] - c.counts[a] })
	c.together = max(c.inOrder(1, false), c.inOrder(len(c.order), true)) - ownReason
}

// inOrder is the likelihood if all take the first of these many servers that was
// up when they came, whose order costs what it was chosen from.
func (c *addressClients) inOrder(most int, timed bool) Likelihood {
	out := Likelihood(0)
	for at := range min(most, max(1, len(c.order)-1)) {
		if at > 0 && c.counts[c.order[at]] == 0 {
			break
		}
		out -= Likelihood(math.Log(float64(len(c.order) - at)))
	}
	for _, t := range c.accounts {
		for _, p := range t.parts {
			if !timed {
				p.Up = nil
			}
			out += p.InOrder(c.order)
		}
	}
	return out
}

// placementOf is one of nobody yet, with all servers reachable.
func placementOf(servers []*checks.Server) Placement {
	return Placement{Counts: make([]int, len(servers)), Reachable: slices.Repeat([]bool{true}, len(servers))}
}

// pinnedTenants is how many accounts have enough clients there, and how many of
// them have nearly all on one server each, on how many servers.
func (c *addressClients) pinnedTenants() (pinned, all, servers int) {
	on := map[int]bool{}
	for _, t := range c.accounts {
		counts := make([]int, len(c.servers))
		for _, p := range t.parts {
			counts = added(counts, p.Counts)
		}
		at, most, total := top(counts)
		if total < fewestThere {
			continue
		}
		all++
		if float64(most) >= nearlyAll*float64(total) {
			pinned++
			on[at] = true
		}
	}
	return pinned, all, len(on)
}
