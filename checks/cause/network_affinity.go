package cause

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// NetworkAffinity is the code of the cause.
const NetworkAffinity Code = "network-affinity"

// networkAffinity: where the clients are on the network, or the servers'
// placement tags, explains which server they are on.
//
// The source addresses are grouped by network, from /24 (IPv6: /64) up to /8
// (/32), and the widest grouping is taken in which nearly all connections of each
// network are on one server. It takes networks on at least two servers, and that
// chance would not do it: the number of ways to deal the addresses out says so.
// Networks that the servers themselves are in, each its own, weigh more, as does
// a tag that users and server share. Confirmed takes that, and a list of the
// account that leads to the other servers. All clients on one server say nothing,
// unless they are in its network, and no other server is.
func networkAffinity() rule {
	return rule{
		Definition: Definition{Code: NetworkAffinity, Title: "Clients connect to the server that is near them", Role: Root, Step: Chosen, Moved: Undecided,
			Helps: []Help{{RemedyPlacement, ShortTerm}, {RemedyClientConfig, ShortTerm}, {RemedyLeafnodes, LongTerm}}},
		thing:      func(s *Situation) string { return s.Finding.Server.ID },
		judge:      judgeNetwork,
		likelihood: (*Situation).byNetwork,
	}
}

// nearlyAll is the part of a network's connections that has to be on one
// server.
const nearlyAll = 0.95

func judgeNetwork(s *Situation) judgement {
	p := s.Profile
	switch {
	case p == nil:
		return notTested("CONNZ", "The connections were not read.").settledBy(NeedConnections)
	case !p.Whole:
		return s.notWhole()
	}
	if j, ok := s.tagAffinity(); ok {
		return j
	}
	groups := dividing(p.Networks)
	if groups == nil {
		return s.oneNetwork()
	}
	here, all, matches, mismatches := 0, 0, 0, 0
	for _, g := range groups {
		at, most, total := top(g.counts)
		here += g.counts[0]
		all += total
		switch s.homeOf(g.prefix, at) {
		case checks.Yes:
			matches += most
		case checks.No:
			mismatches += most
		case checks.Unknown:
		}
	}
	ways := logWays(p)
	own := matches > 0 && matches*10 >= all*9
	switch {
	case mismatches*10 > all:
		return ruledOut("CONNZ", "Clients are on other servers than the one that is in their network.")
	case Likelihood(ways) < likelyOverFree && !own:
		return notTested("CONNZ", "Too few clients are on other servers to see whether it is their network that brings them there.")
	}
	if j, ok := s.networkHeld(); ok && !own && !slices.ContainsFunc(groups, func(g network) bool { return sum(g.counts) > 1 && g.counts[0] == 0 }) {
		return j // that one connection is on one server says nothing of its network
	}
	j := judgement{explains: s.explained(here), evidence: []Evidence{
		say("CONNZ", "The %d connections come from %d networks, and nearly all connections of each network are on one server.", all, len(groups))}}
	slices.SortStableFunc(groups, func(a, b network) int { return cmp.Compare(sum(b.counts), sum(a.counts)) })
	for _, g := range groups[:min(3, len(groups))] {
		at, most, total := top(g.counts)
		of := words.Count(most) + " of its " + connectionsOf(total)
		if total == 1 {
			of = "its only connection"
		}
		j.evidence = append(j.evidence, say("CONNZ", "%s has %s on %s.", g.prefix, of, s.nameOf(at)))
	}
	switch {
	case own && s.reachable() == checks.Yes:
		j.verdict, j.confidence = Confirmed, 0.9
	case own:
		j.verdict, j.confidence = Likely, 0.85
	default:
		j.verdict, j.confidence = Likely, 0.65
	}
	if own {
		j.evidence = append(j.evidence, say("VARZ", "The servers are in the networks of their clients."))
	}
	return j
}

