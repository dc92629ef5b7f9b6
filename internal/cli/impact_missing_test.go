package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// since is what impact says of a server that was there when the file was written.
func since(t *testing.T, url, server, file string, more ...string) (int, report.Impacts, string) {
	t.Helper()
	var out, errs watched
	args := append([]string{"impact", server, "--no-context", "--server", url, "--timeout", "15s", "--baseline", file, "--json"}, more...)
	status := runHere(t.Context(), &out, &errs, args...)
	var doc report.Impacts
	if err := json.Unmarshal([]byte(out.String()), &doc); err != nil || doc.Gone == nil || len(doc.Gone.Accounts) != 1 {
		t.Fatalf("status %d, %v: %s%s", status, err, out.String(), errs.String())
	}
	return status, doc, out.String()
}

// P-n3 dies, and its clients go to P-n4, which hangs then: that they are missing is no
// finding, as they may be on a server that did not report.
func TestClientsBackOnAServerThatHangs(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	c, err := tool.StartProcessCluster(ctx, 4, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	p := c.Processes()
	var clients []*nats.Conn
	for range 6 {
		clients = append(clients, sourcetest.Connect(t, p[2].URL("ORDERS")+","+p[3].URL("ORDERS"), nats.DontRandomize(), nats.IgnoreDiscoveredServers(),
			nats.ReconnectWait(10*time.Millisecond), nats.MaxReconnects(-1)))
	}
	before := filepath.Join(t.TempDir(), "before.json")
	var out, errs watched
	runHere(ctx, &out, &errs, "impact", "P-n3", "--no-context", "--server", p[0].URL(lab.SystemAccount), "--timeout", "15s", "--json", "--outfile", before)
	p[2].Kill()
	if err := lab.Poll(ctx, func() error {
		for _, nc := range clients {
			if at := "nats://" + nc.ConnectedAddr(); !nc.IsConnected() || at != p[3].ClientURL() {
				return fmt.Errorf("a client is at %s", at)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	status, doc, text := since(t, p[0].URL(lab.SystemAccount), "P-n3", before)
	if g := doc.Gone; status != ExitPass || g.Back != 6 || g.Missing == nil || *g.Missing != 0 || len(doc.Warnings) != 0 {
		t.Errorf("all are back: status %d: %s", status, text)
	}
	if m := doc.Coverage.Missing; len(m) != 1 || m[0].Server.Name != "P-n3" {
		t.Errorf("missing: %+v", m)
	}
	if err := p[3].Pause(); errors.Is(err, tool.ErrPauseUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	status, doc, text = since(t, p[0].URL(lab.SystemAccount), "P-n3", before)
	a := doc.Gone.Accounts[0]
	if status != ExitNotAudited || doc.Outcome != "incomplete" || doc.Gone.Missing != nil || a.Missing != nil || a.Back != 0 || a.Why == nil || *a.Why != "P-n4 did not report" {
		t.Errorf("P-n4 hangs: status %d: %s", status, text)
	}
	var said strings.Builder
	if err := report.ImpactText(&said, &doc, report.Style{}); err != nil || !strings.Contains(strings.Join(strings.Fields(said.String()), " "), "whether they are back is unknown: P-n4 did not report. ORDERS: at least 0 of 6 connections back, unknown of 6") {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// A server of the baseline that nobody knows any more is expected, as in an audit: the
// clients of the one that is asked about may be on it. Who says how many servers there
// are has the last word.
func TestServersOfTheBaselineAreExpected(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	ctx := sourcetest.Within(t)
	if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", Server: l.Server("C1-n3"), Count: 12, Name: "orders", Options: []nats.Option{nats.NoReconnect()}}); err != nil {
		t.Fatal(err)
	}
	url := l.Server("C1-n1").URL(lab.SystemAccount)
	dir := t.TempDir()
	var files []string
	for _, of := range [][]string{{"impact", "C1-n3"}, {"audit", "concentration"}} {
		var out, errs watched
		files = append(files, filepath.Join(dir, fmt.Sprint(len(files))))
		runHere(ctx, &out, &errs, append(of, "--no-context", "--server", url, "--timeout", "15s", "--json", "--outfile", files[len(files)-1])...)
	}
	l.Server("C1-n3").Shutdown()
	for _, file := range files {
		status, doc, text := since(t, url, "C1-n3", file)
		if c := doc.Coverage; status != ExitFinding || doc.Gone.Missing == nil || *doc.Gone.Missing != 12 || c.ServersExpected != 3 || c.ServersAnswered != 2 {
			t.Errorf("only C1-n3 is gone: status %d: %s", status, text)
		}
		if strings.Contains(strings.Join(doc.Warnings, " "), "another deployment") { // its account has no client, and its servers are known
			t.Errorf("%s: warnings %q", file, doc.Warnings)
		}
	}
	l.Server("C1-n2").Shutdown()
	for _, file := range files {
		status, doc, text := since(t, url, "C1-n3", file)
		if c := doc.Coverage; status != ExitNotAudited || doc.Gone.Missing != nil || c.ServersExpected != 3 || c.ServersAnswered != 1 || len(c.Missing) != 2 {
			t.Errorf("C1-n2 is gone, too: status %d: %s", status, text)
		}
		if status, doc, text = since(t, url, "C1-n3", file, "--expect-servers", "1"); status != ExitFinding || *doc.Gone.Missing != 12 || !doc.Coverage.Complete {
			t.Errorf("there are no more: status %d: %s", status, text)
		}
	}
}
