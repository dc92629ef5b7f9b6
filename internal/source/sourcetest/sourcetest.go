// Package sourcetest is what the tests of the sources have in common: clusters,
// servers that answer what a test wants, and what holds of every model. It is
// not linked into the command.
package sourcetest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
)

// Long is a time-out that no test waits for.
const Long = 30 * time.Second

// Brief is a time-out that a test waits for: asked again after 2 s, given up after
// 4 s, and later where others keep the machine busy.
func Brief() time.Duration { return time.Duration(slowness() * float64(5*time.Second)) }

// Patient is one for what is all there once it was asked for again, after 4 s of 8.
func Patient() time.Duration { return 2 * Brief() }

// slowness is how much longer things take than where these tests run alone, from 1 to
// 4, by the processes that waited for each processor when the first test asked.
var slowness = sync.OnceValue(func() float64 { //nolint:gochecknoglobals // one value for all tests of a process
	least := 1.0
	if RaceDetector {
		least = 2
	}
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return least // not Linux
	}
	waiting, err := strconv.ParseFloat(string(bytes.Fields(text)[0]), 64)
	if err != nil {
		return least
	}
	const alone = 1.5 // the tests of one package on two processors
	return min(max(least, waiting/float64(runtime.NumCPU())/alone), 4)
})

// SideBySide has more tests run at a time than there are processors, because they
// mostly wait. What is passed as -parallel is kept.
func SideBySide(tests int) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", strconv.Itoa(tests)) // a number it is
	}
}

// Main runs the tests of a package side by side and makes sure that nothing is
// left running. A fuzzing engine has goroutines of its own.
func Main(m *testing.M) {
	tests := 24
	if RaceDetector { // it takes the processors several times as long
		tests = 8
	}
	SideBySide(tests)
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		m.Run()
		return
	}
	goleak.VerifyTestMain(m)
}

// Within bounds a test: generous, because machines that run tests are busy.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(slowness()*float64(2*time.Minute)))
	t.Cleanup(cancel)
	return ctx
}

// StartLab starts a deployment for the length of a test.
func StartLab(t testing.TB, topology lab.Topology) *lab.Lab {
	t.Helper()
	l, err := lab.Start(Within(t), topology)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l
}

// Three is a cluster C1 of three servers.
func Three(accounts ...string) lab.Topology {
	return lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: accounts}
}

// Clients connects plain clients of an account to servers: "C1-n1" → how many.
func Clients(t testing.TB, l *lab.Lab, account string, on map[string]int) {
	t.Helper()
	for name, n := range on {
		if n == 0 {
			continue
		}
		if _, err := l.Connect(Within(t), lab.Clients{Account: account, Server: l.Server(name), Count: n}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.WaitCounts(Within(t), account, on); err != nil {
		t.Fatal(err)
	}
}

// Connect connects for the length of a test.
func Connect(t testing.TB, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	options = append([]nats.Option{
		nats.Timeout(Long), nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// Complete checks that all of n servers reported.
func Complete(t testing.TB, d *checks.Deployment, n int) {
	t.Helper()
	if len(d.Servers) != n || d.Expected != n || len(d.Missing) > 0 {
		t.Errorf("%d servers of %d expected, missing %s; want all of %d", len(d.Servers), d.Expected, ShowMissing(d), n)
	}
}

// MakesSense checks what holds of every model.
func MakesSense(t testing.TB, d *checks.Deployment) {
	t.Helper()
	expected := d.Expected
	for i := range d.Missing {
		if d.Missing[i].Unlisted() { // it is not expected
			expected++
		}
	}
	if len(d.Servers)+d.Absent() != expected {
		t.Errorf("%d servers and %d missing are not the %d expected: one is lost, or counted twice",
			len(d.Servers), d.Absent(), d.Expected)
	}
	ids := map[string]bool{}
	for _, a := range d.Accounts {
		if a.ID == "$SYS" && !a.System {
			t.Errorf("account %s is the system account, and the model does not say so", a.ID)
		}
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

// Path names a server, as lab.Server finds it.
func Path(cluster, name string) string {
	if cluster == "" {
		return name
	}
	return cluster + "/" + name
}

// Connections is what each server has of an account, zeros included.
func Connections(d *checks.Deployment, account string) map[string]int {
	return tally(d, account, func(u checks.Usage) uint32 { return u.Connections })
}

// Leafnodes is what each server has of an account, zeros included.
func Leafnodes(d *checks.Deployment, account string) map[string]int {
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
		out[Path(s.Cluster, s.Name)] += n
	}
	return out
}

// ServerOf finds a server by name; nil where there is none.
func ServerOf(d *checks.Deployment, name string) *checks.Server {
	for i := range d.Servers {
		if d.Servers[i].Name == name {
			return &d.Servers[i]
		}
	}
	return nil
}

// SystemAccounts are those that the model calls system accounts.
func SystemAccounts(d *checks.Deployment) []string {
	var out []string
	for _, a := range d.Accounts {
		if a.System {
			out = append(out, a.ID)
		}
	}
	return out
}

// ShowMissing says who is missing, and why.
func ShowMissing(d *checks.Deployment) string {
	var out []string
	for _, m := range d.Missing {
		s := fmt.Sprintf("%s: %s", Path(m.Cluster, m.Name), m.Reason)
		if m.Bound != nil {
			s += fmt.Sprintf(" (at most %d)", *m.Bound)
		}
		out = append(out, s)
	}
	return fmt.Sprintf("%d %q", len(out), out)
}

// OnlyMissing checks that exactly one server is missing, and returns it.
func OnlyMissing(t testing.TB, d *checks.Deployment, cluster, name string, reason ...string) checks.Missing {
	t.Helper()
	if len(d.Missing) != 1 {
		t.Fatalf("missing %s; want one, %s", ShowMissing(d), Path(cluster, name))
	}
	m := d.Missing[0]
	has := func(part string) bool { return strings.Contains(m.Reason, part) }
	if m.Name != name || m.Cluster != cluster || !m.ClusterKnown || slices.ContainsFunc(reason, func(part string) bool { return !has(part) }) {
		t.Errorf("missing %s; want %s: %q", ShowMissing(d), Path(cluster, name), reason)
	}
	return m
}

// Noted checks that there is exactly one note with this in it.
func Noted(t testing.TB, d *checks.Deployment, text string) {
	t.Helper()
	if n := CountNotes(d, text); n != 1 {
		t.Errorf("%d notes with %q, want one: %q", n, text, d.Notes)
	}
}

// CountNotes counts the notes with this in them.
func CountNotes(d *checks.Deployment, text string) int {
	n := 0
	for _, note := range d.Notes {
		if strings.Contains(note, text) {
			n++
		}
	}
	return n
}

// SensibleClock checks what is known of a clock that is the auditor's own.
func SensibleClock(t testing.TB, name string, d *checks.Details) {
	t.Helper()
	if d.Margin < time.Millisecond || d.Offset.Abs() > d.Margin {
		t.Errorf("%s: the clock is off by %s, give or take %s", name, d.Offset, d.Margin)
	}
}
