package lab_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// greeting returns the name of the server that greets at an address, and the
// address that it sees as the client's.
func greeting(t *testing.T, addr string) (name, client string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Name string `json:"server_name"`
		IP   string `json:"client_ip"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil {
		t.Fatal(err)
	}
	return info.Name, info.IP
}

func startBalancer(t *testing.T, c lab.BalancerConfig) *lab.Balancer {
	t.Helper()
	b, err := lab.StartBalancer(within(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// backends returns the addresses of all servers, in order.
func backends(l *lab.Lab) []string {
	var addrs []string
	for _, s := range l.Servers() {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

func TestBalancerModes(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}, Accounts: []string{"RANDOM", "TURNS", "FIRST", "HASH"}})
	through := func(account string, mode lab.BalancerMode, count int) map[string]int {
		b := startBalancer(t, lab.BalancerConfig{Mode: mode, Backends: backends(l)})
		_, err := l.Connect(within(t), lab.Clients{Account: account, URLs: []string{"nats://" + b.Addr()}, Count: count})
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, s := range l.Servers() {
			counts[s.Name()] = s.Connections(account)
		}
		return counts
	}
	for name, n := range through("RANDOM", lab.Random, 60) {
		// 60 at random over 3: below 5 has a chance under one in 10 million.
		if n < 5 {
			t.Errorf("random: %d of 60 at %s", n, name)
		}
	}
	for name, n := range through("TURNS", lab.RoundRobin, 12) {
		if n != 4 {
			t.Errorf("round robin: %d of 12 at %s", n, name)
		}
	}
	if n := through("FIRST", lab.OnlyFirst, 9)["C1-n1"]; n != 9 {
		t.Errorf("only first: %d of 9 at the first", n)
	}
	hashed := through("HASH", lab.SourceHash, 9)
	if hashed["C1-n1"] != 9 && hashed["C1-n2"] != 9 && hashed["C1-n3"] != 9 {
		t.Errorf("source hash: one address at %v", hashed)
	}
}

func TestBalancerPinsSources(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}, Accounts: []string{"SEEN", "HIDDEN"}})
	names := map[string]string{}
	for _, s := range l.Servers() {
		names[s.Addr()] = s.Name()
	}
	for account, transparent := range map[string]bool{"SEEN": true, "HIDDEN": false} {
		b := startBalancer(t, lab.BalancerConfig{Host: "127.0.9.2", Mode: lab.SourceHash, Backends: backends(l), Transparent: transparent})
		want, ips := map[string]int{}, map[string]bool{}
		for i := 1; i <= 12; i++ {
			source := fmt.Sprintf("127.43.0.%d", i)
			_, err := l.Connect(within(t), lab.Clients{Account: account, URLs: []string{"nats://" + b.Addr()}, Count: 2, Source: source})
			if err != nil {
				t.Fatal(err)
			}
			want[names[b.Pinned(source)]] += 2
			ips[source] = true
		}
		if len(want) < 2 {
			t.Errorf("%s: all of 12 addresses are pinned to one server", account)
		}
		if err := l.WaitCounts(within(t), account, want); err != nil {
			t.Error(err)
		}
		for _, s := range l.Servers() {
			for _, c := range connz(t, s, account) {
				if transparent != ips[c.IP] || !transparent && c.IP != "127.0.9.2" {
					t.Errorf("%s: %s sees %s", account, s.Name(), c.IP)
				}
			}
		}
	}
}

func TestBalancerPassesOverWhatIsDown(t *testing.T) {
	t.Parallel()
	c := cluster("C1", 3)
	c.Late = []int{0}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{c}})
	first := startBalancer(t, lab.BalancerConfig{Mode: lab.OnlyFirst, Backends: backends(l)})
	random := startBalancer(t, lab.BalancerConfig{Mode: lab.Random, Backends: backends(l)})
	if name, _ := greeting(t, first.Addr()); name != "C1-n2" {
		t.Errorf("led to %s", name)
	}
	for range 10 {
		if name, _ := greeting(t, random.Addr()); name == "C1-n1" {
			t.Error("led to a server that is down")
		}
	}
	if err := l.Server("C1-n1").Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if name, _ := greeting(t, first.Addr()); name != "C1-n1" {
		t.Errorf("led to %s, with the first up", name)
	}
}

// TestBalancerStops is not parallel, so that what it sees left is its own.
func TestBalancerStops(t *testing.T) {
	before := goleak.IgnoreCurrent()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	b := startBalancer(t, lab.BalancerConfig{Backends: []string{echo.Addr().String()}})
	c, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	got := make([]byte, 5)
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v came back", got, err)
	}
	b.Stop()
	b.Stop()
	if _, err := c.Read(got); err == nil {
		t.Error("a connection outlives the balancer")
	}
	c.Close()
	checkRefused(t, b.Addr())
	echo.Close()
	<-done
	goleak.VerifyNone(t, before)
}

func TestBalancersRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]lab.BalancerConfig{
		"no backend":   {},
		"not loopback": {Host: "0.0.0.0", Backends: []string{"127.0.0.1:1"}},
		"no address":   {Host: "localhost", Backends: []string{"127.0.0.1:1"}},
	} {
		if b, err := lab.StartBalancer(within(t), c); err == nil {
			b.Stop()
			t.Errorf("%s: started", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if b, err := lab.StartBalancer(ctx, lab.BalancerConfig{Backends: []string{"127.0.0.1:1"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("started as %v with %v", b, err)
	}
	// A backend that is not loopback is not connected to: the client is dropped.
	b := startBalancer(t, lab.BalancerConfig{Backends: []string{"192.0.2.1:4222"}})
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !strings.Contains(fmt.Sprint(err), "reset") {
		t.Errorf("the client reads %v", err)
	}
}
