package checks

import (
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/internal/words"
)

// AddSilent adds clusters of which nobody reported, each as one server that stands
// for all it has.
//
// A missing server that may be in any cluster may be that one. It is counted once:
// the cluster is Silent then, and no server more. Each stands for one cluster, so
// that those beyond their number are one server more each, at
// most so many.
func (d *Deployment) AddSilent(found []Missing, most int) {
	n := max(0, min(d.free(), len(found)))
	for i := range found[:n] {
		d.addSilentCluster(&found[i])
	}
	d.Missing = append(d.Missing, found[n:min(len(found), n+max(0, most))]...)
}

// AddAnywhere adds a server that did not report. Where it may be in any cluster, and
// there is one of which only that is known that nobody of it reported, it may be the
// server that stands for that cluster: it takes its place, and is counted once.
func (d *Deployment) AddAnywhere(m Missing) {
	at := -1
	if m.mayBeAnywhere() {
		at = slices.IndexFunc(d.Missing, func(x Missing) bool { return d.StandsFor(&x, x.Cluster) })
	}
	if at < 0 {
		d.Missing = append(d.Missing, m)
		return
	}
	of := d.Missing[at]
	d.Missing = append(slices.Delete(d.Missing, at, at+1), m)
	d.addSilentCluster(&of)
}

// StandsFor reports whether a missing server is there only because nobody of a
// cluster reported: nothing else is known of it.
func (d *Deployment) StandsFor(m *Missing, cluster string) bool {
	return m.ClusterKnown && m.Cluster == cluster && cluster != "" && m.Nameless() && m.Host == "" && m.At == "" && m.Gone == nil &&
		!slices.ContainsFunc(d.Servers, func(s Server) bool { return d.SameCluster(s.Cluster, cluster) })
}

// Reasons returns the reason of a missing server, with the clusters that it may be of
// and of which nobody is known, or the servers that it may be where it is not counted.
func (d *Deployment) Reasons() func(*Missing) string {
	const shown = 3
	silent, perhaps := d.unknown(), d.perhapsOne()
	return func(m *Missing) string {
		if m.Perhaps {
			return perhaps(m) + ": " + m.Reason
		}
		if len(silent) == 0 || !m.mayBeAnywhere() {
			return m.Reason
		}
		return fmt.Sprintf("perhaps of %s, of which no server answered: %s", words.ListUpTo(shown, silent), m.Reason)
	}
}

// unknown are the clusters that are Silent and of which still no server is known: one
// that may have been anywhere may have turned out to be of it.
func (d *Deployment) unknown() []string {
	if len(d.Silent) == 0 {
		return nil
	}
	known := map[string]bool{}
	for i := range d.Missing {
		if m := &d.Missing[i]; m.ClusterKnown {
			known[m.Cluster] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(d.Silent), func(cluster string) bool { return known[cluster] })
}

// mayBeAnywhere reports whether it may be a server of any cluster. One with an id has
// said something, and would have said that it is of another cluster.
func (m *Missing) mayBeAnywhere() bool {
	return !m.ClusterKnown && !m.Apart && m.ID == "" && !m.Perhaps
}

// addSilentCluster has the servers that may be anywhere stand for a cluster.
func (d *Deployment) addSilentCluster(of *Missing) {
	if slices.Contains(d.Silent, of.Cluster) {
		return
	}
	d.Silent = append(d.Silent, of.Cluster)
	slices.Sort(d.Silent)
	if of.Known != "" {
		d.Note(fmt.Sprintf("cluster %s: %s, but no server of it answered, and how many it has is unknown: missing servers of an unknown cluster may be of it", of.Cluster, of.Known))
	}
}
