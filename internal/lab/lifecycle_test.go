package lab_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/nats-balance/nats-balance/internal/lab"
)

func TestTopologiesRefused(t *testing.T) {
	t.Parallel()
	c1 := []lab.Cluster{cluster("C1", 1)}
	leaf := func(hub string, accounts ...string) []lab.Leaf {
		return []lab.Leaf{{Cluster: cluster("L1", 1), Hub: hub, Accounts: accounts}}
	}
	for name, topology := range map[string]lab.Topology{
		"nothing":            {},
		"no server":          {Clusters: []lab.Cluster{cluster("C1", 0)}},
		"cluster twice":      {Clusters: []lab.Cluster{cluster("C1", 1), cluster("C1", 1)}},
		"account twice":      {Clusters: c1, Accounts: []string{"A", "A"}},
		"system account":     {Clusters: c1, Accounts: []string{lab.SystemAccount}},
		"hub missing":        {Clusters: c1, Leafs: leaf("C2")},
		"leaf account":       {Clusters: c1, Leafs: leaf("C1", "A")},
		"late does not fit":  {Clusters: []lab.Cluster{{Name: "C1", Servers: 1, Late: []int{1}}}},
		"name in cluster":    {Clusters: []lab.Cluster{{Name: "C1", Servers: 2, ServerNames: []string{"a", "a"}}}},
		"name over gateways": {Clusters: []lab.Cluster{{Name: "C1", Servers: 1, ServerNames: []string{"a"}}, {Name: "C2", Servers: 1, ServerNames: []string{"a"}}}},
		"not loopback": {Clusters: []lab.Cluster{{Name: "C1", Servers: 1, Configure: func(_ int, o *server.Options) {
			o.Cluster.Host = "0.0.0.0"
		}}}},
		"port taken": {Clusters: []lab.Cluster{{Servers: 2, Configure: func(_ int, o *server.Options) {
			o.Port = takenPort(t)
		}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := lab.Start(within(t), topology)
			if err == nil {
				l.Stop()
				t.Fatal("started")
			}
			if l != nil || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
		})
	}
}

func takenPort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return 0
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// TestStopLeavesNothing is not parallel, so that what it sees is its own.
func TestStopLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := goleak.IgnoreCurrent()
	c := cluster("C1", 3)
	c.MQTT, c.WebSocket = true, true
	l := startLab(t, lab.Topology{
		Clusters: []lab.Cluster{c, cluster("C2", 1)}, Accounts: []string{"APP"}, Monitoring: true,
		Leafs: []lab.Leaf{{Cluster: cluster("", 1), Hub: "C2", Accounts: []string{"APP"}}},
	})
	s := l.Server("C1-n2")
	clients := lab.Clients{Account: "APP", URLs: l.URLs("C1", "APP"), Count: 20, Subscriptions: 2}
	if _, err := l.Connect(within(t), clients); err != nil {
		t.Fatal(err)
	}
	if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "APP", Server: s, Count: 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "APP", Server: s, Count: 2, MQTT: true}); err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for _, s := range l.Servers() {
		v, err := s.Embedded().Varz(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range []int{v.Port, v.Cluster.Port, v.Gateway.Port, v.LeafNode.Port, v.MQTT.Port, v.Websocket.Port, v.HTTPPort} {
			if port > 0 {
				addrs = append(addrs, (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String())
			}
		}
	}
	if len(addrs) < 20 {
		t.Errorf("only %d listeners to check", len(addrs))
	}
	l.Stop()
	l.Stop()
	for _, addr := range addrs {
		checkRefused(t, addr)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
	goleak.VerifyNone(t, before)
	if err := s.Start(within(t)); err == nil {
		t.Error("a server of a stopped lab started")
	}
	if _, err := l.Connect(within(t), clients); err == nil {
		t.Error("clients connected to a stopped lab")
	}
	goleak.VerifyNone(t, before)
}

// TestCancelDuringStart is not parallel, so that what it sees is its own.
func TestCancelDuringStart(t *testing.T) {
	before := goleak.IgnoreCurrent()
	// Gateways take more than a second, so this interrupts their making.
	topology := lab.Topology{Clusters: []lab.Cluster{cluster("C1", 2), cluster("C2", 2)}}
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 200 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		l, err := lab.Start(ctx, topology)
		late := time.Since(deadlineOf(ctx))
		cancel()
		if l != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v, %v", after, l, err)
		}
		if late > 10*time.Second { // on a busy machine; one that would not notice returns no error
			t.Errorf("after %v: Start returned %v late", after, late)
		}
		goleak.VerifyNone(t, before)
	}
}

func deadlineOf(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// checkRefused makes sure that this process does not listen at an address. Another
// process may, as tests of other packages run at the same time.
func checkRefused(t *testing.T, addr string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return
	}
	_ = c.Close()
	if listens(t, addr) {
		t.Errorf("something listens at %s", addr)
	}
}

// listens reports whether this process listens at an IPv4 address, as Linux says;
// elsewhere it takes it for granted.
func listens(t *testing.T, addr string) bool {
	t.Helper()
	at, err := netip.ParseAddrPort(addr)
	table, unread := os.ReadFile("/proc/self/net/tcp")
	if err != nil || unread != nil || !at.Addr().Is4() {
		return true
	}
	ip := at.Addr().As4()
	local := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), at.Port())
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 10 || f[1] != local || f[3] != "0A" { // it listens
			continue
		}
		files, _ := filepath.Glob("/proc/self/fd/*") // the pattern is a good one
		return slices.ContainsFunc(files, func(file string) bool {
			to, err := os.Readlink(file)
			return err == nil && to == "socket:["+f[9]+"]"
		})
	}
	return false
}
