package cli

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Servers have a route configured to one that nobody knows, as of one that was killed minutes
// ago. A watch that begins then says that it is missing, as the audit does, and does not know
// who leans. The number of servers says that there are no more. Where that leaves too few to
// be checked, watch says so.
func TestWatchBeginsWithoutAServer(t *testing.T) {
	t.Parallel()
	var dead []*url.URL // one may be that of the last server, of which no configuration has the address
	for range 2 {
		dead = append(dead, &url.URL{Scheme: "nats", Host: net.JoinHostPort("127.0.0.1", closedPort(t))})
	}
	topology := sourcetest.Three("ORDERS")
	topology.Clusters[0].Configure = func(_ int, o *server.Options) { o.Routes = append(o.Routes, dead...) }
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 20, "C1-n2": 2})
	watch := func(args ...string) (*watched, *watched) {
		var out, errs watched
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan int, 1)
		go func() {
			ended <- runHere(ctx, &out, &errs, append([]string{"watch", "--no-context", "--server", l.SystemURL(), "--no-store", "--for", "0s", "--timeout", generous.String()}, args...)...)
		}()
		t.Cleanup(func() { stop(); <-ended })
		return &out, &errs
	}
	out, errs := watch()
	shows(t, out, errs, "1 server does not report")
	shows(t, out, errs, "unknown whether 1 account leans in C1")
	if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, "others have routes configured to 4 addresses") || strings.Contains(text, "FINDING") {
		t.Error(text)
	}
	out, errs = watch("--expect-servers", "3")
	shows(t, out, errs, "FINDING ORDERS (C1): 20 of 22 connections")
	if text := out.String(); strings.Contains(text, "does not report") || strings.Contains(text, "not checked") {
		t.Error(text)
	}
	out, errs = watch("--expect-servers", "3", "--min-servers", "4")
	shows(t, out, errs, "C1 is not checked: it has 3 servers, and --min-servers is 4")
}

// A server was killed for good, and watch recorded that. A watch that begins then with the
// number of those that are left, or their names, has a finding, as the audit has.
func TestWatchWithoutAServerThatIsGoneForGood(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	c, err := tool.StartProcessCluster(ctx, 4, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	p := c.Processes()
	store := filepath.Join(t.TempDir(), "kept")
	out, stop := watchingFor(t, sourcetest.Patient(), p[0].URL(lab.SystemAccount), store)
	shows(t, out, &watched{}, "watching 4 servers")
	p[3].Kill()
	shows(t, out, &watched{}, "server P-n4 (P) does not report")
	stop()
	for i, n := range []int{20, 2} {
		for range n {
			sourcetest.Connect(t, p[i].URL("ORDERS"), nats.IgnoreDiscoveredServers())
		}
	}
	for i, all := range []string{"3", "P-n1,P-n2,P-n3"} {
		out, stop := watchingFor(t, sourcetest.Patient(), p[0].URL(lab.SystemAccount), store, "--expect-servers", all)
		shows(t, out, &watched{}, "watching 3 servers")
		if i == 0 { // the next one knows that
			shows(t, out, &watched{}, "FINDING ORDERS")
		}
		if text := out.String(); strings.Contains(text, "does not report") || strings.Contains(text, "depends on") {
			t.Errorf("--expect-servers %s: %s", all, text)
		}
		stop()
	}
}
