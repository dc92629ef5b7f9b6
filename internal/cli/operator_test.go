package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// operated is a cluster of the real nsc: ORDERS, which has a signing key and may
// have 16 connections, has 12 on the first server and one on each of the others;
// BILLING has 3 on each.
type operated struct {
	*tool.Operated
	nsc *tool.NSC
	id  string // of ORDERS
}

const operatedLimit = 16

func startOperated(ctx context.Context, t *testing.T, resolver tool.Resolver) operated {
	t.Helper()
	n, err := tool.NewNSC(ctx, t.TempDir())
	possible(t, err)
	err = n.Each(ctx, "add account --name ORDERS", fmt.Sprintf("edit account --name ORDERS --conns %d", operatedLimit), "add account --name BILLING",
		"add user --account ORDERS --name orders", "add user --account ORDERS --name gone", "add user --account ORDERS --name late --expiry 2020-01-01",
		"add user --account BILLING --name billing")
	if err != nil {
		t.Fatal(err)
	}
	key, err := n.SigningKey(ctx, "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Each(ctx, "add user --account ORDERS --name signed -K "+key); err != nil {
		t.Fatal(err)
	}
	cluster, err := tool.StartOperated(ctx, n, resolver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	<-time.After(settle)
	o := operated{Operated: cluster, nsc: n}
	if o.id, err = n.AccountID("ORDERS"); err != nil {
		t.Fatal(err)
	}
	for i, count := range []int{12, 1, 1} {
		o.connect(t, "ORDERS", "orders", i, count)
		o.connect(t, "BILLING", "billing", i, 3)
	}
	return o
}

// connect connects clients to a server, which tells them of the others.
func (o operated) connect(t *testing.T, account, user string, at, count int) []*nats.Conn {
	t.Helper()
	var all []*nats.Conn
	for range count {
		nc, err := nats.Connect(o.Servers()[at].ClientURL(), nats.UserCredentials(o.nsc.Creds(account, user)), nats.Timeout(20*time.Second),
			nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		all = append(all, nc)
	}
	return all
}

// audit audits with a user's credentials file.
func (o operated) audit(t *testing.T, status int, account, user string, args ...string) (out, said string) {
	t.Helper()
	return audited(t, status, append([]string{"--no-context", "--server", o.URL(), "--creds", o.nsc.Creds(account, user), "--timeout", generous.String()}, args...)...)
}

// finding is the only finding of a document, of an audit that is complete.
func (o operated) finding(t *testing.T, document string) map[string]any {
	t.Helper()
	d := parsed(t, document)
	all := d["findings"].([]any)
	if coverage := d["coverage"].(map[string]any); len(all) != 1 || coverage["complete"] != true || coverage["servers_answered"] != 3.0 {
		t.Fatalf("%d findings, coverage %v", len(all), coverage)
	}
	return all[0].(map[string]any)
}

func (o operated) isOrders(t *testing.T, f map[string]any, name string) {
	t.Helper()
	account, server := f["account"].(map[string]any), f["server"].(map[string]any)
	if account["id"] != o.id || account["name"] != name || server["name"] != "O-n1" || f["on_server"] != 12.0 || f["connections"] != 14.0 {
		t.Errorf("finding of %v on %v: %v of %v", account, server, f["on_server"], f["connections"])
	}
}

// With each resolver that there is, accounts go by name and id, and every kind
// of user that nsc makes audits as far as it may.
func TestOperatorModeOfNSC(t *testing.T) {
	t.Parallel()
	for _, resolver := range []tool.Resolver{tool.ResolverMemory, tool.ResolverFull, tool.ResolverURL} {
		t.Run(string(resolver), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			o := startOperated(ctx, t, resolver)
			for _, account := range []string{"ORDERS", o.id} {
				out, _ := o.audit(t, ExitFinding, "SYS", "sys", "--json", "--account", account, "--client-url", account+"="+o.URL())
				f := o.finding(t, out)
				o.isOrders(t, f, "ORDERS")
				cause := f["causes"].([]any)[0].(map[string]any)
				if cause["code"] != "single-url" || cause["verdict"] != "confirmed" {
					t.Errorf("with %s: the first cause is %v", account, cause)
				}
				if tied := parsed(t, out)["client_urls"].([]any)[0].(map[string]any)["account"]; tied != account {
					t.Errorf("the list of %s is tied to %v", account, tied)
				}
			}
			o.usersOfOrders(ctx, t)
			o.limit(ctx, t, resolver)
			o.rebalances(ctx, t)
		})
	}
}

// usersOfOrders audit their account; not one that has expired or is revoked.
func (o operated) usersOfOrders(ctx context.Context, t *testing.T) {
	for _, user := range []string{"orders", "signed"} {
		o.settle(ctx, t)
		out, _ := o.audit(t, ExitFinding, "ORDERS", user, "--json")
		o.isOrders(t, o.finding(t, out), "ORDERS")
		if kind := parsed(t, out)["source"].(map[string]any)["kind"]; kind != "account" {
			t.Errorf("%s audits by %v", user, kind)
		}
	}
	refusal := func(user, why string) {
		t.Helper()
		_, said := o.audit(t, ExitNotAudited, "ORDERS", user)
		want := fmt.Sprintf("nats-balance: %s: refuses these credentials (creds %s: %s): pass those", o.URL(), o.nsc.Creds("ORDERS", user), why)
		if !strings.HasPrefix(said, want) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: got  %s\nwant %s", user, said, want)
		}
	}
	refusal("late", "expired at 2020-01-01T00:00:00Z")

	out, _ := o.audit(t, ExitFinding, "ORDERS", "gone", "--json")
	if !strings.Contains(out, o.id) {
		t.Error(out)
	}
	revoked := o.connect(t, "ORDERS", "gone", 0, 1)[0]
	if err := o.nsc.Each(ctx, "revocations add-user --account ORDERS --name gone"); err != nil {
		t.Fatal(err)
	}
	if err := o.Update(ctx, "ORDERS"); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, "the revoked user is disconnected", func() bool { return !revoked.IsConnected() })
	revoked.Close()
	// A server disconnects before it refuses: who comes between is disconnected, too.
	eventually(ctx, t, "the revoked user is refused", func() bool {
		nc, err := nats.Connect(o.URL(), nats.UserCredentials(o.nsc.Creds("ORDERS", "gone")), nats.NoReconnect(), nats.Timeout(generous))
		if err == nil {
			nc.Close()
		}
		return err != nil
	})
	refusal("gone", "authorization violation")
	o.settle(ctx, t)
}

