package history

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Unknown is a time in which verdicts were unknown: whether an account was above the
// threshold then nobody knows, but for those that are told of.
type Unknown struct {
	// Cluster is where; nil is everywhere, for the reason Why, a clause.
	Cluster *string
	From    time.Time
	To      *time.Time // nil while it lasts
	// Accounts is how many there were at first, and On whose connections decided, at first or
	// later, and Now those of whom they decided last; 0 and empty where not known.
	Accounts int
	On, Now  []string
	Why      string
}

// key tells what is unknown: in a cluster, or everywhere, as no cluster of a key is.
func (u *Unknown) key() string {
	if u.Cluster == nil {
		return ""
	}
	return "in " + *u.Cluster
}

// UnknownDocument is [Unknown] as JSON.
type UnknownDocument struct {
	Cluster   *string    `json:"cluster"`
	From      time.Time  `json:"from"`
	To        *time.Time `json:"to"`
	Accounts  *int       `json:"accounts"`
	DependsOn *string    `json:"depends_on"`
}

// unknowns are those of documents in the order of their times. A recorder that begins says
// again what is unknown.
type unknowns struct {
	all  []Unknown
	open map[string]int // those that last, in all, by cluster
}

func (u *unknowns) take(d *record.Document) {
	key := (&Unknown{Cluster: d.Cluster}).key()
	at, is := u.open[key]
	switch d.Change { //nolint:exhaustive // the others are not of verdicts
	case record.Watching:
		for _, at := range u.open {
			u.all[at].To = &d.Time
		}
		clear(u.open)
	case record.Undecided:
		if is { // said by another recorder, or it depends on others now
			u.all[at].dependsOn(d)
			return
		}
		x := Unknown{Cluster: d.Cluster, From: d.Time}
		x.dependsOn(d)
		if d.Count != nil {
			x.Accounts = max(0, *d.Count)
		}
		if d.Since != nil { // it was noticed late
			x.From = u.after(key, *d.Since)
		}
		if d.Cluster == nil && d.Reason != nil {
			x.Why = *d.Reason
		}
		u.open[key] = len(u.all)
		u.all = append(u.all, x)
	case record.Decided:
		if !is && d.Since != nil && !u.ended(d) { // what it began with is not there any more
			u.all, at, is = append(u.all, Unknown{Cluster: d.Cluster, From: *d.Since}), len(u.all), true
		}
		if is {
			u.all[at].To = &d.Time
			delete(u.open, key)
		}
	}
}

// after is a time, or when the last time ended in which the same was unknown, where that was
// later: one time is not told of twice.
func (u *unknowns) after(key string, t time.Time) time.Time {
	for i := range u.all {
		if x := &u.all[i]; x.key() == key && x.To != nil && x.To.After(t) && !x.From.After(t) {
			t = *x.To
		}
	}
	return t
}

// mostOn is of how many servers it is told that a time depended on them.
const mostOn = 100

// dependsOn takes in whose connections decide.
func (x *Unknown) dependsOn(d *record.Document) {
	on := d.DependsOn
	if len(on) == 0 && d.Reason != nil {
		on = []string{*d.Reason}
	}
	if d.Cluster == nil {
		return
	}
	x.Now = on
	for _, s := range on {
		if len(x.On) < mostOn && !slices.Contains(x.On, s) {
			x.On = append(x.On, s)
		}
	}
}

// ended reports whether the time that a document ends has ended already: two recorders said
// so.
func (u *unknowns) ended(d *record.Document) bool {
	return slices.ContainsFunc(u.all, func(x Unknown) bool {
		return (x.Cluster == nil) == (d.Cluster == nil) && (x.Cluster == nil || *x.Cluster == *d.Cluster) && x.To != nil && x.To.After(*d.Since)
	})
}

// Unknowns are the times in which the verdict on an account was unknown, by its id or name,
// or that on any where it is empty.
func (h *History) Unknowns(account string) (out []Unknown) {
	of := h.clusters[account]
	for _, u := range h.Unknown {
		if account == "" || u.Cluster == nil || len(of) == 0 || slices.Contains(of, *u.Cluster) {
			out = append(out, u)
		}
	}
	return out
}

// has takes in that there is something of an account in a cluster.
func (h *History) has(account, cluster string) {
	if !slices.Contains(h.clusters[account], cluster) {
		h.clusters[account] = append(h.clusters[account], cluster)
	}
}

// Has reports whether there is something of an account, by its id or name.
func (h *History) Has(account string) bool { return len(h.clusters[account]) > 0 }

// unseen is for how long of a time nobody recorded, or saw, what happened to accounts of a
// cluster.
func (h *History) unseen(cluster string, from, to time.Time) []Gap {
	var out []Gap
	add := func(g Gap) {
		if g.From.Before(from) {
			g.From = from
		}
		if g.To.After(to) {
			g.To = to
		}
		if g.From.Before(g.To) {
			out = append(out, g)
		}
	}
	for _, g := range h.Gaps {
		add(g)
	}
	for _, u := range h.Unknown {
		if u.Cluster != nil && *u.Cluster != cluster {
			continue
		}
		g := Gap{u.From, to}
		if u.To != nil {
			g.To = *u.To
		}
		add(g)
	}
	return out
}

// Before are the parts of gaps before a time.
func Before(gaps []Gap, until time.Time) (out []Gap) {
	for _, g := range gaps {
		if g.To.After(until) {
			g.To = until
		}
		if g.From.Before(g.To) {
			out = append(out, g)
		}
	}
	return out
}

// Joined are gaps in order, those that meet as one.
func Joined(gaps []Gap) (out []Gap) {
	gaps = slices.SortedFunc(slices.Values(gaps), func(a, b Gap) int { return a.From.Compare(b.From) })
	for _, g := range gaps {
		if n := len(out); n > 0 && !g.From.After(out[n-1].To) {
			if g.To.After(out[n-1].To) {
				out[n-1].To = g.To
			}
			continue
		}
		out = append(out, g)
	}
	return out
}

func unknownDocuments(all []Unknown) []UnknownDocument {
	out := []UnknownDocument{}
	for _, u := range all {
		d := UnknownDocument{From: u.From.UTC()}
		if u.Cluster != nil {
			cluster := words.Harmless(*u.Cluster)
			d.Cluster = &cluster
		}
		if u.To != nil {
			to := u.To.UTC()
			d.To = &to
		}
		if u.Accounts > 0 {
			d.Accounts = &u.Accounts
		}
		if len(u.On) > 0 {
			on := words.Sentence(words.List(u.On))
			d.DependsOn = &on
		}
		out = append(out, d)
	}
	return out
}
