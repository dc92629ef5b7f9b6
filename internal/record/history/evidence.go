package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// Suspect is an account in a cluster, both as a deployment has them.
type Suspect struct{ Account, Cluster string }

const (
	// evidenceFor is how far back evidence goes.
	evidenceFor = 7 * 24 * time.Hour
	// mostSuspects is of how many suspects at most it is read.
	mostSuspects = 50
	// lastSeen is how long ago a recorder may have said that it is there, with what
	// the clocks of two machines may differ.
	lastSeen = 3 * aliveEvery
)

// StaleError is that no recorder was there of late: what has happened since its last
// word is not known.
type StaleError struct {
	Last time.Time // zero where not known
	Now  time.Time
}

func (e *StaleError) Error() string {
	const layout = "2006-01-02 15:04:05"
	switch ago := e.Now.Sub(e.Last).Round(time.Second); {
	case e.Last.IsZero():
		return "when a recorder was there last is unknown"
	case ago < 0:
		return fmt.Sprintf("the recorder's clock is %s ahead of this machine's", -ago)
	default:
		return fmt.Sprintf("the recorder was there last at %s UTC, %s ago: what has happened since is unknown", e.Last.UTC().Format(layout), ago)
	}
}

// OtherDeploymentError is that nothing was recorded of the servers asked for.
type OtherDeploymentError struct{}

func (*OtherDeploymentError) Error() string {
	return "none of the audited servers is in it: it is of another deployment, or began just now"
}

// Recorded is what was recorded of suspects until now, for those that it can say
// something of: nil for the others. It returns a [StaleError], a
// [DamagedError] or an [OtherDeploymentError] where nothing of it can be relied on.
func (s *Store) Recorded(ctx context.Context, d *checks.Deployment, of []Suspect, now time.Time) ([]*checks.Recorded, error) {
	out := make([]*checks.Recorded, len(of))
	if last := s.LastAlive(ctx); last.IsZero() || now.Sub(last).Abs() > lastSeen {
		return out, &StaleError{last, now}
	}
	since := now.Add(-evidenceFor)
	filters := []string{ofWatch}
	ask := of[:min(len(of), mostSuspects)]
	for _, x := range ask {
		for _, f := range []string{ofAccounts + token(x.Cluster) + "." + token(x.Account), ofKicks + token(x.Cluster) + "." + token(x.Account), ofServers + token(x.Cluster) + ".>"} {
			if !slices.Contains(filters, f) {
				filters = append(filters, f)
			}
		}
	}
	last := newRecent()
	if err := s.read(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: filters, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}, last.add); err != nil {
		return out, err
	}
	docs := last.docs
	slices.SortStableFunc(docs, func(a, b record.Document) int { return a.Time.Compare(b.Time) })
	docs = sinceGap(docs)
	damage, err := s.damage(ctx, now)
	if err != nil {
		return out, err
	}
	for _, g := range damage.Gaps { // what is left of before that is not all that happened
		docs = slices.DeleteFunc(docs, func(d record.Document) bool { return d.Time.Before(g.To) })
	}
	known := false
	for i, x := range ask {
		out[i] = recordedOf(docs, x)
		known = known || knows(out[i], d)
	}
	switch {
	case !known && damage.Missing > 0: // it may have been of these servers
		return make([]*checks.Recorded, len(of)), &DamagedError{damage.Missing}
	case !known:
		return make([]*checks.Recorded, len(of)), &OtherDeploymentError{}
	}
	return out, nil
}

// sinceGap are the documents since a recorder last began with something missing
// before.
func sinceGap(docs []record.Document) []record.Document {
	for i, d := range slices.Backward(docs) {
		if d.Change == record.Unrecorded || d.Change == record.Watching && (d.Since == nil || d.Time.Sub(*d.Since) > 2*aliveEvery) {
			return docs[i:]
		}
	}
	return docs
}

// recordedOf is what documents say of a suspect; nil where they have nothing of it.
func recordedOf(docs []record.Document, of Suspect) *checks.Recorded {
	var r checks.Recorded
	// unseen is that what ended since the last spread is not known; away, that the
	// connection was lost meanwhile. What came then was not seen either and does not count
	// as moved, so that only ends without new ones matter: counts show these.
	unseen, away := false, false
	for i, d := range docs {
		switch {
		case d.Change == record.Watching && i > 0, d.Change == record.Lost && d.Count != nil && *d.Count > 0:
			unseen = true
		case d.Change == record.Lost:
			away = true
		}
		switch {
		case d.Cluster == nil || *d.Cluster != of.Cluster:
		case d.Change == record.Kicked:
			if k := kickedOf(&d); k != nil && k.Account.ID == of.Account {
				r.Kicked = append(r.Kicked, checks.RecordedMove{Time: k.To, Left: true, Server: checks.ServerRef(k.Server), Connections: k.Connections})
			}
		case d.Server != nil:
			switch d.Change { //nolint:exhaustive // the others are not of whether it runs
			case record.Started, record.Draining, record.Stopped, record.Silent, record.Answering:
				r.Events = append(r.Events, checks.RecordedEvent{Time: d.Time, Server: checks.ServerRef(*d.Server), Started: d.Change == record.Started, Answers: d.Change == record.Answering})
			}
		case d.Account != nil && d.Account.ID == of.Account && d.Spread != nil:
			spread := checks.RecordedSpread{Time: d.Time, Connections: d.Spread.Connections}
			if last := len(r.Spreads) - 1; !unseen && (!away || last < 0 || 2*spread.Connections >= r.Spreads[last].Connections) {
				spread.Ended = d.Spread.Ended
			}
			unseen, away = false, false
			for _, x := range d.Spread.Servers {
				spread.Servers = append(spread.Servers, checks.RecordedShare{Server: checks.ServerRef(x.Server), Connections: x.Connections})
			}
			r.Spreads = append(r.Spreads, spread)
			for _, m := range d.Moves {
				r.Moves = append(r.Moves, checks.RecordedMove{Time: d.Time, Left: m.Left, Service: m.Service, Server: checks.ServerRef(m.Server), Reason: checks.Reason(m.Reason), Connections: m.Connections})
			}
		}
	}
	if len(r.Spreads) == 0 {
		return nil
	}
	r.From = docs[0].Time
	return &r
}

// knows reports whether a server that runs now is in what was recorded.
func knows(r *checks.Recorded, d *checks.Deployment) bool {
	if r == nil {
		return false
	}
	has := func(s checks.ServerRef) bool {
		return slices.ContainsFunc(d.Servers, func(x checks.Server) bool { return x.ID == s.ID })
	}
	return slices.ContainsFunc(r.Spreads[len(r.Spreads)-1].Servers, func(x checks.RecordedShare) bool { return has(x.Server) }) ||
		slices.ContainsFunc(r.Events, func(e checks.RecordedEvent) bool { return has(e.Server) })
}

// ReadRunning is the store in a folder, to read from the process that records into
// it; nil where none does.
func ReadRunning(ctx context.Context, dir string, via Via) (*Store, error) {
	s, err := readRunning(ctx, dir, via)
	var down *notRunningError
	if errors.As(err, &down) {
		return nil, nil
	}
	return s, err
}
