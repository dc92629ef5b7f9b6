package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestRebalanceThroughAPool: two tenants come by a balancer that leads to C1-n1 and
// C1-n2, of which the second was down when they were deployed. They are spread over
// these two, none of their clients is moved more than twice for C1-n3, which is out of
// their reach. A third tenant, without a finding, stays as it is.
func TestRebalanceThroughAPool(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	accounts := []string{"T1", "T2", "T3"}
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Late: []int{1}, NoAdvertise: true}}, Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	b, err := lab.StartBalancer(ctx, lab.BalancerConfig{Host: "127.0.0.98", Mode: lab.RoundRobin, Backends: []string{l.Server("C1-n1").Addr(), l.Server("C1-n2").Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	list := "nats://" + b.Addr()
	for _, account := range accounts[:2] {
		own := strings.Replace(list, "//", "//"+account+":"+lab.Password+"@", 1)
		if _, err := l.Connect(ctx, lab.Clients{Account: account, URLs: []string{own}, Count: 12, Name: strings.ToLower(account)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Server("C1-n2").Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	logIn(t, l, accounts...)
	for server, n := range map[string]int{"C1-n1": 4, "C1-n2": 4, "C1-n3": 7} {
		if _, err := l.Connect(ctx, lab.Clients{Account: "T3", Server: l.Server(server), Count: n, Name: "t3"}); err != nil {
			t.Fatal(err)
		}
	}
	known := []string{"--cluster", "C1", "--client-url", "T1=" + list, "--client-url", "T2=" + list}
	dry := rebalanced(t, l, generous, 0, known...)
	if dry.Outcome != "planned" || dry.Plan.EvenShare != 16 || dry.Plan.Excess != 12 || dry.Servers[2].Predicted != 7 || dry.Servers[1].Predicted <= 7 {
		t.Errorf("%s: %+v, %+v", dry.Outcome, dry.Plan, dry.Servers)
	}
	var text bytes.Buffer
	if err := report.RebalanceText(&text, &dry, report.Style{}); err != nil || !strings.Contains(text.String(), "Clients of T1 and T2 do not get to C1-n3") {
		t.Errorf("%v\n%s", err, &text)
	}
	toThird := rebalanced(t, l, generous, 3, append(known, "--account", "T1", "--to-server", "C1-n3")...)
	if toThird.Outcome != "refused" || len(toThird.Refusals) == 0 || !strings.Contains(toThird.Refusals[0].Text, "known to get to C1-n3") {
		t.Errorf("%s: %+v", toThird.Outcome, toThird.Refusals)
	}
	// Whether it ends as a finding is chance: how the balancer deals them out.
	out, _ := rebalancedTo(ctx, t, l.SystemURL(), nil, generous, append(known, "--apply", "--yes", "--rate", "100")...)
	var done report.Rebalance
	if err := json.Unmarshal(out, &done); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := loads(l, "C1", "T3"); done.Stop != nil || !slices.Equal(got, []int{4, 4, 7}) {
		t.Errorf("%s, %+v: T3 was spread 4, 4 and 7, and is %v", done.Outcome, done.Stop, got)
	}
	for _, a := range done.Accounts {
		if a.Moves > 2*a.Connections || a.Account.ID == "T3" && a.Moves > 0 {
			t.Errorf("%d moves of %d connections of %s", a.Moves, a.Connections, a.Account.ID)
		}
	}
	if now := loads(l, "C1", accounts...); now[0] > 22 || now[1] < 10 {
		t.Errorf("%s: 28, 4 and 7 became %v", done.Outcome, now)
	}
	again := rebalanced(t, l, generous, 0, known...)
	if len(again.Moves) > 6 {
		t.Errorf("afterwards %s: %d of %+v are to move", again.Outcome, len(again.Moves), again.Servers)
	}
}
