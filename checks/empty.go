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
// is returned. Servers in lame duck mode do not report. Left out are those without
// a listener that all others have, and those whose tags keep clients away; both are
// in [Server.Details]. The parameters must be valid.
func EmptyServers(d *Deployment, p HotspotParameters) []EmptyServer {
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
		if total < p.MinConnections || total < times(emptyAverage, most) {
			continue
		}
		for at, s := range c.servers {
			server := &d.Servers[s]
			if times(times(totals[at], emptyPart), most) < total && !d.withoutListener(c, s) && !server.KeepsAway() {
				out = append(out, EmptyServer{Load: Load{Connections: total, OnServer: totals[at], Servers: known}, Cluster: c.name, Server: server.Ref(), Start: server.Start})
			}
		}
	}
	return out
}

// withoutListener reports whether a server lacks a listener that all others of its
// cluster have: the clients are of that protocol, as far as that is known.
func (d *Deployment) withoutListener(c cluster, server int) bool {
	for _, protocol := range []string{"mqtt", "websocket"} {
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
