package live

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server is restarted, and its clients are there before anything is heard of it: an account that
// leans there is not said to lean no longer once it is heard.
func TestClientsBeforeTheFirstWordOfAServer(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	third := c.Processes()[2]
	const clients = 12
	for range clients {
		nc, err := nats.Connect(third.URL("ORDERS"), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0), nats.MaxReconnects(-1), nats.IgnoreDiscoveredServers())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
	}
	f := follow(t, func() string { return c.Processes()[0].URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Hour, For: time.Hour})
	f.kind(record.Crossed)
	third.Stop()
	if err := third.Start(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	started := f.kind(record.Started)
	if err := lab.Poll(sourcetest.Within(t), func() (err error) {
		f.Look(func(w *record.Watch, _ bool) {
			at, _ := w.Since()
			if have := matrix(w)["ORDERS on "+third.Name()]; have != clients || !at.After(started.Time) {
				err = errors.New("not counted yet")
			}
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.all {
		if x.Kind == record.Back && x.Time.After(started.Time) {
			t.Errorf("%+v", x)
		}
	}
}
