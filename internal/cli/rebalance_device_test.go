package cli

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// devices are MQTT clients of an account that connect again, each to the next address of
// its list.
type devices struct {
	connected, closed atomic.Int64
}

// startDevices connects devices to the first address.
func startDevices(ctx context.Context, t *testing.T, account string, n int, list ...string) *devices {
	t.Helper()
	d := &devices{}
	life, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	t.Cleanup(func() { end(); wg.Wait() })
	for i := range n {
		wg.Go(func() {
			for at := 0; life.Err() == nil; at++ {
				d.session(life, list[at%len(list)], account, fmt.Sprintf("meter-%d", i))
				select {
				case <-time.After(20 * time.Millisecond):
				case <-life.Done():
				}
			}
		})
	}
	if err := lab.Poll(ctx, func() error {
		if got := d.connected.Load(); got != int64(n) {
			return fmt.Errorf("%d of %d devices are connected", got, n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return d
}

// session is one connection of a device, until it ends.
func (d *devices) session(ctx context.Context, address, account, id string) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	text := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	// MQTT 3.1.1, with a name and a password, a clean session, and without a keep-alive.
	body := append(text(nil, "MQTT"), 4, 0xC2, 0, 0)
	for _, s := range []string{id, account, lab.Password} {
		body = text(body, s)
	}
	if _, err := conn.Write(append(binary.AppendUvarint([]byte{0x10}, uint64(len(body))), body...)); err != nil {
		return
	}
	in, ack := bufio.NewReader(conn), make([]byte, 4)
	if _, err := io.ReadFull(in, ack); err != nil || ack[0] != 0x20 || ack[3] != 0 {
		return
	}
	d.connected.Add(1)
	_, _ = io.Copy(io.Discard, in)
	if ctx.Err() == nil {
		d.closed.Add(1)
	}
}

// bystanders are the ids of the MQTT connections of an account by server, of its
// leafnodes, and of its clients on servers that are leafs.
func bystanders(t *testing.T, l *lab.Lab, account string) map[string][]uint64 {
	t.Helper()
	out := map[string][]uint64{}
	for _, s := range l.Servers() {
		z, err := s.Embedded().Connz(&server.ConnzOptions{Account: account, Username: true, Sort: server.ByCid})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range z.Conns {
			if c.Kind == "Client" && (c.MQTTClient != "" || s.Cluster() != "C1") {
				out[s.Name()] = append(out[s.Name()], c.Cid)
			}
		}
		leafs, err := s.Embedded().Leafz(&server.LeafzOptions{Account: account})
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range leafs.Leafs {
			out[s.Name()+" leafs"] = append(out[s.Name()+" leafs"], leaf.ID)
		}
		slices.Sort(out[s.Name()+" leafs"])
	}
	return out
}

// withDevices is a cluster of three servers with MQTT, and a leaf of the first. Without
// replicas of what MQTT stores devices connect sooner.
func withDevices(ctx context.Context, t *testing.T, onlyFirst bool, accounts ...string) *lab.Lab {
	t.Helper()
	l, err := lab.Start(ctx, lab.Topology{Accounts: accounts,
		Clusters: []lab.Cluster{{Name: "C1", Servers: 3, MQTT: true, Configure: func(i int, o *server.Options) {
			if o.MQTT.StreamReplicas = 1; onlyFirst && i > 0 {
				o.MQTT.Port = 0
			}
		}}},
		Leafs: []lab.Leaf{{Cluster: lab.Cluster{Servers: 1}, Hub: "C1-n1", Accounts: accounts}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	dialled(ctx, t, l)
	for _, account := range accounts {
		if _, err := l.Connect(ctx, lab.Clients{Account: account, Server: l.Server("n1"), Count: 2, Name: "site"}); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// kickedDevices are how many MQTT connections a run closed.
func kickedDevices(doc *report.Rebalance) (n int64) {
	for _, m := range doc.Moves {
		if strings.HasPrefix(m.Protocol, "mqtt") && m.Outcome == "kicked" {
			n++
		}
	}
	return n
}

// TestRebalanceBesideDevices: leafnodes, the clients behind them, and MQTT clients that
// are left out, as no other server takes them or their list leads back, keep their
// connections while the account's other clients are moved.
func TestRebalanceBesideDevices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		onlyFirst bool
		why       string
	}{
		{"no other server takes them", true, "they would come back: no other server takes the clients' protocol (listener-gap, "},
		{"their list leads back", false, "they would come back: the clients know the address of one server only (single-url, "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			l := withDevices(ctx, t, c.onlyFirst, "ORDERS")
			first := l.Server("C1-n1")
			meters := startDevices(ctx, t, "ORDERS", 6, first.MQTTAddr())
			w := witnesses(ctx, t, l, "ORDERS", map[string]int{"C1-n1": 18, "C1-n2": 2, "C1-n3": 2})
			before := bystanders(t, l, "ORDERS")
			if len(before["C1-n1"]) != 6 || len(before["C1-n1 leafs"]) != 1 || len(before["n1"]) != 2 {
				t.Fatalf("the lab is not what it should be: %v", before)
			}
			args := []string{"--account", "ORDERS", "--apply", "--yes", "--rate", "100"}
			if !c.onlyFirst {
				config := filepath.Join(t.TempDir(), "compose.yaml")
				if err := os.WriteFile(config, []byte("services:\n  meter:\n    environment:\n      NATS_URL: mqtt://"+first.MQTTAddr()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--client-config", "ORDERS="+config)
			}
			doc := rebalanced(t, l, generous, 0, args...)
			services := doc.Accounts[0].Services
			at := slices.IndexFunc(services, func(x report.RebalanceService) bool { return x.Protocol == "mqtt" })
			if at < 0 || services[at].LeftOut == nil || !strings.HasPrefix(*services[at].LeftOut, c.why) || doc.Outcome != "balanced" || kickedDevices(&doc) > 0 {
				t.Errorf("%s, %+v: %+v", doc.Outcome, doc.Stop, services)
			}
			w.unharmed(ctx, t, "", doc)
			if after := bystanders(t, l, "ORDERS"); !reflect.DeepEqual(after, before) || meters.closed.Load() != 0 {
				t.Errorf("%d devices were disconnected; there were %v and are %v", meters.closed.Load(), before, after)
			}
		})
	}
}

// TestRebalanceOfDevices: MQTT clients with several addresses are moved, and it is said
// that they may come back. As many are disconnected as are reported.
func TestRebalanceOfDevices(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	l := withDevices(ctx, t, false, "METERS")
	var list []string
	for _, s := range l.Cluster("C1") {
		list = append(list, s.MQTTAddr())
	}
	meters := startDevices(ctx, t, "METERS", 12, list...)
	// How even it becomes is chance.
	out, _ := rebalancedTo(ctx, t, l.SystemURL(), nil, generous, "--account", "METERS", "--apply", "--yes", "--rate", "100", "--batch", "4")
	var doc report.Rebalance
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, m := range doc.Moves {
		if !m.MayReturn {
			t.Errorf("%+v is foreseen to stay away", m)
		}
	}
	if !slices.ContainsFunc(doc.Notes, func(n string) bool {
		return strings.HasPrefix(n, "8 of the 8 clients may choose the same server again")
	}) {
		t.Errorf("%q", doc.Notes)
	}
	if closed := meters.closed.Load(); closed != kickedDevices(&doc) || closed == 0 {
		t.Errorf("%s, %+v: %d devices were disconnected, and %d are reported", doc.Outcome, doc.Stop, closed, kickedDevices(&doc))
	}
}
