package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// mostEmpty is how many servers without a connection a change names.
const mostEmpty = 16

// spread is how an account is spread over a cluster now, with up to so many servers
// that have no connection of it.
func (w *Watch) spread(k pairKey, now time.Time, empty int) *Spread {
	x := &w.m.accounts[k.account]
	s := &Spread{Time: now, Account: x.Account, Cluster: k.cluster, Verdict: checks.TooFewConnections}
	if p, known := w.pair(k); known {
		s.Verdict = p.verdict()
	}
	with := map[uint32]bool{}
	for _, c := range x.cells {
		if row := &w.m.servers[c.server]; row.counts() && row.cluster == k.cluster && c.clients > 0 {
			with[c.server] = true
			s.Connections += int(c.clients)
			s.Servers = append(s.Servers, Share{row.ServerRef, int(c.clients)})
		}
	}
	for i := range w.m.servers {
		if row := &w.m.servers[i]; row.counts() && row.cluster == k.cluster {
			s.Of++
			if !with[uint32(i)] && empty > 0 { //nolint:gosec // in range
				empty--
				s.Servers = append(s.Servers, Share{row.ServerRef, 0})
			}
		}
	}
	slices.SortFunc(s.Servers, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), checks.CompareServers(a.Server, b.Server))
	})
	if p, known := w.pair(k); known && p.over {
		s.first(p.on, w.s.Parameters.For(s.Account))
	}
	return s
}

// first puts the server that an account leans to before others that are above the threshold
// too: below 50% two may be.
func (s *Spread) first(on checks.ServerRef, p checks.Parameters) {
	at := slices.IndexFunc(s.Servers, func(x Share) bool { return x.Server.ID == on.ID })
	if at > 0 && p.Exceeds(s.Servers[at].Connections, s.Connections) {
		x := s.Servers[at]
		s.Servers = slices.Insert(slices.Delete(s.Servers, at, at+1), 0, x)
	}
}
