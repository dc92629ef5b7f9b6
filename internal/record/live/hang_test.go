package live

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A process that is stopped for a while and goes on answers again, and was not started.
func TestServerThatHangs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes can't be paused")
	}
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	f := follow(t, func() string { return c.Processes()[0].URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Second})
	f.kind(record.Watching)
	third := c.Processes()[2]
	if err := third.Pause(); err != nil {
		t.Fatal(err)
	}
	f.kind(record.Silent)
	if err := third.Resume(); err != nil {
		t.Fatal(err)
	}
	if back := f.wait("it is there again", func(c record.Change) bool { return c.Server.Name == third.Name() }); back.Kind != record.Answering {
		t.Errorf("%+v", back)
	}
}

// Where all servers are gone, that is said once, nothing becomes a finding, and it is
// said once when they are back.
func TestConnectionIsLost(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 12, "C1-n2": 1})
	said := make(chan bool, 10)
	f := followed(t, l.SystemURL, record.Settings{Reconcile: time.Hour, For: 10 * time.Second}, func(is bool, _ time.Duration) { said <- is })
	f.kind(record.Crossed)
	for _, s := range l.Servers() {
		s.Shutdown()
	}
	ctx := sourcetest.Within(t)
	for _, want := range []bool{false, true} {
		select {
		case is := <-said:
			if is != want {
				t.Errorf("connected: %v, want %v", is, want)
			}
		case <-ctx.Done():
			t.Fatalf("not said: connected: %v", want)
		}
		for _, s := range l.Servers() {
			if err := s.Start(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.wait("the connection was lost", func(c record.Change) bool { return c.Kind == record.Lost })
	if len(said) > 0 {
		t.Errorf("said again: %v", <-said)
	}
}

// The server that watch is connected to hangs, and the connection stays. It is taken for
// lost: verdicts are unknown since the last event, and watch goes on by another server.
func TestOwnServerHangs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes can't be paused")
	}
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	f := follow(t, func() string { return c.Processes()[0].URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Hour})
	f.kind(record.Watching)
	if err := lab.Poll(sourcetest.Within(t), func() error {
		if f.silent() {
			return errors.New("no heartbeat came")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	first := c.Processes()[0]
	if err := first.Pause(); err != nil {
		t.Fatal(err)
	}
	paused := time.Now()
	t.Cleanup(func() { _ = first.Resume() })
	const step = silentFor / 8
	for range 8 { // the clock goes on without a pause
		f.ahead.Add(int64(step))
		time.Sleep(tickEvery + tickEvery/5)
	}
	unknown := f.kind(record.Undecided)
	// An event that was on its way when the server was paused may have come after the first step.
	if !unknown.Everywhere || unknown.Since.IsZero() || unknown.Since.After(paused.Add(step+time.Second)) {
		t.Errorf("paused at %s: %+v", paused, unknown)
	}
	f.wait("the connection was lost", func(c record.Change) bool { return c.Kind == record.Lost })
}
