package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/report"
)

// ownRun audits as JSON and checks the exit status. Its own time-out leaves a busy
// machine time.
func ownRun(t *testing.T, status int, args ...string) *report.Document {
	t.Helper()
	return ownRunIn(t, 10*time.Second, status, args...)
}

func ownRunIn(t *testing.T, timeout time.Duration, status int, args ...string) *report.Document {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"--no-context", "--timeout", timeout.String(), "audit", "concentration", "--json"}, args...)
	if got := Run(args, &out, &errs); got != status {
		t.Fatalf("exit status %d, want %d: %s%s", got, status, errs.String(), out.String())
	}
	var doc report.Document
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return &doc
}

// ownRefused audits what is refused, with a sentence that has this in it.
func ownRefused(t *testing.T, want string, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := Run(append([]string{"--no-context", "audit", "concentration"}, args...), &out, &errs); got != ExitNotAudited || out.Len() > 0 || !strings.Contains(errs.String(), want) {
		t.Errorf("exit status %d, want a refusal with %q: %s%s", got, want, errs.String(), out.String())
	}
}

// Servers that hang and stop, as an ordinary account sees them.
func TestOwnAccountOfServersThatHang(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes can't be paused")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := tool.StartProcessCluster(ctx, 3, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	for i, count := range []int{12, 2} {
		for range count {
			nc, err := nats.Connect(c.Processes()[i].URL("ORDERS"), nats.NoReconnect(), nats.Timeout(generous))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
		}
	}
	first, third := c.Processes()[0], c.Processes()[2]
	// With one server in the list the others are heard of by discovery; with all
	// of them in it they are not, and still told of.
	all := first.URL("ORDERS") + "," + c.Processes()[1].URL("ORDERS") + "," + third.URL("ORDERS")
	for _, urls := range []string{first.URL("ORDERS"), all} {
		doc := ownRun(t, ExitFinding, "--server", urls)
		if doc.Source.Kind != "account" || !doc.Coverage.Complete || doc.Coverage.ServersExpected != 3 || doc.Findings[0].OnServer != 12 || doc.Findings[0].Connections != 14 {
			t.Errorf("source %+v, coverage %+v, findings %+v", doc.Source, doc.Coverage, doc.Findings)
		}
	}

	baselineOf := func(account string) string {
		path := filepath.Join(t.TempDir(), "earlier.json")
		var out, errs bytes.Buffer
		if got := Run([]string{"--no-context", "audit", "concentration", "--json", "--outfile", path, "--server", first.URL(account)}, &out, &errs); got != ExitFinding {
			t.Fatalf("exit status %d: %s", got, errs.String())
		}
		return path
	}
	ofSystem, ofOrders := baselineOf(lab.SystemAccount), baselineOf("ORDERS")
	ownRefused(t, "it is of account ORDERS alone: pass --account ORDERS too", "--server", first.URL(lab.SystemAccount), "--baseline", ofOrders)
	ownRun(t, ExitFinding, "--server", first.URL(lab.SystemAccount), "--baseline", ofOrders, "--account", "ORDERS")
	text, err := os.ReadFile(ofSystem)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere.json")
	if err := os.WriteFile(elsewhere, bytes.ReplaceAll(text, []byte("P-n"), []byte("Q-n")), 0o600); err != nil {
		t.Fatal(err)
	}
	ownRefused(t, "3 servers are in it, and none is known now: it is of another deployment", "--server", first.URL("ORDERS"), "--baseline", elsewhere)

	if err := third.Pause(); err != nil {
		t.Fatal(err)
	}
	ownOfOneThatHangs(t, first.URL("ORDERS"), all, third.ClientURL(), ofSystem)
	if err := third.Resume(); err != nil {
		t.Fatal(err)
	}
	if doc := ownRun(t, ExitFinding, "--server", all); !doc.Coverage.Complete {
		t.Errorf("it answers again: %+v", doc.Coverage)
	}

	third.Stop()
	if err := c.WaitCounted(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if doc := ownRun(t, ExitNotAudited, "--server", first.URL("ORDERS")); !doc.Coverage.Complete || doc.Coverage.ServersExpected != 2 || doc.Summary.Skipped.TooFewServers != 1 {
		t.Errorf("one stopped: %+v, %+v", doc.Coverage, doc.Summary)
	}
}

