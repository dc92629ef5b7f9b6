package history

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/words"
)

// sameKicks is how long after the last of them kicks of the same account from the same
// server count as the same ones: a run pauses between its batches.
const sameKicks = 2 * time.Minute

// mostKickedServices is how many services of a run are kept.
const mostKickedServices = 64

// Kicked are connections of an account that a server closed since somebody asked it to,
// as a rebalance does. Who asked is not known.
type Kicked struct {
	Account     record.DocumentAccount
	Cluster     string
	Server      record.DocumentServer
	From, To    time.Time // when the first of them was kicked, and until when they were counted
	Apart       bool      // of no episode
	Connections int
	Services    []record.DocumentMove // the largest of them
}

// KickedDocument is [Kicked] as JSON.
type KickedDocument struct {
	Account     record.DocumentAccount `json:"account"`
	Cluster     string                 `json:"cluster"`
	Server      record.DocumentServer  `json:"server"`
	From        time.Time              `json:"from"`
	To          time.Time              `json:"to"`
	Connections int                    `json:"connections"`
	Services    []record.DocumentMove  `json:"services"`
}

// kickedOf is what a document says was kicked; nil where it lacks something.
func kickedOf(d *record.Document) *Kicked {
	if d.Account == nil || d.Cluster == nil || d.Server == nil || d.Count == nil || *d.Count <= 0 {
		return nil
	}
	k := &Kicked{Account: *d.Account, Cluster: *d.Cluster, Server: *d.Server, From: d.Time, To: d.Time, Apart: true, Connections: *d.Count, Services: slices.Clone(d.Moves)}
	if d.Since != nil && d.Since.Before(d.Time) {
		k.From = *d.Since
	}
	return k
}

// and adds kicks that came after these; it reports whether they count as the same ones.
func (k *Kicked) and(next *Kicked) bool {
	if next.From.Sub(k.To) > sameKicks {
		return false
	}
	k.To, k.Connections = next.To, k.Connections+next.Connections
	for _, m := range next.Services {
		at := slices.IndexFunc(k.Services, func(x record.DocumentMove) bool { return x.Service == m.Service })
		switch {
		case at >= 0:
			k.Services[at].Connections += m.Connections
		case len(k.Services) < mostKickedServices:
			k.Services = append(k.Services, m)
		}
	}
	slices.SortStableFunc(k.Services, func(a, b record.DocumentMove) int { return b.Connections - a.Connections })
	return true
}

// kickedIn are all kicks of documents in the order of their times, those of a run
// together, in the order in which they began.
func kickedIn(docs []record.Document) []Kicked {
	type place struct{ account, cluster, server string }
	var all []*Kicked
	last := map[place]*Kicked{}
	for i := range docs {
		if docs[i].Change != record.Kicked {
			continue
		}
		k := kickedOf(&docs[i])
		if k == nil {
			continue
		}
		at := place{k.Account.ID, k.Cluster, k.Server.ID}
		if before := last[at]; before == nil || !before.and(k) {
			all, last[at] = append(all, k), k
		}
	}
	out := make([]Kicked, 0, len(all))
	for _, k := range all {
		out = append(out, *k)
	}
	slices.SortStableFunc(out, func(a, b Kicked) int { return a.From.Compare(b.From) })
	return out
}

// kicksOf are kicks of one account in a cluster, as places in all of them, in the order
// in which they began, with until when the longest of those before each lasted.
type kicksOf struct {
	places []int
	until  []time.Time
}

func kickedBy(all []Kicked) map[pair]*kicksOf {
	out := map[pair]*kicksOf{}
	for i := range all {
		k := pair{all[i].Account.ID, all[i].Cluster}
		x := out[k]
		if x == nil {
			x = &kicksOf{}
			out[k] = x
		}
		until := all[i].To
		if n := len(x.until); n > 0 && x.until[n-1].After(until) {
			until = x.until[n-1]
		}
		x.places, x.until = append(x.places, i), append(x.until, until)
	}
	return out
}

// during are the places of those that belong to an episode.
func (x *kicksOf) during(all []Kicked, e *Episode) []int {
	if x == nil {
		return nil
	}
	begin, _ := slices.BinarySearchFunc(x.until, e.Began.Add(-around), time.Time.Compare)
	var out []int
	for _, at := range x.places[begin:] {
		if e.Ended != nil && all[at].From.After(e.Ended.Add(around)) {
			break
		}
		if all[at].during(e) {
			out = append(out, at)
		}
	}
	return out
}

// during reports whether the kicks belong to an episode: they are of its account, from a
// minute before it began until a minute after it ended.
func (k *Kicked) during(e *Episode) bool {
	return k.Account.ID == e.Account.ID && k.Cluster == e.Cluster && !k.To.Before(e.Began.Add(-around)) && (e.Ended == nil || !k.From.After(e.Ended.Add(around)))
}

func (k *Kicked) document() KickedDocument {
	d := record.Document{Account: &k.Account, Cluster: &k.Cluster, Server: &k.Server}.Harmless()
	return KickedDocument{Account: *d.Account, Cluster: words.Harmless(k.Cluster), Server: *d.Server, From: k.From.UTC(), To: k.To.UTC(), Connections: k.Connections,
		Services: record.HarmlessMoves(k.Services)}
}

func kickedDocuments(all []Kicked, account string) []KickedDocument {
	out := []KickedDocument{}
	for i := range all {
		if k := &all[i]; account == "" || k.Account.ID == account || k.Account.Name == account {
			out = append(out, k.document())
		}
	}
	return out
}
