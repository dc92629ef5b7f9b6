package cli

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server and a cluster that only the configuration of others names are missing, by
// the system account and by monitoring ports, and the verdict is open for them. The
// number of servers, or their names, say that there are no more.
func TestOnlyTheConfigurationNamesIt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dead := &url.URL{Scheme: "nats", Host: net.JoinHostPort("127.0.0.1", closedPort(t))}
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{
		{Name: "C1", Servers: 3, Configure: func(i int, o *server.Options) {
			if i == 2 { // the configuration of the last one is another one
				o.Routes = append(o.Routes, dead)
				o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: net.JoinHostPort("127.0.0.1", closedPort(t))})
			}
		}},
		{Name: "C2", Servers: 1, Configure: func(_ int, o *server.Options) {
			o.Gateway.Gateways = append(o.Gateway.Gateways, &server.RemoteGatewayOpts{Name: "C9", URLs: []*url.URL{dead}})
		}},
	}, Accounts: []string{"ORDERS"}, Monitoring: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	var pages []string
	for _, s := range l.Servers() {
		pages = append(pages, s.MonitorURL())
	}
	for what, from := range map[string][]string{
		"system account": {"--server", l.Server("C1-n1").URL(lab.SystemAccount)},
		"monitor":        {"--monitor", strings.Join(pages, ",")},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run := func(status int, args ...string) report.Document {
				t.Helper()
				var out, errs watched
				args = append(append([]string{"audit", "concentration", "--no-context", "--timeout", "30s", "--json"}, from...), args...)
				if got := runHere(t.Context(), &out, &errs, args...); got != status {
					t.Fatalf("%q: status %d, want %d: %s%s", args, got, status, out.String(), errs.String())
				}
				var doc report.Document
				if err := json.Unmarshal([]byte(out.String()), &doc); err != nil {
					t.Fatal(err)
				}
				return doc
			}
			doc := run(ExitNotAudited)
			reasons := map[string]string{}
			for _, m := range doc.Coverage.Missing {
				reasons[*m.Cluster] = m.Reason
			}
			if len(doc.Coverage.Missing) != 2 || doc.Coverage.ServersExpected != 6 ||
				!strings.Contains(reasons["C1"], "routes configured to 4 addresses, but only 3 servers are known") || !strings.Contains(reasons["C9"], "C2-n1 has a gateway configured to its cluster") {
				t.Errorf("%+v", doc.Coverage)
			}
			for _, say := range []string{"4", "C1-n1,C1-n2,C1-n3,C2-n1"} {
				if doc := run(ExitPass, "--expect-servers", say); !doc.Coverage.Complete || doc.Coverage.ServersExpected != 4 {
					t.Errorf("%s: %+v", say, doc.Coverage)
				}
			}
			if doc := run(ExitNotAudited, "--expect-servers", "5"); len(doc.Coverage.Missing) != 1 {
				t.Errorf("one more: %+v", doc.Coverage)
			}
		})
	}
}

// TestSeedThatIsGone: all servers have a route to the first one, and to each other by
// what that one told them. When it has gone and is forgotten, as many are there as
// before but one, and no configuration names more than these.
func TestSeedThatIsGone(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("ORDERS")
	topology.Clusters[0].Servers = 4
	topology.Monitoring = true
	topology.Clusters[0].Configure = func(_ int, o *server.Options) { o.Routes = o.Routes[:min(1, len(o.Routes))] }
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 30, "C1-n2": 4, "C1-n3": 4, "C1-n4": 4})
	audit := func(from ...string) (int, string) {
		var out, errs watched
		status := runHere(t.Context(), &out, &errs, append([]string{"audit", "concentration", "--no-context", "--timeout", generous.String()}, from...)...)
		return status, out.String() + errs.String()
	}
	pages := func(from int) string { return monitorList(l.Servers()[from:]...) }
	for _, from := range [][]string{{"--server", l.Server("C1-n2").URL(lab.SystemAccount)}, {"--monitor", pages(0)}} {
		if status, text := audit(from...); status != ExitFinding {
			t.Errorf("%q, all are there: %d, %s", from, status, text)
		}
	}
	l.Server("C1-n1").Shutdown()
	for _, from := range [][]string{{"--server", l.Server("C1-n2").URL(lab.SystemAccount)}, {"--server", l.Server("C1-n4").URL(lab.SystemAccount)}, {"--monitor", pages(1)}} {
		if status, text := audit(from...); status != ExitNotAudited || !strings.Contains(text, "3 of 4 servers") || !strings.Contains(strings.Join(strings.Fields(text), " "), "that others have routes configured to") {
			t.Errorf("%q, the seed is gone: %d, %s", from, status, text)
		}
		if status, text := audit(append(from, "--expect-servers", "3", "--min-connections", "100")...); status != ExitPass {
			t.Errorf("%q, and is not expected: %d, %s", from, status, text)
		}
	}
}
