package history

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Of several recorders with one store, one leads and writes; the others stand by.
const (
	leaderKey = "leader"
	// leadEvery is how often the leader says that it still is, and the others look.
	leadEvery = 2 * time.Second
	// leadFor is how long a leader that could not say so goes on writing. After
	// followFor without a word of it, another one takes over: what the first one had
	// on its way is there or given up by then.
	leadFor   = 3 * time.Second
	followFor = 6 * time.Second
)

// election is one recorder's part in who leads. It is for one goroutine.
type election struct {
	bucket  jetstream.KeyValue
	self    []byte
	leading bool
	// revision is the entry's: one's own where leading, else the last that was seen,
	// at seenAt.
	revision uint64
	seenAt   time.Time
	// otherAt is when another recorder was last seen to lead: what was seen before is
	// written by it, or waits there.
	otherAt time.Time
	away    error // why the store could not be asked the last time; nil where it was
	told    role
}

// role is what was told of a recorder.
type role int

const (
	_ role = iota
	leads
	standsBy
)

func newElection(bucket jetstream.KeyValue) *election {
	host, _ := os.Hostname() // it is for people
	return &election{bucket: bucket, self: []byte(nuid.Next() + " " + host)}
}

// turn says once more that this recorder leads, or looks whether it should.
func (e *election) turn(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, leadEvery*3/4)
	defer cancel()
	if e.leading {
		revision, err := e.bucket.Update(ctx, leaderKey, e.self, e.revision)
		switch e.away = err; {
		case err == nil:
			e.revision, e.seenAt = revision, now
		case wrongRevision(err): // another one took over: nothing failed
			e.leading, e.away = false, nil
		case now.Sub(e.seenAt) > leadFor:
			e.leading = false
		}
		return
	}
	entry, err := e.bucket.Get(ctx, leaderKey)
	e.away = nil
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		if revision, err := e.bucket.Create(ctx, leaderKey, e.self); err == nil {
			e.lead(revision, now)
		}
	case err != nil:
		e.away, e.seenAt = err, now
	case bytes.Equal(entry.Value(), e.self): // the store was away, and nobody took over
		e.update(ctx, entry.Revision(), now)
	case entry.Revision() != e.revision:
		e.revision, e.seenAt, e.otherAt = entry.Revision(), now, now
	case now.Sub(e.seenAt) >= followFor:
		e.update(ctx, e.revision, now)
	}
}

// update takes over from who wrote a revision, where that is the last one.
func (e *election) update(ctx context.Context, revision uint64, now time.Time) {
	if revision, err := e.bucket.Update(ctx, leaderKey, e.self, revision); err == nil {
		e.lead(revision, now)
	}
}

func (e *election) lead(revision uint64, now time.Time) {
	e.leading, e.revision, e.seenAt = true, revision, now
}

// resign lets another recorder lead at once.
func (e *election) resign(ctx context.Context) {
	if e.leading {
		_ = e.bucket.Delete(ctx, leaderKey, jetstream.LastRevision(e.revision)) // else it takes a while
		e.leading = false
	}
}

func wrongRevision(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}
