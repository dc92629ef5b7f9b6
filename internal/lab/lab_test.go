package lab_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestMain has as many clusters run at a time as one machine takes.
func TestMain(m *testing.M) {
	sourcetest.SideBySide(8)
	os.Exit(m.Run())
}

// within bounds a test: generous, because machines that run tests are busy.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually calls check until it returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	ctx := within(t)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func startLab(t *testing.T, topology lab.Topology) *lab.Lab {
	t.Helper()
	began := time.Now()
	l, err := lab.Start(within(t), topology)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	t.Logf("%d servers ready after %v", len(l.Servers()), time.Since(began).Round(time.Millisecond))
	return l
}

func cluster(name string, n int) lab.Cluster { return lab.Cluster{Name: name, Servers: n} }

// ping asks at url and returns the n answers.
func ping(t *testing.T, url string, n int) []server.ServerStatsMsg {
	t.Helper()
	ctx := within(t)
	nc, err := nats.Connect(url, nats.Timeout(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("$SYS.REQ.SERVER.PING", sub.Subject, nil); err != nil {
		t.Fatal(err)
	}
	var replies []server.ServerStatsMsg
	for len(replies) < n {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			t.Fatalf("PING at %s: %d of %d answers: %v", url, len(replies), n, err)
		}
		var r server.ServerStatsMsg
		if err := json.Unmarshal(msg.Data, &r); err != nil {
			t.Fatal(err)
		}
		replies = append(replies, r)
	}
	slices.SortFunc(replies, func(a, b server.ServerStatsMsg) int {
		return strings.Compare(a.Server.Cluster+"/"+a.Server.Name, b.Server.Cluster+"/"+b.Server.Name)
	})
	return replies
}

// checkPing checks who answers a PING at each of the servers, as
// "cluster/name", and that each counts them all.
func checkPing(t *testing.T, at []*lab.Server, want ...string) {
	t.Helper()
	for _, s := range at {
		var got []string
		for _, r := range ping(t, s.URL(lab.SystemAccount), len(want)) {
			got = append(got, r.Server.Cluster+"/"+r.Server.Name)
			if r.Stats.ActiveServers != len(want) {
				t.Errorf("PING at %s: %s has active_servers %d, want %d", s.Name(), r.Server.Name, r.Stats.ActiveServers, len(want))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("PING at %s: answers of %v, want %v", s.Name(), got, want)
		}
	}
}

func TestClusterKnowsItself(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}, Accounts: []string{"APP", "$G"}})
	checkPing(t, l.Servers(), "C1/C1-n1", "C1/C1-n2", "C1/C1-n3")
	if got := l.Server("C1-n2"); got != l.Cluster("C1")[1] || got != l.Server("C1/C1-n2") || got.Cluster() != "C1" {
		t.Errorf("Server(C1-n2) = %v", got)
	}
	if l.Server("nobody") != nil || l.SystemURL() != l.Servers()[0].URL(lab.SystemAccount) {
		t.Errorf("SystemURL = %s", l.SystemURL())
	}
	for _, account := range []string{"APP", "$G"} {
		if _, err := l.Connect(within(t), lab.Clients{Account: account, URLs: l.URLs("C1", account), Count: 3, NoRandomize: true}); err != nil {
			t.Fatal(err)
		}
		if err := l.WaitCounts(within(t), account, map[string]int{"C1-n1": 3, "C1-n2": 0, "C1-n3": 0}); err != nil {
			t.Error(err)
		}
	}
}

func TestGatewaysJoinClusters(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3), cluster("C2", 3)}, Accounts: []string{"APP"}})
	checkPing(t, l.Servers(), "C1/C1-n1", "C1/C1-n2", "C1/C1-n3", "C2/C2-n1", "C2/C2-n2", "C2/C2-n3")
	// A whole cluster may go and come back.
	for _, s := range l.Cluster("C1") {
		s.Shutdown()
	}
	if err := l.WaitReady(within(t)); err != nil {
		t.Fatal(err)
	}
	checkPing(t, l.Cluster("C2"), "C2/C2-n1", "C2/C2-n2", "C2/C2-n3")
	if err := l.Cluster("C1")[2].Start(within(t)); err != nil {
		t.Fatal(err)
	}
	checkPing(t, l.Cluster("C2"), "C1/C1-n3", "C2/C2-n1", "C2/C2-n2", "C2/C2-n3")
}

