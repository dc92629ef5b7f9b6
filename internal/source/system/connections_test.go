package system

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/profile"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func TestEachConnection(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("ORDERS", "BILLING")
	topology.Leafs = []lab.Leaf{{Cluster: lab.Cluster{Servers: 1}, Hub: "C1-n1", Accounts: []string{"ORDERS"}}}
	l := sourcetest.StartLab(t, topology)
	n1 := l.Server("C1-n1")
	if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "ORDERS", Server: n1, Count: 1100, Name: "svc", Lang: "python3", Version: "2.9.0"}); err != nil {
		t.Fatal(err)
	}
	sourcetest.Clients(t, l, "BILLING", map[string]int{"C1-n1": 5})
	if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "ORDERS", Server: n1, Count: 1, Name: strings.Repeat("long", 100), Subscriptions: 3}); err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, n1.URL(lab.SystemAccount))
	var last uint64
	count := map[string]int{}
	err := eachConnection(sourcetest.Within(t), nc, source.Held{Server: n1.ID(), Account: "ORDERS"}, func(c Connection) {
		if c.ID <= last || c.Protocol != "nats" || time.Since(c.Start) > time.Hour || c.Idle > time.Hour {
			t.Errorf("after %d: %+v", last, c)
		}
		last = c.ID
		count[fmt.Sprintf("%.8s %s %s %d", c.Name, c.Language, c.Version, c.Subscriptions)]++
		if len(c.Name) > 128 {
			t.Errorf("a name of %d bytes", len(c.Name))
		}
	})
	if want := "longlong go " + nats.Version + " 3"; err != nil || count["svc python3 2.9.0 0"] != 1100 || count[want] != 1 || len(count) != 2 {
		t.Errorf("%v, %v", count, err)
	}
	none := func(c Connection) { t.Errorf("there is no %+v", c) }
	if err := eachConnection(sourcetest.Within(t), nc, source.Held{Server: l.Server("C1-n2").ID(), Account: "ORDERS"}, none); err != nil {
		t.Error(err)
	}
	if err := eachConnection(sourcetest.Within(t), nc, source.Held{Server: n1.ID(), Account: "NOBODY"}, none); err != nil {
		t.Error(err)
	}
	if err := eachConnection(sourcetest.Within(t), nc, source.Held{Server: "GONE", Account: "ORDERS"}, none); !errors.Is(err, profile.ErrNoAnswer) {
		t.Errorf("a server that is gone: %v", err)
	}
	cancelled, cancel := context.WithCancel(sourcetest.Within(t))
	cancel()
	if err := eachConnection(cancelled, nc, source.Held{Server: n1.ID(), Account: "ORDERS"}, none); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestEachConnectionForbidden(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("ORDERS")
	topology.Clusters[0].Configure = func(_ int, o *server.Options) {
		for _, u := range o.Users {
			if u.Username == "sys" {
				u.Permissions = &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$SYS.REQ.SERVER.*.CONNZ"}}}
			}
		}
	}
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 3})
	err := eachConnection(sourcetest.Within(t), sourcetest.Connect(t, l.SystemURL()), source.Held{Server: l.Server("C1-n1").ID(), Account: "ORDERS"}, func(Connection) { t.Error("there is one") })
	if err == nil || !strings.Contains(err.Error(), "may not be asked") {
		t.Errorf("%v", err)
	}
}
