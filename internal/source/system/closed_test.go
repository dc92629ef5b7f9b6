package system

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestClosedConnections: the servers remember who was refused and where the same
// service was before; what others did there is not this service's.
func TestClosedConnections(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS", "BILLING"))
	began := time.Now().Add(-time.Second)
	connect := func(account, server, name string, count int) *lab.Group {
		g, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: account, Server: l.Server(server), Name: name, Count: count})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	connect("ORDERS", "C1-n1", "orders-api-0", 12)
	for _, g := range []*lab.Group{connect("ORDERS", "C1-n3", "orders-api-1", 3), connect("ORDERS", "C1-n3", "old-tool", 2), connect("BILLING", "C1-n3", "orders-api-2", 4)} {
		g.Close()
	}
	for _, name := range []string{"orders-api-1", "orders-api-2", "somebody-else"} {
		nc, err := nats.Connect(strings.Replace(l.Server("C1-n2").URL("ORDERS"), "@", "wrong@", 1), nats.Name(name), nats.IgnoreDiscoveredServers())
		if err == nil {
			nc.Close()
			t.Fatal("a wrong password is taken")
		}
	}
	sourcetest.Clients(t, l, "BILLING", map[string]int{"C1-n1": 1})
	if err := l.WaitCounts(sourcetest.Within(t), "ORDERS", map[string]int{"C1-n1": 12, "C1-n2": 0, "C1-n3": 0}); err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, l.SystemURL())
	d := auditAll(t, nc, 3)
	if err := details(sourcetest.Within(t), nc, d, []string{"C1"}); err != nil {
		t.Fatal(err)
	}
	n1, n2, n3 := l.Server("C1-n1").ID(), l.Server("C1-n2").ID(), l.Server("C1-n3").ID()
	reports, _, err := examine(sourcetest.Within(t), nc, d, []source.Suspect{{Account: "ORDERS", Server: n1, Cluster: "C1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]checks.Closed{
		n2: {Stem: "orders-api", User: "ORDERS", Server: n2, Reason: "Authentication Failure", Connections: 2},
		n3: {Stem: "orders-api", User: "ORDERS", Server: n3, Reason: "Client Closed", Connections: 3},
	}
	for _, got := range reports[0].Closed {
		if got.First.Before(began) || got.Last.Before(got.First) || got.Last.After(time.Now().Add(time.Second)) || got.Newest.Before(got.First) || got.Newest.After(got.Last) {
			t.Errorf("from %s to %s", got.First, got.Last)
		}
		got.First, got.Last, got.Newest = time.Time{}, time.Time{}, time.Time{}
		if got.Stem == "" { // another program of the same user, which shows that it is taken
			continue
		}
		if got != want[got.Server] {
			t.Errorf("%+v, want %+v", got, want[got.Server])
		}
		delete(want, got.Server)
	}
	if len(want) > 0 {
		t.Errorf("not there: %+v", want)
	}
}
