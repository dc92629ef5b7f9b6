package record

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// mostHad is of how many accounts a change says what they had on a server.
const mostHad = 64

// Had is who was on a server when it began to drain, stopped or fell silent.
type Had struct {
	Connections, Accounts int
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

// HadShare is what an account had on the server, and on the others of its cluster
// before any of these came to them: of a server that fell silent, one to two minutes
// before.
type HadShare struct {
	Account             checks.Account
	Connections, Others int
}

// had is who is on a server; nil where that is not known. The clients of one that fell
// silent or stopped may be elsewhere already: what came to other servers in the last
// minute or two does not count.
func (w *Watch) had(id string, silent bool) *Had {
	at, ok := w.m.byID[id]
	if !ok || w.m.servers[at].unknown || !w.ready {
		return nil
	}
	h := &Had{}
	for i := range w.m.accounts {
		a := &w.m.accounts[i]
		if k, found := find(a.cells, at); found && a.cells[k].clients > 0 && !a.System {
			n := int(a.cells[k].clients)
			h.Connections, h.Accounts = h.Connections+n, h.Accounts+1
			h.Of = append(h.Of, HadShare{a.Account, n, w.others(a, at)})
		}
	}
	slices.SortFunc(h.Of, func(a, b HadShare) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Account.ID, b.Account.ID))
	})
	h.Of = slices.Clone(h.Of[:min(len(h.Of), mostHad)])
	if silent {
		w.beforeMoves(h, w.m.servers[at].cluster, id)
	}
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

// beforeMoves takes back what came to other servers of a cluster and left them.
func (w *Watch) beforeMoves(h *Had, cluster, id string) {
	came := map[string]int{}
	for _, minute := range []map[moveKey]int{w.moves.before, w.moves.now} {
		for k, n := range minute {
			if s := w.m.server(k.server); s == nil || s.cluster != cluster || k.server == id {
				continue
			}
			if k.left {
				n = -n
			}
			came[k.account] += n
		}
	}
	for i := range h.Of {
		h.Of[i].Others = max(0, h.Of[i].Others-came[h.Of[i].Account.ID])
	}
}
