package fleet

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

// smallFleet has everything: clusters of different sizes, skew, leafnodes.
var smallFleet = Size{Servers: 10, Clusters: 3, Accounts: 60, Connections: 3000, Seed: 7, Skewed: 4}

// startTest starts a fleet and a client of its system account.
func startTest(t testing.TB, size Size) (*Fleet, *nats.Conn) {
	t.Helper()
	f, err := Start(context.Background(), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	nc, err := nats.Connect(f.URL(), nats.NoReconnect(), nats.Timeout(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return f, nc
}

// ask sends one request and returns the replies: it waits for want of
// them, and a little longer for one too many.
func ask(t testing.TB, nc *nats.Conn, subject, body, accept string, want int) []*nats.Msg {
	t.Helper()
	sub, err := nc.SubscribeSync(nc.NewRespInbox())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	_ = sub.SetPendingLimits(-1, -1)
	req := nats.NewMsg(subject)
	req.Reply, req.Data = sub.Subject, []byte(body)
	if accept != "" {
		req.Header.Set("Accept-Encoding", accept)
	}
	if err := nc.PublishMsg(req); err != nil {
		t.Fatal(err)
	}
	var got []*nats.Msg
	for {
		wait := 30 * time.Second
		if len(got) >= want {
			wait = 60 * time.Millisecond
		}
		m, err := sub.NextMsg(wait)
		if err != nil {
			break
		}
		got = append(got, m)
	}
	if len(got) != want {
		t.Fatalf("%s %s: %d replies, want %d", subject, body, len(got), want)
	}
	return got
}

// plainData decompresses a reply by what its header says.
func plainData(t testing.TB, m *nats.Msg) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(m.Data)
	switch enc := m.Header.Get("Content-Encoding"); enc {
	case "snappy":
		r = s2.NewReader(r)
	case "gzip":
		zr, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = zr
	case "", "identity":
	default:
		t.Fatalf("content encoding %q", enc)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode decodes replies by the id of their server.
func decode[T any](t testing.TB, msgs []*nats.Msg, id func(*T) string) map[string]*T {
	t.Helper()
	all := map[string]*T{}
	for _, m := range msgs {
		v := new(T)
		if err := json.Unmarshal(plainData(t, m), v); err != nil {
			t.Fatalf("%v in %.200s", err, m.Data)
		}
		if all[id(v)] != nil {
			t.Fatalf("two replies of %s", id(v))
		}
		all[id(v)] = v
	}
	return all
}

// statzReply is a STATZ reply; the server has no type for it.
type statzReply struct {
	Server *server.ServerInfo   `json:"server"`
	Data   *server.AccountStatz `json:"data"`
	Error  *server.ApiError     `json:"error"`
}

func statzID(r *statzReply) string { return r.Server.ID }

func TestModel(t *testing.T) {
	t.Parallel()
	for _, z := range []Size{smallFleet,
		{Servers: 1, Clusters: 1, Accounts: 1, Connections: 1},
		{Servers: 2, Clusters: 1, Accounts: 3, Connections: 40, Skewed: 1},
		{Servers: 9, Clusters: 3, Accounts: 200, Connections: 4000, Seed: -3, Skewed: 200 / 4},
		{Servers: 60, Clusters: 12, Accounts: 2000, Connections: 60_000, Seed: 99, Skewed: 11},
		{Servers: 5, Clusters: 1, Accounts: 50, Connections: 10}} {
		t.Run(fmt.Sprint(z), func(t *testing.T) {
			now := time.Now()
			m, err := newModel(z, now)
			if err != nil {
				t.Fatal(err)
			}
			again, err := newModel(z, now)
			if err != nil || !reflect.DeepEqual(m, again) {
				t.Error("the same seed made another fleet", err)
			}
			hosts, total := map[string]bool{}, 0
			for _, s := range m.servers {
				hosts[s.host] = true
				if !slices.IsSortedFunc(s.rows, func(a, b row) int { return int(a.account - b.account) }) {
					t.Error("rows out of order")
				}
				for _, r := range s.rows {
					if r.account < m.system() {
						total += int(r.conns)
					}
				}
				if len(s.id) != 56 || s.id[0] != 'N' || s.maxConn < s.clients {
					t.Error("server", s.id, s.maxConn, s.clients)
				}
			}
			if total != z.Connections || len(m.servers) != z.Servers || len(hosts) != z.Servers || len(m.clusters) != z.Clusters {
				t.Error(total, len(m.servers), len(hosts), len(m.clusters))
			}
			checkSkew(t, m)
		})
	}
}

// checkSkew applies the rule to every pair: findings are the skewed
// accounts and no other.
func checkSkew(t *testing.T, m *model) {
	t.Helper()
	want := map[string]bool{}
	for _, sk := range m.skewed {
		if m.clusterSize(sk.Cluster) >= 3 {
			want[sk.Account+sk.Cluster+sk.Server] = true
		}
		if sk.OnServer*100 <= sk.Connections*70 || sk.Connections < 10 {
			t.Error("not skewed", sk)
		}
	}
	found := 0
	for _, c := range m.clusters {
		if len(c.servers) < 3 {
			continue
		}
		for _, a := range c.accounts[:len(c.accounts)-2] {
			sum, top, on := 0, 0, ""
			for _, i := range c.servers {
				n := int(m.servers[i].row(a).conns)
				if sum += n; n > top {
					top, on = n, m.servers[i].id
				}
			}
			if sum >= 10 && top*100 > sum*70 {
				found++
				if !want[m.accounts[a].ID+c.name+on] {
					t.Errorf("%s has %d of %d by chance", m.accounts[a].ID, top, sum)
				}
			}
		}
	}
	if found != len(want) {
		t.Errorf("%d skewed, %d found", len(want), found)
	}
}

func TestSizeErrors(t *testing.T) {
	t.Parallel()
	for _, z := range []Size{{}, {Servers: 1, Clusters: 2, Accounts: 1}, {Servers: 1, Clusters: 1, Accounts: 1, Skewed: 2},
		{Servers: 3, Clusters: 1, Accounts: 5, Connections: 20, Skewed: 5}, {Servers: 1, Clusters: 1, Accounts: 1, Connections: -1},
		{Servers: 1, Clusters: 1, Accounts: 1, MaxPending: 5}} {
		if f, err := Start(context.Background(), z); err == nil {
			f.Stop()
			t.Error("no error for", z)
		}
	}
}

// TestEncoders holds the hand-written encoders to json.Marshal of the
// server's structs.
func TestEncoders(t *testing.T) {
	t.Parallel()
	m, err := newModel(smallFleet, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	st, zeros, rows := newAccountStat(), 0, 0
	equal := func(got []byte, v any) {
		t.Helper()
		if want, err := json.Marshal(v); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n got %s\nwant %s", err, got, want)
		}
	}
	for _, s := range m.servers {
		for _, r := range s.rows {
			m.stat(st, s.index, r)
			equal(appendAccountStat(nil, &st.AccountStat), &st.AccountStat)
			if rows++; st.Sent.Msgs == 0 {
				zeros++
			}
		}
		for i := range uint32(s.clients + s.leafs) {
			var ci server.ConnInfo
			m.conn(&ci, s, i, time.Now().UTC(), i%3 > 0, i%2 > 0)
			equal(appendConnInfo(nil, &ci), &ci)
		}
	}
	if zeros < rows/5 || zeros > rows/2 {
		t.Errorf("%d of %d rows are idle", zeros, rows)
	}
	for _, name := range []string{"", "a\"b", "<x>&\\", "\x00\n\t", "größe", "\u2028", "\xff", "plain", "a.>"} {
		st.Account, st.Name = name, name
		st.Conns, st.NumSubs, st.SlowConsumers = -1, math.MaxUint32, math.MaxInt64
		equal(appendAccountStat(nil, &st.AccountStat), &st.AccountStat)
		equal(appendConnInfo(nil, &server.ConnInfo{Name: name, Subs: []string{name}}), &server.ConnInfo{Name: name, Subs: []string{name}})
	}
	for _, d := range []time.Duration{-1, 0, time.Second, time.Minute, time.Hour, 25 * time.Hour, 366 * 24 * time.Hour} {
		t.Log(uptime(d))
	}
	if got := uptime(366*24*time.Hour + time.Second); got != "1y1d0h0m1s" {
		t.Error(got)
	}
}

func TestStride(t *testing.T) {
	t.Parallel()
	for n := uint64(1); n < 60; n++ {
		step, back := stride(n, n*7919)
		seen := map[uint64]bool{}
		for i := range n {
			slot := i * step % n
			seen[slot] = true
			if slot*back%n != i {
				t.Fatal(n, step, back)
			}
		}
		if len(seen) != int(n) {
			t.Fatal(n, step, len(seen))
		}
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	n, got, elapsed, err := f.Drain(ctx)
	if err != nil || n != smallFleet.Servers+1 || elapsed <= 0 {
		t.Fatal(n, got, elapsed, err)
	}
	plain, packed := f.Bytes()
	if d := got - packed; d < 200 || d > 1500 { // the carrier's reply
		t.Errorf("drained %d of %d bytes", got, packed)
	}
	sum := int64(0)
	for _, m := range ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", `{"cluster":"-01"}`, "", smallFleet.Servers) {
		sum += int64(len(m.Data))
	}
	if d := sum - plain; d < -100 || d > 100 { // times and sequences of other lengths
		t.Errorf("%d bytes plain, Bytes says %d", sum, plain)
	}
	f.Silence(0, Statz)
	short, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	if n, _, _, err := f.Drain(short); n != smallFleet.Servers || err == nil {
		t.Error("drained a silent server", n, err)
	}
}

func TestStop(t *testing.T) {
	leak := goleak.IgnoreCurrent()
	defer goleak.VerifyNone(t, leak)
	f, err := Start(context.Background(), smallFleet)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(f.URL(), nats.NoReconnect(), nats.Timeout(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	f.Delay(0, All, time.Hour)
	ask(t, nc, "$SYS.REQ.SERVER.PING", "", "", smallFleet.Servers) // the carrier for the one that is late
	f.Stop()
	f.Stop()
	nc.Close()
}

func TestCancel(t *testing.T) {
	leak := goleak.IgnoreCurrent()
	defer goleak.VerifyNone(t, leak)
	ctx, cancel := context.WithCancel(context.Background())
	f, err := Start(ctx, smallFleet)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	f.carrier.WaitForShutdown()
	f.Stop()
	if _, err := Start(ctx, smallFleet); err == nil {
		t.Error("started under a context that had ended")
	}
}
