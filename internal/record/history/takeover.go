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
			s.heir, s.failing = !did, err
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

// Leaning hands over what was recorded to be above the threshold, but for what this
// recorder is about to write is back: see [record.Watch.Inherit]. What this recorder saw of
// an account before the last that was recorded of it is not written any more, but for a
// finding of which that does not know: whoever recorded that saw it too, and what is
// written last of an account is to be what is so.
func (s *Store) Leaning(ctx context.Context, take func(last record.Spread, leans record.Lean)) error {
	ctx, cancel := context.WithTimeout(ctx, startsIn)
	defer cancel()
	type pair struct{ account, cluster string }
	type recorded struct {
		at    time.Time // zero where nothing is
		last  record.Spread
		leans record.Lean
	}
	known := map[pair]recorded{} // of those that lean, or that something is queued of
	s.mu.Lock()
	for i := range s.queue {
		if d := &s.queue[i]; d.Account != nil && d.Cluster != nil {
			known[pair{d.Account.ID, *d.Cluster}] = recorded{}
		}
	}
	s.mu.Unlock()
	err := s.last(ctx, func(d *record.Document, last record.Spread, leans record.Lean) {
		of := pair{last.Account.ID, last.Cluster}
		if _, waits := known[of]; waits || !leans.Since.IsZero() {
			known[of] = recorded{d.Time, last, leans}
		}
	})
	if err != nil {
		return err
	}
	back := map[pair]bool{}
	s.mu.Lock()
	s.queue = slices.DeleteFunc(s.queue, func(d record.Document) bool {
		if d.Account == nil || d.Cluster == nil || d.Change == record.Kicked {
			return false
		}
		of := pair{d.Account.ID, *d.Cluster}
		last := known[of]
		if found := d.Change == record.Held && !last.leans.Since.IsZero() && !last.leans.Finding; d.Time.Before(last.at) && !found {
			return true
		}
		back[of] = back[of] || d.Change == record.Back
		return false
	})
	s.mu.Unlock()
	for of, r := range known {
		if !r.leans.Since.IsZero() && !back[of] {
			take(r.last, r.leans)
		}
	}
	return nil
}

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