// ownOfOneThatHangs audits by one URL of three servers, and by all, of which the third
// hangs, side by side, as each waits for that.
func ownOfOneThatHangs(t *testing.T, one, all, third, baseline string) {
	t.Helper()
	address := strings.TrimPrefix(third, "nats://")
	only := func(is func(m report.Missing) bool) func(*report.Document) bool {
		return func(doc *report.Document) bool {
			m := doc.Coverage.Missing
			return doc.Outcome == "incomplete" && doc.Coverage.ServersExpected == 3 && doc.Coverage.ServersAnswered == 2 && len(m) == 1 && is(m[0])
		}
	}
	looked := only(func(m report.Missing) bool {
		return m.Server.Name == address && *m.Cluster == "P" && strings.HasPrefix(m.Reason, "servers advertise "+address+", and ")
	})
	// Without a look at the addresses which of them is the third's is unknown, and
	// no less that there is one more than servers answered.
	without := only(func(m report.Missing) bool { return strings.Contains(m.Reason, "--no-probe") })
	cases := []struct {
		args   []string
		status int
		is     func(*report.Document) bool
	}{
		// It is the one that an earlier document names, and not one more.
		{[]string{one, "--baseline", baseline}, ExitNotAudited, only(func(m report.Missing) bool {
			return m.Server.Name == "P-n3" && strings.Contains(m.Reason, "in the baseline of ")
		})},
		{[]string{one}, ExitNotAudited, looked},
		{[]string{all}, ExitNotAudited, looked},
		{[]string{one, "--no-probe"}, ExitNotAudited, without},
		{[]string{all, "--no-probe"}, ExitNotAudited, without},
		{[]string{all, "--allow-partial"}, ExitFinding, func(*report.Document) bool { return true }},
	}
	for i, got := range sideBySide(t.Context(), len(cases), func(i int) []string {
		return append([]string{"--no-context", "--timeout", "10s", "audit", "concentration", "--json", "--server"}, cases[i].args...)
	}) {
		var doc report.Document
		if err := json.Unmarshal([]byte(got.out), &doc); err != nil || got.status != cases[i].status || !cases[i].is(&doc) {
			t.Errorf("%q: %v, status %d: %s%s%s, %+v", cases[i].args, err, got.status, got.out, got.errs, doc.Outcome, doc.Coverage)
		}
	}
}

// A client of the account that answers as a server which does not exist, with
// connections that would lower the share of the first.
func TestOwnAccountWithAnInventedServer(t *testing.T) {
	t.Parallel()
	l := startScenario(t, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"APP"}},
		Clients:  []lab.Placement{{Account: "APP", Server: "C1-n1", Count: 18}, {Account: "APP", Server: "C1-n2", Count: 1}},
	})
	if l == nil {
		t.FailNow()
	}
	url := l.Server("C1-n1").URL("APP")
	if doc := ownRun(t, ExitFinding, "--server", url); !doc.Coverage.Complete {
		t.Fatalf("before: %+v", doc.Coverage)
	}
	liar, err := nats.Connect(l.Server("C1-n3").URL("APP"))
	if err != nil {
		t.Fatal(err)
	}
	defer liar.Close()
	key, err := nkeys.CreateServer()
	if err != nil {
		t.Fatal(err)
	}
	id, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := liar.Subscribe("$SYS.REQ.ACCOUNT.PING.STATZ", func(m *nats.Msg) {
		_ = m.Respond([]byte(`{"server":{"id":"` + id + `","name":"C1-n4","host":"127.0.0.1","cluster":"C1"},"data":{"server_id":"` + id + `","account_statz":[{"acc":"APP","name":"APP","conns":60,"leafnodes":0}]}}`))
	}); err != nil {
		t.Fatal(err)
	}
	if err := liar.Flush(); err != nil {
		t.Fatal(err)
	}
	doc := ownRun(t, ExitNotAudited, "--server", url)
	if missing := doc.Coverage.Missing; doc.Outcome != "incomplete" || len(missing) != 1 || missing[0].Server.Name != "C1-n4" || !strings.Contains(missing[0].Reason, "any user of the account can answer") {
		t.Errorf("outcome %s, coverage %+v", doc.Outcome, doc.Coverage)
	}
	// Without a look at the addresses each of the others may be the invented one.
	if doc := ownRun(t, ExitNotAudited, "--server", url, "--no-probe"); doc.Outcome != "incomplete" || len(doc.Coverage.Missing) != 3 {
		t.Errorf("without a look: outcome %s, coverage %+v", doc.Outcome, doc.Coverage)
	}
}

