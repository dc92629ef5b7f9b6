package record

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// life is when a process of a server was there.
type life struct {
	// first is when it was first heard of, where it was not there before; zero otherwise.
	first time.Time
	start time.Time // by its own clock; zero where not known
	heard time.Time // the last time
	// lacked are the places of servers that were missing in the last full report that it
	// was in, see [checks.Places]: it is none of these.
	lacked []string
}

// succeeds reports whether a process began after another one was last heard of. Of two
// that have a name in one cluster and run at a time, neither does: two servers share it.
func (l life) succeeds(heard time.Time) bool {
	return heard.Before(l.first) || !l.start.IsZero() && l.start.After(heard)
}

// succeeded reports whether another process of the server of that name runs, which began
// after this one was last heard of.
func (w *Watch) succeeded(x checks.ServerRef, cluster string, heard time.Time) bool {
	return x.Name != "" && slices.ContainsFunc(w.m.servers, func(o server) bool {
		return o.ID != "" && o.ID != x.ID && o.Name == x.Name && o.cluster == cluster && o.succeeds(heard)
	})
}

// replace takes in that a server has started: the processes of its name that were heard of
// before count no more, unless one is heard of again. What they had is in doubt until then,
// or until a full report without them.
func (w *Watch) replace(by *server) {
	for i := range w.m.servers {
		old := &w.m.servers[i]
		if old.ID != "" && old.ID != by.ID && by.Name != "" && old.Name == by.Name && old.cluster == by.cluster && by.succeeds(old.heard) {
			old.replaced = true
			w.wentUnheard(old)
			w.m.moved[old.cluster] = struct{}{}
		}
	}
}

// runAgain takes in which servers run again, of those that are known to be down or silent. One
// that starts is of a cluster of its own until it has routes.
func (w *Watch) runAgain() {
	for id, d := range w.down {
		if !d.back && d.ref.ID != "" && w.succeeded(d.ref, d.cluster, d.heard) {
			d.back = true
			w.down[id] = d
		}
	}
}

// formerly is what the former processes of servers had, as far as that is in doubt, by
// the name and the cluster of the server.
func (w *Watch) formerly() map[[2]string]int {
	out := map[[2]string]int{}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" && s.replaced {
			out[[2]string{s.Name, s.cluster}] += s.connections
		}
	}
	return out
}
