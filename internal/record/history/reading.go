package history

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/record"
)

// Reading is what was read of a history.
type Reading struct {
	Docs []record.Document // in the order of their times
	Cut  bool              // there were more than can be held: older ones were left out
	// Since is from when on is told of, and First when the record begins; zero is since
	// ever, and where nothing is.
	Since, First time.Time
	// Until is until when a recorder recorded; zero where one records now. Waiting is how many
	// changes wait where one is there that can't write them.
	Until   time.Time
	Waiting int
	Damage  Damage
}

const (
	// clocksDiffer is by how much the clock of the store may be behind that of who records:
	// documents have the time of one, and are found by that of the other.
	clocksDiffer = time.Minute
	// mostSubjects is of how many accounts in clusters the store is asked by their names; it
	// is asked for all where there are more.
	mostSubjects = 256
	// mostOlder is how many bytes of memory what is read from before takes at most.
	mostOlder = mostHeld / 4
)

// Reading reads what [Tell] needs to tell of all since a time: what was recorded since, and
// from before that how what lasted then began.
func (s *Store) Reading(ctx context.Context, q Query, now time.Time) (Reading, error) {
	r := Reading{Since: q.Since}
	last, err := s.lastThere(ctx, now)
	if err != nil {
		return r, err
	}
	r.Until, r.Waiting = last.recorded, last.waiting
	if r.First, err = s.first(ctx); err != nil {
		return r, err
	}
	from := q.Since
	if !from.IsZero() {
		from = from.Add(-around - clocksDiffer)
		q.Since = from
	}
	if r.Damage, err = s.damage(ctx, now); err != nil {
		return r, err
	}
	if r.Docs, r.Cut, err = s.documents(ctx, q, func() { r.Damage.Unreadable++ }); err != nil {
		return r, err
	}
	if r.Cut && len(r.Docs) > 0 {
		from = r.Docs[0].Time
		if from.After(r.Since) {
			r.Since = from
		}
	}
	if from.IsZero() || r.First.After(from) {
		return r, nil
	}
	return r, s.readBack(ctx, &r, from)
}

// readBack adds what was recorded before a time of what lasted then.
func (s *Store) readBack(ctx context.Context, r *Reading, from time.Time) error {
	before := newRecent()
	before.most = mostOlder
	err := s.readUntil(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{ofWatch}, DeliverPolicy: jetstream.DeliverAllPolicy}, from, func(d record.Document) {
		switch d.Change { //nolint:exhaustive // the others are not of what lasts
		case record.Watching, record.Unrecorded, record.Undecided, record.Decided, record.Unchecked, record.Checked:
			d.Who = nil // which is not told
			before.add(d)
		}
	})
	if err != nil {
		return err
	}
	latest := merged(before.docs, r.Docs)
	r.Docs = latest
	// What came with the beginning may show that it was an earlier one, see [episodes.begin].
	var wanted []beginning
	for range 2 {
		more := r.beganBefore(from)
		if len(more) == 0 || slices.Equal(more, wanted) {
			return nil
		}
		wanted = more
		older, err := s.beginnings(ctx, wanted, from)
		if err != nil {
			return err
		}
		r.Docs = merged(older, latest)
	}
	return nil
}

func merged(a, b []record.Document) []record.Document {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b record.Document) int { return a.Time.Compare(b.Time) })
	return all
}

// beginning is when an account began to lean in a cluster, and from when on it may have.
type beginning struct {
	pair
	at, notBefore time.Time
}

// beganBefore are the times in which accounts leaned that began before a time, or so soon
// after it that what happened to servers is.
func (r *Reading) beganBefore(from time.Time) (out []beginning) {
	h := r.Tell(from)
	for i := range h.Episodes {
		if e := &h.Episodes[i]; e.Began.Add(-around).Before(from) {
			b := beginning{pair{e.Account.ID, e.Cluster}, e.Began, e.Began}
			if from, is := e.Beginning().Earliest(); is {
				b.notBefore = from
			}
			out = append(out, b)
		}
	}
	return out
}

// beginnings reads what was recorded of beginnings before a time: when these accounts began
// to lean and were back, how they were spread last, what was kicked of them, and what
// happened to servers when they began.
func (s *Store) beginnings(ctx context.Context, of []beginning, until time.Time) ([]record.Document, error) {
	start := until
	pairs, clusters := map[pair]bool{}, map[string][]time.Time{}
	for _, b := range of {
		if b.notBefore.Before(start) {
			start = b.notBefore
		}
		pairs[b.pair] = true
		clusters[b.cluster] = append(clusters[b.cluster], b.at)
	}
	start = start.Add(-around - clocksDiffer)
	var filters []string
	for k := range pairs {
		of := token(k.cluster) + "." + token(k.account)
		filters = append(filters, ofAccounts+of, ofKicks+of)
	}
	for cluster := range clusters {
		filters = append(filters, ofServers+token(cluster)+".>")
	}
	if slices.Sort(filters); len(filters) > mostSubjects {
		filters = []string{ofAccounts + ">", ofKicks + ">", ofServers + ">"}
	}
	older := newRecent()
	older.most = mostOlder
	latest := map[pair]record.Document{}
	err := s.readUntil(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: slices.Compact(filters), DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &start}, until, func(d record.Document) {
		if d.Cluster == nil {
			return
		}
		if d.Account != nil {
			switch k := (pair{d.Account.ID, *d.Cluster}); {
			case !pairs[k]:
			case d.Change == record.Shifted: // of many the last one, as a line begins with it
				latest[k] = d
			default:
				if before, is := latest[k]; is && d.Change == record.Crossed { // which shows when it began
					older.add(before)
					delete(latest, k)
				}
				older.add(d)
			}
			return
		}
		if d.Server != nil && slices.ContainsFunc(clusters[*d.Cluster], func(at time.Time) bool { return d.Time.Sub(at).Abs() <= around }) {
			older.add(d)
		}
	})
	for _, d := range latest {
		older.add(d)
	}
	return older.docs, err
}

// first is when the record begins: the time of the oldest document that is left; zero
// where there is none.
func (s *Store) first(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, js, _ := s.using()
	stream, err := js.Stream(ctx, StreamName)
	if err != nil {
		return time.Time{}, explain(ctx, "reading its stream", err)
	}
	state := stream.CachedInfo().State
	if state.Msgs == 0 {
		return time.Time{}, nil
	}
	if m, err := stream.GetMsg(ctx, state.FirstSeq); err == nil {
		if d, ok := documentIn(m.Data); ok {
			return d.Time, nil
		}
	}
	return state.FirstTime, nil // it was removed meanwhile, or is of somebody else
}
