package history

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// Gone returns the servers that were there and are not, those that went last first.
// It returns a [StaleError] where no recorder was there of late: they may be back.
func (s *Store) Gone(ctx context.Context, now time.Time) ([]checks.RecordedGone, error) {
	if last := s.LastAlive(ctx); last.IsZero() || now.Sub(last).Abs() > lastSeen {
		return nil, &StaleError{last, now}
	}
	docs, err := s.ofServers(ctx, now.Add(-evidenceFor))
	return goneBy(docs), err
}

// ofServers are the last documents of servers since then, in the order of their times.
func (s *Store) ofServers(ctx context.Context, since time.Time) ([]record.Document, error) {
	last := newRecent()
	if err := s.read(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{ofServers + ">"}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}, last.add); err != nil {
		return nil, err
	}
	slices.SortStableFunc(last.docs, func(a, b record.Document) int { return a.Time.Compare(b.Time) })
	return last.docs, nil
}

// goneBy is what documents, in the order of their times, say of servers that went.
func goneBy(docs []record.Document) []checks.RecordedGone {
	type place struct{ name, cluster string }
	gone := map[place]*checks.RecordedGone{}
	for _, d := range docs {
		if d.Server == nil || d.Cluster == nil || d.Server.Name == "" {
			continue
		}
		k := place{d.Server.Name, *d.Cluster}
		switch d.Change { //nolint:exhaustive // the others are not of whether it runs
		case record.Started, record.Answering:
			delete(gone, k)
		case record.Draining, record.Stopped, record.Silent:
			g := gone[k]
			if g == nil {
				g = &checks.RecordedGone{Server: checks.ServerRef(*d.Server), Cluster: *d.Cluster, At: d.Time, Kind: goneKind(&d), Beside: d.Beside}
				gone[k] = g
			}
			if d.Had != nil && !g.Known {
				g.Known, g.Connections, g.Accounts = true, max(0, d.Had.Connections), max(0, d.Had.Accounts)
				for _, x := range d.Had.Of {
					g.Of = append(g.Of, checks.RecordedOn{Account: checks.Account{ID: x.Account.ID, Name: x.Account.Name}, Connections: max(0, x.Connections), Others: max(0, x.Others)})
				}
			}
		}
	}
	out := make([]checks.RecordedGone, 0, len(gone))
	for _, g := range gone {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b checks.RecordedGone) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Server.Name, b.Server.Name))
	})
	return out
}

// goneKind is how a server went. One that stopped for a reason was not heard to say so:
// it was found silent, and nobody knew it any more.
func goneKind(d *record.Document) checks.MissingKind {
	switch {
	case d.Change == record.Draining:
		return checks.Draining
	case d.Change == record.Stopped && d.Reason == nil:
		return checks.Down
	}
	return checks.Silent
}
