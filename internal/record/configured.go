package record

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// withoutKnown leaves out servers without a name that are known by theirs. One that fell
// silent or shut down of late is the one that others still count, also where it runs again as
// another process: its goodbye does not get to those that are just connecting to each other.
// One that fell silent or shut down, or that stopped and was not noticed yet, is
// the one that others have a route configured to.
func (w *Watch) withoutKnown(missing []checks.Missing, reported map[string]bool, now time.Time) []checks.Missing {
	missing = slices.Clone(missing)
	named := func(id, name, cluster string) bool {
		return slices.ContainsFunc(missing, func(m checks.Missing) bool {
			return m.ID != "" && m.ID == id || m.Name != "" && m.Name == name && m.MayBeIn(cluster)
		})
	}
	drop := func(cluster string, kinds ...checks.MissingKind) bool {
		at := slices.IndexFunc(missing, func(m checks.Missing) bool {
			return m.Nameless() && m.MayBeIn(cluster) && slices.Contains(kinds, m.Kind)
		})
		if at < 0 {
			return false
		}
		missing = slices.Delete(missing, at, at+1)
		return true
	}
	for id, d := range w.down {
		name := d.ref.Name
		if d.back { // that is the one that runs
			name = ""
		}
		switch {
		case named(d.ref.ID, name, d.cluster):
		case now.Sub(d.at) < checks.StillCounted && drop(d.cluster, checks.Counted):
		case !d.back && drop(d.cluster, checks.Configured, checks.Forgotten) && !d.silent:
			d.at = now // it is meant to be there: the cluster is not a smaller one
			w.down[id] = d
		}
	}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" && !reported[s.ID] && !s.replaced && !named(s.ID, s.Name, s.cluster) {
			drop(s.cluster, checks.Configured, checks.Forgotten)
		}
	}
	return missing
}

// expectsMore reports whether a server of a cluster is missing of which nothing is known but
// that it should be there.
func expectsMore(d *checks.Deployment, cluster string) bool {
	return slices.ContainsFunc(d.Missing, func(m checks.Missing) bool {
		return m.Nameless() && m.MayBeIn(cluster) && (m.Kind == checks.Configured || m.Kind == checks.Forgotten)
	})
}

// recallFormer takes over the former processes of servers that run again, which others may
// still count.
func (w *Watch) recallFormer(all []checks.RecordedGone, now time.Time) {
	for _, g := range all {
		if now.Sub(g.At) < checks.StillCounted && g.Server.ID != "" && w.m.server(g.Server.ID) == nil && len(w.down) < mostServers {
			w.down[g.Server.ID] = stopped{life: life{heard: g.At}, ref: g.Server, cluster: g.Cluster, at: g.At, back: true, silent: true}
		}
	}
}
