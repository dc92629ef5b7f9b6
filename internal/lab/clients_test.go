package lab_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// connz returns what a server says about its connections of an account.
func connz(t *testing.T, s *lab.Server, account string) []*server.ConnInfo {
	t.Helper()
	c, err := s.Embedded().Connz(&server.ConnzOptions{Account: account, Limit: 5000, Subscriptions: true})
	if err != nil {
		t.Fatal(err)
	}
	return c.Conns
}

func TestSourceAddresses(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 1)}, Accounts: []string{"APP"}})
	s := l.Server("C1-n1")
	for source, n := range map[string]int{"127.0.0.9": 3, "127.0.7.1": 4, "": 2} {
		if _, err := l.Connect(within(t), lab.Clients{Account: "APP", Server: s, Count: n, Name: "real", Source: source}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "APP", Server: s, Count: 1, Source: source}); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[string]int)
	for _, c := range connz(t, s, "APP") {
		got[c.IP+" "+c.Name]++
	}
	want := map[string]int{
		"127.0.0.9 real": 3, "127.0.7.1 real": 4, "127.0.0.1 real": 2,
		"127.0.0.9 ": 1, "127.0.7.1 ": 1, "127.0.0.1 ": 1,
	}
	for k, n := range want {
		if got[k] != n || len(got) != len(want) {
			t.Errorf("connections by address and name: %v, want %v", got, want)
			break
		}
	}
}

func TestClientsPickAndSubscribe(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}, Accounts: []string{"APP", "ORD"}})
	g, err := l.Connect(within(t), lab.Clients{Account: "APP", URLs: l.URLs("C1", "APP"), Count: 60, Subscriptions: 3})
	if err != nil {
		t.Fatal(err)
	}
	subs, total := 0, 0
	for _, s := range l.Servers() {
		n := s.Connections("APP")
		// 60 at random over 3: below 5 has a chance under one in 10 million.
		if n < 5 {
			t.Errorf("%d of 60 random clients at %s", n, s.Name())
		}
		total += n
		for _, c := range connz(t, s, "APP") {
			subs += len(c.Subs)
		}
	}
	if total != 60 || subs != 180 || g.Connected() != 60 || len(g.Conns()) != 60 {
		t.Errorf("%d connections, %d subscriptions, %d connected", total, subs, g.Connected())
	}
	ordered := lab.Clients{Account: "ORD", URLs: l.URLs("C1", "ORD"), Count: 12, NoRandomize: true, Options: []nats.Option{nats.Name("last")}}
	if _, err := l.Connect(within(t), ordered); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(within(t), "ORD", map[string]int{"C1-n1": 12, "C1-n2": 0, "C1-n3": 0}); err != nil {
		t.Error(err)
	}
	if c := connz(t, l.Server("C1-n1"), "ORD"); c[0].Name != "last" {
		t.Errorf("options do not override: name %q", c[0].Name)
	}
	g.Close()
	g.Close()
	if err := l.WaitCounts(within(t), "APP", map[string]int{"C1-n1": 0, "C1-n2": 0, "C1-n3": 0}); err != nil {
		t.Error(err)
	}
}

func TestWaitCountsSaysWhatItSaw(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 1)}, Accounts: []string{"APP"}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := l.WaitCounts(ctx, "APP", map[string]int{"C1-n1": 4})
	if err == nil || !strings.Contains(err.Error(), "C1-n1 has 0, not 4") {
		t.Errorf("error %v", err)
	}
	if err := l.WaitCounts(ctx, "APP", map[string]int{"C1-n9": 0}); err == nil {
		t.Error("waited for a server that does not exist")
	}
}

func TestRawClients(t *testing.T) {
	t.Parallel()
	c := cluster("C1", 1)
	c.Configure = func(_ int, o *server.Options) {
		// Who leaves seven PINGs unanswered is dropped, after 2.1 s: long enough
		// for a busy machine to answer one for each of many clients.
		o.PingInterval, o.MaxPingsOut = 300*time.Millisecond, 6
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{c}, Accounts: []string{"APP"}})
	s := l.Server("C1-n1")
	const count = 1000
	began := time.Now()
	g, err := l.ConnectRaw(within(t), lab.RawClients{
		Account: "APP", Server: s, Count: count, Name: "orders", Lang: "python3", Version: "2.9.0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d raw clients after %v", count, time.Since(began).Round(time.Millisecond))
	// The server knows a round trip time once a PING was answered.
	eventually(t, func() error {
		answered := 0
		for _, c := range connz(t, s, "APP") {
			if c.RTT != "" && time.Since(c.Start) > 3*time.Second {
				answered++
			}
			if c.Lang != "python3" || c.Version != "2.9.0" || c.Name != "orders" {
				t.Fatalf("a client is %s %s %s", c.Name, c.Lang, c.Version)
			}
		}
		if answered < count {
			return fmt.Errorf("%d of %d clients answered PING and stayed", answered, count)
		}
		return nil
	})
	if s.Connections("APP") != count || g.Connected() != count || g.Conns() != nil {
		t.Errorf("%d connections, %d connected", s.Connections("APP"), g.Connected())
	}
	// One that the server closes is gone.
	if err := s.Embedded().DisconnectClientByID(connz(t, s, "APP")[0].Cid); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if n := g.Connected(); n != count-1 {
			return fmt.Errorf("%d connected", n)
		}
		return nil
	})
	g.Close()
	if err := l.WaitCounts(within(t), "APP", map[string]int{"C1-n1": 0}); err != nil {
		t.Error(err)
	}
	_, err = l.ConnectRaw(within(t), lab.RawClients{Account: "NOBODY", Server: s, Count: 3})
	if err == nil || !strings.Contains(err.Error(), "Authorization Violation") {
		t.Errorf("unknown account: %v", err)
	}
}

