package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// TestRebalanceAfterTwoRestarts: a server was restarted alone some day, and later all of
// them one after the other. All clients then have the empty server last in their lists, so
// that each takes two closes to get there, and none comes at its first. The run closes those
// again that it moved, and fills the server.
func TestRebalanceAfterTwoRestarts(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--canary", "5"}} {
		t.Run("rebalance "+strings.Join(flags, " "), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			l, groups, closed := restartedTwice(ctx, t)
			before := loads(l, "C1", "ORDERS", "BILLING")
			for _, list := range listsOf(l, groups) {
				if list[2] != 2 {
					t.Fatalf("%v: a client has not C1-n3 last, but %v", before, list)
				}
			}
			args := append([]string{"--cluster", "C1", "--apply", "--yes", "--rate", "200"}, flags...)
			for _, account := range []string{"ORDERS", "BILLING"} {
				args = append(args, "--client-url", account+"="+strings.Join(l.URLs("C1", account), ","))
			}
			_, restarts := closed.count()
			doc := rebalancedWithin(ctx, t, l, generous, 0, args...)
			_, all := closed.count()
			after := loads(l, "C1", "ORDERS", "BILLING")
			// Two for each that the server lacks, and a first one of some that are not needed.
			if doc.Outcome != "balanced" || slices.Min(after) < 27 || all-restarts > 2*30+10 {
				t.Errorf("%v became %v, %s after %d closes: %+v %q", before, after, doc.Outcome, all-restarts, doc.Stop, doc.Notes)
			}
		})
	}
}

// restartedTwice is a cluster whose third server is empty, and has come last, with how often
// clients were disconnected. The other two have about as many: where one has many more by
// chance, all that are moved from the other one go there, and a run may stop early for that.
func restartedTwice(ctx context.Context, t *testing.T) (*lab.Lab, []*lab.Group, *disconnects) {
	t.Helper()
	for {
		l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS", "BILLING"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Stop)
		closed := &disconnects{of: map[*nats.Conn]int{}}
		var groups []*lab.Group
		for account, n := range map[string]int{"ORDERS": 60, "BILLING": 30} {
			g, err := l.Connect(ctx, lab.Clients{Account: account, URLs: l.URLs("C1", account), Name: strings.ToLower(account), Count: n, Options: []nats.Option{nats.DisconnectErrHandler(closed.note)}})
			if err != nil {
				t.Fatal(err)
			}
			groups = append(groups, g)
		}
		for _, name := range []string{"C1-n2", "C1-n1", "C1-n2", "C1-n3"} {
			l.Server(name).Shutdown()
			if err := lab.Poll(ctx, func() error {
				n := 0
				for _, g := range groups {
					n += g.Connected()
				}
				if n != 90 {
					return fmt.Errorf("%d of 90 are connected", n)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if err := l.Server(name).Start(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		if now := loads(l, "C1", "ORDERS", "BILLING"); max(now[0], now[1]) <= 52 {
			return l, groups, closed
		}
		l.Stop()
	}
}

// TestRebalanceOfClientsThatMissAServer: of two accounts one does not know the server that
// joined. That is shown, and the servers are not even for it.
func TestRebalanceOfClientsThatMissAServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Late: []int{2}, NoAdvertise: true}}, Accounts: []string{"ORDERS", "BILLING"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", URLs: l.URLs("C1", "ORDERS")[:2], Name: "orders", Count: 54}); err != nil {
		t.Fatal(err)
	}
	if err := l.Server("C1-n3").Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Cluster("C1") {
		if _, err := l.Connect(ctx, lab.Clients{Account: "BILLING", Server: s, Name: "billing", Count: 2}); err != nil {
			t.Fatal(err)
		}
	}
	doc := rebalancedWithin(ctx, t, l, generous, 1, "--cluster", "C1", "--apply", "--yes", "--rate", "200")
	if doc.Outcome != "uneven" || *doc.Servers[2].After == 0 || !slices.ContainsFunc(doc.Notes, func(n string) bool {
		return strings.Contains(n, "of orders no client came to C1-n3, and ")
	}) {
		t.Errorf("%s, %+v, %q: %v", doc.Outcome, doc.Stop, doc.Notes, loads(l, "C1", "ORDERS", "BILLING"))
	}
}
