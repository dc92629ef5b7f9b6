package history

import (
	"context"
	"errors"
	"strconv"
	"strings"
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

const (
	// aliveEvery is how often a recorder says that it is there.
	aliveEvery = 10 * time.Second
	aliveKey   = "alive"
	// saysIn is how long it may take to say so.
	saysIn = time.Second
)

// word is what a recorder says of itself.
type word struct {
	// recorded is until when all that it saw is written, and waiting how many changes are not.
	recorded time.Time
	waiting  int
}

// text is a word as the bucket has it.
func (w word) text() string {
	text := w.recorded.UTC().Format(time.RFC3339Nano)
	if w.waiting > 0 {
		text += " " + strconv.Itoa(w.waiting)
	}
	return text
}

// wordOf is the word of a text; zero where it is none.
func wordOf(text string) (w word) {
	at, waiting, waits := strings.Cut(text, " ")
	var err error
	if waits {
		w.waiting, err = strconv.Atoi(waiting)
	}
	var badTime error
	if w.recorded, badTime = time.Parse(time.RFC3339Nano, at); errors.Join(err, badTime) != nil || w.waiting < 0 {
		return word{}
	}
	return w
}

// alive says that a recorder is there, and what waits as it can't be written: a store that is
// full may still take that. One that has not taken over what was recorded says nothing: until
// when another one was there is to be read then, and it records nothing itself.
func (s *Store) alive(ctx context.Context) {
	s.mu.Lock()
	late := !s.alone && time.Now().After(s.until)
	s.mu.Unlock()
	if !late { // else another one may lead, as where this one stood still
		s.sayAlive(ctx)
	}
}

// sayAlive is [Store.alive] of one that has just said that it leads.
func (s *Store) sayAlive(ctx context.Context) {
	s.mu.Lock()
	leading, nc, js, bucket, w := s.leading && !s.heir, s.nc, s.js, s.bucket, word{recorded: time.Now()}
	if s.failing != nil && len(s.queue) > 0 {
		w = word{s.queue[0].Time, len(s.queue)}
	}
	if !s.lostFrom.IsZero() {
		w.recorded = s.lostFrom
	}
	s.mu.Unlock()
	if !leading || !nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saysIn)
	defer cancel()
	revision, err := bucket.Put(ctx, aliveKey, []byte(w.text()))
	if err != nil {
		return // it is said again soon
	}
	s.mu.Lock()
	s.said = revision
	s.mu.Unlock()
	s.mark(ctx, js, bucket)
}

// othersRecorded is until when another recorder recorded, by its last word or by what was
// written last; zero where the last word is that of this one.
func (s *Store) othersRecorded(ctx context.Context) time.Time {
	s.mu.Lock()
	bucket, said := s.bucket, s.said
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if e, err := bucket.Get(ctx, aliveKey); err != nil || e.Revision() == said {
		return time.Time{}
	}
	return s.lastWord(ctx).recorded
}

// LastAlive is until when what happened is recorded: by the last recorder's own word, or by what it
// wrote last. Where the end of what it wrote is missing, it is what is left. It is zero where none ever was.
func (s *Store) LastAlive(ctx context.Context) time.Time { return s.lastWord(ctx).recorded }

func (s *Store) lastWord(ctx context.Context) (w word) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, js, bucket := s.using()
	if bucket != nil {
		if e, err := bucket.Get(ctx, aliveKey); err == nil {
			w = wordOf(string(e.Value()))
		}
	}
	// It is written in the order of time: what waited before that is there.
	at, cut := s.lastWritten(ctx, js, bucket)
	if cut || at.After(w.recorded) {
		w = word{recorded: at}
	}
	return w
}

// lastThere is until when a recorder recorded, and how many changes wait where one is there
// that can't write them; zero where one records now. A recorder that stands by does not count.
func (s *Store) lastThere(ctx context.Context, now time.Time) (word, error) {
	last := s.lastWord(ctx)
	there, err := s.isThere(ctx, last.recorded, now)
	switch {
	case err != nil:
		return last, err
	case there && last.waiting == 0:
		return word{}, nil
	case !there:
		last.waiting = 0 // it is lost, or another one saw it
	}
	return last, nil
}

// isThere reports whether a recorder is there that leads, by what is last known of one.
func (s *Store) isThere(ctx context.Context, last, now time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _, bucket := s.using()
	if s.presence == nobody {
		return false, nil
	}
	var status jetstream.KeyValueStatus
	var err error = jetstream.ErrBucketNotFound
	if bucket != nil {
		status, err = bucket.Status(ctx)
	}
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound): // deleted, and about to be made again by who records
		return recording(true, 0, now.Sub(last)), nil
	case err != nil:
		return false, explain(ctx, "reading its bucket "+BucketName, err)
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
		return false, err
	}
	if !is {
		said = now.Sub(last)
	}
	lease, leads := time.Duration(0), true
	if s.presence == byLease {
		if lease, leads, err = age(leaderKey); err != nil {
			return false, err
		}
	}
	return recording(leads, lease, said), nil
}

// recording reports whether a recorder is there, by the age of the lease of who leads, if
// there is one, and of its last word. Without a lease one may have handed over just now.
func recording(leads bool, lease, said time.Duration) bool {
	if !leads || lease > takesOver {
		return said <= takesOver
	}
	return said <= lastSeen
}
