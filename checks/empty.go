package checks

import (
	"slices"
	"strings"
	"time"
)

// EmptyServer is a server with hardly any of its cluster's client connections, while
// others could give some: empty since it joined or restarted.
type EmptyServer struct {
	Load
	Cluster string
	Server  ServerRef
	Start   time.Time // zero where not known
}

const (
	// emptyPart: a server with less than this part of the average is empty.
	emptyPart = 4
	// emptyAverage is the average from which on that is not just chance.
	emptyAverage = 4
)

// EmptyServers returns the servers with less than a quarter of their cluster's
// average of client connections, by cluster and name. A missing server has whatever
// it has: where it could raise or lower the average so that this is open, nothing
// is returned. Servers in lame duck mode do not report. Left out are those whose tags
// keep clients away, and those without a listener that all others have, unless it is
// empty next to the clients alone that need none of these; both are in
// [Server.Details]. The parameters must be valid.
func EmptyServers(d *Deployment, p HotspotParameters, spoken Spoken) []EmptyServer {
	var out []EmptyServer
	unplaced := ofUnknownCluster(d, false)
	for _, c := range d.clusters() {
		members := len(c.servers) + len(c.missing)
		if c.name == "" || len(p.Clusters) > 0 && !slices.Contains(p.Clusters, c.name) || members < p.MinServers || d.lacksCounts(c.name) {
			continue
		}
		known := c.averaged(p.AllowPartial)
		most := known
		if !p.AllowPartial {
			most = plus(known+len(c.perhaps), unplaced.unplaced)
		}
		totals := ClientConnections().totals(d, c)
		total := 0
		for _, n := range totals {
			total += n
		}
		empty := func(n, total int) bool {
			return total >= p.MinConnections && total >= times(emptyAverage, most) && times(times(n, emptyPart), most) < total
		}
		for at, s := range c.servers {
			server := &d.Servers[s]
			if empty(totals[at], total) && !server.KeepsAway() &&
				(!d.withoutListener(c, s) || empty(totals[at], spoken.takenBy(server))) {
				out = append(out, EmptyServer{Load: Load{Connections: total, OnServer: totals[at], Servers: known}, Cluster: c.name, Server: server.Ref(), Start: server.Start})
			}
		}
	}
	return out
}

// Spoken is how many clients of a cluster, by its name, are known to speak a protocol: at
// least so many.
type Spoken map[string]map[string]int

// Add counts the clients of an account.
func (s Spoken) Add(cluster string, p *Profile) {
	if s[cluster] == nil {
		s[cluster] = map[string]int{}
	}
	for _, g := range p.Protocols {
		if g.Other {
			continue
		}
		for _, n := range g.Counts {
			s[cluster][g.Key] += n
		}
	}
}

// takenBy is how many clients of its cluster a server has a listener for.
func (s Spoken) takenBy(server *Server) int {
	out := 0
	for protocol, n := range s[server.Cluster] {
		if server.Takes(protocol) == Yes {
			out += n
		}
	}
	return out
}

// withoutListener reports whether a server lacks a listener that all others of its
// cluster have: the clients are of that protocol, as far as that is known.
func (d *Deployment) withoutListener(c cluster, server int) bool {
	for _, protocol := range []string{MQTT, WebSocket} {
		others := 0
		for _, s := range c.servers {
			if s != server && d.Servers[s].Takes(protocol) == Yes {
				others++
			}
		}
		if others > 0 && others == len(c.servers)-1 && d.Servers[server].Takes(protocol) == No {
			return true
		}
	}
	return false
}

// KeepsAway reports whether a placement tag says that the server is not for clients.
func (s *Server) KeepsAway() bool {
	if s.Details == nil {
		return false
	}
	return slices.ContainsFunc(s.Details.Tags, func(tag string) bool {
		tag = strings.ToLower(tag)
		return slices.Contains([]string{"no-clients", "noclients", "clients:no", "clients:false", "leafnodes-only", "leaf-only", "maintenance", "drain", "cordoned"}, tag)
	})
}
