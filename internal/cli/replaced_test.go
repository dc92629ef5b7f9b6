package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestEveryOtherProcessIsReplaced: watch found P-n4 silent, with 20 of 26 connections.
// Then the others are restarted, so that none of them knows of P-n4, once while watch
// sees it, and once between two watches. P-n4 is missing all the same, and impact knows
// who was on it. An audit of other servers that have these names takes nothing from the
// history, and says so.
func TestEveryOtherProcessIsReplaced(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	start := func(n int, account string) []*tool.Process {
		t.Helper()
		c, err := tool.StartProcessCluster(ctx, n, []string{account}, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Stop)
		return c.Processes()
	}
	n, others := start(4, "ORDERS"), start(3, "ORDERS")
	for i, many := range []int{2, 2, 2, 20} {
		back := nats.MaxReconnects(-1) // to that server alone
		if i == 3 {
			back = nats.NoReconnect()
		}
		for range many {
			nc, err := nats.Connect(n[i].URL("ORDERS"), back, nats.IgnoreDiscoveredServers(), nats.ReconnectWait(time.Second), nats.Timeout(generous))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
		}
	}
	dir := filepath.Join(t.TempDir(), "kept")
	system, all := n[0].URL(lab.SystemAccount), []string{"--reconcile", "10s"}
	run := func(args ...string) (int, string) {
		t.Helper()
		var out, errs watched
		status := runHere(ctx, &out, &errs, append(args, "--no-context", "--history", dir, "--timeout", sourcetest.Patient().String())...)
		return status, strings.Join(strings.Fields(out.String()+errs.String()), " ")
	}
	missing := func(when string) {
		t.Helper()
		if status, out := run("audit", "concentration", "--server", system); status != ExitNotAudited || !strings.Contains(out, "P-n4 was found silent at ") || !strings.Contains(out, "0 of 20 of ORDERS") {
			t.Errorf("%s: status %d: %s", when, status, out)
		}
		if status, out := run("impact", "P-n4", "--server", system); status != ExitFinding || !strings.Contains(out, "P-n4 in P had 20 connections when it was found silent") {
			t.Errorf("impact, %s: status %d: %s", when, status, out)
		}
	}
	restart := func() {
		t.Helper()
		for _, p := range n[:3] {
			p.Stop()
		}
		for _, p := range n[:3] {
			if err := p.Start(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, stop := watchingFor(t, sourcetest.Patient(), system, dir, all...)
	n[3].Kill() // others say of it what they say of one that hangs
	shows(t, out, &watched{}, "server P-n4 (P) does not report: ")
	restart()
	for _, p := range n[:3] {
		shows(t, out, &watched{}, "server "+p.Name()+" (P) started")
	}
	missing("restarted while watch ran")
	stop()
	restart()
	out, stop = watchingFor(t, sourcetest.Patient(), system, dir, all...)
	shows(t, out, &watched{}, "server P-n4 (P) does not report: it was found silent at ")
	missing("restarted between two watches")
	if status, out := run("audit", "concentration", "--server", others[0].URL(lab.SystemAccount)); status != ExitPass || !strings.Contains(out, "Warning: the history has P-n4 (P) as silent") {
		t.Errorf("other servers of these names: status %d: %s", status, out)
	}
	stop()
}
