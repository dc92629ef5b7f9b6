package history

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// troubled records into a folder that fails for a while, which is said, and said to
// be over: nothing of it is missing, in a recorder that starts again either.
func troubled(t *testing.T, dir, why string, fail, mend func(s *Store)) {
	t.Helper()
	ctx := sourcetest.Within(t)
	limits := Limits{Keep: 24 * time.Hour, Bytes: 16 << 20}
	s, err := OpenLocal(ctx, dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 100)
	s.Writing = func(err error) { said <- err }
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() { s.Run(running, func(bool) {}); close(done) }()
	of := leaning()[5]
	add := func(from int) {
		for i := range 20 {
			c := of
			c.Time = began().Add(time.Duration(from+i) * time.Second)
			s.Add([]record.Change{c})
		}
	}
	fail(s)
	add(0)
	select {
	case err := <-said:
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %s", err, why)
		}
	case <-ctx.Done():
		t.Fatal("it is not said that writing fails")
	}
	add(100)
	mend(s)
	select {
	case err := <-said:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatalf("it is not said that writing works again: %+v", s.State())
	}
	stop()
	<-done
	s.Close()
	if s, err = OpenLocal(ctx, dir, limits); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	docs, _, err := s.Documents(ctx, Query{Since: began().Add(-time.Hour)})
	if err != nil || len(docs) != 40 || len(said) > 0 {
		t.Errorf("%d documents of 40, %v", len(docs), err)
	}
}

// A server that could not write ends its JetStream, and never answers again.
func TestStoreWorksAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kept")
	full := filepath.Join(dir, "room", "full") // what keeps the folder from being written to
	troubled(t, dir, "room", func(s *Store) {
		if err := os.MkdirAll(full, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := s.local.server.ShutdownJetStream(); err != nil {
			t.Fatal(err)
		}
	}, func(*Store) {
		if err := os.Remove(full); err != nil { // the recorder removes the other, which is empty
			t.Fatal(err)
		}
	})
}
