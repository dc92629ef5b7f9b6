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
