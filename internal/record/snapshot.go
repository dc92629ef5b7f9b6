package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Snapshot is what a watch sees at a time, bounded.
type Snapshot struct {
	Time       time.Time
	Reconciled time.Time // the last full report; zero where there was none yet
	Totals     Totals
	Counters   Counters
	// Over are all accounts that are above the threshold, the longest first.
	Over []Change
	// Spreads are how accounts are spread, those above the threshold first and then
	// those with most connections; LeftOut is how many there are besides.
	Spreads []*Spread
	LeftOut int
	// Missing are the servers that do not report, or are down.
	Missing []checks.Missing
}

// Snapshot is what the watch sees now, with so many spreads at most.
func (w *Watch) Snapshot(now time.Time, most int) Snapshot {
	s := Snapshot{Time: now, Reconciled: w.reconciled, Totals: *w.totals(), Counters: w.Counters, Over: w.Over(now)}
	clusters := map[string]bool{}
	for i := range w.m.servers {
		clusters[w.m.servers[i].cluster] = true
	}
	s.Missing = w.absentIn(clusters)
	type sum struct {
		pairKey
		n    int
		over bool
	}
	var sums []sum
	for a := range w.m.accounts {
		if w.m.accounts[a].System {
			continue
		}
		from := len(sums)
		for _, c := range w.m.accounts[a].cells {
			cluster := w.m.servers[c.server].cluster
			i := slices.IndexFunc(sums[from:], func(s sum) bool { return s.cluster == cluster })
			if i < 0 {
				i = len(sums) - from
				sums = append(sums, sum{pairKey: pairKey{uint32(a), cluster}}) //nolint:gosec // in range
			}
			sums[from+i].n += int(c.clients)
		}
	}
	sums = slices.DeleteFunc(sums, func(s sum) bool { return s.n == 0 })
	for i := range sums {
		sums[i].over = w.over[sums[i].pairKey] != nil
	}
	slices.SortFunc(sums, func(a, b sum) int {
		switch {
		case a.over != b.over && a.over:
			return -1
		case a.over != b.over:
			return 1
		}
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(w.m.accounts[a.account].ID, w.m.accounts[b.account].ID), cmp.Compare(a.cluster, b.cluster))
	})
	for _, k := range sums[:min(len(sums), most)] {
		s.Spreads = append(s.Spreads, w.spread(k.pairKey, now, mostEmpty))
	}
	s.LeftOut = len(sums) - len(s.Spreads)
	return s
}
