package history

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// presence is what reading a store shows of who records into it.
type presence int

const (
	// byLease: the lease of who leads shows it, in a store of several.
	byLease presence = iota
	// running: the process that has the folder answers.
	running
	// nobody: no process has the folder.
	nobody
)

// takesOver is how long after the last word of a leader another one leads at the latest.
const takesOver = followFor + 2*leadEvery

// NoRecorder says that nobody has recorded since a time, in the format of whoever says so.
func NoRecorder(since string) string {
	return "No watch records now: what happened since " + since + " is unknown."
}

// lastThere is when a recorder was last there; zero where one records now. A recorder that
// stands by does not count.
func (s *Store) lastThere(ctx context.Context, now time.Time) (time.Time, error) {
	last := s.LastAlive(ctx)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _, bucket := s.using()
	if s.presence == nobody {
		return last, nil
	}
	var status jetstream.KeyValueStatus
	var err error = jetstream.ErrBucketNotFound
	if bucket != nil {
		status, err = bucket.Status(ctx)
	}
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound): // deleted, and about to be made again by who records
		if recording(true, 0, now.Sub(last)) {
			return time.Time{}, nil
		}
		return last, nil
	case err != nil:
		return last, explain(ctx, "reading its bucket "+BucketName, err)
	}
	// Ages are by the clock of the store alone.
	clock := now
	if b, is := status.(*jetstream.KeyValueBucketStatus); is && !b.StreamInfo().TimeStamp.IsZero() {
		clock = b.StreamInfo().TimeStamp
	}
	age := func(key string) (age time.Duration, is bool, err error) {
		e, err := bucket.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, explain(ctx, "reading its bucket "+BucketName, err)
		}
		return clock.Sub(e.Created()), true, nil
	}
	said, is, err := age(aliveKey)
	if err != nil {
		return last, err
	}
	if !is {
		said = now.Sub(last)
	}
	lease, leads := time.Duration(0), true
	if s.presence == byLease {
		if lease, leads, err = age(leaderKey); err != nil {
			return last, err
		}
	}
	if !recording(leads, lease, said) {
		return last, nil
	}
	return time.Time{}, nil
}

// recording reports whether a recorder is there, by the age of the lease of who leads, if
// there is one, and of its last word. Without a lease one may have handed over just now.
func recording(leads bool, lease, said time.Duration) bool {
	if !leads || lease > takesOver {
		return said <= takesOver
	}
	return said <= lastSeen
}
