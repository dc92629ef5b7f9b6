package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// loads are the connections of accounts on each server of a cluster.
func loads(l *lab.Lab, cluster string, accounts ...string) []int {
	var out []int
	for _, s := range l.Cluster(cluster) {
		n := 0
		for _, account := range accounts {
			n += s.Connections(account)
		}
		out = append(out, n)
	}
	return out
}

// TestRebalanceCluster: a server joined, and all accounts of the cluster spread
// again but the one that is accepted in the configuration, and the service that
// knows one server only.
func TestRebalanceCluster(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Late: []int{2}}}, Accounts: []string{"ORDERS", "BILLING", "STAYS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	for account, n := range map[string]int{"ORDERS": 36, "BILLING": 24} {
		if _, err := l.Connect(ctx, lab.Clients{Account: account, URLs: l.URLs("C1", account), Count: n, Name: strings.ToLower(account)}); err != nil {
			t.Fatal(err)
		}
	}
	for server, n := range map[string]int{"C1-n1": 6, "C1-n2": 6} {
		if _, err := l.Connect(ctx, lab.Clients{Account: "STAYS", Server: l.Server(server), Count: n}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Server("C1-n3").Start(ctx); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), "nats-balance.yaml")
	const accepts = "version: 1\naccepted:\n  - account: STAYS\n    cluster: C1\n    reason: moved by hand\n    expires: 2999-12-31\n"
	for limit, leaves := range map[string]bool{"    max-share: 49\n": false, "    max-share: 50\n": true} {
		if err := os.WriteFile(settings, []byte(accepts+limit), 0o600); err != nil {
			t.Fatal(err)
		}
		doc := rebalanced(t, l, generous, 0, "--cluster", "C1", "--config", settings)
		at := slices.IndexFunc(doc.Accounts, func(a report.RebalanceAccount) bool { return a.Account.ID == "STAYS" })
		if left := doc.Accounts[at].LeftOut != nil; left != leaves || slices.Contains(doc.Notes, "STAYS is not left out: it was accepted up to 49%: it has more.") == leaves {
			t.Errorf("%s: left out: %v, %q", limit, left, doc.Notes)
		}
	}
	if err := os.WriteFile(settings, []byte(accepts), 0o600); err != nil {
		t.Fatal(err)
	}
	all := []string{"ORDERS", "BILLING", "STAYS"}
	before := loads(l, "C1", all...)
	dry := rebalanced(t, l, generous, 0, "--cluster", "C1", "--config", settings)
	if dry.Outcome != "planned" || len(dry.Accounts) != 3 || dry.Plan.Excess == 0 || dry.Plan.Expected < dry.Plan.Excess || dry.Before.Connections != 72 {
		t.Errorf("%s: %+v", dry.Outcome, dry.Plan)
	}
	for _, a := range dry.Accounts {
		if left := a.LeftOut != nil; left != (a.Account.ID == "STAYS") || left && *a.LeftOut != "accepted, moved by hand" {
			t.Errorf("%+v", a)
		}
	}
	var text strings.Builder
	if err := report.RebalanceText(&text, &dry, report.Style{}); err != nil || !strings.Contains(text.String(), "3 accounts in C1") || !strings.Contains(text.String(), "Left out: STAYS (12 connections)") {
		t.Errorf("%v\n%s", err, text.String())
	}
	done := rebalanced(t, l, generous, 0, "--cluster", "C1", "--config", settings, "--canary", "5", "--batch", "6", "--rate", "100", "--apply", "--yes")
	after := loads(l, "C1", all...)
	if slices.ContainsFunc(done.Notes, func(n string) bool { return strings.Contains(n, "about ") || strings.HasPrefix(n, "The prediction") }) {
		t.Errorf("it still says what to expect: %q", done.Notes)
	}
	if done.Outcome != "balanced" || slices.Max(after) > 27 || slices.Min(after) < 21 {
		t.Errorf("%s, %+v: %v became %v", done.Outcome, done.Stop, before, after)
	}
	if done.Batches[0].Kicked > 10 {
		t.Errorf("%d canaries of two services", done.Batches[0].Kicked)
	}
	for i, s := range done.Servers {
		if s.After == nil || *s.After != after[i] {
			t.Errorf("%+v, and it has %d", s, after[i])
		}
	}
	if n := l.Server("C1-n1").Connections("STAYS"); n != 6 {
		t.Errorf("STAYS has %d on C1-n1", n)
	}
	even := rebalanced(t, l, generous, 0, "--cluster", "C1", "--config", settings)
	if even.Outcome != "nothing-to-do" {
		t.Errorf("again: %s, %+v", even.Outcome, even.Plan)
	}
}

