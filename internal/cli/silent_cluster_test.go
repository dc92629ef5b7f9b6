package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestClusterThatWasKilledIsCountedOnce kills a whole cluster, to which the servers of
// another have a gateway configured. These count its servers for some minutes, and the
// addresses of its servers refuse: each server counts once, however it is known of, and
// the cluster is named.
func TestClusterThatWasKilledIsCountedOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const each = 2 // servers of a cluster
	var gateways, monitors []string
	for range 2 * each {
		gateways = append(gateways, sourcetest.ClosedPort(t).String())
		monitors = append(monitors, sourcetest.ClosedPort(t).String())
	}
	start := func(name string, first int, remote string) *tool.ProcessCluster {
		c, err := tool.StartProcessClusterCalled(ctx, name, each, []string{"ORDERS"}, func(i int) string {
			return fmt.Sprintf("http: %q\ngateway { name: %s, listen: %q, gateways: [%s] }", monitors[first+i], name, gateways[first+i], remote)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Stop)
		return c
	}
	b := start("B", each, "")
	a := start("A", 0, fmt.Sprintf(`{ name: B, urls: ["nats://%s"] }`, strings.Join(gateways[each:], `", "nats://`)))
	waitCounted(t, a, 2*each)
	one := a.SystemURL()
	urls := func(account string) string {
		var all []string
		for _, p := range append(a.Processes(), b.Processes()...) {
			all = append(all, p.URL(account))
		}
		return strings.Join(all, ",")
	}
	all, own := urls(lab.SystemAccount), urls("ORDERS")
	earlier := func(name, urls string) string {
		path := filepath.Join(t.TempDir(), name)
		_, doc, text := auditProcesses(t, urls)
		if !doc.Coverage.Complete {
			t.Fatalf("before: %s", text)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	baseline, ownBaseline := earlier("system.json", one), earlier("account.json", own)
	for _, p := range b.Processes() {
		p.Kill()
	}
	type want struct {
		what     string
		args     []string
		expected int // servers
		perhaps  int // addresses that may be those of servers that are named
	}
	check := func(stage string, cases []want) {
		t.Run(stage, func(t *testing.T) {
			audits := sideBySide(t.Context(), len(cases), func(i int) []string {
				return append([]string{"audit", "concentration", "--no-context", "--timeout", "5s", "--no-causes", "--json"}, cases[i].args...)
			})
			for i, c := range cases {
				t.Run(c.what, func(t *testing.T) {
					var doc report.Document
					if err := json.Unmarshal([]byte(audits[i].out), &doc); err != nil || audits[i].status != ExitNotAudited {
						t.Fatalf("status %d, %v: %s", audits[i].status, err, audits[i].errs)
					}
					if got := doc.Coverage; got.ServersExpected != c.expected || got.ServersAnswered != each || len(got.Missing) != c.expected-each+c.perhaps || doc.Coverage.Complete {
						t.Errorf("%d of %d servers, missing %+v; want %d", got.ServersAnswered, got.ServersExpected, got.Missing, c.expected)
					}
					if partly := slices.Contains(c.args, "--allow-partial"); (doc.Outcome == string(checks.OutcomeIncomplete)) == partly {
						t.Errorf("outcome %s", doc.Outcome)
					}
					said := slices.DeleteFunc(slices.Clone(doc.Coverage.Missing), func(m report.Missing) bool {
						return !strings.HasPrefix(m.Reason, "perhaps one of B-n1, B-n2")
					})
					if len(said) != c.perhaps {
						t.Errorf("%d addresses are perhaps one of B-n1, B-n2, want %d: %+v", len(said), c.perhaps, doc.Coverage.Missing)
					}
					if doc.Source.Kind != "account" && !slices.ContainsFunc(doc.Coverage.Missing, func(m report.Missing) bool {
						return m.Cluster != nil && *m.Cluster == "B" || strings.HasPrefix(m.Reason, "perhaps of B, of which no server answered: ")
					}) {
						t.Errorf("none says that it may be of B: %+v", doc.Coverage.Missing)
					}
				})
			}
		})
	}
	monitoring := []string{"--monitor", "http://" + strings.Join(monitors, ",http://")}
	with := func(urls string, more ...string) []string { return append([]string{"--server", urls}, more...) }
	check("at once", []want{
		{"one URL", with(one), 2 * each, 0},
		{"all URLs", with(all), 2 * each, 0},
		{"of A", with(one, "--cluster", "A"), 2 * each, 0},
		{"of B", with(one, "--cluster", "B"), 2 * each, 0},
		{"partly", with(one, "--allow-partial"), 2 * each, 0},
		{"by number", with(one, "--expect-servers", strconv.Itoa(2*each)), 2 * each, 0},
		{"by name", with(one, "--expect-servers", "B-n1,B-n2"), 2 * each, 0},
		{"monitoring", monitoring, 2 * each, 0},
		{"all URLs and a baseline", with(all, "--baseline", baseline), 2 * each, each},
	})
	for _, p := range a.Processes() { // who forget it
		p.Kill()
	}
	for _, p := range a.Processes() {
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	waitCounted(t, a, each)
	check("forgotten", []want{
		{"one URL", with(one), each + 1, 0}, // how many it had nobody knows
		{"all URLs", with(all), 2 * each, 0},
		{"by number", with(one, "--expect-servers", strconv.Itoa(2*each)), 2 * each, 0},
		{"by name", with(one, "--expect-servers", "B-n1,B-n2"), 2 * each, 0},
		{"monitoring", monitoring, 2 * each, 0},
		{"a baseline", with(one, "--baseline", baseline), 2 * each, 0},
		{"all URLs and a baseline", with(all, "--baseline", baseline), 2 * each, each},
		{"of A", with(all, "--baseline", baseline, "--cluster", "A"), 2 * each, each},
		{"not connected to", with(all, "--baseline", baseline, "--no-probe"), 2 * each, 2},
		{"a baseline and a larger number", with(all, "--baseline", baseline, "--expect-servers", strconv.Itoa(2*each+1)), 2*each + 1, each},
		{"monitoring and a baseline", append([]string{"--baseline", baseline}, monitoring...), 2 * each, 0},
		{"an ordinary account", with(own), 2 * each, 0},
		{"an ordinary account and a baseline", with(own, "--baseline", ownBaseline), 2 * each, each},
	})
	var out, errs watched
	runHere(t.Context(), &out, &errs, "audit", "concentration", "--no-context", "--timeout", "5s", "--no-causes", "--server", all, "--baseline", baseline)
	said := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"2 of 4 servers did not report", "B-n1 and B-n2 in B, each: in the baseline of ", "each: perhaps one of B-n1, B-n2: nobody listens there"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}
