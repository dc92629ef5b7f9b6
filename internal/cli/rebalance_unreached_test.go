package cli

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestRebalanceToServerNobodyKnows: a server joins that clients do not get to, as nobody
// advertises it. The run learns that from a few, says so, and the next one knows it.
func TestRebalanceToServerNobodyKnows(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 4, Late: []int{3}, NoAdvertise: true}}, Accounts: []string{"ORDERS", "BILLING"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	closed := &disconnects{of: map[*nats.Conn]int{}}
	var lists []string
	for account, n := range map[string]int{"ORDERS": 48, "BILLING": 24} {
		urls := l.URLs("C1", account)[:3]
		lists = append(lists, "--client-url", account+"="+strings.Join(urls, ","))
		if _, err := l.Connect(ctx, lab.Clients{Account: account, URLs: urls, Name: strings.ToLower(account), Count: n, Options: []nats.Option{nats.DisconnectErrHandler(closed.note)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Server("C1-n4").Start(ctx); err != nil {
		t.Fatal(err)
	}
	all := []string{"--cluster", "C1", "--apply", "--yes", "--rate", "200"}
	const most = 45 // closes of a run: before, it took more than one of each client

	// With their lists it is known before.
	doc := rebalancedWithin(ctx, t, l, generous, 3, slices.Concat(all, []string{"--to-server", "C1-n4"}, lists)...)
	if doc.Outcome != "refused" || doc.Refusals[0].Code != "no-moves" || !slices.ContainsFunc(doc.Notes, func(n string) bool {
		return strings.Contains(n, "do not get to C1-n4 (neither their lists nor what servers advertise leads there)")
	}) {
		t.Errorf("with lists: %s, %+v, %q", doc.Outcome, doc.Refusals, doc.Notes)
	}

	doc = rebalancedWithin(ctx, t, l, generous, 3, all...)
	_, closes := closed.count()
	if doc.Stop == nil || doc.Stop.Code != "server-not-reached" || !strings.Contains(doc.Stop.Text, "no client came to C1-n4") || closes > most || doc.Batches[0].Kicked > 5 {
		t.Errorf("%s, %+v after %d closes, %+v", doc.Outcome, doc.Stop, closes, doc.Batches)
	}
	for _, a := range doc.Accounts {
		if slices.ContainsFunc(a.Causes, func(c report.Cause) bool {
			return c.Code == "restart-drift" && (c.Verdict == "likely" || c.Verdict == "confirmed")
		}) && a.Moves > 3 {
			t.Errorf("%s: %+v", a.Account.Name, a.Causes)
		}
	}

	// The servers remember it, and without names of each client a little less than the run
	// knew: after one more at the most nothing is closed.
	for range 3 {
		_, before := closed.count()
		out, err := rebalancedTo(ctx, t, l.SystemURL(), nil, generous, all...)
		if _, after := closed.count(); after > before {
			if after-before > most {
				t.Errorf("%d closes, %v: %s", after-before, err, out)
			}
			continue
		}
		if !strings.Contains(string(out), "no client came to C1-n4") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	t.Error("it closes again and again")
}

// TestRebalanceRemembersTheLost: clients that do not connect again after they were closed
// are lost once, and not one more in each run. A service of which one was tried and came
// straight back is not closed whole by the next run.
func TestRebalanceRemembersTheLost(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"STOCK", "LEGACY"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	for account, options := range map[string][]nats.Option{"STOCK": {nats.NoReconnect()}, "LEGACY": {nats.IgnoreDiscoveredServers()}} {
		if _, err := l.Connect(ctx, lab.Clients{Account: account, Server: l.Server("C1-n1"), Name: strings.ToLower(account), Count: 12, Options: options}); err != nil {
			t.Fatal(err)
		}
	}
	apply := []string{"--cluster", "C1", "--apply", "--yes", "--rate", "200"}
	doc := rebalancedWithin(ctx, t, l, 2*time.Second, 3, apply...)
	if n := len(doc.Moves); doc.Outcome != "stopped" || doc.Missing == nil || *doc.Missing != 1 || n == 0 {
		t.Fatalf("%s, %+v, %v missing, %d moves", doc.Outcome, doc.Stop, show(doc.Missing), n)
	}
	doc = rebalancedWithin(ctx, t, l, 2*time.Second, 3, apply...)
	if doc.Outcome != "refused" || len(doc.Batches) != 0 {
		t.Errorf("%s, %+v: %+v", doc.Outcome, doc.Refusals, doc.Batches)
	}
	for _, a := range doc.Accounts {
		want := map[string]string{"STOCK": "1 client has not connected again", "LEGACY": "the clients came straight back"}[a.Account.Name]
		if left := a.Services[0].LeftOut; left == nil || !strings.Contains(*left, want) {
			t.Errorf("%s: %v, want %q", a.Account.Name, left, want)
		}
	}
}

// TestRebalanceIntoAnotherCluster: clients whose lists have servers of another cluster may
// go there. The plan says so, and they are not taken for lost.
func TestRebalanceIntoAnotherCluster(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "EAST", Servers: 2}, {Name: "WEST", Servers: 2}}, Accounts: []string{"ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	logIn(t, l, "ORDERS")
	list := []string{l.Server("EAST-n1").URL("ORDERS"), l.Server("WEST-n1").URL("ORDERS"), l.Server("WEST-n2").URL("ORDERS")}
	closed := &disconnects{of: map[*nats.Conn]int{}}
	if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", URLs: list, Count: 24, NoRandomize: true, Options: []nats.Option{nats.IgnoreDiscoveredServers(), nats.DisconnectErrHandler(closed.note)}}); err != nil {
		t.Fatal(err)
	}
	args := []string{"--account", "ORDERS", "--cluster", "EAST", "--client-url", "ORDERS=" + strings.Join(list, ",")}
	out, err := rebalancedTo(ctx, t, l.SystemURL(), nil, 3*time.Second, slices.Concat(args, []string{"--force", "--apply", "--yes", "--rate", "200", "--batch", "6"})...)
	if err != nil && ExitStatus(err) != 3 && ExitStatus(err) != 1 {
		t.Fatal(err)
	}
	text := string(out)
	for _, want := range []string{"The clients' lists of ORDERS also have servers of WEST: clients that are moved may go there.", "of ORDERS are not back in EAST", " in WEST.", `"missing": 0`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if strings.Contains(text, "clients-stay-away") {
		t.Errorf("clients that are in WEST are taken for lost: %s", text)
	}
	if took := l.Server("WEST-n1").Connections("ORDERS") + l.Server("WEST-n2").Connections("ORDERS"); took == 0 {
		t.Error("none of them is in WEST")
	}
}