// logWays is the logarithm of the number of ways to deal the source addresses
// out to the servers, each getting as many as it has. The connections of one
// address are not independent of each other.
func logWays(p *checks.Profile) float64 {
	totals := map[int]int{}
	all := 0
	for _, source := range p.Sources {
		at, _, _ := top(source.Counts)
		totals[at]++
		all++
	}
	ways := logFactorial(all)
	for _, n := range totals {
		ways -= logFactorial(n)
	}
	return ways
}

// network is a group of source addresses with counts by server.
type network struct {
	prefix netip.Prefix
	counts []int
}

// dividing groups networks as widely as each still has its connections on one
// server; nil where no grouping does that with networks on different servers.
func dividing(groups []checks.Group) []network {
	for _, bits := range [][2]int{{8, 32}, {12, 40}, {16, 48}, {20, 56}, {24, 64}} {
		merged := map[netip.Prefix][]int{}
		pure, all := 0, 0
		for _, g := range groups {
			prefix, err := netip.ParsePrefix(g.Key)
			if g.Other || err != nil {
				return nil
			}
			n := bits[0]
			if prefix.Addr().Is6() {
				n = bits[1]
			}
			wide, err := prefix.Addr().Prefix(min(n, prefix.Bits()))
			if err != nil {
				return nil
			}
			if merged[wide] == nil {
				merged[wide] = make([]int, len(g.Counts))
			}
			for i, c := range g.Counts {
				merged[wide][i] += c
			}
		}
		servers := map[int]bool{}
		var out []network
		for prefix, counts := range merged {
			at, most, total := top(counts)
			if total == 0 {
				continue
			}
			pure, all = pure+most, all+total
			servers[at] = true
			out = append(out, network{prefix, counts})
		}
		if len(servers) > 1 && float64(pure) >= nearlyAll*float64(all) {
			slices.SortFunc(out, func(a, b network) int { return a.prefix.Addr().Compare(b.prefix.Addr()) })
			return out
		}
	}
	return nil
}

// fewestOfNetwork is how many connections of a network have to be on one server
// to say that it is the network's.
const fewestOfNetwork = 5

// held are the networks that have all of their connections on the concentrated
// server, together most of what it has, while those of other networks are spread:
// something between these networks and the other servers may hold them back.
func (s *Situation) held() (held []checks.Group, others []int) {
	others = make([]int, len(s.Profile.Servers))
	on := 0
	for _, g := range s.Profile.Networks {
		if _, err := netip.ParsePrefix(g.Key); g.Other || err != nil || len(g.Counts) > len(others) {
			return nil, nil
		}
		if n := sum(g.Counts); n >= fewestOfNetwork && n == g.Counts[0] {
			held, on = append(held, g), on+n
			continue
		}
		for at, n := range g.Counts {
			others[at] += n
		}
	}
	if elsewhere := sum(others) - others[0]; on*2 <= s.Finding.OnServer || elsewhere < 2 || others[0] > elsewhere {
		return nil, nil
	}
	return held, others
}

// networkHeld is the verdict where there are such networks.
func (s *Situation) networkHeld() (judgement, bool) {
	held, others := s.held()
	if len(held) == 0 {
		return judgement{}, false
	}
	n := 0
	for _, g := range held {
		n += sum(g.Counts)
	}
	return judgement{verdict: Possible, confidence: 0.3, explains: s.explained(n), evidence: []Evidence{
		say("CONNZ", "%s has all of its %s on %s, while the %d of other networks are on several servers: a firewall may keep that network from the others, or its clients have another list.",
			held[0].Key, connectionsOf(sum(held[0].Counts)), label(s.Server), sum(others))}}, true
}

