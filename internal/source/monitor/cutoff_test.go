package monitor

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server that was cut off from its cluster is missing, with the clients that it has
// for its most, and not a cluster of its own that nobody checks. Without a
// configuration that joins them there are two clusters of one name.
func TestServerThatWasCutOff(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	alone := func(name string, routes ...*url.URL) string {
		other := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 1, ServerNames: []string{name},
			Configure: func(_ int, o *server.Options) { o.Routes = routes }}}, Accounts: []string{"APP"}, Monitoring: true})
		sourcetest.Clients(t, other, "APP", map[string]int{name: 3})
		return other.Server(name).MonitorURL()
	}
	dead, err := url.Parse(closedMonitor(t))
	if err != nil {
		t.Fatal(err)
	}
	all := monitorURLs(l.Cluster("C1")...)
	gather := func(urls ...string) *checks.Deployment {
		m, _ := monitoringOf(t, urls...)
		return monitor(t, m, sourcetest.Long)
	}
	d := gather(append(monitorURLs(l.Cluster("C1")...), alone("cut", dead))...)
	m := sourcetest.OnlyMissing(t, d, "C1", "cut", "it has no routes to the others of its cluster")
	if m.Kind != checks.CutOff || m.Bound == nil || *m.Bound != 3 || len(d.Servers) != 3 {
		t.Errorf("%d servers, missing %+v", len(d.Servers), m)
	}
	d = gather(append(monitorURLs(l.Cluster("C1")...), alone("another"))...)
	sourcetest.Complete(t, d, 4)
	sourcetest.Noted(t, d, "2 clusters are called C1 and have no routes to each other")

	// The others have no route to n3, which still has its ends of them.
	for i, at := range []*lab.Server{l.Server("C1-n1"), l.Server("C1-n2")} {
		peer := l.Cluster("C1")[1-i]
		all[i] = faultyPath(t, at, "/routez", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"server_id":%q,"routes":[{"remote_id":%q,"remote_name":%q,"ip":"127.0.0.1"}]}`, at.ID(), peer.ID(), peer.Name())
		})
	}
	sourcetest.OnlyMissing(t, gather(all...), "C1", "C1-n3", "none of these has a route to it: it is cut off")
}
