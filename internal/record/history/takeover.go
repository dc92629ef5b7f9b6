package history

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/record"
)

// Undecided are the verdicts that were recorded to be unknown and not to be known again, but
// for those of which this recorder is about to write that: see
// [record.Watch.InheritUndecided].
func (s *Store) Undecided(ctx context.Context) ([]record.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, startsIn)
	defer cancel()
	h, err := s.verdicts(ctx)
	if err != nil {
		return nil, err
	}
	var out []record.Change
	for i := range h.Unknown {
		x := &h.Unknown[i]
		if x.To != nil {
			continue
		}
		c := record.Change{Kind: record.Undecided, Time: x.From, Everywhere: x.Cluster == nil, Count: x.Accounts}
		if !c.Everywhere {
			c.Cluster = *x.Cluster
		}
		out = append(out, c)
	}
	return out, nil
}

// verdicts are the times in which verdicts were unknown, or nobody recorded, by what is
// recorded and what this recorder is about to write.
func (s *Store) verdicts(ctx context.Context) (h History, err error) {
	docs := newRecent()
	of := func(d *record.Document) bool {
		switch d.Change { //nolint:exhaustive // the others are not of verdicts
		case record.Watching, record.Unrecorded, record.Undecided, record.Decided:
			return true
		}
		return false
	}
	var queued []record.Document
	s.mu.Lock()
	for i := range s.queue {
		if of(&s.queue[i]) {
			queued = append(queued, s.queue[i])
		}
	}
	s.mu.Unlock()
	err = s.read(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{ofWatch}, DeliverPolicy: jetstream.DeliverAllPolicy}, func(d record.Document) {
		if of(&d) {
			docs.add(d)
		}
	})
	if err != nil {
		return h, err
	}
	all := slices.Concat(docs.docs, queued)
	slices.SortStableFunc(all, func(a, b record.Document) int { return a.Time.Compare(b.Time) })
	return verdictsOf(all), nil
}

// verdictsOf are those of documents in the order of their times.
func verdictsOf(all []record.Document) (h History) {
	u := unknowns{open: map[string]int{}}
	for i := range all {
		if g, is := gapOf(&all[i]); is {
			h.Gaps = append(h.Gaps, g)
		}
		u.take(&all[i])
	}
	h.Unknown = u.all
	return h
}
