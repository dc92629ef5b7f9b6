package history

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// mostWaiting is how many bytes of messages wait to be read, several of the longest
// that the stream takes.
const mostWaiting = 16 << 20

// consumerStays is how long the server keeps the consumer of a reading after it
// ended.
const consumerStays = 30 * time.Second

// Query is what to read.
type Query struct {
	// Account is an id or a name; empty is all. What happened to servers is read in
	// any case.
	Account string
	// ID is the id of an account whose changes alone the store hands over, with what
	// happened to servers: far less than all where there are many accounts.
	ID    string
	Since time.Time
}

// Documents reads what was kept, the oldest first. Cut says that it was too much,
// and that the oldest documents were left out, see [mostHeld].
func (s *Store) Documents(ctx context.Context, q Query) (docs []record.Document, cut bool, err error) {
	return s.documents(ctx, q, func() {})
}

// documents is [Store.Documents]. Unreadable is told of each that is not of this version.
func (s *Store) documents(ctx context.Context, q Query, unreadable func()) (docs []record.Document, cut bool, err error) {
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	if !q.Since.IsZero() {
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &q.Since
	}
	if q.ID != "" {
		of := ".*." + token(q.ID)
		config.FilterSubjects = []string{strings.TrimSuffix(ofAccounts, ".") + of, strings.TrimSuffix(ofKicks, ".") + of, ofServers + ">", ofWatch}
	}
	last := newRecent()
	of := func(d *record.Document) bool {
		if d.Account != nil && q.ID != "" && d.Account.ID != q.ID {
			return false // it shares a subject
		}
		return d.Account == nil || q.Account == "" || d.Account.ID == q.Account || d.Account.Name == q.Account
	}
	// What has leaned for longer may not have changed since.
	if !q.Since.IsZero() && q.Since.Before(time.Now()) {
		before := jetstream.OrderedConsumerConfig{FilterSubjects: []string{ofAccounts + ">"}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}
		if q.ID != "" {
			before.FilterSubjects = []string{strings.TrimSuffix(ofAccounts, ".") + ".*." + token(q.ID)}
		}
		err = s.read(ctx, before, func(d record.Document) {
			if d.Time.Before(q.Since) && d.Since != nil && d.Change != record.Back && of(&d) {
				last.add(d)
			}
		})
		if err != nil {
			return nil, false, err
		}
	}
	err = s.readAll(ctx, config, time.Time{}, func(d record.Document) {
		if of(&d) {
			last.add(d)
		}
	}, unreadable)
	// The stream is in the order of writing, which after an absence is not that of
	// what happened.
	slices.SortStableFunc(last.docs, func(a, b record.Document) int { return a.Time.Compare(b.Time) })
	return last.docs, last.cut, err
}

// Knows reports whether anything was ever recorded of an account, by its id or name.
func (s *Store) Knows(ctx context.Context, account string) (known bool, err error) {
	err = s.last(ctx, func(_ *record.Document, last record.Spread, _ record.Lean) { known = known || last.Account.Is(account) })
	return known, err
}

// read hands over documents, one at a time, in the order of writing.
func (s *Store) read(ctx context.Context, config jetstream.OrderedConsumerConfig, take func(record.Document)) error {
	return s.readUntil(ctx, config, time.Time{}, take)
}

// readUntil is [Store.read] of what was written before a time, where it is not zero.
func (s *Store) readUntil(ctx context.Context, config jetstream.OrderedConsumerConfig, until time.Time, take func(record.Document)) error {
	return s.readAll(ctx, config, until, take, func() {})
}

// readAll is [Store.readUntil]. Unreadable is told of each message that is not a document of
// this version: what another one wrote, or somebody else.
func (s *Store) readAll(ctx context.Context, config jetstream.OrderedConsumerConfig, until time.Time, take func(record.Document), unreadable func()) error {
	config.InactiveThreshold = consumerStays
	_, js, _ := s.using()
	c, err := js.OrderedConsumer(ctx, StreamName, config)
	if err != nil {
		return explain(ctx, "reading its stream", err)
	}
	info, err := c.Info(ctx)
	if err != nil {
		return explain(ctx, "reading its stream", err)
	}
	left := info.NumPending
	if left == 0 {
		return nil
	}
	iter, err := c.Messages(jetstream.PullMaxBytes(mostWaiting))
	if err != nil {
		return explain(ctx, "reading its stream", err)
	}
	defer iter.Stop()
	for range left {
		m, err := iter.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			break
		}
		if err != nil {
			return explain(ctx, "reading its stream", err)
		}
		meta, err := m.Metadata()
		if err == nil && !until.IsZero() && !meta.Timestamp.Before(until) {
			break
		}
		if d, ok := documentIn(m.Data()); ok {
			take(d)
		} else {
			unreadable()
		}
		if err == nil && meta.NumPending == 0 {
			break
		}
	}
	return nil
}

// Restore tells a watch what was known when the last recorder stopped: the last
// document of every account in every cluster, and which servers went of late.
func (s *Store) Restore(ctx context.Context, w *record.Watch) error {
	alive := s.LastAlive(ctx)
	pasts, err := s.pasts(ctx, time.Now(), alive)
	if err != nil {
		return err
	}
	w.KnownPast(pasts)
	h, err := s.verdicts(ctx)
	if err != nil {
		return err
	}
	return s.last(ctx, func(_ *record.Document, last record.Spread, leans record.Lean) {
		until := h.knownUntil(&last, alive)
		leans.Unknown = h.unknownFor(last.Cluster, leans.Since, until)
		w.Known(last, leans, until)
	})
}

// unknownFor is for how long of a time it was unknown what leaned in a cluster.
func (h *History) unknownFor(cluster string, from, to time.Time) (unknown time.Duration) {
	for _, g := range Joined(h.unseen(cluster, from, to)) {
		unknown += g.To.Sub(g.From)
	}
	return unknown
}

// knownUntil is until when the last recorder, which was there until a time, knew what leaned
// in the cluster of a spread, the last one of its account; zero where not known. Of which
// accounts that was unknown is not recorded: it may have been of any that was not spread since.
func (h *History) knownUntil(last *record.Spread, alive time.Time) time.Time {
	known := alive
	for _, u := range h.Unknown {
		if (u.Cluster == nil || *u.Cluster == last.Cluster) && u.To == nil && u.From.Before(known) {
			known = u.From
		}
	}
	if last.Verdict != checks.Incomplete && last.Time.After(known) && !last.Time.After(alive) {
		known = last.Time
	}
	return known
}

// last hands over the last document of every account in every cluster, its spread, and how
// it leans, where it does.
func (s *Store) last(ctx context.Context, take func(d *record.Document, last record.Spread, leans record.Lean)) error {
	last := jetstream.OrderedConsumerConfig{FilterSubjects: []string{ofAccounts + ">"}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}
	return s.read(ctx, last, func(d record.Document) {
		spread := d.SpreadOf()
		if spread == nil {
			return
		}
		take(&d, *spread, d.LeanOf())
	})
}
