package cli

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Nobody tells an ordinary account whether there are gateways. Of addresses where
// nobody listens any more it does not know the cluster, and two servers are no three.
func TestOwnAccountBesideAClusterThatDied(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "A", Servers: 2}, {Name: "B", Servers: 2}}, Accounts: []string{"ORDERS"}})
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"A-n1": 14})
	var urls []string
	for _, s := range l.Servers() {
		urls = append(urls, s.URL("ORDERS"))
	}
	for _, s := range l.Cluster("B") {
		s.Shutdown()
	}
	doc := ownRun(t, ExitNotAudited, "--server", strings.Join(urls, ","), "--allow-partial")
	if len(doc.Findings) > 0 || len(doc.Coverage.Missing) != 2 {
		t.Errorf("%s, findings %+v, coverage %+v", doc.Outcome, doc.Findings, doc.Coverage)
	}
	for _, m := range doc.Coverage.Missing {
		if m.Cluster != nil || !strings.HasPrefix(m.Reason, "nobody listens there") {
			t.Errorf("%+v", m)
		}
	}
}
