package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// seenToDrain says of servers that do not answer, and that said that they drain, that they
// do: by what others tell of them they may hang or have another system account. Others may know
// such a server by its name alone: which process of it drains is what this watch knows.
func (w *Watch) seenToDrain(missing []checks.Missing) {
	for i := range missing {
		m := &missing[i]
		if m.Kind != checks.Silent && m.Kind != checks.OtherSystem && m.Kind != checks.Draining || m.Nameless() {
			continue
		}
		same := func(s checks.ServerRef, cluster string) bool {
			return m.ID != "" && m.ID == s.ID || m.ID == "" && m.Name == s.Name && m.Cluster == cluster
		}
		var is checks.ServerRef
		if at := slices.IndexFunc(w.m.servers, func(s server) bool { return s.ID != "" && s.draining && same(s.ServerRef, s.cluster) }); at >= 0 {
			is = w.m.servers[at].ServerRef
		} else if at := slices.IndexFunc(w.missing, func(o checks.Missing) bool { return saidToDrain(&o) && same(o.Ref(), o.Cluster) }); at >= 0 {
			is = w.missing[at].Ref()
		} else {
			continue
		}
		m.ID, m.Host = is.ID, cmp.Or(m.Host, is.Host)
		m.Kind, m.Announced, m.Reason = checks.Draining, true, "it said that it drains, and answers nothing more"
	}
}

// saidToDrain reports whether a server is missing that said that it drains.
func saidToDrain(m *checks.Missing) bool { return m.Kind == checks.Draining && m.Announced }

// drained takes in a server that said that it drains, that did not report, and that no server
// knows of any more: it has stopped. It does not say so.
func (w *Watch) drained(m *checks.Missing, now time.Time) {
	if w.accounted(m.Ref(), m.Cluster) || len(w.down) >= mostServers {
		return
	}
	l := w.hung[m.ID]
	delete(w.hung, m.ID)
	w.down[cmp.Or(m.ID, m.Name+" "+m.Cluster)] = stopped{life: l, ref: m.Ref(), cluster: m.Cluster, at: now}
	w.tell(Change{Kind: Stopped, Time: now, Cluster: m.Cluster, Server: m.Ref(), Unannounced: Drained})
}
