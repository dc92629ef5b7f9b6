package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/life"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestSentencesThatWereMeasuredWrong: what is said of a process, of clients that go
// elsewhere, and of a limit is what the data says.
func TestSentencesThatWereMeasuredWrong(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	l := startScenario(t, lab.Scenario{Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS", "BILLING"}}})
	if l == nil {
		t.FailNow()
	}
	first := l.Server("C1-n1")
	connect := func(account, name, from string, n int) {
		if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: account, Server: first, Count: n, Name: name, Source: from}); err != nil {
			t.Fatal(err)
		}
	}
	connect("ORDERS", "importer", "127.68.0.1", 14)
	for i := range 3 {
		connect("ORDERS", fmt.Sprintf("api-%d", i), fmt.Sprintf("127.68.0.%d", 2+i), 1)
	}
	connect("BILLING", "billing", "127.68.1.1", 6)
	if err := l.WaitCounts(sourcetest.Within(t), "ORDERS", map[string]int{"C1-n1": 17}); err != nil {
		t.Fatal(err)
	}
	doc := documentOf(t, ExitFinding, "--server", l.SystemURL(), "--account", "ORDERS")
	for _, c := range doc.Findings[0].Causes {
		if c.Code != string(cause.SingleProcess) {
			continue
		}
		if text := fmt.Sprint(c.Evidence); !strings.Contains(text, "14 of the 17") || strings.Contains(text, "No process holds most") {
			t.Errorf("%s: %s", c.Verdict, text)
		}
	}
	for url, wants := range map[string]bool{l.SystemURL(): true, first.URL("ORDERS"): false} {
		text, _ := audited(t, ExitFinding, "--server", url, "--account", "ORDERS", "--details")
		if strings.Contains(text, "of every account") != wants {
			t.Errorf("by %s, all accounts are spoken of: %v\n%s", url, !wants, text)
		}
	}
}

// TestArchiveKeepsRestartsOpen: the clocks of an archive are as exact as gathering
// took. The true cause of those that came while the other servers were down is
// never ruled out by it.
func TestArchiveKeepsRestartsOpen(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	operations := life.Operations()
	o := operations[slices.IndexFunc(operations, func(o life.Operation) bool { return o.Name == "scale-out" })]
	w, err := life.Start(t.Context(), o, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	doc := documentOf(t, ExitFinding, append([]string{"--archive", gatherWhole(t, w.SystemURL())}, w.Args...)...)
	table := &confusions{}
	for _, c := range o.Cases {
		at := slices.IndexFunc(doc.Findings, func(f report.Finding) bool { return f.Account.Name == c.Account })
		if at < 0 {
			if c.Server != "" {
				t.Errorf("%s is not a finding", c.Account)
			}
			continue
		}
		open := c.Also
		if c.Truth == string(cause.RestartDrift) {
			open = append(slices.Clone(open), c.Truth)
		}
		table.judge(t, answered{name: c.Account, truth: c.Truth, tellable: c.Said, also: c.Also, open: open}, doc.Findings[at])
	}
	right, of := table.score()
	t.Logf("%s\n%d of %d", table, right, of)
}

// TestLessSaidByServers: a user that may not ask for connections and for what
// servers say of themselves knows less, and is no surer of a list that is stale.
func TestLessSaidByServers(t *testing.T) {
	t.Parallel()
	topology := lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: func(_ int, o *server.Options) {
		at := slices.IndexFunc(o.Accounts, func(a *server.Account) bool { return a.Name == lab.SystemAccount })
		o.Users = append(o.Users, &server.User{Username: "curbed", Password: lab.Password, Account: o.Accounts[at], Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"$SYS.REQ.SERVER.*.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.*.CONNZ", "$SYS.REQ.SERVER.*.VARZ", "$SYS.REQ.SERVER.PING.VARZ"}}}})
	}}}, Accounts: []string{"STALE", "FRESH"}}
	l := startScenario(t, lab.Scenario{Topology: topology})
	if l == nil {
		t.FailNow()
	}
	var args []string
	for account, list := range map[string]int{"STALE": 1, "FRESH": 0} { // the list of STALE is that of before
		args = append(args, "--client-url", account+"="+l.Servers()[list].ClientURL())
		if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: account, Server: l.Server("C1-n1"), Count: 16, Name: "app"}); err != nil {
			t.Fatal(err)
		}
		if err := l.WaitCounts(sourcetest.Within(t), account, map[string]int{"C1-n1": 16}); err != nil {
			t.Fatal(err)
		}
	}
	all := documentOf(t, ExitFinding, append(args, "--server", l.SystemURL())...)
	var stdout, stderr bytes.Buffer
	Run(append([]string{"audit", "concentration", "--no-context", "--json", "--timeout", "4s", "--server", strings.Replace(l.SystemURL(), "sys:", "curbed:", 1)}, args...), &stdout, &stderr)
	var curbed report.Document
	if err := json.Unmarshal(stdout.Bytes(), &curbed); err != nil {
		t.Fatalf("%v, stderr %s", err, &stderr)
	}
	if len(all.Findings) != 2 || len(curbed.Findings) != 2 {
		t.Fatalf("%d and %d findings", len(all.Findings), len(curbed.Findings))
	}
	for _, what := range surer(all, curbed) {
		t.Error(what)
	}
	for _, doc := range []report.Document{all, curbed} {
		for _, f := range doc.Findings {
			c := f.Causes[slices.IndexFunc(f.Causes, func(c report.Cause) bool { return c.Code == string(cause.SingleURL) })]
			t.Logf("%s: %s", f.Account.Name, c.Verdict)
			if strong := c.Verdict == string(cause.Confirmed) || c.Verdict == string(cause.Likely); f.Account.Name == "STALE" && strong {
				t.Errorf("%s is %s: %v", f.Account.Name, c.Verdict, c.Evidence)
			}
		}
	}
}

