package cli

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestRebalanceMakesNoServerTheHottest: the clients of one account know C1-n1 only, and
// those of the other are on the two other servers. To spread each account evenly would give
// C1-n1 half of all connections. That is refused where it is known before, and else the run
// stops once it is.
func TestRebalanceMakesNoServerTheHottest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, NoAdvertise: true}}, Accounts: []string{"STUCK", "ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	logIn(t, l, "STUCK", "ORDERS")
	url := func(i int) string { return l.Cluster("C1")[i].ClientURL() }
	for _, c := range []lab.Clients{
		{Account: "STUCK", Server: l.Server("C1-n1"), Name: "legacy", Count: 18},
		{Account: "ORDERS", URLs: []string{url(1), url(2), url(0)}, NoRandomize: true, Name: "orders-api", Count: 10},
		{Account: "ORDERS", URLs: []string{url(1), url(0), url(2)}, NoRandomize: true, Name: "orders-api", Count: 10},
		{Account: "ORDERS", URLs: []string{url(2), url(0), url(1)}, NoRandomize: true, Name: "orders-api", Count: 8},
		{Account: "ORDERS", URLs: []string{url(2), url(1), url(0)}, NoRandomize: true, Name: "orders-api", Count: 8},
	} {
		if _, err := l.Connect(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	even := []string{"--cluster", "C1", "--even", "--batch", "5", "--rate", "100"}
	lists := append(slices.Clone(even), "--client-url", "STUCK="+url(0), "--client-url", "ORDERS="+strings.Join([]string{url(0), url(1), url(2)}, ","))
	dry := rebalanced(t, l, generous, 3, lists...)
	want := func(is string) string {
		return "n even spread of each account gives C1-n1 about 30 of 54 connections, and the most on one server " + is + " 20 of 54: 18 connections stay there (legacy of STUCK)."
	}
	if dry.Outcome != "refused" || !slices.ContainsFunc(dry.Refusals, func(r report.Refusal) bool {
		return r.Code == "spread-is-worse" && strings.Contains(r.Text, want("is"))
	}) {
		t.Errorf("%s: %+v", dry.Outcome, dry.Refusals)
	}
	if slices.ContainsFunc(dry.Notes, func(n string) bool { return strings.Contains(n, "at random") }) {
		t.Errorf("an empty server of 36 clients is said to be chance: %q", dry.Notes)
	}
	done := rebalanced(t, l, generous, 3, append(even, "--apply", "--yes")...)
	if done.Stop == nil || done.Stop.Code != "spread-is-worse" || !strings.Contains(done.Stop.Text, want("was")) {
		t.Errorf("%s, %+v", done.Outcome, done.Stop)
	}
	if all := []int{*done.Servers[0].After, *done.Servers[1].After, *done.Servers[2].After}; slices.Max(all) > 24 {
		t.Errorf("%v, and the most was 20", all)
	}
	if forced := rebalanced(t, l, generous, 0, append(lists, "--force")...); forced.Outcome != "planned" || len(forced.Moves) == 0 {
		t.Errorf("%s: %+v", forced.Outcome, forced.Refusals)
	}
}