func TestWebSocketAndMQTT(t *testing.T) {
	t.Parallel()
	c := cluster("C1", 3)
	c.WebSocket, c.MQTT = true, true
	c.Configure = func(i int, o *server.Options) {
		if i != 0 { // only the first server serves MQTT
			o.MQTT.Port = 0
		}
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{c}, Accounts: []string{"APP"}})
	s := l.Server("C1-n1")
	if _, err := l.Connect(within(t), lab.Clients{Account: "APP", URLs: []string{s.WebSocketURL("APP")}, Count: 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "APP", Server: s, Count: 2, MQTT: true, Name: "meter-"}); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, c := range connz(t, s, "APP") {
		got[c.Kind+" "+c.Type]++
	}
	if got["Client websocket"] != 3 || got["Client mqtt"] != 2 {
		t.Errorf("connections by type: %v", got)
	}
	if err := l.WaitCounts(within(t), "APP", map[string]int{"C1-n1": 5}); err != nil {
		t.Error(err)
	}
	if a := l.Server("C1-n2").MQTTAddr(); a != "" {
		t.Errorf("C1-n2 serves MQTT at %s", a)
	}
	if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "APP", Server: l.Server("C1-n2"), Count: 1, MQTT: true}); err == nil {
		t.Error("connected to an MQTT listener that is not there")
	}
}

func TestNothingBeyondLoopback(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("", 1)}, Accounts: []string{"APP"}})
	s := l.Servers()[0]
	// 192.0.2.0/24 is for documentation: nothing is there, and nothing is sent.
	_, err := l.Connect(within(t), lab.Clients{Account: "APP", URLs: []string{"nats://192.0.2.1:4222"}, Count: 1})
	if err == nil {
		t.Error("connected beyond loopback")
	}
	for _, source := range []string{"192.0.2.1", "localhost", "x"} {
		if _, err := l.Connect(within(t), lab.Clients{Account: "APP", Server: s, Count: 1, Source: source}); err == nil {
			t.Errorf("source %q accepted", source)
		}
		if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "APP", Server: s, Count: 1, Source: source}); err == nil {
			t.Errorf("source %q accepted", source)
		}
	}
}

func TestClientsResolveNames(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs distinct addresses")
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}, Accounts: []string{"APP", "ORD"}, DistinctAddresses: true})
	var addresses []string
	for _, s := range l.Servers() {
		addresses = append(addresses, s.Host())
	}
	c := lab.Clients{
		Account:  "APP",
		URLs:     []string{"nats://nats.lab.test:" + strconv.Itoa(l.Servers()[0].Port())},
		Count:    45,
		Resolver: answering(t, addresses),
	}
	if _, err := l.Connect(within(t), c); err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Servers() {
		if n := s.Connections("APP"); n < 2 {
			t.Errorf("%d of 45 clients at %s", n, s.Name())
		}
	}
	c.Account, c.NoRandomize = "ORD", true
	if _, err := l.Connect(within(t), c); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(within(t), "ORD", map[string]int{"C1-n1": 45}); err != nil {
		t.Error(err)
	}
}

// answering returns a resolver whose server answers every A query with the
// addresses, in order.
func answering(t *testing.T, addresses []string) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if n > 12 {
				_, _ = pc.WriteTo(dnsAnswer(buf[:n], addresses), from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// dnsAnswer answers a query with one question: A with the addresses, in 60 s;
// anything else with nothing.
func dnsAnswer(query []byte, addresses []string) []byte {
	end := 12
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	question := query[12 : end+5]
	isA := binary.BigEndian.Uint16(question[len(question)-4:]) == 1
	answer := append([]byte(nil), query[:2]...)
	answer = append(answer, 0x85, 0x80, 0, 1, 0, 0, 0, 0, 0, 0)
	answer = append(answer, question...)
	if !isA {
		return answer
	}
	answer[7] = byte(len(addresses))
	for _, a := range addresses {
		answer = append(answer, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		answer = append(answer, net.ParseIP(a).To4()...)
	}
	return answer
}
