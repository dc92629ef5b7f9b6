package history

import (
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Unchecked is a time in which a cluster had too few servers for its accounts to be checked.
type Unchecked struct {
	Cluster string
	From    time.Time
	To      *time.Time // nil while it lasts
	// Servers is how many it had at first, and Least how many it takes.
	Servers, Least int
}

// UncheckedDocument is [Unchecked] as JSON.
type UncheckedDocument struct {
	Cluster string     `json:"cluster"`
	From    time.Time  `json:"from"`
	To      *time.Time `json:"to"`
	Servers int        `json:"servers"`
	Least   int        `json:"min_servers"`
}

// uncheckedIn are those of documents in the order of their times. A recorder that begins
// says again what is not checked.
func uncheckedIn(docs []record.Document) (all []Unchecked) {
	open := map[string]int{} // by cluster, in all
	for i := range docs {
		d := &docs[i]
		if d.Change == record.Watching {
			for _, at := range open {
				all[at].To = &d.Time
			}
			clear(open)
		}
		if d.Cluster == nil {
			continue
		}
		at, is := open[*d.Cluster]
		switch d.Change { //nolint:exhaustive // the others are not of whether it is checked
		case record.Unchecked:
			if is || d.Count == nil || d.Least == nil {
				continue
			}
			open[*d.Cluster] = len(all)
			all = append(all, Unchecked{Cluster: *d.Cluster, From: d.Time, Servers: max(0, *d.Count), Least: max(0, *d.Least)})
		case record.Checked:
			if is {
				all[at].To = &d.Time
				delete(open, *d.Cluster)
			}
		}
	}
	return all
}

func uncheckedDocuments(all []Unchecked) []UncheckedDocument {
	out := []UncheckedDocument{}
	for _, u := range all {
		d := UncheckedDocument{Cluster: words.Harmless(u.Cluster), From: u.From.UTC(), Servers: u.Servers, Least: u.Least}
		if u.To != nil {
			to := u.To.UTC()
			d.To = &to
		}
		out = append(out, d)
	}
	return out
}
