package record

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/internal/words"
)

// doubt is a time in which verdicts are unknown, since when, and how it was told.
type doubt struct {
	since time.Time
	count int
}

// leave takes in whether what is known leaves the verdict on a pair open.
func (w *Watch) leave(p *pair, open bool) {
	if open == p.open {
		return
	}
	p.open = open
	if open {
		w.open[p.cluster]++
		return
	}
	if w.open[p.cluster]--; w.open[p.cluster] <= 0 {
		delete(w.open, p.cluster)
	}
}

// tellUndecided tells from when to when verdicts are unknown: those of a cluster, as who
// is missing there decides, and all of them while no event comes. That no account was above
// the threshold then, nobody can say.
func (w *Watch) tellUndecided(now time.Time) {
	if w.blind != !w.blindSince.IsZero() {
		c := Change{Kind: Decided, Time: now, Since: w.blindSince, Everywhere: true}
		w.blindSince = time.Time{}
		if w.blind {
			w.blindSince = now
			c = Change{Kind: Undecided, Time: now, Everywhere: true, Reason: "watch was not connected"}
		}
		w.tell(c)
	}
	for _, cluster := range slices.Sorted(maps.Keys(w.open)) {
		if _, told := w.doubts[cluster]; !told {
			w.doubts[cluster] = doubt{now, w.open[cluster]}
			w.tell(Change{Kind: Undecided, Time: now, Cluster: cluster, Count: w.open[cluster], Reason: w.undecidedBy(cluster)})
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(w.doubts)) {
		if w.open[cluster] == 0 {
			w.tell(Change{Kind: Decided, Time: now, Cluster: cluster, Count: w.doubts[cluster].count, Since: w.doubts[cluster].since})
			delete(w.doubts, cluster)
		}
	}
}

// undecidedBy says whose connections leave the verdicts of a cluster open.
func (w *Watch) undecidedBy(cluster string) string {
	d, _ := w.deployment(map[pairKey]struct{}{{cluster: cluster}: {}})
	var names []string
	nameless := 0
	for i := range d.Missing {
		switch m := &d.Missing[i]; {
		case m.Bound != nil && *m.Bound == 0:
		case m.Name == "" && m.ID == "":
			nameless++
		default:
			names = append(names, words.Harmless(cmp.Or(m.Name, m.ID)))
		}
	}
	slices.Sort(names)
	if nameless > 0 {
		names = append(names, words.Plurals(nameless, "server of unknown name", "servers of unknown name"))
	}
	if len(names) == 0 {
		return "a server that nobody knows any more"
	}
	return words.ListUpTo(mostNamed, names)
}
