package history

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/record"
)

// Limits bound what is kept.
type Limits struct {
	Keep     time.Duration // older ones are removed
	Bytes    int64         // and so are the oldest beyond this
	Replicas int           // of a store in a cluster
}

const (
	// mostQueued is how many documents wait while the store is away. Of more, the
	// oldest are lost, and counted.
	mostQueued = 50_000
	// tryAgain is the pause after a document could not be written.
	tryAgain = time.Second
	// patience is how long one request to the store may take.
	patience = 5 * time.Second
	// A write takes less than it takes another recorder to take over.
	writesIn = 2 * time.Second
)

// Store is where history is kept. It is for several goroutines.
type Store struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	bucket jetstream.KeyValue
	close  func()
	alone  bool    // nobody else can write
	limits *Limits // of one that is written
	local  *local  // of a store in a folder
	// removed is that the folder was, and was not made again. It is for one goroutine.
	removed bool
	// presence is what its being read shows of who records.
	presence presence

	// Writing, if set before [Store.Run], is told why writing begins to fail, and nil
	// when it works again.
	Writing func(err error)
	// Made, if set before [Store.Run], is told when somebody deleted the stream and it was
	// made again: nothing is in it.
	Made func()
	// Again, if set before [Store.Run], opens the store once more where its connection
	// was closed for good: the servers refused its user twice.
	Again func(ctx context.Context) (*Store, error)
	// Inherit, if set before [Store.Run], takes over what was recorded so far, where this
	// recorder begins to lead: see [Store.Inherited]. It reports whether it did, which it is
	// too early for before all servers reported. Until then nothing is written.
	Inherit func(ctx context.Context) (did bool, err error)

	mu      sync.Mutex // over what is below it, and over the connection while it runs
	leading bool
	heir    bool   // it leads, and has not inherited
	mute    bool   // it has since, and has not yet said that it is there
	said    uint64 // the revision of what it said last of that
	// number is that in the stream of what was written last, and marked the one that is
	// written down, see [Store.mark].
	number, marked uint64
	until          time.Time // when the last write may begin, where this recorder leads
	written        time.Time // until when another recorder has written what it saw
	queue          []record.Document
	lost           int // documents that were too many to wait
	// lostFrom is the time of the first of those that the history does not say are lost.
	lostFrom time.Time
	failing  error
	wake     chan struct{}
}

