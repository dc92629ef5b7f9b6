package system

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// twins are the servers that share their name with another one of a cluster of
// that name. The roster has the names of peers only.
func twins(servers map[string]*seen) []*seen {
	named := map[place][]*seen{}
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		if s := servers[id]; s.roster != nil && s.Cluster != "" && !s.strange {
			p := place{cluster: s.Cluster, name: s.Name}
			named[p] = append(named[p], s)
		}
	}
	var out []*seen
	for _, of := range named {
		if len(of) > 1 {
			out = append(out, of...)
		}
	}
	return out
}

// askLinks asks for the peers' ids where names do not tell which server it is: all
// servers of clusters with twins, and those that count more servers than are known,
// of which one may have the name of another.
func (g *gathering) askLinks() {
	doubtful := map[string]bool{}
	for _, s := range twins(g.servers) {
		doubtful[s.Cluster] = true
	}
	for _, s := range g.servers {
		if s.roster != nil && s.Cluster != "" && s.roster.Servers > len(g.servers) {
			doubtful[s.Cluster] = true
		}
	}
	if len(doubtful) == 0 || g.noLinks {
		return
	}
	for _, s := range g.servers {
		if doubtful[s.Cluster] && s.roster != nil && !s.strange && !s.linksAsked {
			s.linksAsked = true
			g.ask(sysreq.Routez(s.ID), ofRoutez, nil)
		}
	}
}

// askSeeds asks servers of a cluster whose configuration names no more addresses than
// there are servers, as of seeds, which of these its routes lead to: two that are
// configured alike, as of its own address neither tells.
func (g *gathering) askSeeds() {
	if g.noLinks {
		return
	}
	alike, asked, size := map[string][]*seen{}, map[string]int{}, map[string]int{}
	for _, s := range g.inOrder() {
		size[s.Cluster]++
		config := g.configOf(s)
		if config == nil || len(config.Routes) == 0 || s.roster == nil || s.strange {
			continue
		}
		routes := slices.Sorted(slices.Values(config.Routes))
		key := s.Cluster + "\x00" + strings.Join(routes, "\x00")
		if s.linksAsked {
			asked[key]++
		}
		alike[key] = append(alike[key], s)
	}
	for key, of := range alike {
		for _, s := range of {
			if asked[key] < 2 && !s.linksAsked && len(g.configOf(s).Routes) <= size[s.Cluster] {
				s.linksAsked = true
				asked[key]++
				g.ask(sysreq.Routez(s.ID), ofRoutez, nil)
			}
		}
	}
}

// linked reports whether everyone who is there told what it was asked of its
// routes.
func (g *gathering) linked() bool {
	for _, s := range g.servers {
		if s.linksAsked && s.links == nil && s.whole && s.confirmed && !g.noLinks {
			return false
		}
	}
	return true
}

func (g *gathering) routezReply(ctx context.Context, m *nats.Msg) {
	r, err := wire.DecodeRoutez(m.Data)
	g.client.Trace("<<< %s routes, %d bytes, %v", r.From.Name, len(m.Data), err)
	if err != nil {
		return
	}
	g.send(ctx, func(g *gathering) {
		if s := g.servers[r.From.ID]; s != nil && s.linksAsked {
			s.links, s.joined = append([]wire.Peer{}, r.Peers...), r.Configured()
		}
	})
}

// peers are the ids of the servers that each has routes to: by its ROUTEZ where it
// was asked for that, and by the names in the roster elsewhere. A name that two
// have is that of neither.
func peers(servers map[string]*seen) map[string][]string {
	ids := map[place]string{}
	twice := map[place]bool{}
	for id, s := range servers {
		p := place{cluster: s.Cluster, name: s.Name}
		_, taken := ids[p]
		twice[p] = twice[p] || taken
		ids[p] = id
	}
	out := map[string][]string{}
	for id, s := range servers {
		switch {
		case s.links != nil:
			out[id] = []string{}
			for _, p := range s.links {
				out[id] = append(out[id], p.ID)
			}
		case s.roster != nil && s.roster.Peers != nil && !s.linksAsked:
			out[id] = []string{}
			for _, name := range s.roster.Peers {
				if p := (place{cluster: s.Cluster, name: name}); ids[p] != "" && !twice[p] {
					out[id] = append(out[id], ids[p])
				}
			}
		}
	}
	return out
}

// askHubs asks servers for their leafnodes that count more servers than answered or
// are silent at the ends of routes, where none of the connected server's cluster does:
// between leafnode clusters of one name nats-server passes no messages on, and so no
// answers.
func (g *gathering) askHubs() {
	here := g.servers[g.nc.ConnectedServerId()]
	if here == nil || here.roster == nil || g.noLinks || g.connected == nil {
		return
	}
	known := len(g.servers) + len(unanswered(g.servers))
	counts := func(s *seen) bool { return s.roster != nil && s.roster.Servers > known }
	if counts(here) {
		return
	}
	for _, s := range g.servers {
		if s.Cluster == here.Cluster && here.Cluster != "" && counts(s) {
			return
		}
	}
	for _, s := range g.servers {
		if counts(s) && !s.hub {
			s.hub = true
			g.ask(sysreq.Leafz(s.ID), ofLeafz, sysreq.OfAccount{Account: g.systemAccount()})
		}
	}
}

func (g *gathering) leafzReply(ctx context.Context, m *nats.Msg) {
	g.send(ctx, func(g *gathering) {
		z, err := wire.DecodeLeafz(m.Data, g.systemAccount())
		g.client.Trace("<<< %s leafnodes, %d bytes, %v", z.From.Name, len(m.Data), err)
		if s := g.servers[z.From.ID]; err == nil && s != nil && s.hub {
			s.leafs = z.Leafs
		}
	})
}

// hubs are the servers that told of leafnodes, in order of their ids.
func hubs(servers map[string]*seen) []*seen {
	var out []*seen
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		if len(servers[id].leafs) > 0 {
			out = append(out, servers[id])
		}
	}
	return out
}

// behind are the names of the servers at the leafnodes of others that did not
// answer, in order.
func behind(servers map[string]*seen) []string {
	all := map[string]int{}
	for _, hub := range hubs(servers) {
		for name, n := range hub.leafs {
			all[name] += n
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, s := range servers {
		if !s.hub {
			all[s.Name]--
		}
	}
	for _, p := range unanswered(servers) { // to which others have routes: it is on this side
		all[p.name]--
	}
	var out []string
	for name, n := range all {
		for range n {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// dropUnrouted takes back the reports of servers that tell of routes to others of
// their cluster of which none has a route to them: a route has two ends. Two others
// at least have to say so.
func dropUnrouted(servers map[string]*seen) {
	named, known, routed := map[place]int{}, map[string]int{}, map[place]bool{}
	for _, s := range servers {
		if s.roster == nil || s.Cluster == "" || s.strange {
			continue
		}
		named[place{cluster: s.Cluster, name: s.Name}]++
		if len(s.roster.Peers) > 0 {
			known[s.Cluster]++
		}
		for _, peer := range s.roster.Peers {
			if peer != s.Name {
				routed[place{cluster: s.Cluster, name: peer}] = true
			}
		}
	}
	for _, s := range servers {
		at := place{cluster: s.Cluster, name: s.Name}
		if s.roster == nil || !s.whole || named[at] != 1 || routed[at] || known[s.Cluster] < 3 ||
			!slices.ContainsFunc(s.roster.Peers, func(peer string) bool { return named[place{cluster: s.Cluster, name: peer}] > 0 }) {
			continue
		}
		s.unrouted, s.whole, s.usage = true, false, nil
	}
}
