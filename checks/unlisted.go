package checks

import "slices"

// AddUnlisted adds a server that may be missing to each cluster of which no server says
// which it has routes to, as servers that did not answer show in these only. It is not
// expected, and there once however often it is added.
func (d *Deployment) AddUnlisted(reason string) {
	routed := map[string]bool{} // by cluster of servers that are there, or were
	look := func(cluster string, peers []string) { routed[cluster] = routed[cluster] || peers != nil }
	for i := range d.Servers {
		look(d.Servers[i].Cluster, d.Servers[i].Peers)
	}
	for i := range d.Missing {
		if m := &d.Missing[i]; m.ID != "" && m.ClusterKnown {
			look(m.Cluster, m.Peers)
		}
	}
	for _, c := range sortedKeys(routed) {
		unlisted := func(m Missing) bool { return m.Unlisted() && m.Cluster == c }
		if c != "" && !routed[c] && !slices.ContainsFunc(d.Missing, unlisted) {
			d.Missing = append(d.Missing, Missing{Cluster: c, ClusterKnown: true, Kind: NotAsked, Reason: reason})
		}
	}
}

// Unlisted reports whether nothing is known of the server, but that nobody could tell of
// it, see [Deployment.AddUnlisted].
func (m *Missing) Unlisted() bool {
	return m.Kind == NotAsked && m.Nameless() && m.ClusterKnown && m.Known == "" && m.Host == "" && m.At == ""
}
