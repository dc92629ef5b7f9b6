package live

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server behind a gateway is restarted, and its clients are there before anything is heard of
// it: an account that leans there is not said to lean no longer once it is heard.
func TestClientsBeforeTheFirstWordOfAServer(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "A", Servers: 1}, {Name: "B", Servers: 3}}, Accounts: []string{"ORDERS"}})
	server := l.Server("B-n1")
	const clients = 12
	for range clients {
		nc, err := nats.Connect(server.URL("ORDERS"), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0), nats.MaxReconnects(-1), nats.IgnoreDiscoveredServers())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
	}
	f := follow(t, func() string { return l.Server("A-n1").URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Hour, For: time.Hour})
	f.kind(record.Crossed)
	server.Shutdown()
	if err := server.Start(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	started := f.kind(record.Started)
	if err := lab.Poll(sourcetest.Within(t), func() (err error) {
		f.Look(func(w *record.Watch, _ bool) {
			at, _ := w.Since()
			if have := matrix(w)["ORDERS on B-n1"]; have != clients || !at.After(started.Time) {
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
