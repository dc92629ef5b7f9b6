package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// A server that dies is counted by its peers for some minutes, as the former process
// of one that was killed and is back. That another server restarted meanwhile, with a
// goodbye, does not explain why one more is counted.
func TestRestartHidesNoOtherServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := tool.StartProcessCluster(ctx, 4, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	n := c.Processes()
	url := n[0].URL(lab.SystemAccount)
	if status, _, text := auditProcesses(t, url); status != ExitPass {
		t.Fatalf("before: status %d, %s", status, text)
	}
	n[2].Stop()
	if err := n[2].Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitCounted(ctx, 4); err != nil {
		t.Fatal(err)
	}
	if status, _, text := auditProcesses(t, url); status != ExitPass {
		t.Errorf("restarted with a goodbye: status %d, %s", status, text)
	}
	n[3].Kill()
	n[2].Stop()
	if err := n[2].Start(ctx); err != nil {
		t.Fatal(err)
	}
	// The one that is back knows of three, the others count four.
	if status, doc, text := auditProcesses(t, url); status != ExitNotAudited || doc.Coverage.Complete || !strings.Contains(doc.reasons(), "as may be P-n3 (up for ") {
		t.Errorf("one is dead, and another is back: status %d, missing %q, %s", status, doc.reasons(), text[:min(len(text), 300)])
	}
	for _, command := range [][]string{{"rebalance", "--account", "ORDERS"}, {"impact", "P-n1"}} {
		var out, errs watched
		args := append(command, "--no-context", "--server", url, "--expect-servers", "3", "--timeout", "5s")
		if runHere(t.Context(), &out, &errs, args...); strings.Contains(out.String()+errs.String(), "did not report") {
			t.Errorf("%q: %s%s", command, out.String(), errs.String())
		}
	}
	if status, doc, text := auditProcesses(t, url, "--expect-servers", "3"); status != ExitPass || !doc.Coverage.Complete {
		t.Errorf("and there are three by the operator's word: status %d, missing %q, %s", status, doc.reasons(), text)
	}
}
