package record

import (
	"slices"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// ended is how many connections of an account ended in a cluster since its spread there
// was last told. What came instead of them was not moved by a server that stopped.
type ended struct {
	cluster string
	n       int
}

// end counts a connection that ended, but not one that its server closed as it stops, or
// as somebody asked it to: its client is alive, and connects again.
func (w *Watch) end(e wire.ClientEvent, cluster string) {
	a, known := w.m.byAccount[e.Account]
	if !known || e.Reason.ByOperator() {
		return
	}
	all := &w.m.accounts[a].ended
	at := slices.IndexFunc(*all, func(x ended) bool { return x.cluster == cluster })
	if at < 0 {
		at, *all = len(*all), append(*all, ended{cluster: cluster})
	}
	(*all)[at].n++
}

// tellEnded adds to spreads how many connections ended since the ones before.
func (w *Watch) tellEnded(out []Change) {
	for i := range out {
		s := out[i].Spread
		if s == nil {
			continue
		}
		n := 0
		if a, known := w.m.byAccount[s.Account.ID]; known {
			all := &w.m.accounts[a].ended
			if at := slices.IndexFunc(*all, func(x ended) bool { return x.cluster == s.Cluster }); at >= 0 {
				n = (*all)[at].n
				*all = slices.Delete(*all, at, at+1)
			}
		}
		s.Ended = &n
	}
}
