package record

import (
	"cmp"
	"maps"
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
	// Unknown is of how many accounts in clusters it is unknown whether they are above the
	// threshold.
	Unknown int
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
	for _, n := range w.open {
		s.Unknown += n
	}
	all, largest := 0, []sum{}
	for a := range w.m.accounts {
		if w.m.accounts[a].System {
			continue
		}
		var mine []sum // of this account, by cluster
		for _, c := range w.m.accounts[a].cells {
			cluster := w.m.servers[c.server].cluster
			i := slices.IndexFunc(mine, func(s sum) bool { return s.cluster == cluster })
			if i < 0 {
				i = len(mine)
				mine = append(mine, sum{pairKey: pairKey{uint32(a), cluster}}) //nolint:gosec // in range
			}
			mine[i].n += int(c.clients)
		}
		mine = slices.DeleteFunc(mine, func(s sum) bool { return s.n == 0 })
		all += len(mine)
		if largest = append(largest, mine...); len(largest) > 8*most+1000 {
			largest = w.largest(largest, most)
		}
	}
	for _, k := range w.largest(largest, most) {
		s.Spreads = append(s.Spreads, w.spread(k.pairKey, now, mostEmpty))
	}
	s.LeftOut = all - len(s.Spreads)
	return s
}

// Unmatched are the accounts and the clusters to judge that are not there.
func (w *Watch) Unmatched() (accounts, clusters []string) {
	for _, name := range w.s.Parameters.Accounts {
		if !slices.ContainsFunc(w.m.accounts, func(a account) bool { return a.Is(name) }) {
			accounts = append(accounts, name)
		}
	}
	for _, name := range w.s.Parameters.Clusters {
		if !slices.ContainsFunc(w.m.servers, func(s server) bool { return s.ID != "" && s.cluster == name }) {
			clusters = append(clusters, name)
		}
	}
	return accounts, clusters
}

// Standing is what a history that has nothing begins with: what is watched, who is above
// the threshold since when, and which verdicts are unknown, and which
// clusters are not checked.
func (w *Watch) Standing(now time.Time) []Change {
	if !w.ready {
		return nil
	}
	out := append([]Change{{Kind: Watching, Time: now, Since: now, Of: w.totals(), Who: w.identity}}, w.Over(now)...)
	out = append(out, w.Undecided(now)...)
	for _, cluster := range slices.Sorted(maps.Keys(w.unchecked)) {
		c := w.unchecked[cluster]
		c.Time = now
		out = append(out, c)
	}
	return out
}

// sum is how many connections there are of an account in a cluster.
type sum struct {
	pairKey
	n int
}

// largest are at most so many of them: those above the threshold first, and then
// those with most connections.
func (w *Watch) largest(all []sum, most int) []sum {
	slices.SortFunc(all, func(a, b sum) int {
		switch over, other := w.over[a.pairKey] != nil, w.over[b.pairKey] != nil; {
		case over && !other:
			return -1
		case other && !over:
			return 1
		}
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(w.m.accounts[a.account].ID, w.m.accounts[b.account].ID), cmp.Compare(a.cluster, b.cluster))
	})
	return all[:min(len(all), most)]
}

// Of is how an account, by id or name, is spread over every cluster that it is in.
func (w *Watch) Of(account string, now time.Time) []*Spread {
	var out []*Spread
	for a := range w.m.accounts {
		if x := &w.m.accounts[a]; x.System || !x.Is(account) {
			continue
		}
		var clusters []string
		for _, c := range w.m.accounts[a].cells {
			if cluster := w.m.servers[c.server].cluster; !slices.Contains(clusters, cluster) {
				clusters = append(clusters, cluster)
			}
		}
		slices.Sort(clusters)
		for _, cluster := range clusters {
			out = append(out, w.spread(pairKey{uint32(a), cluster}, now, mostEmpty)) //nolint:gosec // in range
		}
	}
	return out
}