// oneNetwork is the verdict where clients of one network, or of networks that
// tell nothing, are all there is.
func (s *Situation) oneNetwork() judgement {
	if j, ok := s.networkHeld(); ok {
		return j
	}
	home, foreign, elsewhere, untold := 0, 0, 0, false
	for _, g := range s.Profile.Networks {
		elsewhere += sum(g.Counts) - g.Counts[0]
		prefix, err := netip.ParsePrefix(g.Key)
		if g.Other || err != nil {
			untold = true
			continue
		}
		if s.homeOf(prefix, 0) == checks.Yes {
			home += g.Counts[0]
		} else {
			foreign += g.Counts[0]
		}
	}
	switch {
	case untold:
		return notTested("CONNZ", "The clients come from more networks than are kept apart, or from unknown addresses.")
	case home > 0 && home >= 9*foreign:
		return judgement{verdict: Possible, confidence: 0.4, explains: s.explained(home), evidence: []Evidence{
			say("CONNZ", "%d of the %s come from its own network, in which no other server is.", home, s.ofThese())}}
	case elsewhere == 0:
		return notTested("CONNZ", "All of these clients are on %s: none is elsewhere to compare its network with.", label(s.Server))
	}
	if len(s.Profile.Services) == 0 && !s.oneService() || slices.ContainsFunc(s.cluster(), func(o *checks.Server) bool { return o.Details == nil }) {
		return notTested("CONNZ", "Clients of the same network are on different servers, but those may be other services, or follow placement tags that are unknown.")
	}
	return ruledOut("CONNZ", "Where the clients are does not decide which server they are on: clients of the same network are on different servers.")
}

// homeOf reports whether the server is in this network, and no other server of the
// cluster is; No where another one is and this is not.
func (s *Situation) homeOf(prefix netip.Prefix, at int) checks.Answer {
	id := s.Profile.Servers[at]
	in, others, known := false, false, true
	for _, server := range slices.Concat([]*checks.Server{s.Server}, s.Others) {
		addresses := addresses(server)
		known = known && len(addresses) > 0
		within := slices.ContainsFunc(addresses, prefix.Contains)
		if server.ID == id {
			in = in || within
		} else {
			others = others || within
		}
	}
	switch {
	case !known || in == others:
		return checks.Unknown
	}
	return yesNo(in)
}

// tagAffinity reports whether users' tags are those of the servers they are on.
func (s *Situation) tagAffinity() (judgement, bool) {
	matched, elsewhere, all := 0, 0, 0
	tag := ""
	for _, g := range s.Profile.Tags {
		var with []int
		for at, id := range s.Profile.Servers {
			for _, server := range slices.Concat([]*checks.Server{s.Server}, s.Others) {
				if server.ID == id && server.Details != nil && slices.Contains(server.Details.Tags, g.Key) {
					with = append(with, at)
				}
			}
		}
		if g.Other || len(with) != 1 {
			continue
		}
		all += sum(g.Counts)
		matched += g.Counts[with[0]]
		if with[0] != 0 {
			elsewhere += g.Counts[with[0]]
		} else if tag == "" {
			tag = g.Key
		}
	}
	if tag == "" || all*10 < s.Finding.Connections*9 || float64(matched) < nearlyAll*float64(all) || elsewhere == 0 {
		return judgement{}, false
	}
	return judgement{verdict: Likely, confidence: 0.8, explains: s.Finding.OnServer, evidence: []Evidence{
		say("CONNZ", "%d of %d clients are on the server that has their placement tag, such as %s on %s.", matched, all, tag, label(s.Server))}}, true
}

func (s *Situation) nameOf(at int) string {
	for i := range s.Deployment.Servers {
		if s.Deployment.Servers[i].ID == s.Profile.Servers[at] {
			return label(&s.Deployment.Servers[i])
		}
	}
	return s.Profile.Servers[at]
}

// top is the server with most of the counts.
func top(counts []int) (at, most, total int) {
	for i, n := range counts {
		total += n
		if n > most {
			at, most = i, n
		}
	}
	return at, most, total
}

func sum(counts []int) int {
	_, _, total := top(counts)
	return total
}

func logFactorial(n int) float64 {
	v, _ := math.Lgamma(float64(n) + 1)
	return v
}

func yesNo(b bool) checks.Answer {
	if b {
		return checks.Yes
	}
	return checks.No
}
