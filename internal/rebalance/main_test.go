package rebalance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func TestMain(m *testing.M) { sourcetest.Main(m) }

// long is a wait that no test needs; machines that run tests are busy.
const long = 60 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*long)
	t.Cleanup(cancel)
	return ctx
}

func startLab(t testing.TB, topology lab.Topology) *lab.Lab {
	t.Helper()
	l, err := lab.Start(within(t), topology)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l
}

// three is a cluster C1 of three servers.
func three(accounts ...string) lab.Topology {
	return lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: accounts}
}

func connect(t testing.TB, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	options = append([]nats.Option{nats.Timeout(long), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})}, options...)
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// roamers are clients of the bare protocol, cheap enough to have thousands of.
// As a Go client does, one that is disconnected takes another server of its
// list; with one server in the list it comes back.
type roamers struct {
	reconnects atomic.Int64
	refused    atomic.Int64
	most       atomic.Int64 // reconnects of one client
}

// roam connects clients of an account to the first of the servers. They end
// with the test.
func roam(t testing.TB, account string, count int, language string, servers ...*lab.Server) *roamers {
	t.Helper()
	r := &roamers{}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	ready := make(chan struct{}, count)
	slots := make(chan struct{}, 32)
	for range count {
		slots <- struct{}{}
		wg.Go(func() { r.client(ctx, account, language, servers, func() { <-slots; ready <- struct{}{} }) })
	}
	for range count {
		select {
		case <-ready:
		case <-within(t).Done():
			t.Fatal("not all clients could connect")
		}
	}
	return r
}

func (r *roamers) client(ctx context.Context, account, language string, servers []*lab.Server, ready func()) {
	at, reconnects := 0, int64(-1)
	for ctx.Err() == nil {
		if r.serve(ctx, servers[at], account, language, func() {
			if reconnects++; reconnects == 0 {
				ready()
				return
			}
			r.reconnects.Add(1)
			for most := r.most.Load(); reconnects > most && !r.most.CompareAndSwap(most, reconnects); most = r.most.Load() {
			}
		}) {
			r.refused.Add(1)
		}
		if len(servers) > 1 {
			at = (at + 1 + rand.IntN(len(servers)-1)) % len(servers)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond): // as a client's pause
		}
	}
}

// serve is one connection, until it ends; refused reports whether there was none.
func (r *roamers) serve(ctx context.Context, s *lab.Server, account, language string, connected func()) (refused bool) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return true
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReaderSize(conn, 1<<10)
	fmt.Fprintf(conn, "CONNECT {\"user\":%q,\"pass\":%q,\"lang\":%q,\"name\":\"roamer\",\"protocol\":1,\"verbose\":false}\r\nPING\r\n", account, lab.Password, language)
	greeted := false
	for {
		line, more, err := in.ReadLine()
		for more && err == nil {
			_, more, err = in.ReadLine()
		}
		if err != nil {
			return !greeted
		}
		switch text := string(line); {
		case text == "PONG" && !greeted:
			greeted = true
			connected()
		case text == "PING":
			if _, err := io.WriteString(conn, "PONG\r\n"); err != nil {
				return false
			}
		case strings.HasPrefix(text, "-ERR"):
			return !greeted
		}
	}
}

// connections are the ids of the client connections of an account, and of its
// leafnodes, by server name.
func connections(t testing.TB, l *lab.Lab, account string) map[string][]uint64 {
	t.Helper()
	out := map[string][]uint64{}
	for _, s := range l.Servers() {
		if !s.Running() {
			continue
		}
		z, err := s.Embedded().Connz(&server.ConnzOptions{Account: account, Username: true, Sort: server.ByCid, Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range z.Conns {
			out[s.Name()] = append(out[s.Name()], c.Cid)
		}
	}
	return out
}

// stageOf is a cluster with accounts, as an embedded server says it is.
func stageOf(t testing.TB, l *lab.Lab, cluster string, accounts ...string) (Scope, *State) {
	t.Helper()
	scope := Scope{Cluster: cluster}
	for _, s := range l.Cluster(cluster) {
		if !s.Running() {
			continue
		}
		v, err := s.Embedded().Varz(nil)
		if err != nil {
			t.Fatal(err)
		}
		scope.Servers = append(scope.Servers, Server{ID: s.ID(), Name: s.Name(), Connections: &v.Connections, Limit: &v.MaxConn, Start: v.Start})
	}
	for _, account := range accounts {
		scope.Accounts = append(scope.Accounts, Account{ID: account, Name: account, Rule: checks.Defaults()})
	}
	nc := connect(t, l.SystemURL())
	defer nc.Close()
	state, err := Look(within(t), nc, long, scope)
	if err != nil {
		t.Fatal(err)
	}
	return scope, state
}

// everywhere aims at all servers.
func everywhere() Goal { return Goal{To: -1} }

// apply makes the moves of ORDERS in C1.
func apply(ctx context.Context, t testing.TB, l *lab.Lab, nc *nats.Conn, pace Pace) Run {
	t.Helper()
	scope, state := stageOf(t, l, "C1", "ORDERS")
	return Apply(ctx, nc, scope, state, everywhere(), pace)
}

// calm is a pace at which the processors of a busy test program are no reason
// to stop.
func calm(patience time.Duration, batch int) Pace {
	return Pace{Rate: 500, Batch: batch, Patience: patience, MostCPU: 1e6}
}

func outcomes(r Run) map[Outcome]int {
	out := map[Outcome]int{}
	for _, m := range r.Moves {
		out[m.Outcome]++
	}
	return out
}

func stopped(t *testing.T, r Run, code StopCode) {
	t.Helper()
	if r.Stop == nil || r.Stop.Code != code || r.Stop.Why == nil {
		t.Errorf("stopped because of %+v, want %s; moves %v, batches %+v", r.Stop, code, outcomes(r), r.Batches)
	}
}

// serverOf is the server that did not answer.
func serverOf(stop *Stop) string {
	switch x := stop.Why.(type) {
	case Vanished:
		return x.Server
	case SilentAtClose:
		return x.Server
	}
	return ""
}