// What a tenant is told is what the system account is told of it, but for what
// only that one may ask.
func TestOwnAccountEqualsTheSystemAccount(t *testing.T) {
	t.Parallel()
	l := startScenario(t, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}, {Name: "C2", Servers: 3}}, Accounts: []string{"APP"}},
		Clients: []lab.Placement{
			{Account: "APP", Server: "C1-n1", Count: 11}, {Account: "APP", Server: "C1-n3", Count: 3},
			{Account: "APP", Server: "C2-n1", Count: 4}, {Account: "APP", Server: "C2-n2", Count: 4}, {Account: "APP", Server: "C2-n3", Count: 4},
		},
	})
	if l == nil {
		t.FailNow()
	}
	list := "APP=" + l.Server("C1-n1").ClientURL()
	system := ownRun(t, ExitFinding, "--server", l.SystemURL(), "--client-url", list)
	own := ownRun(t, ExitFinding, "--server", l.Server("C2-n2").URL("APP"), "--client-url", list)
	if own.Source.Kind != "account" || system.Source.Kind != "system-account" || !own.Coverage.Complete {
		t.Fatalf("sources %+v and %+v, coverage %+v", own.Source, system.Source, own.Coverage)
	}
	show := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for what, both := range map[string][2]any{
		"clusters":   {own.Clusters, system.Clusters},
		"evaluated":  {own.Summary.Evaluated, system.Summary.Evaluated},
		"number":     {len(own.Findings), 1},
		"account":    {own.Findings[0].Account, system.Findings[0].Account},
		"server":     {own.Findings[0].Server, system.Findings[0].Server},
		"share":      {own.Findings[0].SharePercent, system.Findings[0].SharePercent},
		"chance":     {own.Findings[0].Chance, system.Findings[0].Chance},
		"spread":     {own.Findings[0].Distribution, system.Findings[0].Distribution},
		"lost":       {own.Findings[0].Impact.ConnectionsLost, system.Findings[0].Impact.ConnectionsLost},
		"lost subs":  {own.Findings[0].Impact.SubscriptionsLost, system.Findings[0].Impact.SubscriptionsLost},
		"root cause": {firstRoot(own.Findings[0]), firstRoot(system.Findings[0])},
	} {
		if show(both[0]) != show(both[1]) {
			t.Errorf("%s: %s, the system account has %s", what, show(both[0]), show(both[1]))
		}
	}
	// What an account is not told is unknown, and never the opposite of what is so.
	for _, c := range own.Findings[0].Causes {
		i := slices.IndexFunc(system.Findings[0].Causes, func(x report.Cause) bool { return x.Code == c.Code })
		if want := system.Findings[0].Causes[i].Verdict; c.Verdict != want && c.Verdict != "unknown" && c.Verdict != "likely" && c.Verdict != "possible" {
			t.Errorf("%s is %s, to the system account %s", c.Code, c.Verdict, want)
		}
	}
	for _, code := range []string{"server-full", "restart-drift"} {
		i := slices.IndexFunc(own.Findings[0].Causes, func(x report.Cause) bool { return x.Code == code })
		if v := own.Findings[0].Causes[i].Verdict; v != "unknown" {
			t.Errorf("%s is %s, which an account can't know", code, v)
		}
	}
}

