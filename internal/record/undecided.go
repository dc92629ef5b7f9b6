package record

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// doubt is a time in which verdicts are unknown, since when, and how it was told.
type doubt struct {
	since time.Time
	count int
	on    []string // as [Change.DependsOn]
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

// verdict is the last one on a pair.
func (p *pair) verdict() checks.Verdict {
	switch {
	case p.open:
		return checks.Incomplete
	case p.judged != "":
		return p.judged
	case p.written != nil:
		return p.written.Verdict
	case p.over:
		return checks.Found
	}
	return checks.Pass
}

// tellUndecided tells from when to when verdicts are unknown: those of a cluster, as who
// is missing there decides, and all of them while no event comes. That no account was above
// the threshold then, nobody can say.
func (w *Watch) tellUndecided(now time.Time) {
	if w.unsure != !w.unsureSince.IsZero() {
		c := Change{Kind: Decided, Time: now, Since: w.unsureSince, Everywhere: true}
		w.unsureSince = time.Time{}
		if w.unsure {
			c = Change{Kind: Undecided, Time: now, Since: w.unsureFrom, Everywhere: true, Reason: w.whyUnsure()}
			w.unsureSince = cmp.Or(w.unsureFrom, now)
		} else {
			w.unsureFrom, w.stood = time.Time{}, false
		}
		w.tell(c)
	}
	for _, cluster := range slices.Sorted(maps.Keys(w.open)) {
		was, told := w.doubts[cluster]
		switch c := w.undecided(cluster, now); {
		case !told:
			w.doubts[cluster] = doubt{now, c.Count, c.DependsOn}
			// A server that said nothing of it went when it was last heard of, and not when that was noticed.
			if last, went := w.lastOf[cluster]; went && last.Before(now) {
				c.Since, w.doubts[cluster] = last, doubt{last, c.Count, c.DependsOn}
			}
			w.tell(c)
		case !slices.Equal(was.on, c.DependsOn): // it lasts, and others decide
			c.Since, c.Still = was.since, true
			was.on = c.DependsOn
			w.doubts[cluster] = was
			w.tell(c)
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(w.doubts)) {
		if w.open[cluster] == 0 {
			w.tell(Change{Kind: Decided, Time: now, Cluster: cluster, Count: w.doubts[cluster].count, Since: w.doubts[cluster].since})
			delete(w.doubts, cluster)
		}
	}
	if !w.unsure {
		clear(w.lastOf)
	}
}

// Undecided are the verdicts that are unknown as far as that was told, each with the word
// that it is so.
func (w *Watch) Undecided(now time.Time) []Change {
	var out []Change
	if !w.unsureSince.IsZero() {
		out = append(out, Change{Kind: Undecided, Time: now, Since: w.unsureFrom, Everywhere: true, Reason: w.whyUnsure()})
	}
	for _, cluster := range slices.Sorted(maps.Keys(w.doubts)) {
		c := w.undecided(cluster, now)
		c.Since = w.doubts[cluster].since
		out = append(out, c)
	}
	return out
}

// InheritUndecided takes over from another watch, which records no more, that it said verdicts
// to be unknown, in a cluster or everywhere. It returns what is known now of these, and what
// is unknown.
func (w *Watch) InheritUndecided(said []Change, now time.Time) []Change {
	if !w.ready {
		return nil
	}
	out := w.Undecided(now)
	for _, x := range said {
		if !slices.ContainsFunc(out, func(c Change) bool {
			return c.Kind == Undecided && c.Cluster == x.Cluster && c.Everywhere == x.Everywhere
		}) {
			out = append(out, Change{Kind: Decided, Time: now, Cluster: x.Cluster, Everywhere: x.Everywhere, Since: x.Time, Count: x.Count})
		}
	}
	return out
}

// notConnected is why no verdict is known.
const notConnected = "watch lost its connection to the servers"

// mostNamed is how many servers are named in a clause.
const mostNamed = 5

// undecided is that verdicts of a cluster are unknown, and whose connections they depend on.
func (w *Watch) undecided(cluster string, now time.Time) Change {
	on := w.undecidedBy(cluster)
	return Change{Kind: Undecided, Time: now, Cluster: cluster, Count: max(1, w.open[cluster]), DependsOn: on, Reason: words.ListUpTo(mostNamed, on)}
}

// mostDepended is how many servers are named on which verdicts depend.
const mostDepended = 50

// undecidedBy is whose connections leave the verdicts of a cluster open.
func (w *Watch) undecidedBy(cluster string) []string {
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
	if more := len(names) - mostDepended; more > 0 {
		names = append(names[:mostDepended], words.Plural(more, "more server"))
	}
	if nameless > 0 {
		names = append(names, words.Plurals(nameless, "server of unknown name", "servers of unknown name"))
	}
	if len(names) == 0 {
		names = append(names, "a server that nobody knows any more")
	}
	return names
}
