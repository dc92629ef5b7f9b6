package cli

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestWhoWasOnAServerThatWent: watch saw C1-n3 shut down. Its clients of ORDERS are
// elsewhere, those of BILLING gave up: others of it, which came to C1-n1 just before, are
// not these. An audit says so of the missing server, and
// impact of the one it is asked for, with nothing written before.
func TestWhoWasOnAServerThatWent(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS", "BILLING"))
	ctx := sourcetest.Within(t)
	// Else under load watch may hear of the clients before it hears why they come.
	var away atomic.Bool
	for _, c := range []lab.Clients{
		{Account: "ORDERS", Server: l.Server("C1-n3"), Count: 12, Name: "orders", Blocked: func(string) bool { return away.Load() }},
		{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 3, Name: "orders"},
		{Account: "BILLING", Server: l.Server("C1-n3"), Count: 4, Name: "billing", Options: []nats.Option{nats.NoReconnect()}},
	} {
		if _, err := l.Connect(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "kept")
	system := l.Server("C1-n1").URL(lab.SystemAccount)
	out, stop := watching(t, system, dir)
	defer stop()
	if _, err := l.Connect(ctx, lab.Clients{Account: "BILLING", Server: l.Server("C1-n1"), Count: 30, Name: "invoices"}); err != nil {
		t.Fatal(err)
	}
	shows(t, out, &watched{}, "BILLING (C1) leans: ")
	// Time itself is tested: who came within two seconds of a server's end may be its
	// clients, as far as watch knows, and nothing shows that these seconds are over.
	time.Sleep(3 * time.Second)
	away.Store(true)
	l.Server("C1-n3").Shutdown()
	shows(t, out, &watched{}, "server C1-n3 (C1) shut down")
	away.Store(false)
	if err := lab.Poll(ctx, func() error {
		if n := l.Server("C1-n1").Connections("ORDERS") + l.Server("C1-n2").Connections("ORDERS"); n != 15 {
			return context.DeadlineExceeded
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, string) {
		t.Helper()
		var stdout, stderr watched
		runHere(ctx, &stdout, &stderr, append(args, "--no-context", "--server", system, "--history", dir, "--timeout", generous.String())...)
		return stdout.String(), stderr.String()
	}
	var doc report.Impacts
	stdout, stderr := run("impact", "C1-n3", "--json")
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	g := doc.Gone
	if g == nil || g.Recorded == nil || *g.Recorded != "down" || g.Connections != 16 || g.Back != 12 || g.Missing == nil || *g.Missing != 4 || len(g.Accounts) != 2 || g.Accounts[0].Back != 12 || g.Accounts[0].On != nil || *g.Accounts[1].Missing != 4 || doc.Outcome != "finding" {
		t.Errorf("%+v", doc)
	}
	if text, _ := run("impact", "C1-n3"); !strings.Contains(strings.ReplaceAll(text, "\n  ", " "), "C1-n3 in C1 had 16 connections when it shut down, at ") || !strings.Contains(strings.Join(strings.Fields(text), " "), "Which services were on it is unknown, as watch does not record that") {
		t.Errorf("%s", text)
	}
	stdout, stderr = run("audit", "concentration", "--expect-servers", "C1-n1,C1-n2,C1-n3")
	for _, want := range []string{"C1-n3 shut down at ", "with 16 client connections of 2 accounts", "12 of 12 of ORDERS and 0 of 4 of BILLING"} {
		if !strings.Contains(strings.Join(strings.Fields(stdout), " "), want) {
			t.Errorf("%q is not in\n%s%s", want, stdout, stderr)
		}
	}
}
