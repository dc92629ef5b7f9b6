package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
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
	if err := a.WaitCounted(ctx, 2*each); err != nil {
		t.Fatal(err)
	}
	one, all := a.SystemURL(), ""
	for _, p := range append(a.Processes(), b.Processes()...) {
		all += "," + p.URL(lab.SystemAccount)
	}
	all = all[1:]
	for _, p := range b.Processes() {
		p.Kill()
	}
	type want struct {
		what     string
		args     []string
		expected int // servers, or as many at most
	}
	check := func(stage string, cases []want) {
		t.Run(stage, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.what, func(t *testing.T) {
					t.Parallel()
					var out, errs watched
					status := runHere(t.Context(), &out, &errs, append([]string{"audit", "concentration", "--no-context", "--timeout", "5s", "--no-causes", "--json"}, c.args...)...)
					var doc report.Document
					if err := json.Unmarshal([]byte(out.String()), &doc); err != nil || status != ExitNotAudited {
						t.Fatalf("status %d, %v: %s", status, err, errs.String())
					}
					if got := doc.Coverage; got.ServersExpected != c.expected || got.ServersAnswered != each || len(got.Missing) != c.expected-each {
						t.Errorf("%d of %d servers, missing %+v; want %d", got.ServersAnswered, got.ServersExpected, got.Missing, c.expected)
					}
					if !slices.ContainsFunc(doc.Coverage.Missing, func(m report.Missing) bool {
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
		{"one URL", with(one), 2 * each},
		{"all URLs", with(all), 2 * each},
		{"of A", with(one, "--cluster", "A"), 2 * each},
		{"of B", with(one, "--cluster", "B"), 2 * each},
		{"partly", with(one, "--allow-partial"), 2 * each},
		{"by number", with(one, "--expect-servers", strconv.Itoa(2*each)), 2 * each},
		{"by name", with(one, "--expect-servers", "B-n1,B-n2"), 2 * each},
		{"monitoring", monitoring, 2 * each},
	})
	for _, p := range a.Processes() { // who forget it
		p.Kill()
	}
	for _, p := range a.Processes() {
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.WaitCounted(ctx, each); err != nil {
		t.Fatal(err)
	}
	check("forgotten", []want{
		{"one URL", with(one), each + 1}, // how many it had nobody knows
		{"all URLs", with(all), 2 * each},
		{"by number", with(one, "--expect-servers", strconv.Itoa(2*each)), 2 * each},
		{"by name", with(one, "--expect-servers", "B-n1,B-n2"), 2 * each},
		{"monitoring", monitoring, 2 * each},
	})
}
