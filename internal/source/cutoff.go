package source

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// DropCutOff takes servers out of a model of which the others of their cluster know
// nothing, and says why that is not as it should be. It may be that nobody has a route
// to one that says it has; or that one has none to others who have routes to each
// other, though the configuration has. Servers that no configuration joins are two
// clusters of one name. A server that is cut off has clients who hear nothing of the
// others, and is no survivor for theirs.
func DropCutOff(d *checks.Deployment) {
	all := linkedOf(d)
	d.Servers = slices.DeleteFunc(d.Servers, func(s checks.Server) bool {
		why := cutOff(all, s.ID)
		if why == "" {
			return false
		}
		bound := 0
		for _, u := range s.Usage {
			bound += int(u.Connections)
		}
		d.Missing = append(d.Missing, checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: true,
			Bound: &bound, Kind: checks.CutOff, Reason: why})
		return true
	})
}

// linked is a server as far as others of its cluster can know of it.
type linked struct {
	id, name, host, cluster string
	peers                   []string // nil is not known
	links                   *checks.Links
}

func linkedOf(d *checks.Deployment) map[string]linked {
	out := map[string]linked{}
	for i := range d.Servers {
		s := &d.Servers[i]
		out[s.ID] = linked{s.ID, s.Name, s.Host, s.Cluster, s.Peers, s.Links}
	}
	for i := range d.Missing { // that answered something
		if m := &d.Missing[i]; m.ID != "" && m.ClusterKnown {
			out[m.ID] = linked{m.ID, m.Name, m.Host, m.Cluster, m.Peers, nil}
		}
	}
	return out
}

// cutOff is why a server is not where it should be; empty where it is.
func cutOff(all map[string]linked, id string) string {
	s := all[id]
	if s.peers == nil || s.cluster == "" {
		return ""
	}
	var mates []linked // that have routes to each other
	for _, o := range all {
		if o.id != id && o.cluster == s.cluster && o.routed(all, id) {
			mates = append(mates, o)
		}
	}
	switch {
	case len(mates) < 2, slices.ContainsFunc(mates, func(o linked) bool { return slices.Contains(o.peers, id) }):
	case slices.ContainsFunc(mates, func(o linked) bool { return slices.Contains(s.peers, o.id) }):
		return "it reports routes to others of its cluster, but none of these has a route to it: it is cut off"
	case len(s.peers) == 0 && s.joined(mates):
		return "it has no routes to the others of its cluster, and they have none to it, but these are configured: it is cut off"
	}
	return ""
}

// routed reports whether it has a route to a server that is known, beside one.
func (l linked) routed(all map[string]linked, beside string) bool {
	return slices.ContainsFunc(l.peers, func(id string) bool {
		_, known := all[id]
		return known && id != beside
	})
}

// joined reports whether the configuration of a server has routes to others, or that
// of the others to it.
func (l linked) joined(others []linked) bool {
	if l.links != nil && slices.ContainsFunc(l.links.Routes, func(at string) bool { return !l.isAt(at) }) {
		return true
	}
	return slices.ContainsFunc(others, func(o linked) bool {
		return o.links != nil && slices.ContainsFunc(o.links.Routes, l.isAt)
	})
}

// isAt reports whether an address of a route is the server's.
func (l linked) isAt(at string) bool {
	host, port, err := net.SplitHostPort(at)
	if err != nil || l.links == nil || port != strconv.Itoa(l.links.Port) {
		return false
	}
	label, _, _ := strings.Cut(host, ".")
	return host == l.links.Host || host == l.host || strings.EqualFold(host, l.name) || strings.EqualFold(label, l.name)
}