func TestServersWithoutClusterAreAlone(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("", 2), cluster("C1", 1)}})
	checkPing(t, l.Cluster("")[:1], "/n1")
	checkPing(t, l.Cluster("")[1:], "/n2")
	checkPing(t, l.Cluster("C1"), "C1/C1-n1")
}

func TestLeafsShareTheSystemAccount(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{
		Clusters: []lab.Cluster{cluster("C1", 2), cluster("C2", 1)},
		Accounts: []string{"APP", "OTHER"},
		Leafs: []lab.Leaf{
			{Cluster: lab.Cluster{Name: "L1", Servers: 2, ServerNames: []string{"C1-n1"}}, Hub: "C1", Accounts: []string{"APP"}},
			{Cluster: lab.Cluster{Servers: 1, ServerNames: []string{"edge"}}, Hub: "L1"},
			{Cluster: lab.Cluster{Servers: 1, ServerNames: []string{"own"}}, Hub: "C1-n2", Accounts: []string{"OTHER"}, OwnSystem: true},
		},
	})
	all := []string{"C1/C1-n1", "C1/C1-n2", "C2/C2-n1", "L1/C1-n1", "L1/L1-n2", "edge/edge"}
	checkPing(t, slices.DeleteFunc(l.Servers(), func(s *lab.Server) bool { return s.Name() == "own" }), all...)
	checkPing(t, []*lab.Server{l.Server("own")}, "own/own")
	if a, b := l.Server("C1/C1-n1"), l.Server("L1/C1-n1"); a == b || a.Cluster() != "C1" || b.Cluster() != "L1" {
		t.Error("servers of one name are not told apart")
	}
	// A leafnode is no client connection, and is counted as what it is.
	for account, want := range map[string]int{"APP": 2, "OTHER": 1} {
		leafs := 0
		for _, s := range l.Cluster("C1") {
			st, err := s.Embedded().AccountStatz(&server.AccountStatzOptions{Accounts: []string{account}})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range st.Accounts {
				leafs += a.LeafNodes
			}
		}
		if leafs != want {
			t.Errorf("account %s has %d leafnodes, want %d", account, leafs, want)
		}
		if err := l.WaitCounts(within(t), account, map[string]int{"C1/C1-n1": 0, "C1-n2": 0}); err != nil {
			t.Error(err)
		}
	}
}

func TestRestartKeepsPortAndChangesID(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}, Accounts: []string{"APP"}, Monitoring: true})
	s := l.Server("C1-n1")
	id, addr, monitor := s.ID(), s.Addr(), s.MonitorURL()
	g, err := l.Connect(within(t), lab.Clients{Account: "APP", Server: s, Count: 4})
	if err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	s.Shutdown()
	if s.Running() || s.Embedded() != nil || s.ID() != id || s.Connections("APP") != 0 {
		t.Error("still running after Shutdown")
	}
	checkRefused(t, addr)
	if err := l.WaitReady(within(t)); err != nil {
		t.Fatal(err)
	}
	checkPing(t, l.Cluster("C1")[1:], "C1/C1-n2", "C1/C1-n3")
	if l.SystemURL() != l.Server("C1-n2").URL(lab.SystemAccount) {
		t.Errorf("SystemURL is of a stopped server: %s", l.SystemURL())
	}
	began := time.Now()
	if err := s.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	t.Logf("restarted after %v", time.Since(began).Round(time.Millisecond))
	if s.ID() == id || s.Addr() != addr || s.MonitorURL() != monitor {
		t.Errorf("after a restart: id %s, address %s, %s; before %s, %s, %s", s.ID(), s.Addr(), s.MonitorURL(), id, addr, monitor)
	}
	checkPing(t, l.Servers(), "C1/C1-n1", "C1/C1-n2", "C1/C1-n3")
	// Clients learnt of the other servers, moved there and stay.
	eventually(t, func() error {
		if n := g.Connected(); n != 4 {
			return fmt.Errorf("%d of 4 clients came back", n)
		}
		return nil
	})
}

