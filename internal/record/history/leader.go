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
	// leadEvery is how often the leader says that it still is, and lookEvery how often the
	// others look.
	leadEvery = 2 * time.Second
	lookEvery = time.Second
	// leadFor is how long a leader that could not say so goes on writing. After
	// followFor without a word of it, another one takes over: what the first one had
	// on its way is there or given up by then. That is 8 s after its last word at the
	// latest, as looks are a second apart.
	leadFor   = 3 * time.Second
	followFor = 6 * time.Second
)

// election is one recorder's part in who leads. It is for one goroutine.
type election struct {
	bucket  jetstream.KeyValue
	id      string
	leading bool
	// behind is for how long what this recorder saw waits to be written: its lease says so.
	behind time.Duration
	// revision is the entry's: one's own where leading, else the last that was seen,
	// at seenAt.
	revision uint64
	seenAt   time.Time
	// looked is that the last turn saw the lease: one that is another now was written since.
	// The first one that is seen may be that of a recorder that has died.
	looked bool
	// otherAt is when another recorder was last seen to lead, and until writtenAt it has
	// written what it saw.
	otherAt, writtenAt time.Time
	away               error // why the store could not be asked the last time; nil where it was
	told               role
}

// role is what was told of a recorder.
type role int

const (
	_ role = iota
	leads
	standsBy
)

func newElection(bucket jetstream.KeyValue) *election {
	return &election{bucket: bucket, id: nuid.Next()}
}

// lease is what a recorder that leads writes: who it is, for how long what it saw waits to
// be written, and for people where it runs.
func (e *election) lease() []byte {
	host, _ := os.Hostname()
	return []byte(e.id + " " + e.behind.String() + " " + host)
}

// owns reports whether a lease is that of this recorder.
func (e *election) owns(lease []byte) bool { return bytes.HasPrefix(lease, []byte(e.id+" ")) }

// behindOf is for how long what the recorder of a lease saw waits to be written.
func behindOf(lease []byte) (behind time.Duration, ok bool) {
	parts := bytes.SplitN(lease, []byte(" "), 3)
	if len(parts) < 2 {
		return 0, false
	}
	behind, err := time.ParseDuration(string(parts[1]))
	return behind, err == nil && behind >= 0
}

// turn says once more that this recorder leads, or looks whether it should.
func (e *election) turn(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, leadEvery*3/4)
	defer cancel()
	if e.leading {
		revision, err := e.bucket.Update(ctx, leaderKey, e.lease(), e.revision)
		switch e.away = err; {
		case err == nil:
			e.revision, e.seenAt = revision, now
		case wrongRevision(err): // another one took over: nothing failed
			e.leading, e.looked, e.away = false, false, nil
		case now.Sub(e.seenAt) > leadFor:
			e.leading, e.looked = false, false
		}
		return
	}
	entry, err := e.bucket.Get(ctx, leaderKey)
	e.away = nil
	looked := e.looked
	e.looked = true
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		if revision, err := e.bucket.Create(ctx, leaderKey, e.lease()); err == nil {
			e.lead(revision, now)
		}
	case err != nil:
		e.away, e.seenAt, e.looked = err, now, false
	case e.owns(entry.Value()): // the store was away, and nobody took over
		e.update(ctx, entry.Revision(), now)
	case entry.Revision() != e.revision:
		e.revision, e.seenAt = entry.Revision(), now
		if looked {
			e.otherAt = now
			if behind, ok := behindOf(entry.Value()); ok {
				e.writtenAt = now.Add(-behind)
			}
		}
	case now.Sub(e.seenAt) >= followFor:
		e.update(ctx, e.revision, now)
	}
}

// update takes over from who wrote a revision, where that is the last one.
func (e *election) update(ctx context.Context, revision uint64, now time.Time) {
	if revision, err := e.bucket.Update(ctx, leaderKey, e.lease(), revision); err == nil {
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