// settle waits until the servers have forgotten who has left, such as an audit
// by a user of ORDERS.
func (o operated) settle(ctx context.Context, t *testing.T) {
	t.Helper()
	for i, want := range []int{12, 1, 1} {
		eventually(ctx, t, fmt.Sprintf("O-n%d has %d connections of ORDERS", i+1, want), func() bool {
			report, err := o.Servers()[i].AccountStatz(&server.AccountStatzOptions{Accounts: []string{o.id}})
			return err == nil && len(report.Accounts) == 1 && report.Accounts[0].Conns == want
		})
	}
}

// limit holds that the account's limit is told, and that the printed commands
// raise it.
func (o operated) limit(ctx context.Context, t *testing.T, resolver tool.Resolver) {
	text, _ := o.audit(t, ExitFinding, "SYS", "sys", "--client-url", "ORDERS="+o.URL(), "--details")
	for _, want := range []string{"O-n1 crashes", "can refuse 10 of them", "the limit of ORDERS is 16 connections on all servers together"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	document, _ := o.audit(t, ExitFinding, "SYS", "sys", "--json")
	f := o.finding(t, document)
	remedy := func(f map[string]any) map[string]any {
		for _, r := range f["remedies"].([]any) {
			if r := r.(map[string]any); r["code"] == "limits" {
				return r
			}
		}
		return nil
	}
	raise := remedy(f)
	if raise == nil || raise["title"] != "Raise the limit of ORDERS from 16 to 26 connections" {
		t.Fatalf("the limit is not to be raised: %v", raise)
	}
	commands := raise["commands"].([]any)
	if want := []any{"nsc edit account --name ORDERS --conns 26", "nsc push --account ORDERS"}; !slices.Equal(commands, want) {
		t.Fatalf("the commands are %q", commands)
	}
	for i, line := range commands {
		if i == 1 && resolver == tool.ResolverMemory {
			break // there is nowhere to push to, as the remedy says
		}
		if err := o.nsc.Each(ctx, strings.TrimPrefix(line.(string), "nsc ")); err != nil {
			t.Fatal(err)
		}
	}
	if resolver != tool.ResolverFull { // whose servers have what was pushed
		if err := o.Update(ctx, "ORDERS"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(ctx, t, "the servers have the new limit", func() bool {
		document, _ := o.audit(t, ExitFinding, "SYS", "sys", "--json")
		return remedy(o.finding(t, document)) == nil
	})
}

// rebalances holds that the system account's credentials move connections.
func (o operated) rebalances(ctx context.Context, t *testing.T) {
	o.settle(ctx, t)
	doc := rebalancedBy(ctx, t, o.URL(), []nats.Option{nats.UserCredentials(o.nsc.Creds("SYS", "sys"))}, generous, 0,
		"--account", "ORDERS", "--apply", "--yes", "--rate", "100")
	if doc.Outcome != "balanced" || doc.Accounts[0].Account.ID != o.id || doc.Accounts[0].Account.Name != "ORDERS" {
		t.Errorf("rebalance of %+v: %s, %+v", doc.Accounts[0].Account, doc.Outcome, doc.Stop)
	}
}

// eventually waits for what has to come.
func eventually(ctx context.Context, t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("not so in time: %s", what)
		case <-tick.C:
		}
	}
}