// Use is the store of a connection, whose account has JetStream. It creates the
// stream and the bucket, or sets their limits where they exist.
func Use(ctx context.Context, nc *nats.Conn, limits Limits) (*Store, error) {
	s, err := use(nc)
	if err != nil {
		return nil, err
	}
	s.limits = &limits
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	ctx, done := permitted(ctx, nc)
	defer done()
	if err := s.makeStream(ctx); err != nil {
		return nil, err
	}
	if err := s.makeBucket(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Read is the store of a connection, to read what is there. It creates nothing.
func Read(ctx context.Context, nc *nats.Conn) (*Store, error) {
	s, err := use(nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx, done := permitted(ctx, nc)
	defer done()
	if _, err = s.js.Stream(ctx, StreamName); err != nil {
		return nil, explain(ctx, "finding its stream "+StreamName, err)
	}
	if s.bucket, err = s.js.KeyValue(ctx, BucketName); err != nil && !errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, explain(ctx, "finding its bucket "+BucketName, err)
	}
	return s, nil
}

func use(nc *nats.Conn) (*Store, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	return &Store{nc: nc, js: js, wake: make(chan struct{}, 1), close: nc.Close}, nil
}

// Close ends using the store, and closes its connection. What is still queued is
// lost, see [Store.Run].
func (s *Store) Close() {
	s.mu.Lock()
	end := s.close
	s.mu.Unlock()
	end()
}

// Add queues what changed, to be written by [Store.Run].
func (s *Store) Add(changes []record.Change) {
	s.mu.Lock()
	for _, c := range changes {
		s.queue = append(s.queue, record.DocumentOf(c))
	}
	if over := len(s.queue) - mostQueued; over > 0 {
		s.lost += over
		if s.lostFrom.IsZero() {
			s.lostFrom = s.queue[0].Time
		}
		s.queue = append(s.queue[:0:0], s.queue[over:]...)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// State is how writing goes.
type State struct {
	Queued int   // documents that wait
	Lost   int   // that were too many to wait
	Err    error // why the last one could not be written; nil where it could, or another recorder writes
	Leads  bool  // this recorder writes; another one does where it does not
	// Written is until when another recorder has said that what it saw is written; zero where none did.
	Written time.Time
}

// State says how writing goes.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{len(s.queue), s.lost, s.failing, s.leading, s.written}
}

// Run writes what is queued, in order, and again what could not be written, until
// the context ends; what is queued then is written if that takes no longer than a
// moment. Of several recorders with one store, one writes. The others keep what they
// saw of late, so that nothing is missing where one of them goes on. Led is told
// when that changes.
func (s *Store) Run(ctx context.Context, led func(leading bool)) {
	alive, turn := time.NewTicker(aliveEvery), time.NewTicker(lookEvery)
	defer alive.Stop()
	defer turn.Stop()
	e := newElection(s.bucket)
	inheriting := &inheritance{}
	defer inheriting.end()
	elected := time.Now()
	s.elect(ctx, e, elected, led)
	s.inherit(ctx, e, inheriting)
	failing, wait := false, &renewal{}
	for {
		s.renew(ctx, e, wait)
		if time.Since(elected) >= leadEvery { // also where writing took that long
			elected = time.Now()
			s.elect(ctx, e, elected, led)
			s.inherit(ctx, e, inheriting)
		}
		var again <-chan time.Time
		err := s.leave()
		if err == nil {
			err = s.flush(ctx)
		}
		if err != nil {
			again = time.After(tryAgain)
			s.remake(ctx, e, err)
		}
		if ctx.Err() == nil {
			s.mu.Lock()
			mute := s.mute
			s.mute = false
			s.mu.Unlock()
			if mute {
				s.alive(ctx)
			}
			if now := s.trouble(failing, err); now || failing {
				failing = now
				s.alive(ctx)
			}
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = s.flush(last) // it is in the state
			s.alive(last)
			if !s.alone {
				e.resign(last)
			}
			return
		case <-s.wake:
		case <-again:
		case <-turn.C:
			if !e.leading || time.Since(elected) > leadEvery-lookEvery/2 {
				elected = time.Time{} // it is due
			}
		case <-alive.C:
			s.alive(ctx)
			if e.leading { // nothing may change for long
				s.remake(ctx, e, jetstream.ErrStreamNotFound)
			}
		}
	}
}

// trouble says where writing begins to fail or works again, and mends a store in a
// folder. It reports whether writing fails.
func (s *Store) trouble(was bool, err error) bool {
	why := err
	if err != nil && s.local != nil && !s.removed {
		if left := s.local.mend(); left != nil { // such as a full disk
			why = left
		}
	}
	if is := err != nil; s.Writing != nil && is != was {
		s.Writing(why)
	}
	return err != nil
}

// elect takes a turn in who leads.
func (s *Store) elect(ctx context.Context, e *election, now time.Time, led func(bool)) {
	was := e.leading
	if s.alone {
		e.leading = true
	} else {
		e.behind = s.behind(now)
		e.turn(ctx, now)
	}
	s.mu.Lock()
	// What begins to be written then has ended when another recorder takes over.
	s.heir = e.leading && (s.heir || !was && !s.alone && s.Inherit != nil)
	s.leading, s.until = e.leading, e.seenAt.Add(followFor-writesIn)
	// What another leader said to have written is. Where none did, or the store is away
	// since, nobody has written what is queued here.
	if written := e.writtenAt.Add(-leadFor); !e.writtenAt.IsZero() && (!e.leading || !was) {
		s.written = written
		if keep := now.Add(-keepBy); !e.leading && keep.Before(written) {
			written = keep
		}
		s.forget(written)
		s.recorded(e.writtenAt)
	}
	switch {
	case !e.leading && (e.away == nil || s.failing == nil):
		s.failing = e.away
	case e.leading && !was: // what failed was to hear who leads
		s.failing = nil
	}
	s.mu.Unlock()
	if e.leading && !was { // which a reader need not wait for
		s.sayAlive(ctx)
	}
	// While the store is away nobody is known to record.
	if told := e.told; e.leading && told != leads || !e.leading && e.away == nil && !e.otherAt.IsZero() && told != standsBy {
		e.told = standsBy
		if e.leading {
			e.told = leads
		}
		led(e.leading)
	}
}

// behind is for how long the first that is queued waits.
func (s *Store) behind(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return 0
	}
	return max(0, now.Sub(s.queue[0].Time))
}

// atOnce is how many documents are on their way at a time.
const atOnce = 256

// flush writes what is queued until that fails, where this recorder leads; where the
// store is away it says why.
func (s *Store) flush(ctx context.Context) error {
	for {
		s.mu.Lock()
		// The store is away, another recorder writes, or this one must first take over what
		// that one wrote, or say that it still leads.
		if !s.leading || s.heir || !s.alone && time.Now().After(s.until) {
			defer s.mu.Unlock()
			return s.failing
		}
		batch := append([]record.Document(nil), s.queue[:min(atOnce, len(s.queue))]...)
		lostBefore := s.lost
		s.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		n, err := s.write(ctx, batch)
		if nc, _, _ := s.using(); err != nil && nc.IsClosed() {
			err = cmp.Or(nc.LastError(), err) // such as a user that is refused
		}
		s.mu.Lock()
		// What was lost meanwhile is no longer at the front of the queue.
		s.queue = s.queue[min(max(0, n-(s.lost-lostBefore)), len(s.queue)):]
		s.failing = err
		if n > 0 && !s.lostFrom.IsZero() {
			s.queue = append(s.queue, record.DocumentOf(record.Change{Kind: record.Unrecorded, Time: batch[0].Time, Since: s.lostFrom}))
			s.lostFrom = time.Time{}
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// write writes documents, and returns how many of the first are written.
func (s *Store) write(ctx context.Context, batch []record.Document) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, writesIn)
	defer cancel()
	_, js, _ := s.using()
	acks := make([]jetstream.PubAckFuture, 0, len(batch))
	for _, d := range batch {
		data, err := json.Marshal(d)
		if err != nil {
			return 0, err
		}
		m := &nats.Msg{Subject: subject(d), Data: data, Header: nats.Header{}}
		// A second attempt at one that was written is dropped, and nothing else: much may happen
		// at one time.
		m.Header.Set(nats.MsgIdHdr, fmt.Sprintf("%d %x", d.Time.UnixNano(), sha256.Sum256(data)))
		ack, err := js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
		if err != nil {
			break
		}
		acks = append(acks, ack)
	}
	for i, ack := range acks {
		select {
		case done := <-ack.Ok():
			s.mu.Lock()
			s.number = done.Sequence
			s.mu.Unlock()
		case err := <-ack.Err():
			return i, err
		case <-ctx.Done():
			return i, fmt.Errorf("the store took no change within %s: %w", writesIn, ctx.Err())
		}
	}
	if len(acks) < len(batch) {
		return len(acks), nats.ErrConnectionClosed
	}
	return len(batch), nil
}
