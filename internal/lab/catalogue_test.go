package lab_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/lab"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	known := []cause.Code{"", lab.CauseUnknown}
	for _, d := range cause.All() {
		if d.Role == cause.Root { // another one concentrates nobody by itself
			known = append(known, d.Code)
		}
	}
	seen := map[string]bool{}
	causes := map[cause.Code]int{}
	for _, s := range lab.Catalogue() {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(s.Name) || seen[s.Name] {
			t.Errorf("name %q is taken or not of words", s.Name)
		}
		seen[s.Name] = true
		causes[s.Cause]++
		if s.Title == "" || strings.HasSuffix(s.Title, ".") {
			t.Errorf("%s: title %q", s.Name, s.Title)
		}
		if !slices.Contains(known, s.Cause) || (s.Cause == "") != (s.Finding == lab.Finding{}) {
			t.Errorf("%s: cause %q of %v", s.Name, s.Cause, s.Finding)
		}
		if found, ok := lab.FindScenario(s.Name); !ok || found.Title != s.Title {
			t.Errorf("%s is not found", s.Name)
		}
	}
	for _, c := range known {
		if causes[c] == 0 {
			t.Errorf("no scenario with cause %q", c)
		}
	}
	if _, ok := lab.FindScenario("nothing"); ok {
		t.Error("found a scenario that does not exist")
	}
}

// stage is a running scenario with what its servers say of their connections.
type stage struct {
	*lab.Stage
	conns map[string][]*server.ConnInfo // of the finding's account, by server of its cluster
}

// TestScenarios runs every scenario. It is not parallel to other
// tests, so that what it sees left is its own.
func TestScenarios(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	t.Setenv("TMPDIR", t.TempDir())
	before := goleak.IgnoreCurrent()
	t.Run("all", func(t *testing.T) {
		for _, s := range lab.Catalogue() {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				runScenario(t, s)
			})
		}
	})
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
	goleak.VerifyNone(t, before)
}

func runScenario(t *testing.T, s lab.Scenario) {
	began := time.Now()
	started, err := lab.StartStage(within(t), s)
	if err != nil {
		t.Fatal(err)
	}
	defer started.Stop()
	took := time.Since(began).Round(time.Millisecond)
	st := &stage{Stage: started, conns: map[string][]*server.ConnInfo{}}
	found, counts := findings(st.Lab, s)
	t.Logf("%v: %v %v", took, counts, st.Args)
	want := []lab.Finding{s.Finding}
	if s.Cause == "" {
		want = nil
	}
	if !slices.Equal(found, want) {
		t.Errorf("findings %v, want %v", found, want)
	}
	checkArgs(t, st.Stage)
	if s.Cause != "" {
		for _, srv := range st.Cluster(s.Finding.Cluster) {
			st.conns[srv.Name()] = connz(t, srv, s.Finding.Account)
		}
		checkCrowd(t, st)
	}
	if check := mechanisms()[s.Name]; check != nil {
		check(t, st)
	}
	addrs := []string{st.Servers()[0].Addr()}
	if st.DNS != nil {
		addrs = append(addrs, st.DNS.Addr())
	}
	for _, b := range st.Balancers {
		addrs = append(addrs, b.Addr())
	}
	st.Stop()
	for _, addr := range addrs {
		checkRefused(t, addr)
	}
}

// findings applies the rule to what the servers count.
func findings(l *lab.Lab, s lab.Scenario) (found []lab.Finding, counts []string) {
	clusters := slices.Clone(s.Topology.Clusters)
	for _, leaf := range s.Topology.Leafs {
		if leaf.Name != "" { // else each server is alone
			clusters = append(clusters, leaf.Cluster)
		}
	}
	for _, c := range clusters {
		for _, account := range s.Topology.Accounts {
			total, most := 0, l.Cluster(c.Name)[0]
			line := account + " " + c.Name
			for _, srv := range l.Cluster(c.Name) {
				n := srv.Connections(account)
				line += fmt.Sprintf(" %d", n)
				total += n
				if n > most.Connections(account) {
					most = srv
				}
			}
			counts = append(counts, line)
			if c.Servers >= 3 && total >= 10 && most.Connections(account)*100 > 70*total {
				found = append(found, lab.Finding{Account: account, Cluster: c.Name, Server: most.Name()})
			}
		}
	}
	return found, counts
}

