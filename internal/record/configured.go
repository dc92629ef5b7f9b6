package record

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// withoutKnown leaves out servers without a name that are known by theirs. One that fell
// silent or shut down of late is the one that others still count, also where it runs again as
// another process: its goodbye does not get to those that are just connecting to each other.
// In that case it is not also the one that is expected and that may be the one they count:
// this is missing then. One that fell silent or shut down, or that stopped and was not noticed
// yet, is the one that others have a route configured to, unless that one was missing while
// it was there.
func (w *Watch) withoutKnown(missing []checks.Missing, reported map[string]bool, now time.Time) []checks.Missing {
	missing = slices.Clone(missing)
	named := func(id, name, cluster string) bool {
		return slices.ContainsFunc(missing, func(m checks.Missing) bool {
			return m.ID != "" && m.ID == id || m.Name != "" && m.Name == name && m.MayBeIn(cluster)
		})
	}
	take := func(cluster string, lacked []string, is func(m *checks.Missing) bool) (m checks.Missing, ok bool) {
		others := checks.Others(missing, cluster, lacked)
		for at := range missing {
			if m = missing[at]; !others[at] && is(&m) {
				missing = slices.Delete(missing, at, at+1)
				return m, true
			}
		}
		return m, false
	}
	counted := func(cluster string, lacked []string, fills bool) (checks.Missing, bool) {
		in := func(m *checks.Missing) bool {
			return m.Kind == checks.Counted && m.Nameless() && m.MayBeIn(cluster)
		}
		if m, ok := take(cluster, lacked, func(m *checks.Missing) bool { return in(m) && (m.Fills != nil) == fills }); ok {
			return m, true
		}
		return take(cluster, lacked, in)
	}
	expected := func(cluster string, lacked []string) bool {
		_, ok := take(cluster, lacked, func(m *checks.Missing) bool {
			return (m.Kind == checks.Configured || m.Kind == checks.Forgotten) && m.Nameless() && m.MayBeIn(cluster)
		})
		return ok
	}
	for _, d := range w.down {
		if d.back && now.Sub(d.at) < checks.StillCounted && !named(d.ref.ID, "", d.cluster) { // its name is that of the one that runs
			if m, ok := counted(d.cluster, nil, false); ok && m.Fills != nil {
				missing = append(missing, *m.Fills)
			}
		}
	}
	for _, id := range w.mostLackedFirst() {
		d := w.down[id]
		if d.back || named(d.ref.ID, d.ref.Name, d.cluster) {
			continue
		}
		if now.Sub(d.at) < checks.StillCounted {
			if _, ok := counted(d.cluster, d.lacked, true); ok {
				continue
			}
			if m, ok := counted(d.cluster, nil, true); ok { // which was missing while this one was there
				missing = append(missing, *m.Fills)
				continue
			}
		}
		if expected(d.cluster, d.lacked) && !d.silent {
			d.at = now // it is meant to be there: the cluster is not a smaller one
			w.down[id] = d
		}
	}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" && !reported[s.ID] && !s.replaced && !named(s.ID, s.Name, s.cluster) {
			expected(s.cluster, s.lacked)
		}
	}
	return missing
}

// mostLackedFirst are those that are down, first those that can be the fewest of the servers
// that are missing.
func (w *Watch) mostLackedFirst() []string {
	return slices.SortedFunc(maps.Keys(w.down), func(a, b string) int {
		return cmp.Or(len(w.down[b].lacked)-len(w.down[a].lacked), cmp.Compare(a, b))
	})
}

// lack notes of the servers that reported which ones were missing then.
func (w *Watch) lack(missing []checks.Missing, reported map[string]bool) {
	in := map[string][]string{} // by cluster
	for i := range w.m.servers {
		s := &w.m.servers[i]
		if s.ID == "" || !reported[s.ID] {
			continue
		}
		if _, done := in[s.cluster]; !done {
			in[s.cluster] = checks.Places(missing, s.cluster)
		}
		s.lacked = in[s.cluster]
	}
}

// expectsMore reports whether a server is missing of which nothing is known but that it
// should be there, and that may be one that went.
func expectsMore(d *checks.Deployment, g *checks.RecordedGone) bool {
	others := checks.Others(d.Missing, g.Cluster, g.Lacked)
	for i := range d.Missing {
		m := &d.Missing[i]
		if !others[i] && m.Nameless() && m.MayBeIn(g.Cluster) && (m.Kind == checks.Configured || m.Kind == checks.Forgotten) {
			return true
		}
	}
	return false
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
