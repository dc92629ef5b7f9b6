package gather

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
)

// long is a time-out that no test waits for; brief is one that it does: asked
// again after 2 s, given up after 4 s; patient is one for what is all there
// once it was asked for again, after 4 s of 8. Both leave a busy machine time.
const (
	long    = 30 * time.Second
	brief   = 5 * time.Second
	patient = 2 * brief
)

// TestMain makes sure that nothing is left running. A fuzzing engine has
// goroutines of its own. Tests mostly wait, so that more of them than there are
// processors run at a time.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(m.Run())
	}
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", "12") // a number it is
	}
	goleak.VerifyTestMain(m)
}

// within bounds a test: generous, because machines that run tests are busy.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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

// clients connects plain clients of an account to servers: "C1-n1" → how many.
func clients(t testing.TB, l *lab.Lab, account string, on map[string]int) {
	t.Helper()
	for name, n := range on {
		if n == 0 {
			continue
		}
		if _, err := l.Connect(within(t), lab.Clients{Account: account, Server: l.Server(name), Count: n}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.WaitCounts(within(t), account, on); err != nil {
		t.Fatal(err)
	}
}

func connect(t testing.TB, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	options = append([]nats.Option{
		nats.Timeout(long), nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// audit gathers and makes sure that the model makes sense in itself.
func audit(t testing.TB, nc *nats.Conn, o Options) *checks.Deployment {
	t.Helper()
	started := time.Now()
	d, err := System(within(t), nc, o)
	if err != nil {
		t.Fatalf("System: %v", err)
	}
	if took := time.Since(started); took > o.Timeout+500*time.Millisecond {
		t.Errorf("it took %s with a time-out of %s", took, o.Timeout)
	}
	makesSense(t, d)
	return d
}

// auditAll gathers from servers that all answer: as soon as they have, it is
// done, and has nothing to remark.
func auditAll(t testing.TB, nc *nats.Conn, servers int) *checks.Deployment {
	t.Helper()
	started := time.Now()
	d := audit(t, nc, Options{Timeout: long})
	if took := time.Since(started); took > long/2 {
		t.Errorf("all answered, and still it took %s", took)
	}
	complete(t, d, servers)
	if len(d.Notes) > 0 {
		t.Errorf("notes %q, want none", d.Notes)
	}
	return d
}

// complete checks that all of n servers reported.
func complete(t testing.TB, d *checks.Deployment, n int) {
	t.Helper()
	if len(d.Servers) != n || d.Expected != n || len(d.Missing) > 0 {
		t.Errorf("%d servers of %d expected, missing %s; want all of %d", len(d.Servers), d.Expected, showMissing(d), n)
	}
}

// makesSense checks what holds of every model.
func makesSense(t testing.TB, d *checks.Deployment) {
	t.Helper()
	expected := d.Expected
	for _, m := range d.Missing {
		if strings.Contains(m.Reason, "may have gone unnoticed") { // none is known of
			expected++
		}
	}
	if len(d.Servers)+len(d.Missing) != expected {
		t.Errorf("%d servers and %d missing are not the %d expected: one is lost, or counted twice",
			len(d.Servers), len(d.Missing), d.Expected)
	}
	ids := map[string]bool{}
	for _, a := range d.Accounts {
		if a.ID == "" || a.Name == "" || ids[a.ID] {
			t.Errorf("account %+v has no id or name, or is there twice", a)
		}
		ids[a.ID] = true
	}
	known := map[string]bool{}
	for _, s := range d.Servers {
		if s.ID == "" || known[s.ID] {
			t.Errorf("server %q has no id, or is there twice", s.Name)
		}
		known[s.ID] = true
		seen := map[uint32]bool{}
		for _, u := range s.Usage {
			switch {
			case int(u.Account) >= len(d.Accounts):
				t.Errorf("server %s has an account %d of %d", s.Name, u.Account, len(d.Accounts))
			case seen[u.Account]:
				t.Errorf("server %s has account %s twice", s.Name, d.Accounts[u.Account].ID)
			case u.Connections == 0 && u.Leafnodes == 0:
				t.Errorf("server %s has nothing of account %s, and says so", s.Name, d.Accounts[u.Account].ID)
			}
			seen[u.Account] = true
		}
	}
	for _, m := range d.Missing {
		if m.Reason == "" || m.ID != "" && known[m.ID] {
			t.Errorf("missing %+v: no reason, or a server that reported", m)
		}
	}
	if !slices.IsSorted(d.Notes) {
		t.Errorf("notes are in no order: %q", d.Notes)
	}
}

// path names a server, as lab.Server finds it.
func path(cluster, name string) string {
	if cluster == "" {
		return name
	}
	return cluster + "/" + name
}

// connections is what each server has of an account, zeros included.
func connections(d *checks.Deployment, account string) map[string]int {
	return tally(d, account, func(u checks.Usage) uint32 { return u.Connections })
}

func leafs(d *checks.Deployment, account string) map[string]int {
	return tally(d, account, func(u checks.Usage) uint32 { return u.Leafnodes })
}

func tally(d *checks.Deployment, account string, of func(checks.Usage) uint32) map[string]int {
	out := map[string]int{}
	for _, s := range d.Servers {
		n := 0
		for _, u := range s.Usage {
			if d.Accounts[u.Account].ID == account {
				n += int(of(u))
			}
		}
		out[path(s.Cluster, s.Name)] += n
	}
	return out
}

func serverOf(d *checks.Deployment, name string) *checks.Server {
	for i := range d.Servers {
		if d.Servers[i].Name == name {
			return &d.Servers[i]
		}
	}
	return nil
}

func systemAccounts(d *checks.Deployment) []string {
	var out []string
	for _, a := range d.Accounts {
		if a.System {
			out = append(out, a.ID)
		}
	}
	return out
}

func showMissing(d *checks.Deployment) string {
	var out []string
	for _, m := range d.Missing {
		s := fmt.Sprintf("%s: %s", path(m.Cluster, m.Name), m.Reason)
		if m.Bound != nil {
			s += fmt.Sprintf(" (at most %d)", *m.Bound)
		}
		out = append(out, s)
	}
	return fmt.Sprintf("%d %q", len(out), out)
}

// onlyMissing checks that exactly one server is missing, and returns it.
func onlyMissing(t testing.TB, d *checks.Deployment, cluster, name string, reason ...string) checks.Missing {
	t.Helper()
	if len(d.Missing) != 1 {
		t.Fatalf("missing %s; want one, %s", showMissing(d), path(cluster, name))
	}
	m := d.Missing[0]
	has := func(part string) bool { return strings.Contains(m.Reason, part) }
	if m.Name != name || m.Cluster != cluster || !m.ClusterKnown || slices.ContainsFunc(reason, func(part string) bool { return !has(part) }) {
		t.Errorf("missing %s; want %s: %q", showMissing(d), path(cluster, name), reason)
	}
	return m
}

// noted checks that there is exactly one note with this in it.
func noted(t testing.TB, d *checks.Deployment, text string) {
	t.Helper()
	if n := countNotes(d, text); n != 1 {
		t.Errorf("%d notes with %q, want one: %q", n, text, d.Notes)
	}
}

func countNotes(d *checks.Deployment, text string) int {
	n := 0
	for _, note := range d.Notes {
		if strings.Contains(note, text) {
			n++
		}
	}
	return n
}
