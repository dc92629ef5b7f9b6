package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// judged is what is read of a document.
type judged struct {
	Outcome  string
	Coverage struct {
		Complete bool
		Missing  []struct {
			Server struct{ Name string }
			Reason string
		}
	}
	Findings []struct {
		OnServer    int `json:"on_server"`
		Connections int
	}
}

func auditProcesses(t *testing.T, urls string, args ...string) (int, judged, string) {
	t.Helper()
	var out, errs watched
	status := runHere(t.Context(), &out, &errs, concentrationArgs(urls, args...)...)
	return status, readJudged(t, out.String()), out.String() + errs.String()
}

func concentrationArgs(urls string, args ...string) []string {
	return append([]string{"audit", "concentration", "--no-context", "--server", urls, "--timeout", "5s", "--no-causes", "--json"}, args...)
}

// oneAudit is what a run of the program gave.
type oneAudit struct {
	status    int
	out, errs string
}

// sideBySide runs the program with several arguments, a few at a time. It does not wait
// for a turn among parallel tests: peers forget a dead server within minutes.
func sideBySide(ctx context.Context, n int, args func(i int) []string) []oneAudit {
	const most = 4
	all, turn := make([]oneAudit, n), make(chan struct{}, most)
	var done sync.WaitGroup
	for i := range all {
		turn <- struct{}{}
		done.Go(func() {
			defer func() { <-turn }()
			var out, errs watched
			status := runHere(ctx, &out, &errs, args(i)...)
			all[i] = oneAudit{status, out.String(), errs.String()}
		})
	}
	done.Wait()
	return all
}

// waitCounted waits until the servers that answer count so many.
func waitCounted(t *testing.T, c *tool.ProcessCluster, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := c.WaitCounted(ctx, n); err != nil {
		t.Fatal(err)
	}
}

