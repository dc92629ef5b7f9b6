package cli

import (
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// EAST is one server. ORDERS has a server of WEST in its list too, and goes there when
// EAST is lost; BILLING knows EAST alone. WEST, asked afterwards, is of the same
// deployment, though no server of EAST is known any more.
func TestImpactOfClientsThatGoToAnotherCluster(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "EAST", Servers: 1}, {Name: "WEST", Servers: 2}}, Accounts: []string{"ORDERS", "BILLING"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	east, west := l.Server("EAST-n1"), l.Server("WEST-n1")
	both := []string{east.ClientURL(), west.ClientURL()}
	for _, c := range []lab.Clients{
		{Account: "ORDERS", URLs: both, NoRandomize: true, Count: 5, Name: "orders"},
		{Account: "BILLING", Server: east, Count: 2, Name: "billing"},
		{Account: "BILLING", Server: west, Count: 3, Name: "billing", Options: []nats.Option{nats.IgnoreDiscoveredServers()}},
	} {
		if _, err := l.Connect(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	lists := []string{"--server", west.URL(lab.SystemAccount), "--client-url", "ORDERS=" + both[0] + "," + both[1], "--client-url", "BILLING=" + both[0]}
	file := filepath.Join(t.TempDir(), "before.json")
	var out, errs watched
	runHere(ctx, &out, &errs, append([]string{"impact", "EAST-n1", "--no-context", "--timeout", "15s", "--json", "--outfile", file}, lists...)...)

	// Without a server it is also about the cluster of one.
	status, doc, text := impactOf(t, lists...)
	if status != ExitFinding || len(doc.Servers) != 2 || doc.Servers[0].Server.Name != "EAST-n1" || doc.Servers[0].Connections != 7 {
		t.Fatalf("status %d: %s", status, text)
	}
	s := doc.Servers[0]
	if got := answers(doc); got["orders"] != "unknown" || got["billing"] != "no" || s.Stranded != 2 || len(s.OtherClusters) != 1 || s.OtherClusters[0].Cluster != "WEST" || s.OtherClusters[0].Connections != 5 {
		t.Errorf("%v, %+v", got, s)
	}
	east.Shutdown()
	if err := l.WaitCounts(ctx, "ORDERS", map[string]int{"WEST-n1": 5}); err != nil {
		t.Fatal(err)
	}
	status, doc, text = impactOf(t, "EAST-n1", "--server", west.URL(lab.SystemAccount), "--baseline", file)
	if g := doc.Gone; status != ExitFinding || g == nil || g.Back != 5 || g.Missing == nil || *g.Missing != 2 ||
		*g.Accounts[0].Services[0].Missing != 0 || len(g.Accounts[0].OtherClusters) != 1 || g.Accounts[0].OtherClusters[0].More != 5 {
		t.Errorf("status %d: %s", status, text)
	}
}