// checkArgs checks that the flags are some that audit concentration has, and
// that what they name is there.
func checkArgs(t *testing.T, st *lab.Stage) {
	t.Helper()
	for pair := range slices.Chunk(st.Args, 2) {
		account, value, tied := strings.Cut(pair[len(pair)-1], "=")
		if !tied { // a list of nobody in particular
			account, value, tied = st.Scenario.Topology.Accounts[0], pair[len(pair)-1], true
		}
		switch {
		case pair[0] == "--resolver" && st.DNS != nil && pair[1] == st.DNS.Addr():
		case pair[0] == "--client-url" && tied && slices.Contains(st.Scenario.Topology.Accounts, account) && strings.Contains(value, "://") && !strings.Contains(value, "@"):
		case pair[0] == "--client-config" && tied:
			if _, err := os.Stat(value); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("arguments %q", pair)
		}
	}
}

// checkCrowd checks that the account looks like several services on several
// hosts, and that it has as many connections as a person wants to see.
func checkCrowd(t *testing.T, st *stage) {
	t.Helper()
	total, names, sources := 0, map[string]bool{}, map[string]bool{}
	for _, conns := range st.conns {
		total += len(conns)
		for _, c := range conns {
			names[c.Name], sources[c.IP] = true, true
			if c.MQTTClient != "" { // has no name
				names[c.MQTTClient[:len("svc-a")]] = true
			}
		}
	}
	if total < 10 || total > 80 || len(names) < 3 {
		t.Errorf("%d connections of %d names", total, len(names))
	}
	shared := []string{"sticky-lb", "sticky-lb-dns", "random-lb-restart", "single-url-nat"}
	if len(sources) < 4 && !slices.Contains(shared, st.Scenario.Name) {
		t.Errorf("%d source addresses", len(sources))
	}
}

// mechanisms are what else is to be seen in scenarios.
func mechanisms() map[string]func(t *testing.T, st *stage) {
	young := func(t *testing.T, st *stage) { started(t, st, true) }
	return map[string]func(t *testing.T, st *stage){
		"restart-drift":            young,
		"restart-drift-rolling":    young,
		"rotating-dns-restart":     young,
		"random-lb-restart":        young,
		"single-url-then-restart":  young,
		"restart-innocent":         func(t *testing.T, st *stage) { started(t, st, false) },
		"network-affinity":         ownNetwork,
		"network-affinity-no-urls": ownNetwork,
		"single-url-nat":           func(t *testing.T, st *stage) { oneSource(t, st, "127.42.0.1") },
		"sticky-lb":                oneBalancer,
		"sticky-lb-dns":            oneBalancer,
		"sticky-lb-hash":           func(t *testing.T, st *stage) { pinned(t, st, "C1-n1") },
		"sticky-lb-hash-elsewhere": func(t *testing.T, st *stage) { pinned(t, st, "C1-n2") },
		"ordered-dns": func(t *testing.T, st *stage) {
			if c := st.conns["C1-n1"][0]; c.Lang != "python3" {
				t.Errorf("language %q", c.Lang)
			}
		},
		"listener-gap-mqtt": func(t *testing.T, st *stage) { types(t, st, "mqtt", 18) },
		"listener-gap-ws":   func(t *testing.T, st *stage) { types(t, st, "websocket", 24) },
		"listener-innocent": func(t *testing.T, st *stage) { types(t, st, "websocket", 24) },
		"account-gap": func(t *testing.T, st *stage) {
			for i, srv := range st.Servers() {
				if _, err := srv.Embedded().LookupAccount("ORDERS"); (err == nil) != (i == 0) {
					t.Errorf("%s: account ORDERS: %v", srv.Name(), err)
				}
			}
		},
		"server-full":   full,
		"full-innocent": full,
		"single-process": func(t *testing.T, st *stage) {
			for _, c := range st.conns["C1-n1"] {
				if first := st.conns["C1-n1"][0]; c.Name != "importer" || c.IP != first.IP {
					t.Errorf("%s from %s at the first server", c.Name, c.IP)
				}
			}
		},
		"single-url-no-advertise": func(t *testing.T, st *stage) {
			if v, err := st.Servers()[0].Embedded().Varz(nil); err != nil || len(v.ClientConnectURLs) > 0 {
				t.Errorf("%v tells of %v", err, v.ClientConnectURLs)
			}
		},
	}
}