// readJudged reads a document, if there is one.
func readJudged(t *testing.T, text string) (doc judged) {
	t.Helper()
	if text == "" {
		return doc
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func (a judged) reasons() string {
	var out []string
	for _, m := range a.Coverage.Missing {
		out = append(out, m.Server.Name+": "+m.Reason)
	}
	return strings.Join(out, "; ")
}

// A server that was killed, at once and after its peers have forgotten it: what
// is left of its cluster is a finding where that is certain, and never a pass.
func TestServerThatDied(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c, err := tool.StartProcessCluster(ctx, 3, []string{"ORDERS", "EVEN"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	n := c.Processes()
	baseline := filepath.Join(t.TempDir(), "earlier.json")
	status, _, text := auditProcesses(t, n[0].URL(lab.SystemAccount))
	if status != ExitPass {
		t.Fatalf("before: status %d, %s", status, text)
	}
	if err := os.WriteFile(baseline, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	one := n[0].URL(lab.SystemAccount)
	all := one + "," + n[1].URL(lab.SystemAccount) + "," + n[2].URL(lab.SystemAccount)
	var clients []*nats.Conn
	connect := func(account string, on ...int) {
		for i, many := range on {
			for range many {
				nc, err := nats.Connect(n[i].URL(account))
				if err != nil {
					t.Fatal(err)
				}
				clients = append(clients, nc)
			}
		}
	}
	type want struct {
		what, urls string
		args       []string
		status     int
		reason     string
	}
	check := func(stage string, cases []want) {
		t.Run(stage, func(t *testing.T) {
			audits := sideBySide(t.Context(), len(cases), func(i int) []string { return concentrationArgs(cases[i].urls, cases[i].args...) })
			for i, c := range cases {
				t.Run(c.what, func(t *testing.T) {
					status, doc, text := audits[i].status, readJudged(t, audits[i].out), audits[i].out+audits[i].errs
					if status != c.status || !strings.Contains(doc.reasons(), c.reason) || doc.Coverage.Complete {
						t.Errorf("status %d, want %d; missing %q, want %q; %s", status, c.status, doc.reasons(), c.reason, text[:min(len(text), 300)])
					}
					if c.status == ExitFinding && (len(doc.Findings) != 1 || doc.Findings[0].OnServer != 17 || doc.Findings[0].Connections != 17) {
						t.Errorf("findings %+v", doc.Findings)
					}
				})
			}
		})
	}
	// Before it died it had clients, of which nothing is left.
	n[2].Kill()
	connect("ORDERS", 17)
	connect("EVEN", 6, 6)
	check("at once", []want{
		{"one URL", one, nil, ExitNotAudited, "counts 3 servers"},
		{"one URL, partly", one, []string{"--allow-partial"}, ExitFinding, "counts 3 servers"},
		{"all URLs", all, nil, ExitNotAudited, "counts 3 servers"},
		{"all URLs, partly", all, []string{"--allow-partial"}, ExitFinding, "counts 3 servers"},
		{"all URLs, not probed", all, []string{"--no-probe"}, ExitNotAudited, "counts 3 servers"},
		{"all URLs and a baseline", all, []string{"--baseline", baseline}, ExitNotAudited, "P-n3: in the baseline of "},
		{"nothing is found", all, []string{"--account", "EVEN"}, ExitNotAudited, "counts 3 servers"},
	})
	for _, nc := range clients {
		nc.Close()
	}
	for _, p := range n[:2] { // who forget it
		p.Kill()
	}
	for _, p := range n[:2] {
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	waitCounted(t, c, 2)
	connect("ORDERS", 17)
	connect("EVEN", 6, 6)
	check("forgotten", []want{
		{"what the others have configured", one, nil, ExitNotAudited, "have routes configured to 3 addresses, but only 2 servers are known"},
		{"the same, partly", one, []string{"--allow-partial"}, ExitFinding, "pass --expect-servers 2 if no more are meant to be"},
		{"a baseline", one, []string{"--baseline", baseline}, ExitNotAudited, "P-n3: in the baseline of "},
		{"a baseline, partly", one, []string{"--baseline", baseline, "--allow-partial"}, ExitFinding, "P-n3: in the baseline of "},
		{"a number", one, []string{"--expect-servers", "3"}, ExitNotAudited, "3 servers are expected"},
		{"a number, partly", one, []string{"--expect-servers", "3", "--allow-partial"}, ExitFinding, "3 servers are expected"},
		{"a larger number", one, []string{"--expect-servers", "4"}, ExitNotAudited, "4 servers are expected, but those that answered know of 3 only"},
		{"names", one, []string{"--expect-servers", "P-n1,P-n2,P-n3"}, ExitNotAudited, "P-n3: expected by name"},
		{"all URLs", all, nil, ExitNotAudited, "3 addresses"},
		{"all URLs, partly", all, []string{"--allow-partial"}, ExitFinding, "3 addresses"},
		{"all URLs and a baseline", all, []string{"--baseline", baseline}, ExitNotAudited, "P-n3: in the baseline of "},
		{"nothing is found", all, []string{"--account", "EVEN"}, ExitNotAudited, "3 addresses"},
	})
	// An explicit number is the operator's word, and so is a list of all names.
	for _, say := range []string{"2", "P-n1,P-n2"} {
		status, doc, text := auditProcesses(t, one, "--expect-servers", say, "--baseline", baseline)
		if !strings.Contains(text, "not here: P-n3; --expect-servers") {
			t.Errorf("--expect-servers %s: no note of what the baseline has: %s", say, text)
		}
		if status != ExitNotAudited || !doc.Coverage.Complete || doc.Outcome != string(checks.OutcomeNotJudged) {
			t.Errorf("--expect-servers %s: status %d, missing %q; %s", say, status, doc.reasons(), text[:min(len(text), 300)])
		}
	}
	for _, nc := range clients {
		nc.Close()
	}
	status, _, text = auditProcesses(t, n[0].URL("ORDERS"), "--require-system")
	if status != ExitNotAudited || !strings.Contains(text, `of account "ORDERS", not of the system account`) || strings.Contains(text, "\n") {
		t.Errorf("--require-system with ordinary credentials: %d, %s", status, text)
	}
	var out, errs watched
	if status := runHere(t.Context(), &out, &errs, "rebalance", "--no-context", "--server", one, "--account", lab.SystemAccount); status != ExitNotAudited ||
		!strings.Contains(errs.String(), "is the system account") {
		t.Errorf("rebalance of the system account: %d, %s%s", status, out.String(), errs.String())
	}
}
