package history

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/record"
)

// mostRead is how many documents are read at most, the last ones.
const mostRead = 2_000_000

// Query is what to read.
type Query struct {
	// Account is an id or a name; empty is all. What happened to servers is read in
	// any case.
	Account string
	Since   time.Time
}

// Documents reads what was kept, the oldest first.
func (s *Store) Documents(ctx context.Context, q Query) ([]record.Document, error) {
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	if !q.Since.IsZero() {
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &q.Since
	}
	docs, err := s.read(ctx, config, func(d record.Document) bool {
		return d.Account == nil || q.Account == "" || d.Account.ID == q.Account || d.Account.Name == q.Account
	})
	// The stream is in the order of writing, which after an absence is not that of
	// what happened.
	slices.SortStableFunc(docs, func(a, b record.Document) int { return a.Time.Compare(b.Time) })
	return docs, err
}

// Last reads the last document of every account in every cluster.
func (s *Store) Last(ctx context.Context) ([]record.Document, error) {
	return s.read(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{ofAccounts + ">"}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy},
		func(record.Document) bool { return true })
}

func (s *Store) read(ctx context.Context, config jetstream.OrderedConsumerConfig, keep func(record.Document) bool) ([]record.Document, error) {
	c, err := s.js.OrderedConsumer(ctx, StreamName, config)
	if err != nil {
		return nil, explain("reading its stream", err)
	}
	info, err := c.Info(ctx)
	if err != nil {
		return nil, explain("reading its stream", err)
	}
	left := info.NumPending
	var out []record.Document
	if left == 0 {
		return nil, nil
	}
	iter, err := c.Messages(jetstream.PullMaxMessages(1000))
	if err != nil {
		return nil, explain("reading its stream", err)
	}
	defer iter.Stop()
	for range left {
		m, err := iter.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			break
		}
		if err != nil {
			return out, explain("reading its stream", err)
		}
		var d record.Document
		// What another version wrote, or somebody else, is none of ours.
		if json.Unmarshal(m.Data(), &d) == nil && d.Type == record.DocumentType && keep(d) {
			out = append(out, d)
		}
		if meta, err := m.Metadata(); err == nil && meta.NumPending == 0 {
			break
		}
	}
	return out[max(0, len(out)-mostRead):], nil
}

// Restore tells a watch what was known when the last recorder stopped.
func (s *Store) Restore(ctx context.Context, w *record.Watch) error {
	last, err := s.Last(ctx)
	if err != nil {
		return err
	}
	for _, d := range last {
		spread := d.SpreadOf()
		if spread == nil {
			continue
		}
		var since time.Time
		if d.Since != nil && d.Change != record.Back {
			since = *d.Since
		}
		finding := d.Finding != nil && *d.Finding && d.Change != record.Back
		w.Known(*spread, since, finding)
	}
	return nil
}
