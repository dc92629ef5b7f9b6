package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestTwoServicesOfAnAccount: the API sits on one server, the worker beside it
// does not. Whom to phone is the first that is said after the counts.
func TestTwoServicesOfAnAccount(t *testing.T) {
	t.Parallel()
	l := startScenario(t, lab.Scenario{Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS"}, Monitoring: true}})
	if l == nil {
		t.FailNow()
	}
	const suffixes = "bcdfghjklmnpqrstvwxz2456"
	for i := range 24 {
		name := fmt.Sprintf("orders-api-7f9c6d5b8-x2x9%c", suffixes[i])
		if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 1, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	worker := 0
	for i, n := range []int{1, 3, 4} {
		for range n {
			server := l.Server(fmt.Sprintf("C1-n%d", i+1))
			if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "ORDERS", Server: server, Count: 1, Name: fmt.Sprintf("orders-worker-%d", worker)}); err != nil {
				t.Fatal(err)
			}
			worker++
		}
	}
	if err := l.WaitCounts(sourcetest.Within(t), "ORDERS", map[string]int{"C1-n1": 25, "C1-n2": 3, "C1-n3": 4}); err != nil {
		t.Fatal(err)
	}
	for _, from := range [][]string{{"--server", l.SystemURL()}, {"--server", l.Server("C1-n2").URL("ORDERS")}, {"--monitor", monitorList(l.Servers()...)}} {
		doc := documentOf(t, ExitFinding, from...)
		var got []string
		for _, s := range doc.Findings[0].Services {
			counts := map[string]int{}
			for _, c := range s.Counts {
				counts[c.Server.Name] = *c.Connections
			}
			got = append(got, fmt.Sprint(*s.Name, " ", *s.User, " ", *s.Language, " ", s.Versions, " ", *s.Protocol, " ", s.Hosts, " ", s.HostExamples, " ", counts, " ", s.Concentrated))
			if s.First == nil || s.Last == nil || s.Last.Before(*s.First) {
				t.Errorf("%s: from %v to %v", *s.Name, s.First, s.Last)
			}
		}
		common := fmt.Sprintf(" ORDERS go [%s] nats 1 [127.0.0.1] ", nats.Version)
		want := []string{"orders-api" + common + "map[C1-n1:24] true", "orders-worker" + common + "map[C1-n1:1 C1-n2:3 C1-n3:4] false"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: services\n%s\nwant\n%s", doc.Source.Kind, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	text, _ := audited(t, ExitFinding, "--server", l.SystemURL())
	want := fmt.Sprintf("  WHO   orders-api     user ORDERS  Go %s  1 host  24  0  0  uneven\n", nats.Version)
	if !strings.Contains(text, want) {
		t.Errorf("%s\nhas no\n%s", text, want)
	}
}