// TestContextOfTheAudit: the list in the context that the audit itself uses is the
// auditor's. It is nobody's clients', of whom it says nothing.
func TestContextOfTheAudit(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	l := startScenario(t, lab.Scenario{Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS"}},
		Clients: []lab.Placement{{Account: "ORDERS", Server: "C1-n1", Count: 16}}})
	if l == nil {
		t.FailNow()
	}
	connFile(t, filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "nats", "context", "sys.json"),
		fmt.Sprintf(`{"url": %q, "user": "sys", "password": %q}`, strings.Join(l.URLs("C1", lab.SystemAccount), ","), lab.Password))
	var stdout, stderr bytes.Buffer
	Run([]string{"audit", "concentration", "--json", "--context", "sys", "--contexts", "--timeout", generous.String()}, &stdout, &stderr)
	var doc report.Document
	if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil || len(doc.Findings) != 1 {
		t.Fatalf("%v, %d findings, stderr %s", err, len(doc.Findings), &stderr)
	}
	for _, c := range doc.Findings[0].Causes {
		byLists := slices.Contains([]string{string(cause.SingleURL), string(cause.OrderedConnect), string(cause.SingleAddressDNS)}, c.Code)
		if byLists && c.Verdict != string(cause.NotTested) {
			t.Errorf("%s is %s: %v", c.Code, c.Verdict, c.Evidence)
		}
	}
}

// TestThirtyTenants: thirty accounts come from one address, and the balancer there
// keeps each on a server. They are one group, with the address in it, in a few lines.
func TestThirtyTenants(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	const address = "127.0.9.1"
	var accounts []string
	for i := range 30 {
		accounts = append(accounts, fmt.Sprintf("TEAM-%02d", i+1))
	}
	l := startScenario(t, lab.Scenario{Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: accounts}})
	if l == nil {
		t.FailNow()
	}
	for i, a := range accounts {
		s := l.Servers()[i%3]
		if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: a, Server: s, Count: 13, Name: "app", Lang: "go", Version: "1.55.0", Source: address}); err != nil {
			t.Fatal(err)
		}
		if err := l.WaitCounts(sourcetest.Within(t), a, map[string]int{s.Name(): 13}); err != nil {
			t.Fatal(err)
		}
	}
	doc := documentOf(t, ExitFinding, "--server", l.SystemURL())
	if len(doc.Findings) != 30 || len(doc.Groups) != 1 || doc.Groups[0].Key == nil || *doc.Groups[0].Key != address || *doc.Groups[0].Cause != string(cause.StickyLoadBalancer) {
		t.Fatalf("%d findings, groups %+v", len(doc.Findings), doc.Groups)
	}
	text, _ := audited(t, ExitFinding, "--server", l.SystemURL())
	_, group, _ := strings.Cut(text, "\n\n")
	group, _, _ = strings.Cut(group, "\n\n")
	if lines := strings.Count(group, "\n") + 1; lines > 8 || !strings.Contains(group, "30 accounts") {
		t.Errorf("%d lines:\n%s", lines, group)
	}
}
