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
	if w.unsure {
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
		if _, told := w.unchecked[cluster]; few == told || few && have[cluster]+maybe >= p.MinServers && cluster != "" {
			continue
		}
		c := Change{Kind: Unchecked, Time: now, Cluster: cluster, Count: n, Least: p.MinServers}
		if !few {
			c.Kind = Checked
			delete(w.unchecked, cluster)
		} else {
			w.unchecked[cluster] = c
		}
		w.tell(c)
	}
	maps.DeleteFunc(w.unchecked, func(cluster string, _ Change) bool { return have[cluster] == 0 })
}
