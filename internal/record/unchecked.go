package record

import (
	"maps"
	"slices"
	"time"
)

// tellUnchecked tells of clusters that have fewer servers than it takes to check them: when
// watch begins, when that becomes so, and when they are checked again. While another server
// may be theirs that is unknown, and nothing is told.
func (w *Watch) tellUnchecked(now time.Time) {
	if w.blind {
		return
	}
	have := map[string]int{}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.counts() {
			have[s.cluster]++
		}
	}
	p := &w.s.Parameters
	for _, cluster := range slices.Sorted(maps.Keys(have)) {
		if len(p.Clusters) > 0 && !slices.Contains(p.Clusters, cluster) {
			continue
		}
		n, maybe := have[cluster], 0
		if n < p.MinServers && cluster != "" { // without a cluster each is alone
			for _, m := range w.absentIn(map[string]bool{cluster: true}) {
				maybe++
				if m.ClusterKnown {
					n++
				}
			}
		}
		few := n < p.MinServers || cluster == ""
		if few == w.unchecked[cluster] || few && have[cluster]+maybe >= p.MinServers && cluster != "" {
			continue
		}
		kind := Checked
		if few {
			kind = Unchecked
		}
		w.unchecked[cluster] = few
		w.tell(Change{Kind: kind, Time: now, Cluster: cluster, Count: n, Least: p.MinServers})
	}
	maps.DeleteFunc(w.unchecked, func(cluster string, few bool) bool { return !few || have[cluster] == 0 })
}
