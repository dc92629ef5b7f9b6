package monitor

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Servers before 2.11 go on to count connections of accounts that they have closed in
// lame duck mode. Such a report is not believed, unless the server has as many when
// both are read again.
func TestReportOfAServerInLameDuckMode(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 2}}, Accounts: []string{"APP"}, Monitoring: true})
	n1, n2 := l.Server("n1"), l.Server("n2")
	clients, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "APP", Server: n1, Count: 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(sourcetest.Within(t), "APP", map[string]int{"n1": 5}); err != nil {
		t.Fatal(err)
	}
	reply, err := http.Get(n1.MonitorURL() + "/accstatz?unused=1")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	stale, err := io.ReadAll(reply.Body)
	if err != nil || !strings.Contains(string(stale), `"conns": 5`) {
		t.Fatalf("%v, %s", err, stale)
	}
	clients.Close()
	if err := l.WaitCounts(sourcetest.Within(t), "APP", map[string]int{"n1": 0}); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	for what, c := range map[string]struct {
		always bool
		want   string
	}{
		"it stays so":         {true, "its accounts have 5 client connections, but it has 0 in all"},
		"it was so for a bit": {false, ""},
	} {
		asked.Store(0)
		url := faultyPath(t, n1, "/accstatz", func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 1 || c.always {
				_, _ = w.Write(stale)
				return
			}
			http.Redirect(w, r, n1.MonitorURL()+"/accstatz?unused=1", http.StatusFound)
		})
		m, _ := monitoringOf(t, url, n2.MonitorURL())
		d := monitor(t, m, sourcetest.Long)
		if c.want == "" {
			sourcetest.Complete(t, d, 2)
			continue
		}
		missing := sourcetest.OnlyMissing(t, d, "", "n1", c.want)
		if missing.Kind != checks.Unreadable || missing.Bound == nil || *missing.Bound != 0 {
			t.Errorf("%s: %+v", what, missing)
		}
	}
}
