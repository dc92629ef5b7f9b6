package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// makeStream creates the stream, or sets its limits where it exists.
func (s *Store) makeStream(ctx context.Context) error {
	_, js, _ := s.using()
	_, err := js.CreateOrUpdateStream(ctx, s.streamConfig())
	if err != nil {
		return explain(ctx, "creating its stream "+StreamName, err)
	}
	return nil
}

// makeBucket creates the bucket, or sets its limits where it exists.
func (s *Store) makeBucket(ctx context.Context) error {
	_, js, _ := s.using()
	bucket, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: BucketName, Description: "Who records what nats-balance watch sees", Storage: jetstream.FileStorage, Replicas: max(1, s.limits.Replicas),
		MaxBytes: 1 << 20,
	})
	if err != nil {
		return explain(ctx, "creating its bucket "+BucketName, err)
	}
	s.mu.Lock()
	s.bucket = bucket
	s.mu.Unlock()
	return nil
}

// remake makes the stream and the bucket again where somebody deleted them: what waits is
// written then. A store that is away is not asked for them. Which of several recorders
// makes them does not matter.
func (s *Store) remake(ctx context.Context, e *election, why error) {
	absent := []error{jetstream.ErrNoStreamResponse, nats.ErrNoStreamResponse, nats.ErrNoResponders, jetstream.ErrStreamNotFound, jetstream.ErrBucketNotFound}
	nc, js, _ := s.using()
	if s.limits == nil || ctx.Err() != nil || !nc.IsConnected() || !slices.ContainsFunc(absent, func(a error) bool { return errors.Is(why, a) }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writesIn)
	defer cancel()
	// What can't be made is tried again: why writing fails is told already.
	if _, err := js.Stream(ctx, StreamName); errors.Is(err, jetstream.ErrStreamNotFound) && s.makeStream(ctx) == nil && s.Made != nil {
		s.Made()
	}
	if _, err := js.KeyValue(ctx, BucketName); errors.Is(err, jetstream.ErrBucketNotFound) && s.makeBucket(ctx) == nil {
		_, _, e.bucket = s.using()
		s.alive(ctx)
	}
}

func (s *Store) streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: StreamName, Description: "What nats-balance watch saw", Subjects: []string{Subjects},
		Storage: jetstream.FileStorage, Compression: jetstream.S2Compression, Replicas: max(1, s.limits.Replicas),
		MaxAge: s.limits.Keep, MaxBytes: s.limits.Bytes, MaxMsgSize: 1 << 20, Discard: jetstream.DiscardOld, Duplicates: min(2*time.Minute, s.limits.Keep),
		DenyPurge: false, AllowDirect: true,
	}
}
