package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// dumped is a service of TestDumpOfEightServices: its pods, and why they are
// where they are.
type dumped struct {
	account, workload string
	pods              func(i int) string // the name of a connection
	urls              []string
	inOrder           bool
	cause, verdict    string
	// says is in the evidence.
	says string
}

// TestDumpOfEightServices passes what kubectl writes about eight services of a
// real cluster, each of which is on one server for another reason.
func TestDumpOfEightServices(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	ctx := sourcetest.Within(t)
	l := startScenario(t, lab.Scenario{Topology: lab.Topology{DistinctAddresses: true, Accounts: []string{"SHOP", "PAY", "LOGISTICS", "FINANCE", "REPORTS", "LOGS", "IOT", "WEB"},
		Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Late: []int{1, 2}, WebSocket: true, Configure: func(i int, o *server.Options) {
			if i > 0 {
				o.Websocket = server.WebsocketOpts{}
			}
		}}}}})
	if l == nil {
		t.FailNow()
	}
	servers := l.Servers()
	n1, port := servers[0], servers[0].Port()
	var all []string
	for _, s := range servers {
		all = append(all, s.ClientURL())
	}
	dns, err := lab.StartDNS(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dns.Stop)
	if err := dns.Set("nats.example", lab.DNSRecord{Addresses: []string{n1.Host()}, TTL: 60}); err != nil {
		t.Fatal(err)
	}
	balancer, err := lab.StartBalancer(ctx, lab.BalancerConfig{Mode: lab.OnlyFirst, Backends: []string{servers[0].Addr(), servers[1].Addr(), servers[2].Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(balancer.Stop)
	// The list has all three; only the first listens there.
	_, webSocket, _ := strings.Cut(n1.WebSocketURL("IOT"), "@")
	var browsers []string
	for _, s := range servers {
		browsers = append(browsers, "ws://"+strings.Replace(webSocket, n1.Host(), s.Host(), 1))
	}

	const letters = "bcdfghjklmnpqrstvwxz2456"
	deployed := func(name string) func(int) string {
		return func(i int) string { return fmt.Sprintf("%s-7f9c6d5b8-x2x9%c", name, letters[i]) }
	}
	numbered := func(name string) func(int) string { return func(i int) string { return fmt.Sprintf("%s-%d", name, i) } }
	services := []dumped{
		{"LOGISTICS", "shipping", deployed("shipping"), all, false, "restart-drift", "likely", "started"},
		{"SHOP", "orders-api", deployed("orders-api"), all[:1], false, "single-url", "confirmed", "Deployment shop/orders-api, env NATS_URL"},
		{"PAY", "payments", deployed("payments"), all, true, "ordered-connect", "likely", "Deployment shop/payments"},
		{"FINANCE", "ledger", numbered("ledger"), []string{fmt.Sprintf("nats://nats.example:%d", port)}, false, "single-address-dns", "confirmed", "nats.example"},
		{"REPORTS", "nightly-report", func(i int) string { return fmt.Sprintf("nightly-report-29381220-x2x9%c", letters[i]) }, []string{servers[1].ClientURL()}, false, "single-url", "confirmed", "CronJob finance/nightly-report"},
		{"LOGS", "fluent-bit", func(i int) string { return fmt.Sprintf("fluent-bit-x2x9%c", letters[i]) }, []string{"nats://" + balancer.Addr()}, false, "sticky-load-balancer", "likely", "DaemonSet logging/fluent-bit"},
		{"IOT", "telemetry-gateway", deployed("telemetry-gateway"), browsers, false, "listener-gap", "confirmed", "WebSocket"},
		{"WEB", "dashboard", deployed("dashboard"), all[:1], false, "", "", ""}, // its Secret is not in the dump
	}
	for i, s := range services {
		for k := range 18 {
			if _, err := l.Connect(ctx, lab.Clients{Account: s.account, URLs: s.urls, Count: 1, Name: s.pods(k), NoRandomize: s.inOrder, Resolver: dns.Resolver(), Source: fmt.Sprintf("127.50.%d.%d", 1+k%3, 10+i)}); err != nil {
				t.Fatalf("%s: %v", s.workload, err)
			}
		}
		if i == 0 { // the others come when all are up
			later(t)
			for _, s := range servers[1:] {
				if err := s.Start(ctx); err != nil {
					t.Fatal(err)
				}
			}
			logIn(t, l, s.account)
			later(t)
		}
	}
	const secret = "s3cr3t-pw-zq"
	raw, err := os.ReadFile(filepath.Join("testdata", "dump.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	base64URL := strings.Replace(n1.ClientURL(), "nats://", "nats://SHOP:"+secret+"@", 1)
	dump := strings.NewReplacer("@ORDERS_URL@", base64.StdEncoding.EncodeToString([]byte(base64URL)), "@ALL@", strings.Join(all, ","), "@SEMICOLONS@", strings.ReplaceAll(strings.Join(all, ";"), "nats://", ""),
		"@PORT@", fmt.Sprint(port), "@N2HOST@", servers[1].Host(), "@LB_HOST@", strings.Split(balancer.Addr(), ":")[0], "@LB_PORT@", strings.Split(balancer.Addr(), ":")[1],
		"@WS@", strings.Join(browsers, ","), "@SECRET@", secret).Replace(string(raw))
	path := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(path, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--server", l.SystemURL(), "--client-config", path, "--resolver", dns.Addr()}

	doc := documentOf(t, ExitFinding, args...)
	for _, s := range services {
		at := slices.IndexFunc(doc.Findings, func(f report.Finding) bool { return f.Account.Name == s.account })
		if at < 0 {
			t.Errorf("%s is not a finding", s.account)
			continue
		}
		f := doc.Findings[at]
		if got := f.Services[0]; *got.Name != s.workload || !got.Concentrated {
			t.Errorf("%s: service %q, not %q", s.account, *got.Name, s.workload)
		}
		first := f.Causes[0]
		said := ""
		for _, e := range first.Evidence {
			said += e.Source + ": " + e.Text + "\n"
		}
		switch {
		case s.cause == "" && (first.Verdict == string(cause.Confirmed) || first.Verdict == string(cause.Likely)):
			t.Errorf("%s: %s is %s, where its list is not known", s.workload, first.Code, first.Verdict)
		case s.cause != "" && (first.Code != s.cause || first.Verdict != s.verdict):
			t.Errorf("%s: %s is %s: %s", s.workload, first.Code, first.Verdict, said)
		case !strings.Contains(said, s.says):
			t.Errorf("%s: %q is not in the evidence: %s", s.workload, s.says, said)
		}
	}
	const missing = "NATS_URL of Deployment shop/dashboard comes from Secret dashboard-nats, which is not in the input"
	if !slices.ContainsFunc(doc.Warnings, func(w string) bool { return strings.Contains(w, missing) }) {
		t.Errorf("warnings %q", doc.Warnings)
	}
	for _, format := range report.Formats() {
		for _, more := range [][]string{{"--format", format}, {"--format", format, "--all"}} {
			var out, errs bytes.Buffer
			Run(slices.Concat([]string{"audit", "concentration"}, args, more), &out, &errs)
			for _, hidden := range []string{secret, base64.StdEncoding.EncodeToString([]byte(base64URL))} {
				if strings.Contains(out.String()+errs.String(), hidden) {
					t.Errorf("%s shows %q, which only a Secret has", format, hidden)
				}
			}
		}
	}
}

// later is a time that clocks which are compared over the network can tell.
func later(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(250 * time.Millisecond):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
