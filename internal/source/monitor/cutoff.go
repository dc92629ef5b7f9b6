package monitor

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// cutOff says of which servers, by id, that were read the others of their cluster
// know nothing, and why that is not as it should be. It may be that nobody has a route
// to one that says it has; or that one has none to others who have routes to each
// other, though the configuration has. Servers that no configuration joins are two
// clusters of one name. A server that is cut off has clients who hear nothing of the
// others, and is no survivor for theirs.
func cutOff(servers map[string]*monitored) map[string]string {
	out := map[string]string{}
	for id, r := range servers {
		if r.noRoutes != nil || r.Cluster == "" {
			continue
		}
		var mates []*monitored // that have routes to each other
		for _, o := range servers {
			if o.ID != id && o.Cluster == r.Cluster && o.noRoutes == nil && o.routed(servers, id) {
				mates = append(mates, o)
			}
		}
		known := slices.ContainsFunc(mates, func(o *monitored) bool { return o.hasRouteTo(id) })
		switch {
		case len(mates) < 2 || known:
		case slices.ContainsFunc(mates, func(o *monitored) bool { return r.hasRouteTo(o.ID) }):
			out[id] = "it reports routes to others of its cluster, but none of these has a route to it: it is cut off"
		case len(r.peers) == 0 && joined(r, mates):
			out[id] = "it has no routes to the others of its cluster, and they have none to it, but these are configured: it is cut off"
		}
	}
	return out
}

func (r *monitored) hasRouteTo(id string) bool {
	return slices.ContainsFunc(r.peers, func(p wire.Peer) bool { return p.ID == id })
}

// routed reports whether it has a route to a server that was read, beside one.
func (r *monitored) routed(servers map[string]*monitored, beside string) bool {
	return slices.ContainsFunc(r.peers, func(p wire.Peer) bool { return p.ID != beside && servers[p.ID] != nil })
}

// joined reports whether the configuration of a server has routes to others, or that
// of the others to it.
func joined(r *monitored, others []*monitored) bool {
	if links := r.varz.Links; links != nil && slices.ContainsFunc(links.Routes, func(at string) bool { return !r.isAt(at) }) {
		return true
	}
	return slices.ContainsFunc(others, func(o *monitored) bool {
		return o.varz.Links != nil && slices.ContainsFunc(o.varz.Links.Routes, r.isAt)
	})
}

// isAt reports whether an address of a route is the server's.
func (r *monitored) isAt(at string) bool {
	host, port, err := net.SplitHostPort(at)
	links := r.varz.Links
	if err != nil || links == nil || port != strconv.Itoa(links.Port) {
		return false
	}
	label, _, _ := strings.Cut(host, ".")
	return host == links.Host || host == r.Host || strings.EqualFold(host, r.Name) || strings.EqualFold(label, r.Name)
}