// started checks that the second and third server are younger than every
// connection to the first, or older.
func started(t *testing.T, st *stage, after bool) {
	t.Helper()
	for _, srv := range st.Servers()[1:3] {
		v, err := srv.Embedded().Varz(nil)
		if err != nil {
			t.Fatal(err)
		}
		other := 0
		for _, c := range st.conns["C1-n1"] {
			if v.Start.After(c.Start) != after {
				other++
			}
		}
		if most := 1; !after && other > 0 || other > most { // one came later, to show that it can
			t.Errorf("%s started at %v, %d connections before or after that", srv.Name(), v.Start, other)
		}
	}
}

func network(address string) netip.Prefix {
	p, err := netip.MustParseAddr(address).Prefix(24)
	if err != nil {
		panic(err)
	}
	return p
}

func ownNetwork(t *testing.T, st *stage) {
	t.Helper()
	for _, srv := range st.Servers() {
		for _, c := range st.conns[srv.Name()] {
			if network(c.IP) != network(srv.Host()) {
				t.Errorf("a client from %s is at %s", c.IP, srv.Host())
			}
		}
		if len(st.conns[srv.Name()]) == 0 {
			t.Errorf("no client at %s", srv.Name())
		}
	}
}

func oneBalancer(t *testing.T, st *stage) {
	t.Helper()
	host, _, _ := net.SplitHostPort(st.Balancers[0].Addr())
	oneSource(t, st, host)
}

func oneSource(t *testing.T, st *stage, host string) {
	t.Helper()
	for _, c := range st.conns["C1-n1"] {
		if c.IP != host {
			t.Errorf("a client from %s, not from %s", c.IP, host)
		}
	}
}

// pinned checks that every source address has several services and one server,
// and that who asks from here is led to the one named.
func pinned(t *testing.T, st *stage, here string) {
	t.Helper()
	if name, _ := greeting(t, st.Balancers[0].Addr()); name != here {
		t.Errorf("from here one is led to %s, want %s", name, here)
	}
	servers, names := map[string]map[string]bool{}, map[string]map[string]bool{}
	for name, conns := range st.conns {
		for _, c := range conns {
			if servers[c.IP] == nil {
				servers[c.IP], names[c.IP] = map[string]bool{}, map[string]bool{}
			}
			servers[c.IP][name], names[c.IP][c.Name] = true, true
		}
	}
	if len(servers) != 8 {
		t.Errorf("%d source addresses", len(servers))
	}
	for ip := range servers {
		if len(servers[ip]) != 1 || len(names[ip]) != 5 {
			t.Errorf("%s: servers %v, names %v", ip, slices.Collect(maps.Keys(servers[ip])), slices.Collect(maps.Keys(names[ip])))
		}
	}
}

func types(t *testing.T, st *stage, want string, n int) {
	t.Helper()
	have := 0
	for _, c := range st.conns["C1-n1"] {
		if c.Type == want {
			have++
		}
	}
	if have != n {
		t.Errorf("%d connections of type %s, want %d", have, want, n)
	}
}

func full(t *testing.T, st *stage) {
	t.Helper()
	for _, srv := range st.Servers()[1:] {
		if v, err := srv.Embedded().Varz(nil); err != nil || v.Connections < v.MaxConn {
			t.Errorf("%s: %v, %d of %d connections", srv.Name(), err, v.Connections, v.MaxConn)
		}
	}
}

// TestStageCleansUpOnError is not parallel, so that what it sees is its own.
func TestStageCleansUpOnError(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := goleak.IgnoreCurrent()
	s, _ := lab.FindScenario("single-url-in-files")
	setup := s.Setup
	var addr string
	s.Setup = func(ctx context.Context, st *lab.Stage) error {
		addr = st.Servers()[0].Addr()
		if err := setup(ctx, st); err != nil {
			return err
		}
		return errors.New("out of luck")
	}
	st, err := lab.StartStage(within(t), s)
	if st != nil || err == nil || !strings.Contains(err.Error(), "single-url-in-files: out of luck") {
		t.Errorf("%v, %v", st, err)
	}
	checkRefused(t, addr)
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
	goleak.VerifyNone(t, before)
	// This one waits for other servers to start, so that the last interrupts it
	// when clients and names are there.
	if s, _ = lab.FindScenario("rotating-dns-restart"); runtime.GOOS != "linux" {
		return
	}
	setup = s.Setup
	s.Setup = func(ctx context.Context, st *lab.Stage) error {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		return setup(ctx, st)
	}
	if st, err := lab.StartStage(within(t), s); st != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", st, err)
	}
	goleak.VerifyNone(t, before)
}
