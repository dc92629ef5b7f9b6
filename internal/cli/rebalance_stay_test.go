package cli

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// TestRebalanceAroundClientsThatStay: an account that knows one server only keeps that above
// its even share. The others are moved as far as that makes it more even, not for a share
// that can't be reached, and the next run closes nothing.
func TestRebalanceAroundClientsThatStay(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, NoAdvertise: true}}, Accounts: []string{"STUCK", "ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	closed := &disconnects{of: map[*nats.Conn]int{}}
	stuck, orders := l.URLs("C1", "STUCK")[:1], l.URLs("C1", "ORDERS")
	list := func(order ...int) (urls []string) {
		for _, i := range order {
			urls = append(urls, orders[i])
		}
		return urls
	}
	for _, c := range []lab.Clients{
		{Account: "STUCK", URLs: stuck, Count: 30},
		{Account: "ORDERS", URLs: list(0, 1, 2), Count: 13}, {Account: "ORDERS", URLs: list(0, 2, 1), Count: 13},
		{Account: "ORDERS", URLs: list(1, 0, 2), Count: 9}, {Account: "ORDERS", URLs: list(1, 2, 0), Count: 9},
		{Account: "ORDERS", URLs: list(2, 0, 1), Count: 8}, {Account: "ORDERS", URLs: list(2, 1, 0), Count: 8},
	} {
		c.NoRandomize, c.Name, c.Options = true, strings.ToLower(c.Account), []nats.Option{nats.DisconnectErrHandler(closed.note)}
		if _, err := l.Connect(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	logIn(t, l, "STUCK", "ORDERS")
	before := loads(l, "C1", "ORDERS")
	args := []string{"--cluster", "C1", "--client-url", "STUCK=" + stuck[0], "--client-url", "ORDERS=" + strings.Join(orders, ","), "--apply", "--yes", "--rate", "200"}
	doc := rebalancedWithin(ctx, t, l, generous, 1, args...)
	_, first := closed.count()
	after := loads(l, "C1", "ORDERS")
	if first > 2*doc.Plan.Excess+few || slices.Max(after) > max(slices.Max(before), 20+3)+3 || after[0] > before[0] {
		t.Errorf("%v of ORDERS became %v with %d closes for an excess of %d: %q", before, after, first, doc.Plan.Excess, doc.Notes)
	}
	doc = rebalancedWithin(ctx, t, l, generous, 3, args...)
	if _, again := closed.count(); again > first || doc.Outcome != "refused" || doc.Refusals[0].Code != "no-moves" {
		t.Errorf("%d closes of the next run, %s %+v", again-first, doc.Outcome, doc.Refusals)
	}
}

// few is how many closes more than twice what is too much a run may take: a batch or two.
const few = 6