// Users of an account in operator mode: one that is good, one with a signing
// key, one expired and one revoked.
func TestOwnAccountInOperatorMode(t *testing.T) {
	t.Parallel()
	operator, system, account, signing := connMust(nkeys.CreateOperator()), connMust(nkeys.CreateAccount()), connMust(nkeys.CreateAccount()), connMust(nkeys.CreateAccount())
	public := func(k nkeys.KeyPair) string { return connMust(k.PublicKey()) }
	trusted := jwt.NewOperatorClaims(public(operator))
	trusted.SystemAccount = public(system)
	connMust(trusted.Encode(operator))
	dir := t.TempDir()
	user := func(name string, signer nkeys.KeyPair, change func(*jwt.UserClaims)) (creds, id string) {
		key := connMust(nkeys.CreateUser())
		claims := jwt.NewUserClaims(public(key))
		if signer == signing {
			claims.IssuerAccount = public(account)
		}
		if change != nil {
			change(claims)
		}
		token, seed := connMust(claims.Encode(signer)), connMust(key.Seed())
		connSecret(token, string(seed))
		return connFile(t, filepath.Join(dir, name+".creds"), string(connMust(jwt.FormatUserConfig(token, seed)))), public(key)
	}
	good, _ := user("good", account, nil)
	signed, _ := user("signed", signing, nil)
	expired, _ := user("expired", account, func(c *jwt.UserClaims) { c.Expires = time.Now().Add(-time.Minute).Unix() })
	revoked, gone := user("revoked", account, nil)
	orders, sys := jwt.NewAccountClaims(public(account)), jwt.NewAccountClaims(public(system))
	orders.Name, sys.Name = "ORDERS", "SYS"
	orders.SigningKeys.Add(public(signing))
	orders.RevokeAt(gone, time.Now().Add(time.Minute))
	resolver := &server.MemAccResolver{}
	for _, c := range []*jwt.AccountClaims{orders, sys} {
		if err := resolver.Store(c.Subject, connMust(c.Encode(operator))); err != nil {
			t.Fatal(err)
		}
	}
	s := connServer(t, func(o *server.Options) {
		o.Accounts, o.Users, o.SystemAccount = nil, nil, sys.Subject
		o.TrustedOperators, o.AccountResolver = []*jwt.OperatorClaims{trusted}, resolver
	})
	at := connAddr(s)
	for range 3 {
		nc, err := nats.Connect(s.ClientURL(), nats.UserCredentials(good), nats.Timeout(generous))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), generous)
	defer cancel()
	for _, creds := range []string{good, signed} {
		// An audit's connection is one of the account until the server notices its end.
		if err := lab.Poll(ctx, func() error {
			if n := s.NumClients(); n != 3 {
				return fmt.Errorf("%d clients, not 3", n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		doc := ownRun(t, ExitNotAudited, "--server", at, "--creds", creds, "--all") // one server: not judged
		if doc.Source.Kind != "account" || !strings.HasPrefix(doc.Source.Detail, "ORDERS, ") || len(doc.Accounts) != 1 ||
			doc.Accounts[0].Account != (report.Account{ID: orders.Subject, Name: "ORDERS"}) || doc.Summary.Connections != 3 {
			t.Errorf("%s: source %+v, accounts %+v, summary %+v", creds, doc.Source, doc.Accounts, doc.Summary)
		}
	}
	for creds, want := range map[string]string{expired: "expired", revoked: "refuses these credentials"} {
		if got := connFails(t, connPatience, "--server", at, "--creds", creds); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", creds, got, want)
		}
	}
}

// firstRoot is the code of the first root cause.
func firstRoot(f report.Finding) string {
	for _, c := range f.Causes {
		if c.Role == "root" {
			return c.Code
		}
	}
	return ""
}
