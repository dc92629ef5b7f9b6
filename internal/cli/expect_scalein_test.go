package cli

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server was taken away for good, and the context still lists its address: the number
// of servers that there are has the last word in each command.
func TestExpectServersAfterAScaleIn(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 4, Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, s := range l.Servers() {
		urls = append(urls, s.URL(lab.SystemAccount))
	}
	l.Server("C1-n3").Shutdown()
	run := func(args ...string) (int, string) {
		var out, errs watched
		status := runHere(ctx, &out, &errs, append(args, "--no-context", "--timeout", "15s", "--server", strings.Join(urls, ","))...)
		return status, strings.Join(strings.Fields(out.String()+errs.String()), " ")
	}
	if status, text := run("audit", "hotspot"); status != ExitNotAudited || !strings.Contains(text, "1 of 3 servers did not report") {
		t.Errorf("status %d: %s", status, text)
	}
	for command, want := range map[string]int{"audit hotspot": ExitPass, "impact": ExitNotAudited, "rebalance --cluster C1": ExitPass} {
		status, text := run(append(strings.Fields(command), "--expect-servers", "2")...)
		if status != want || strings.Contains(text, "did not report") || !strings.Contains(text, "--expect-servers 2 says that all servers are here") {
			t.Errorf("%s: status %d, want %d: %s", command, status, want, text)
		}
	}
}
