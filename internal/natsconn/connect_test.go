package natsconn

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Names are resolved within the time-out: a resolver that never answers is
// waited for no longer than a server.
func TestConnectSilentResolver(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir()) // which has no contexts
	prepare := func(servers string, timeout time.Duration) (l *login, asked <-chan struct{}, ctx context.Context, cancel func()) {
		events := make(chan struct{}, 100)
		silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			events <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		c := Settings{Servers: servers, User: "sys", Password: "Pa55", Timeout: timeout}
		l, err := c.login(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l.dial = (&net.Dialer{Resolver: silent}).DialContext
		ctx, cancel = context.WithTimeout(t.Context(), c.Timeout)
		return l, events, ctx, cancel
	}
	ignore := func(string, ...any) {}
	t.Run("alone", func(t *testing.T) {
		l, _, ctx, cancel := prepare("nats.example.com", time.Second)
		defer cancel()
		start := time.Now()
		_, err := l.connect(ctx, ignore)
		if want := "nats://nats.example.com: can't be reached within 1s: pass --server URL of a running server, or a longer --timeout"; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("took %v", took)
		}
	})
	t.Run("before another server", func(t *testing.T) {
		l, _, ctx, cancel := prepare("nats.example.com,"+serverAddress(t), 5*time.Second)
		defer cancel()
		nc, err := l.connect(ctx, ignore)
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
	})
	t.Run("cancelled", func(t *testing.T) {
		l, asked, ctx, cancel := prepare("nats.example.com", time.Minute)
		done := make(chan error, 1)
		go func() {
			_, err := l.connect(ctx, ignore)
			done <- err
		}()
		<-asked
		cancel()
		start := time.Now()
		if err := <-done; err == nil || time.Since(start) > 10*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
	t.Run("not by nats.go", func(t *testing.T) {
		l, _, ctx, cancel := prepare("localhost:4222", time.Second)
		defer cancel()
		to := ""
		l.dial = func(_ context.Context, _, address string) (net.Conn, error) {
			to = address
			return nil, errors.New("enough")
		}
		if _, err := l.connect(ctx, ignore); err == nil || to != "localhost:4222" {
			t.Errorf("dialed %s, %v", to, err)
		}
	})
}

// A connection that must not reconnect ends with its server, and goes to no other one
// that the server advertises.
func TestNoReconnect(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	c := Settings{NoContext: true, NoReconnect: true, Servers: s.ClientURL(), Timeout: 30 * time.Second}
	nc, err := c.Connect(t.Context(), func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	closed := nc.StatusChanged(nats.CLOSED)
	s.Shutdown()
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Error("it is", nc.Status())
	}
}

// serverAddress starts a server that takes any user and returns where it is.
func serverAddress(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s.Addr().String()
}
