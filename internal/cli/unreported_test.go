package cli

import (
	"fmt"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// A cluster of which no server reported, as where its gateways are down, though one
// of its servers or two are at addresses of --server: how many it has, and what is on
// them, is unknown, and here it holds 20 of 22.
func TestClusterOfWhichNobodyReported(t *testing.T) {
	t.Parallel()
	start := func(cluster string, counts ...int) *lab.Lab {
		scenario := lab.Scenario{Topology: lab.Topology{Clusters: []lab.Cluster{{Name: cluster, Servers: 3}}, Accounts: []string{"APP"}}}
		for i, n := range counts {
			scenario.Clients = append(scenario.Clients, lab.Placement{Account: "APP", Server: fmt.Sprintf("%s-n%d", cluster, i+1), Count: n})
		}
		l := startScenario(t, scenario)
		if l == nil {
			t.FailNow()
		}
		return l
	}
	here, there := start("C1", 4, 4, 4), start("C2", 20, 1, 1)
	for _, account := range []string{lab.SystemAccount, "APP"} {
		urls := here.Server("C1-n1").URL(account)
		if status, doc, text := auditProcesses(t, urls); status != ExitPass {
			t.Fatalf("as %s: status %d, missing %s: %s", account, status, doc.reasons(), text)
		}
		for known := 1; known <= 3; known++ {
			urls += "," + there.Server(fmt.Sprint("C2-n", known)).ClientURL()
			what := fmt.Sprintf("as %s, %d known", account, known)
			status, doc, text := auditProcesses(t, urls)
			if len(doc.Coverage.Missing) != known { // a busy machine kept a server from its greeting
				status, doc, text = auditProcesses(t, urls)
			}
			if status != ExitNotAudited || doc.Outcome != "incomplete" || len(doc.Coverage.Missing) != known {
				t.Errorf("%s: status %d: %s", what, status, text)
			}
			if status, doc, text := auditProcesses(t, urls, "--cluster", "C1"); status != ExitPass || len(doc.Coverage.Missing) != known {
				t.Errorf("%s, --cluster C1: status %d: %s", what, status, text)
			}
			if account != lab.SystemAccount {
				continue
			}
			var out, errs watched
			if status := runHere(t.Context(), &out, &errs, "audit", "hotspot", "--no-context", "--server", urls); status != ExitNotAudited {
				t.Errorf("hotspot, %s: status %d: %s%s", what, status, out.String(), errs.String())
			}
		}
	}
}
