package history

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// keeper is a server with a store.
func keeper(t *testing.T) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(srv.Shutdown)
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("it did not start")
	}
	return srv
}

// Of two recorders one writes; the other takes over within ten seconds of the first
// one's death, at once where it stops, and nothing of what both saw is missing.
func TestLeader(t *testing.T) {
	t.Parallel()
	srv := keeper(t)
	type recorder struct {
		*Store
		stop context.CancelFunc
		nc   *nats.Conn
		done chan struct{}
	}
	start := func() *recorder {
		nc := sourcetest.Connect(t, srv.ClientURL())
		s, err := Use(sourcetest.Within(t), nc, limits())
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{Store: s, nc: nc, done: make(chan struct{})}
		ctx, stop := context.WithCancel(context.Background())
		r.stop = stop
		go func() { r.Run(ctx, func(bool) {}); close(r.done) }()
		return r
	}
	leads := func(who string, r *recorder) time.Duration {
		t.Helper()
		from := time.Now()
		if err := lab.Poll(sourcetest.Within(t), func() error {
			if !r.State().Leads {
				return errors.New(who + " does not lead")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return time.Since(from)
	}
	sees := func(n int, all ...*recorder) {
		for _, r := range all {
			r.Add([]record.Change{{Kind: record.Lost, Time: time.Now(), Count: n}})
		}
	}
	a := start()
	leads("the first", a)
	b := start()
	sees(1, a, b)
	waitWritten(t, a.Store)
	a.nc.Close() // dead: it says nothing any more
	sees(2, a, b)
	if took := leads("the second", b); took > 10*time.Second {
		t.Errorf("the second took over after %s", took)
	}
	waitWritten(t, b.Store)
	c := start()
	sees(3, b, c)
	waitWritten(t, b.Store)
	b.stop()
	<-b.done
	if took := leads("the third", c); took > 4*time.Second {
		t.Errorf("the third took over after %s", took)
	}
	if a.State().Leads {
		t.Error("the first still leads")
	}
	sees(4, c)
	waitWritten(t, c.Store)
	docs, _, err := c.Documents(sourcetest.Within(t), Query{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]int{}
	for _, d := range docs {
		seen[*d.Count]++
	}
	for n := 1; n <= 4; n++ {
		if seen[n] == 0 {
			t.Errorf("%d is missing: %v", n, seen)
		}
	}
	a.stop()
	c.stop()
	<-a.done
	<-c.done
}

// A store that is away for so long that nobody leads any more gets everything once it is
// back, each once: what waits is nobody else's to write.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port := sourcetest.Port(t)
	start := func() *server.Server {
		srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		if !srv.ReadyForConnections(sourcetest.Long) {
			t.Fatal("the store does not start")
		}
		return srv
	}
	srv := start()
	s, err := Use(sourcetest.Within(t), sourcetest.Connect(t, srv.ClientURL(), nats.MaxReconnects(-1)), limits())
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	said := make(chan error, 100)
	s.Writing = func(err error) { said <- err }
	go func() { s.Run(running, func(bool) {}); close(done) }()
	all := leaning()
	s.Add(all[:3])
	waitWritten(t, s)
	srv.Shutdown()
	srv.WaitForShutdown()
	s.Add(all[3:5])
	err = lab.Poll(sourcetest.Within(t), func() error {
		if state := s.State(); state.Err == nil || state.Leads {
			return errors.New("nothing failed, or it still leads")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Add(all[5:])
	if err := <-said; err == nil || len(said) > 0 {
		t.Errorf("that recording fails is not what is said: %v, %d more", err, len(said))
	}
	srv = start()
	defer srv.Shutdown()
	waitWritten(t, s)
	docs, _, err := s.Documents(sourcetest.Within(t), Query{})
	if err != nil || len(docs) != len(all) {
		t.Errorf("%d documents, want %d, %v", len(docs), len(all), err)
	}
	stop()
	<-done
	if err := <-said; err != nil || len(said) > 0 {
		t.Errorf("that recording works again is not what is said: %v, %d more", err, len(said))
	}
}