func TestLateServer(t *testing.T) {
	t.Parallel()
	c := cluster("C1", 3)
	c.Late = []int{2}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{c}})
	late := l.Server("C1-n3")
	addr := late.Addr()
	if late.Running() || late.Port() == 0 || late.ID() != "" {
		t.Errorf("late server before its start: running %v at %s as %q", late.Running(), addr, late.ID())
	}
	checkRefused(t, addr)
	checkPing(t, l.Servers()[:2], "C1/C1-n1", "C1/C1-n2")
	if err := late.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if late.Addr() != addr {
		t.Errorf("late server started at %s, not %s", late.Addr(), addr)
	}
	checkPing(t, l.Servers(), "C1/C1-n1", "C1/C1-n2", "C1/C1-n3")
}

func TestDistinctAddresses(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 2), cluster("", 1)}, DistinctAddresses: true})
	for i, want := range []string{"127.0.1.1", "127.0.1.2", "127.0.2.1"} {
		s := l.Servers()[i]
		if s.Host() != want || s.Port() != l.Servers()[0].Port() {
			t.Errorf("server %d is at %s, want %s and the port of the first", i, s.Addr(), want)
		}
		ping(t, s.URL(lab.SystemAccount), 1)
	}
	checkRefused(t, net.JoinHostPort("127.0.0.1", strings.Split(l.Servers()[0].Addr(), ":")[1]))
}

func TestConfigureAndLimits(t *testing.T) {
	t.Parallel()
	c := cluster("C1", 2)
	c.MaxConnections = 7
	c.NoAdvertise = true
	c.Tags = map[int][]string{1: {"az:b"}}
	c.Configure = func(i int, o *server.Options) {
		if i == 0 { // account OTHER does not exist there
			o.Accounts = slices.DeleteFunc(o.Accounts, func(a *server.Account) bool { return a.Name == "OTHER" })
			o.Users = slices.DeleteFunc(o.Users, func(u *server.User) bool { return u.Username == "OTHER" })
		}
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{c}, Accounts: []string{"APP", "OTHER"}, Monitoring: true})
	_, err := l.Connect(within(t), lab.Clients{Account: "OTHER", Server: l.Server("C1-n1"), Count: 1})
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("client of an account that is not there: %v", err)
	}
	resp, err := http.Get(l.Server("C1-n2").MonitorURL() + "/varz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var varz server.Varz
	if err := json.NewDecoder(resp.Body).Decode(&varz); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if varz.MaxConn != 7 || !slices.Equal(varz.Tags, []string{"az:b"}) || varz.Host != "127.0.0.1" {
		t.Errorf("varz: max_connections %d, tags %v, host %s", varz.MaxConn, varz.Tags, varz.Host)
	}
	g, err := l.Connect(within(t), lab.Clients{Account: "APP", Server: l.Server("C1-n2"), Count: 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, nc := range g.Conns() {
		if urls := nc.DiscoveredServers(); len(urls) > 0 {
			t.Errorf("a client was told of %v", urls)
		}
	}
	if _, err := l.Connect(within(t), lab.Clients{Account: "APP", Server: l.Server("C1-n2"), Count: 1}); err == nil {
		t.Error("a client beyond max_connections was accepted")
	}
	if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "APP", Server: l.Server("C1-n2"), Count: 1}); err == nil || !strings.Contains(err.Error(), "maximum connections exceeded") {
		t.Errorf("a raw client beyond max_connections: %v", err)
	}
}
