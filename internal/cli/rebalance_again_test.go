package cli

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// TestStillSystem: whose credentials they are is known from before the run, so that a
// server that answers as if they were others' is asked again.
func TestStillSystem(t *testing.T) {
	t.Parallel()
	other, want := &system.NotSystemAccountError{Account: "SYS"}, &checks.Deployment{}
	asked := 0
	d, err := stillSystem(t.Context(), func() (*checks.Deployment, error) {
		if asked++; asked == 1 {
			return nil, other
		}
		return want, nil
	})
	if d != want || err != nil || asked != 2 {
		t.Errorf("%v, %v after %d", d, err, asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err = stillSystem(ctx, func() (*checks.Deployment, error) {
		cancel()
		return nil, other
	})
	if d != nil || err == nil || errors.As(err, new(*system.NotSystemAccountError)) {
		t.Errorf("%v, %v", d, err)
	}
	lost := errors.New("lost")
	if _, err = stillSystem(t.Context(), func() (*checks.Deployment, error) { return nil, lost }); !errors.Is(err, lost) {
		t.Errorf("%v", err)
	}
}

// TestReconnected: a run whose own connection was lost looks again by another server.
func TestReconnected(t *testing.T) {
	t.Parallel()
	l, err := lab.Start(t.Context(), lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	r := newRebalance(Host{Timeout: func() time.Duration { return generous }, Connect: func(context.Context) (*nats.Conn, error) { return nats.Connect(l.SystemURL()) }})
	lost, err := r.host.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.reconnected(t.Context(), lost); got != nil {
		t.Error("it connected anew though it was connected")
	}
	lost.Close()
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	anew := r.reconnected(interrupted, lost)
	if anew == nil {
		t.Fatal("it is not connected")
	}
	t.Cleanup(anew.Close)
	if !anew.IsConnected() {
		t.Error("it is not connected")
	}
}
