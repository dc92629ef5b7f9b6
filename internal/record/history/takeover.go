package history

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/record"
)

// keepBy is how much of what it saw a recorder that stands by keeps at least.
const keepBy = time.Minute

// forget drops what is queued of before a time.
func (s *Store) forget(before time.Time) {
	n := 0
	for n < len(s.queue) && s.queue[n].Time.Before(before) {
		n++
	}
	s.queue = s.queue[n:]
}

// recorded takes in until when another leader has written what it saw: before that nothing is
// missing where this recorder, which began meanwhile, goes on.
func (s *Store) recorded(until time.Time) {
	for i := range s.queue {
		if d := &s.queue[i]; d.Change == record.Watching && d.Since != nil && d.Since.Before(until) {
			since := until
			if d.Time.Before(until) {
				since = d.Time
			}
			d.Since = &since
		}
	}
}

// inheritance is the taking over of what was recorded, beside saying that this recorder
// leads: reading takes as long as it takes. It is for one goroutine.
type inheritance struct {
	cancel context.CancelFunc // nil while there is none
	done   sync.WaitGroup
}

func (i *inheritance) end() {
	if i.cancel != nil {
		i.cancel()
		i.done.Wait()
		i.cancel = nil
	}
}

// inherit begins taking over where this recorder has begun to lead, and ends it where
// another one does.
func (s *Store) inherit(ctx context.Context, e *election, i *inheritance) {
	s.mu.Lock()
	heir := s.heir
	s.mu.Unlock()
	if !e.leading {
		i.end()
	}
	if !heir || i.cancel != nil {
		return
	}
	ctx, i.cancel = context.WithCancel(ctx)
	i.done.Go(func() {
		for {
			did, err := s.Inherit(ctx)
			if ctx.Err() != nil {
				return
			}
			s.mu.Lock()
			s.heir, s.failing, s.mute = !did, err, s.mute || did
			s.mu.Unlock()
			select {
			case s.wake <- struct{}{}:
			default:
			}
			if did {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(tryAgain):
			}
		}
	})
}

// Undecided are the verdicts that were recorded to be unknown and not to be known again, but
// for those of which this recorder is about to write that: see
// [record.Watch.InheritUndecided].
func (s *Store) Undecided(ctx context.Context) ([]record.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, startsIn)
	defer cancel()
	var queued []record.Document
	s.mu.Lock()
	for i := range s.queue {
		if ofVerdicts(&s.queue[i]) {
			queued = append(queued, s.queue[i])
		}
	}
	s.mu.Unlock()
	h, err := s.verdicts(ctx, queued...)
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
// recorded and by what else is about to be.
func (s *Store) verdicts(ctx context.Context, queued ...record.Document) (h History, err error) {
	docs := newRecent()
	err = s.read(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{ofWatch}, DeliverPolicy: jetstream.DeliverAllPolicy}, func(d record.Document) {
		if ofVerdicts(&d) {
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

// ofVerdicts reports whether a document says when verdicts were unknown, or nobody recorded.
func ofVerdicts(d *record.Document) bool {
	switch d.Change { //nolint:exhaustive // the others are not of verdicts
	case record.Watching, record.Unrecorded, record.Undecided, record.Decided:
		return true
	}
	return false
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
