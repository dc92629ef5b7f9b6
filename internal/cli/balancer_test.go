package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestBothAuditsOfABalancer: of the same address `audit urls` and `audit
// concentration` say the same, also when the balancer has been mended and the clients
// that it brought are still where they are.
func TestBothAuditsOfABalancer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	l := startScenario(t, lab.Scenario{Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS", "BILLING"}}})
	if l == nil {
		t.FailNow()
	}
	var backends []string
	for _, s := range l.Servers() {
		backends = append(backends, s.Addr())
	}
	b, err := lab.StartBalancer(t.Context(), lab.BalancerConfig{Host: "127.0.9.4", Mode: lab.OnlyFirst, Backends: backends})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	url := "nats://" + b.Addr()
	for _, account := range []string{"ORDERS", "BILLING"} {
		if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: account, URLs: []string{url}, Count: 12, Name: "app"}); err != nil {
			t.Fatal(err)
		}
		if err := l.WaitCounts(sourcetest.Within(t), account, map[string]int{"C1-n1": 12}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		mode  lab.BalancerMode
		often string // how often the address leads to the one server; empty where it does not
	}{{lab.OnlyFirst, "every time"}, {lab.NearlyFirst, "in 11 of 12 tries"}, {lab.RoundRobin, ""}} {
		b.SetMode(c.mode)
		var out, errs bytes.Buffer
		status := Run([]string{"audit", "urls", "--no-context", "--client-url", url, "--json"}, &out, &errs)
		var urls report.URLs
		if err := json.Unmarshal(out.Bytes(), &urls); err != nil {
			t.Fatalf("%v: %s", err, &errs)
		}
		if bad := strings.Contains(fmt.Sprint(urls.Lists[0].Problems), "is sticky"); bad != (c.often != "") || (status == ExitFinding) != bad {
			t.Errorf("%s: status %d, %v", c.often, status, urls.Lists[0].Problems)
		}
		doc := documentOf(t, ExitFinding, "--server", l.SystemURL(), "--client-url", url)
		said := ""
		for _, r := range doc.Findings[0].Remedies {
			said += r.Why + "\n"
		}
		if leads := strings.Contains(said, url+" leads to C1-n1"); leads != (c.often != "") || !strings.Contains(said, c.often) {
			t.Errorf("%s: %s\n%s", c.often, said, told(doc))
		}
	}
}
