package record

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// withoutKnown leaves out servers without a name that are known by theirs. One that fell
// silent or shut down of late is the one that others still count, also where it runs again as
// another process: its goodbye does not get to those that are just connecting to each other.
// In that case it is not also the one that is expected and that may be the one they count:
// this is missing then. One that fell silent or shut down, or that stopped and was not noticed
// yet, is the one that others have a route configured to.
func (w *Watch) withoutKnown(missing []checks.Missing, reported map[string]bool, now time.Time) []checks.Missing {
	missing = slices.Clone(missing)
	named := func(id, name, cluster string) bool {
		return slices.ContainsFunc(missing, func(m checks.Missing) bool {
			return m.ID != "" && m.ID == id || m.Name != "" && m.Name == name && m.MayBeIn(cluster)
		})
	}
	take := func(is func(m *checks.Missing) bool) (m checks.Missing, ok bool) {
		for at := range missing {
			if m = missing[at]; is(&m) {
				missing = slices.Delete(missing, at, at+1)
				return m, true
			}
		}
		return m, false
	}
	counted := func(cluster string, fills bool) (checks.Missing, bool) {
		in := func(m *checks.Missing) bool {
			return m.Kind == checks.Counted && m.Nameless() && m.MayBeIn(cluster)
		}
		if m, ok := take(func(m *checks.Missing) bool { return in(m) && (m.Fills != nil) == fills }); ok {
			return m, true
		}
		return take(in)
	}
	expected := func(cluster string) bool {
		_, ok := take(func(m *checks.Missing) bool {
			return (m.Kind == checks.Configured || m.Kind == checks.Forgotten) && m.Nameless() && m.MayBeIn(cluster)
		})
		return ok
	}
	for _, d := range w.down {
		if d.back && now.Sub(d.at) < checks.StillCounted && !named(d.ref.ID, "", d.cluster) { // its name is that of the one that runs
			if m, ok := counted(d.cluster, false); ok && m.Fills != nil {
				missing = append(missing, *m.Fills)
			}
		}
	}
	for id, d := range w.down {
		if d.back || named(d.ref.ID, d.ref.Name, d.cluster) {
			continue
		}
		if now.Sub(d.at) < checks.StillCounted {
			if _, ok := counted(d.cluster, true); ok {
				continue
			}
		}
		if expected(d.cluster) && !d.silent {
			d.at = now // it is meant to be there: the cluster is not a smaller one
			w.down[id] = d
		}
	}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" && !reported[s.ID] && !s.replaced && !named(s.ID, s.Name, s.cluster) {
			expected(s.cluster)
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
