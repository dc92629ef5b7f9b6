package audit

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// greeted takes in a server that greets: one that did not report is missing. Of
// a cluster of which nobody reported a list of clients is no evidence.
func (e Expected) greeted(d *checks.Deployment, g checks.Greeting, s *sight) {
	if reportedIn(d, []checks.Greeting{g}) || slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.ID == g.ID }) ||
		s.of == ofClients && !slices.Contains(clustersIn(d), g.Cluster) {
		return
	}
	m := checks.Missing{ID: g.ID, Name: g.Name, Cluster: g.Cluster, ClusterKnown: g.Cluster != "" && !d.Shared(g.Cluster), Kind: checks.Silent,
		Reason: "it greets at " + s.shown + ", " + s.of + ", but it did not answer"}
	if x := silentOf(d, &m); x != nil {
		x.ID = g.ID
		s.runs(x)
		return
	}
	if s.of == ofPeers {
		return // of one that is gone, or of nobody that is silent
	}
	if slices.ContainsFunc(d.Servers, func(x checks.Server) bool { return x.Name == g.Name && d.SameCluster(x.Cluster, g.Cluster) }) {
		m.Reason += ": another server has its name, or it restarted during this audit"
		d.Missing = append(d.Missing, m)
		return
	}
	if s.at.IsValid() {
		m.Host = s.at.Addr().String()
	}
	e.addNamed(d, m)
}

// silentOf is the missing server that one is which greets, by its name: the only one
// that may have it and that has not said who it is; nil where there is none.
func silentOf(d *checks.Deployment, g *checks.Missing) *checks.Missing {
	var found *checks.Missing
	for i := range d.Missing {
		m := &d.Missing[i]
		if m.ID != "" || g.Name == "" || m.Name != g.Name || !mayBeOne(d, g, m.Cluster, m.ClusterKnown) {
			continue
		}
		if found != nil {
			return nil
		}
		found = m
	}
	return found
}

// runs adds to a missing server that it greets at an address: it neither hangs nor
// drains, as one that drains closes its listener first.
func (s *sight) runs(m *checks.Missing) {
	known := cmp.Or(m.Known, m.Reason) + ", and it greets at " + s.shown
	switch {
	case m.Kind == checks.OtherSystem:
		m.Reason = known + ", but nobody has a route to it for the system account: it does not hang, it has another system account"
		return
	case len(m.Peers) > 0:
		m.Reason = known + ", but it answers nothing here: it does not hang, it has another system account, or its answers do not come through"
	default:
		m.Reason = known + ", but it does not answer, and no server that answered knows of it: it has no routes to them, or another system account"
	}
	m.Kind = checks.Silent
}

// forClients reports whether the URL is one of a listener for plain clients.
func (s *sight) forClients() bool { return s.scheme == "nats" || s.scheme == "tls" }

// silentRuns reports whether a server is silent that others have routes to, so that any
// address may be its own.
func silentRuns(d *checks.Deployment) bool {
	return slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.ID == "" && len(m.Peers) > 0 })
}

// advertisedIn reports whether an address may be that of a server that is silent.
func advertisedIn(d *checks.Deployment, s *sight) bool {
	return slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return slices.Contains(m.Advertised, s.at.String()) })
}
