package lab_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

func TestBalancerChangesMode(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}, Accounts: []string{"A"}})
	b := startBalancer(t, lab.BalancerConfig{Mode: lab.OnlyFirst, Backends: backends(l)})
	join := func(n int) *lab.Group {
		g, err := l.Connect(within(t), lab.Clients{Account: "A", URLs: []string{"nats://" + b.Addr()}, Count: n})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	wait := func(first, second, third int) {
		t.Helper()
		if err := l.WaitCounts(within(t), "A", map[string]int{"C1-n1": first, "C1-n2": second, "C1-n3": third}); err != nil {
			t.Error(err)
		}
	}
	all := join(6)
	wait(6, 0, 0)
	b.SetMode(lab.LeastConnections)
	// Those that are open stay, and count.
	join(12)
	wait(6, 6, 6)
	all.Close()
	wait(0, 6, 6)
	// Closed ones do not count, once the balancer has seen it.
	eventually(t, func() error {
		join(1)
		if l.Server("C1-n1").Connections("A") == 0 {
			return errors.New("it still takes another than the first")
		}
		return nil
	})
}

func TestCloseClients(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 2, Late: []int{1}}}, Accounts: []string{"A", "B"}})
	for _, account := range []string{"A", "B"} {
		if _, err := l.Connect(within(t), lab.Clients{Account: account, Server: l.Server("C1-n1"), Count: 5}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: account, Server: l.Server("C1-n1"), Count: 3}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing to close
		if err := l.CloseClients(within(t), "A"); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := l.Server("C1-n1").Connections("A"), l.Server("C1-n1").Connections("B"); a != 0 || b != 8 {
		t.Errorf("A has %d connections, B has %d", a, b)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.CloseClients(over, "B"); err == nil {
		// Unless the servers were faster than it could look.
		if n := l.Server("C1-n1").Connections("B"); n != 0 {
			t.Errorf("no error, and B has %d connections", n)
		}
	}
}

func TestServerTakesConfiguration(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 2, Configure: func(i int, o *server.Options) {
		if i == 1 {
			o.Accounts, o.Users = o.Accounts[:1], o.Users[:1] // the system account's
		}
	}}}, Accounts: []string{"A"}})
	s := l.Server("C1-n2")
	// Raw ones, which do not go to the other server instead.
	join := func(server *lab.Server) error {
		_, err := l.ConnectRaw(within(t), lab.RawClients{Account: "A", Server: server, Count: 1})
		return err
	}
	if join(s) == nil {
		t.Error("the server has the account already")
	}
	if err := s.Reload(`accounts { A { users: [{user: A, password: ` + lab.Password + `}] } }`); err != nil {
		t.Fatal(err)
	}
	if err := join(s); err != nil {
		t.Error(err)
	}
	// What is refused is not kept, and so does not prevent what comes after.
	for conf, why := range map[string]string{"max_conections: 1": "unknown field", "websocket { port: -1, no_tls: true }": "not supported", "": "no values"} {
		if err := s.Reload(conf); err == nil || !strings.Contains(strings.ToLower(err.Error()), why) {
			t.Errorf("%q: %v", conf, err)
		}
	}
	addr := s.Addr()
	if err := s.Restart(within(t), "websocket { port: -1, no_tls: true }"); err != nil {
		t.Fatal(err)
	}
	if err := join(s); err != nil || s.Addr() != addr {
		t.Errorf("after a restart: %v, it is on %s, not on %s", err, s.Addr(), addr)
	}
	if _, err := l.Connect(within(t), lab.Clients{Account: "A", URLs: []string{s.WebSocketURL("A")}, Count: 1}); err != nil {
		t.Error(err)
	}
	if err := s.Reload("max_connections: 1"); err != nil {
		t.Error(err)
	}
	if v, err := s.Embedded().Varz(nil); err != nil || v.MaxConn != 1 || v.Websocket.Host != s.Host() {
		t.Errorf("%v: %+v", err, v)
	}
	for _, conf := range []string{`host: "0.0.0.0"`, `websocket { host: "0.0.0.0" }`} {
		if err := s.Reload(conf); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", conf, err)
		}
	}
	s.Shutdown()
	if err := s.Reload("max_connections: 2"); err == nil || !strings.Contains(err.Error(), "not running") {
		t.Errorf("%v", err)
	}
	if err := s.Start(within(t)); err != nil {
		t.Error(err)
	}
}
