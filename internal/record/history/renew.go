package history

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// firstRenewal and longestRenewal are how long to wait before a store is opened again
// that could not be.
const (
	firstRenewal   = time.Second
	longestRenewal = 30 * time.Second
)

// renewal is when to open a store again.
type renewal struct {
	next  time.Time
	pause time.Duration
}

// using returns what the store is reached by, which changes when it is opened again.
func (s *Store) using() (*nats.Conn, jetstream.JetStream, jetstream.KeyValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nc, s.js, s.bucket
}

// renew opens the store again where its connection was closed for good: whoever opens
// it reads the credentials once more, as they may have changed. What is queued stays.
func (s *Store) renew(ctx context.Context, e *election, wait *renewal) {
	nc, _, _ := s.using()
	now := time.Now()
	if s.Again == nil || nc == nil || !nc.IsClosed() || now.Before(wait.next) || ctx.Err() != nil {
		return
	}
	wait.pause = min(max(firstRenewal, 2*wait.pause), longestRenewal)
	fresh, err := s.Again(ctx)
	if err != nil {
		wait.next = time.Now().Add(wait.pause)
		s.mu.Lock()
		s.failing = err
		s.mu.Unlock()
		return
	}
	*wait = renewal{}
	s.mu.Lock()
	s.nc, s.js, s.bucket, s.close, s.local = fresh.nc, fresh.js, fresh.bucket, fresh.close, fresh.local
	s.mu.Unlock()
	if e.bucket = fresh.bucket; s.removed {
		s.removed = false
		s.alive(ctx)
		if s.Made != nil {
			s.Made()
		}
	}
}

// leave closes a store in a folder that was removed, which is opened again, see
// [Store.renew]. It returns why, until it is.
func (s *Store) leave() error {
	if s.removed {
		return s.State().Err
	}
	if s.local == nil || !s.local.gone() {
		return nil
	}
	s.removed = true
	err := &GoneError{s.local.dir}
	s.Close()
	s.mu.Lock()
	s.failing = err
	s.mu.Unlock()
	return err
}
