package gather

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

func TestEachConnection(t *testing.T) {
	t.Parallel()
	topology := three("ORDERS", "BILLING")
	topology.Leafs = []lab.Leaf{{Cluster: lab.Cluster{Servers: 1}, Hub: "C1-n1", Accounts: []string{"ORDERS"}}}
	l := startLab(t, topology)
	n1 := l.Server("C1-n1")
	if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "ORDERS", Server: n1, Count: 1100, Name: "svc", Lang: "python3", Version: "2.9.0"}); err != nil {
		t.Fatal(err)
	}
	clients(t, l, "BILLING", map[string]int{"C1-n1": 5})
	if _, err := l.Connect(within(t), lab.Clients{Account: "ORDERS", Server: n1, Count: 1, Name: strings.Repeat("long", 100), Subscriptions: 3}); err != nil {
		t.Fatal(err)
	}
	nc := connect(t, n1.URL(lab.SystemAccount))
	var last uint64
	count := map[string]int{}
	err := EachConnection(within(t), nc, Held{n1.ID(), "ORDERS"}, func(c Connection) {
		if c.ID <= last || c.Protocol != "nats" || time.Since(c.Start) > time.Hour || c.Idle > time.Hour {
			t.Errorf("after %d: %+v", last, c)
		}
		last = c.ID
		count[fmt.Sprintf("%.8s %s %s %d", c.Name, c.Language, c.Version, c.Subscriptions)]++
		if len(c.Name) > longestText {
			t.Errorf("a name of %d bytes", len(c.Name))
		}
	})
	if want := "longlong go " + nats.Version + " 3"; err != nil || count["svc python3 2.9.0 0"] != 1100 || count[want] != 1 || len(count) != 2 {
		t.Errorf("%v, %v", count, err)
	}
	none := func(c Connection) { t.Errorf("there is no %+v", c) }
	if err := EachConnection(within(t), nc, Held{l.Server("C1-n2").ID(), "ORDERS"}, none); err != nil {
		t.Error(err)
	}
	if err := EachConnection(within(t), nc, Held{n1.ID(), "NOBODY"}, none); err != nil {
		t.Error(err)
	}
	if err := EachConnection(within(t), nc, Held{"GONE", "ORDERS"}, none); !errors.Is(err, errSilent) {
		t.Errorf("a server that is gone: %v", err)
	}
	cancelled, cancel := context.WithCancel(within(t))
	cancel()
	if err := EachConnection(cancelled, nc, Held{n1.ID(), "ORDERS"}, none); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestEachConnectionForbidden(t *testing.T) {
	t.Parallel()
	topology := three("ORDERS")
	topology.Clusters[0].Configure = func(_ int, o *server.Options) {
		for _, u := range o.Users {
			if u.Username == "sys" {
				u.Permissions = &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$SYS.REQ.SERVER.*.CONNZ"}}}
			}
		}
	}
	l := startLab(t, topology)
	clients(t, l, "ORDERS", map[string]int{"C1-n1": 3})
	err := EachConnection(within(t), connect(t, l.SystemURL()), Held{l.Server("C1-n1").ID(), "ORDERS"}, func(Connection) { t.Error("there is one") })
	if err == nil || !strings.Contains(err.Error(), "may not be asked") {
		t.Errorf("%v", err)
	}
}

func FuzzDecodeConnections(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"server":{"id":"A"}}`, `{"server":{"id":"B"},"data":{"connections":[]}}`,
		`{"server":{"id":"A"},"data":{"now":"2026-01-02T03:04:05Z","connections":[{"cid":1,"kind":"Client","type":"nats","name":"x","lang":"go","start":"2026-01-02T03:04:05Z","last_activity":"2026-01-02T03:04:00Z","subscriptions":2,"pending_bytes":7},{"cid":2,"kind":"Leafnode"}]}}`,
		`{"server":{"id":"A"},"data":{"connections":[{"cid":2},{"cid":1}]}}`, `{"server":{"id":"A"},"data":{"connections":[{"cid":0}]}}`,
		`{"server":{"id":"A"},"data":{"connections":[{"cid":1,"pending_bytes":-9,"last_activity":"9999-01-02T03:04:00Z"}]}}`,
		`{"server":{"id":"A"},"error":{"code":404,"description":"no"}}`, `{"server":{"id":"A"},"data":{"connections":[null]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := decodeConnections(body, "A")
		if err != nil && all != nil {
			t.Error("connections next to an error")
		}
		last := uint64(0)
		for _, c := range all {
			if c.ID <= last || c.Pending < 0 || c.Idle < 0 || c.Subscriptions < 0 || len(c.Name) > longestText || len(c.Language) > longestText {
				t.Errorf("%+v", c)
			}
			last = c.ID
		}
	})
}

func TestDecodeConnectionsBounds(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString(`{"server":{"id":"A"},"data":{"connections":[`)
	for i := range pageSize + 1 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"cid":%d}`, i+1)
	}
	b.WriteString(`]}}`)
	if _, err := decodeConnections(b.Bytes(), "A"); err == nil {
		t.Error("a page of more than were asked for was read")
	}
}
