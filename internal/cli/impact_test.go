package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestImpact: before a server goes, and after.
func TestImpact(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, MaxConnections: 200}}, Accounts: []string{"ORDERS", "BILLING"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	// orders comes back elsewhere, billing's clients give up.
	for _, c := range []lab.Clients{
		{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 12, Name: "orders"},
		{Account: "ORDERS", Server: l.Server("C1-n2"), Count: 1, Name: "orders"}, // its user is taken there
		{Account: "BILLING", Server: l.Server("C1-n1"), Count: 4, Name: "billing", Options: []nats.Option{nats.NoReconnect()}},
		{Account: "BILLING", Server: l.Server("C1-n2"), Count: 2, Name: "billing"},
	} {
		if _, err := l.Connect(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	run := func(status int, args ...string) (report.Impacts, string) {
		t.Helper()
		var out, errs watched
		args = append([]string{"impact", "--no-context", "--timeout", "30s", "--server", l.Server("C1-n2").URL(lab.SystemAccount)}, args...)
		if got := runHere(ctx, &out, &errs, args...); got != status {
			t.Fatalf("%q: exit status %d, want %d: %s%s", args, got, status, out.String(), errs.String())
		}
		var doc report.Impacts
		if strings.HasPrefix(out.String(), "{") {
			if err := json.Unmarshal([]byte(out.String()), &doc); err != nil {
				t.Fatal(err)
			}
		}
		return doc, out.String() + errs.String()
	}
	urls := strings.Join([]string{l.Server("C1-n1").ClientURL(), l.Server("C1-n2").ClientURL()}, ",")
	lists := []string{"--client-url", "ORDERS=" + urls, "--client-url", "BILLING=" + urls}

	doc, _ := run(0, append([]string{"C1-n1", "--json"}, lists...)...)
	s := doc.Servers[0]
	if doc.Outcome != "pass" || len(doc.Servers) != 1 || s.Connections != 16 || s.CanFailOver != 16 || s.Fits != "yes" || len(s.Accounts) != 2 ||
		s.Accounts[0].Account.ID != "ORDERS" || s.Accounts[1].OnServer != 4 || s.Accounts[1].Connections != 6 || len(s.Survivors) != 2 ||
		len(s.Accounts[0].Services[0].Counts) != 2 || *s.Accounts[0].Services[0].Counts[1].Connections != 1 {
		t.Errorf("%+v", doc)
	}
	// Without a list nobody knows, and without a server it is the fullest.
	_, text := run(3)
	for _, want := range []string{"If C1-n1 in C1 stops, 16 connections of 2 accounts drop: whether they can fail over is unknown.", "ORDERS (13 connections): orders 12", "pass what the clients are configured with"} {
		if !strings.Contains(strings.ReplaceAll(text, "\n  ", " "), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if _, text := run(3, "nowhere"); !strings.Contains(text, "pass one of C1-n1, C1-n2") {
		t.Errorf("%s", text)
	}

	before := filepath.Join(t.TempDir(), "before.json")
	run(3, "C1-n1", "--json", "--outfile", before)
	l.Server("C1-n1").Shutdown()
	if err := lab.Poll(ctx, func() error {
		if n := l.Server("C1-n2").Connections("ORDERS") + l.Server("C1-n3").Connections("ORDERS"); n != 13 {
			return context.DeadlineExceeded
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	doc, _ = run(1, "C1-n1", "--baseline", before, "--json")
	g := doc.Gone
	if g == nil || g.Connections != 16 || g.Back != 12 || g.Missing == nil || *g.Missing != 4 || g.Accounts[0].Back != 12 || *g.Accounts[1].Missing != 4 || g.Accounts[1].Services[0].Name != "billing" || *g.Accounts[1].Services[0].Missing != 4 || *g.Accounts[0].Services[0].Back != 12 || len(doc.Servers) != 0 {
		t.Errorf("%+v", g)
	}
	// Others forget a server that hangs, too.
	if text := strings.Join(doc.Warnings, "\n"); !strings.Contains(text, "C1-n1 may still have connections that are not back: no server that answered knows whether it is stopped, or hangs") {
		t.Errorf("warnings %q", text)
	}
	var said bytes.Buffer
	if err := report.ImpactText(&said, &doc, report.Style{}); err != nil || !strings.Contains(strings.ReplaceAll(said.String(), "\n  ", " "), "by what others have now, 12 are back, 4 missing") || !strings.Contains(said.String(), "Missing: billing 4 of 4.") {
		t.Errorf("%v\n%s", err, said.String())
	}
	if err := l.Server("C1-n1").Start(ctx); err != nil {
		t.Fatal(err)
	}
	if doc, _ = run(1, "C1-n1", "--baseline", before, "--json"); strings.Contains(strings.Join(doc.Warnings, "\n"), "may still have") {
		t.Errorf("it is back: warnings %q", doc.Warnings)
	}
	other, err := os.ReadFile(before)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		status int
		was    []string
		says   string
	}{
		{3, []string{`"C1"`, `"EU"`}, "C1-n1 was in cluster EU then, and no server of that cluster is known now: it is of another deployment"},
		{1, []string{`"id": "N`, `"id": "X`, `"ORDERS"`, `"X"`, `"BILLING"`, `"Y"`}, "no account that --baseline has on C1-n1 is known now"},
	} {
		if err := os.WriteFile(before, []byte(strings.NewReplacer(c.was...).Replace(string(other))), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, text := run(c.status, "C1-n1", "--baseline", before); !strings.Contains(strings.Join(strings.Fields(text), " "), c.says) {
			t.Errorf("%q is not in\n%s", c.says, text)
		}
	}
	if err := os.WriteFile(before, []byte(`{"type":"other"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, text := run(3, "C1-n1", "--baseline", before); !strings.Contains(text, `it is of type "other"`) {
		t.Errorf("%s", text)
	}
}