// TestRebalanceLeavesAFinding: an account that is left out, as its clients would come
// back, is still a finding.
func TestRebalanceLeavesAFinding(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "restart-drift")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	one := st.Server("C1-n1")
	if _, err := st.Connect(ctx, lab.Clients{Account: "BILLING", Server: one, Count: 12, Name: "billing"}); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--cluster", "C1", "--apply", "--yes", "--rate", "100", "--client-url", "BILLING=" + one.ClientURL()}, st.Args...)
	doc := rebalanced(t, st.Lab, generous, 1, args...)
	at := slices.IndexFunc(doc.Accounts, func(a report.RebalanceAccount) bool { return a.Account.ID == "BILLING" })
	if doc.Outcome != "finding" || len(doc.Moves) == 0 || doc.Accounts[at].LeftOut == nil || one.Connections("BILLING") != 12 {
		t.Errorf("%s, %+v: %+v", doc.Outcome, doc.Stop, doc.Accounts)
	}
	for i, a := range doc.Accounts {
		if a.Finding != (i == at) {
			t.Errorf("%s: a finding: %v", a.Account.Name, a.Finding)
		}
	}
}

// TestRebalanceBehindABalancer: that the other servers were restarted does not make a
// balancer harmless that still leads to one, though nobody says whose list it is. The
// audit begins with the same cause.
func TestRebalanceBehindABalancer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	accounts := []string{"T1", "T2", "T3", "T4"}
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, NoAdvertise: true}}, Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	var backends []string
	for _, s := range l.Cluster("C1") {
		backends = append(backends, s.Addr())
	}
	b, err := lab.StartBalancer(ctx, lab.BalancerConfig{Host: "127.0.0.99", Mode: lab.OnlyFirst, Backends: backends})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	list := "nats://" + b.Addr()
	for _, account := range accounts {
		own := strings.Replace(list, "//", "//"+account+":"+lab.Password+"@", 1)
		if _, err := l.Connect(ctx, lab.Clients{Account: account, URLs: []string{own}, Count: 12, Name: strings.ToLower(account)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"C1-n2", "C1-n3"} {
		l.Server(name).Shutdown()
		if err := l.Server(name).Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	before := loads(l, "C1", accounts...)
	doc := rebalanced(t, l, generous, 3, "--cluster", "C1", "--client-url", list, "--apply", "--yes")
	if doc.Outcome != "refused" || len(doc.Accounts) != len(accounts) || !slices.Equal(loads(l, "C1", accounts...), before) {
		t.Errorf("%s: %+v, %+v", doc.Outcome, doc.Refusals, doc.Accounts)
	}
	var stdout, stderr bytes.Buffer
	Run([]string{"audit", "concentration", "--no-context", "--server", l.SystemURL(), "--json", "--client-url", list}, &stdout, &stderr)
	var audit report.Document
	if err := json.Unmarshal(stdout.Bytes(), &audit); err != nil || len(audit.Findings) != len(accounts) {
		t.Fatalf("%v: %s%s", err, &stdout, &stderr)
	}
	for _, f := range audit.Findings {
		var strong []string
		for _, c := range f.Causes {
			if c.Role == "root" && (c.Verdict == "confirmed" || c.Verdict == "likely") {
				strong = append(strong, c.Code)
			}
		}
		if !slices.Equal(strong, []string{"sticky-load-balancer"}) {
			t.Errorf("%s: the audit names %v", f.Account.Name, strong)
		}
	}
}
