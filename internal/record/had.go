package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// mostHad is of how many accounts a change says what they had on a server.
const mostHad = 64

// Had is who was on a server when it began to drain, stopped or fell silent.
type Had struct {
	Connections, Accounts int
	// Lacked are the places of servers that were missing while it was there, see
	// [checks.Places].
	Lacked []string
	// Of are the accounts with connections, the most first, at most [mostHad].
	Of []HadShare
}

// beside are the other servers of a cluster that are there, at most so many.
func (w *Watch) beside(cluster, id string) []checks.ServerRef {
	out := []checks.ServerRef{}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" && s.ID != id && s.cluster == cluster && len(out) < mostServersTold {
			out = append(out, s.ServerRef)
		}
	}
	return out
}

// HadShare is what an account had on the server, and on the others of its cluster when it
// went. Of one that shut down or fell silent, Others is what these had a moment before it
// did or when it was last heard of, and Came what came to them until that was noticed: its
// clients, or others.
type HadShare struct {
	Account                   checks.Account
	Connections, Others, Came int
	// Unseen is that events were lost then: what the others had before and what came to them
	// is not known, and all that they have may have come.
	Unseen bool
}

// onTheWay is how long what a server says of itself may take longer than what others say of
// its clients. It says that it shuts down before it closes their connections.
const onTheWay = time.Second

// had is who is on a server that drains, shut down or fell silent, and was there at a time;
// nil where that is not known.
func (w *Watch) had(id string, there time.Time) *Had {
	at, ok := w.m.byID[id]
	if !ok || w.m.servers[at].unknown || !w.ready {
		return nil
	}
	h := &Had{Lacked: w.m.servers[at].lacked}
	for i := range w.m.accounts {
		a := &w.m.accounts[i]
		if k, found := find(a.cells, at); found && a.cells[k].clients > 0 && !a.System {
			n := int(a.cells[k].clients)
			h.Connections, h.Accounts = h.Connections+n, h.Accounts+1
			h.Of = append(h.Of, HadShare{Account: a.Account, Connections: n, Others: w.others(a, at)})
		}
	}
	slices.SortFunc(h.Of, func(a, b HadShare) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Account.ID, b.Account.ID))
	})
	h.Of = slices.Clone(h.Of[:min(len(h.Of), mostHad)])
	w.beforeArrivals(h, &w.m.servers[at], there)
	return h
}

// others is what an account has on the other servers of a cluster.
func (w *Watch) others(a *account, server uint32) (n int) {
	for _, c := range a.cells {
		if c.server != server && w.m.servers[c.server].cluster == w.m.servers[server].cluster {
			n += int(c.clients)
		}
	}
	return n
}

// beforeArrivals divides what others have: what they had when a server that went was there,
// and what came to them since, of which some may have left, where that is known.
func (w *Watch) beforeArrivals(h *Had, went *server, there time.Time) {
	came := map[string]int{}
	all, known := w.arrivals.since(there)
	for k, n := range all {
		if s := w.m.server(k.server); s != nil && s.cluster == went.cluster && s.ID != went.ID {
			came[k.account] += n
		}
	}
	for i := range h.Of {
		x := &h.Of[i]
		now, n := x.Others, came[x.Account.ID]
		x.Others, x.Came = max(0, now-n), min(now, n)
		if !known {
			x.Others, x.Came, x.Unseen = 0, 0, now > 0
		}
	}
}
