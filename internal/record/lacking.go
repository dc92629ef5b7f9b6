package record

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// lacking has all accounts of a cluster judged again where other servers are missing there
// than when they were last judged: who is missing decides on verdicts, whatever changes it.
// One of which no cluster is known may be missing in each.
func (w *Watch) lacking() {
	if len(w.missing)+len(w.down)+len(w.lacked) == 0 {
		return
	}
	lacked := map[string]string{}
	look := func(cluster string) {
		if _, done := lacked[cluster]; done {
			return
		}
		lacked[cluster] = ""
		if absent := w.absentIn(map[string]bool{cluster: true}); len(absent) > 0 {
			lacked[cluster] = whoIs(absent)
		}
	}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" {
			look(s.cluster)
		}
	}
	for k := range w.over { // of which no server may be left
		look(k.cluster)
	}
	for cluster, who := range lacked {
		if who != w.lacked[cluster] {
			w.m.moved[cluster] = struct{}{}
		}
		if who == "" {
			delete(lacked, cluster)
		}
	}
	w.lacked = lacked
}

// whoIs tells servers that are missing from others, by what a verdict goes by.
func whoIs(absent []checks.Missing) string {
	all := make([]string, 0, len(absent))
	for i := range absent {
		m := &absent[i]
		bound := "any"
		if m.Bound != nil {
			bound = fmt.Sprint(*m.Bound)
		}
		all = append(all, fmt.Sprintf("%q %q %q %t %t %s %s", m.ID, m.Name, m.Cluster, m.ClusterKnown, m.Apart, bound, m.Kind))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// absentIn are the servers of clusters that have no row: those that the last full
// report missed, those that shut down, which have no connection, and those that said
// nothing of it and that others have forgotten, which may hang with all they had. Those are
// none where the operator says that the servers that reported are all.
func (w *Watch) absentIn(clusters map[string]bool) []checks.Missing {
	var out []checks.Missing
	for _, m := range w.missing {
		if !m.ClusterKnown || clusters[m.Cluster] {
			out = append(out, m)
		}
	}
	none := 0
	for _, d := range w.down {
		if d.back || d.silent && w.all || !clusters[d.cluster] ||
			slices.ContainsFunc(w.missing, func(m checks.Missing) bool { return m.Name == d.ref.Name && m.Cluster == d.cluster }) {
			continue
		}
		m := checks.Missing{ID: d.ref.ID, Name: d.ref.Name, Host: d.ref.Host, Cluster: d.cluster, ClusterKnown: true,
			Bound: &none, Kind: checks.Down, Reason: "it shut down"}
		if d.silent {
			m.Bound, m.Kind, m.Reason = nil, checks.Forgotten, "it sends no events, and does not answer"
		}
		out = append(out, m)
	}
	return out
}
