package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mixed are the names of clusters whose servers may be several clusters: leaf
// clusters that have the same name, as sites that were set up alike. An account
// is told of neither routes nor leafnodes, but of how many leafnodes it has on each
// server. A request that comes by a leafnode is passed on to the servers of that
// cluster, so that each of them answers as often as its cluster has leafnodes.
//
// Nothing of it is proof against an account that also has leafnodes at clusters
// which gateways connect: those are named too.
func (g *gathering) mixed() []string {
	servers, leafs, least := map[string]int{}, map[string]int{}, map[string]int{}
	for _, s := range g.servers {
		if s.Cluster == "" || !s.whole {
			continue
		}
		if servers[s.Cluster]++; servers[s.Cluster] == 1 || s.times < least[s.Cluster] {
			least[s.Cluster] = s.times
		}
		for _, r := range s.rows {
			leafs[s.Cluster] += int(r.Leafnodes)
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		if servers[name] < 2 || leafs[name] < 2 || least[name] >= leafs[name] {
			continue // each part would have a leafnode
		}
		elsewhere := 0
		for other, n := range leafs {
			if other != name {
				elsewhere = max(elsewhere, n)
			}
		}
		if elsewhere < 2 || name == g.cluster && g.advertisesAll() {
			continue // another cluster must be between two parts
		}
		out = append(out, name)
	}
	return out
}

// advertisesAll reports whether the connected server's cluster advertises all
// servers of its name: those that greet at an address that servers advertise, or
// where each listens at one address only, as many addresses.
func (g *gathering) advertisesAll() bool {
	greets, listed := map[string]bool{}, len(g.addresses)
	for _, a := range g.addresses {
		greets[a.id] = true
	}
	all, servers := true, 0
	for _, s := range g.servers {
		if s.Cluster == g.cluster {
			servers++
			all = all && (greets[s.ID] || s.ID == g.self.server)
		}
	}
	return all || !g.anywhere() && listed >= servers
}

// noteMixed says what is unknown of clusters, and what tells.
func (g *gathering) noteMixed(names []string) {
	if len(names) > 0 {
		g.notes[fmt.Sprintf("%s may be several clusters of that name behind leafnodes, which an account can't tell apart: pass credentials of the system account, which sees their routes", strings.Join(names[:min(len(names), 4)], ", "))] = true
	}
}
