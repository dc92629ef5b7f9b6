package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A user is taken off C1-n2 and C1-n3 while they run: its clients end on C1-n1. That
// they were logged in to the others before shows nothing of now, and all three commands
// say so. When C1-n1 stops, all of them are refused for good.
func TestImpactOfAUserThatAReloadRemoved(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	var removed atomic.Bool
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: func(i int, o *server.Options) {
		if i == 0 || !removed.Load() {
			orders := o.Users[slices.IndexFunc(o.Users, func(u *server.User) bool { return u.Account.Name == "ORDERS" })]
			o.Users = append(o.Users, &server.User{Username: "aa", Password: "aa", Account: orders.Account})
		}
	}}}, Accounts: []string{"ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	const count = 18
	n1, n2, n3 := l.Server("C1-n1").ClientURL(), l.Server("C1-n2").ClientURL(), l.Server("C1-n3").ClientURL()
	var clients []*nats.Conn
	for i := range count { // those of C1-n2 go to C1-n3 first, and those of C1-n3 to C1-n2
		list := [][]string{{n1, n2, n3}, {n2, n3, n1}, {n3, n2, n1}}[i%3]
		clients = append(clients, sourcetest.Connect(t, strings.Join(list, ","), nats.DontRandomize(), nats.Name("aa-api"), nats.UserInfo("aa", "aa"),
			nats.ReconnectWait(10*time.Millisecond), nats.MaxReconnects(-1)))
	}
	removed.Store(true)
	for _, next := range []struct {
		name     string
		on1, on3 int
	}{{"C1-n2", count / 3, 2 * count / 3}, {"C1-n3", count, 0}} {
		if err := l.Server(next.name).Reload("max_connections: 1000"); err != nil {
			t.Fatal(err)
		}
		if err := l.WaitCounts(ctx, "ORDERS", map[string]int{"C1/C1-n1": next.on1, "C1/C1-n2": 0, "C1/C1-n3": next.on3}); err != nil {
			t.Fatal(err)
		}
	}
	list := "ORDERS=" + strings.Join([]string{n1, n2, n3}, ",")
	from := l.Server("C1-n1").URL(lab.SystemAccount)
	status, doc, text := impactOf(t, "C1-n1", "--server", from, "--client-url", list)
	if got := answers(doc); status != ExitNotAudited || got["aa-api"] != "unknown" || !strings.Contains(text, "until one of them logs in to another server") {
		t.Errorf("impact: status %d, %v\n%s", status, got, text)
	}
	var out, errs watched
	runHere(ctx, &out, &errs, "audit", "concentration", "--no-context", "--timeout", "15s", "--server", from, "--client-url", list, "--json")
	var audit report.Document
	if err := json.Unmarshal([]byte(out.String()), &audit); err != nil || len(audit.Findings) != 1 || audit.Findings[0].Impact.CanFailOver != "unknown" {
		t.Errorf("audit: %v\n%s%s", err, out.String(), errs.String())
	}
	plan := rebalancedBy(ctx, t, from, nil, 15*time.Second, ExitNotAudited, "--account", "ORDERS", "--client-url", list)
	if plan.Outcome != "refused" {
		t.Errorf("rebalance: %s: %q", plan.Outcome, plan.Notes)
	}
	l.Server("C1-n1").Shutdown()
	if err := lab.Poll(ctx, func() error {
		if at := slices.IndexFunc(clients, func(nc *nats.Conn) bool { return !nc.IsClosed() }); at >= 0 {
			return fmt.Errorf("a client is %s", clients[at].Status())
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
