package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// watching has watch record a deployment in a directory, until it is stopped.
func watching(t *testing.T, system, dir string, args ...string) (out *watched, stop func()) {
	t.Helper()
	return watchingFor(t, generous, system, dir, args...)
}

// watchingFor is watching with a time-out that is waited for, as for servers that are
// missing when it begins.
func watchingFor(t *testing.T, timeout time.Duration, system, dir string, args ...string) (out *watched, stop func()) {
	t.Helper()
	out, errs := &watched{}, &watched{}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- runHere(ctx, out, errs, append([]string{"watch", "--no-context", "--server", system, "--store", dir, "--for", "1s", "--timeout", timeout.String()}, args...)...)
	}()
	shows(t, out, errs, "watching ")
	return out, func() {
		t.Helper()
		interrupt()
		if status := <-ended; status != 0 {
			t.Errorf("watch: exit status %d: %s", status, errs.String())
		}
	}
}

// verdictsOf are the verdicts on a cause by account.
func verdictsOf(doc report.Document, code string) map[string]report.Cause {
	out := map[string]report.Cause{}
	for _, f := range doc.Findings {
		at := slices.IndexFunc(f.Causes, func(c report.Cause) bool { return c.Code == code })
		out[f.Account.Name] = f.Causes[at]
	}
	return out
}

// TestRecordedRestarts: clients of ORDERS, which have a shuffled list of three
// servers, walk onto n1 while n2 and n3 restart; so do those of pay-api of PAY, whose
// pay-worker stays on n1. Those of ALONE were all on n1 before. No URL is passed. By
// start times all look alike; what watch recorded tells them apart.
func TestRecordedRestarts(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"drained", "stopped"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			recordRestarts(t, how == "drained")
		})
	}
}

func recordRestarts(t *testing.T, drain bool) {
	topology := sourcetest.Three("ORDERS", "PAY", "ALONE")
	topology.Clusters[0].Configure = func(_ int, o *server.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = 200*time.Millisecond, 10*time.Millisecond
	}
	l := sourcetest.StartLab(t, topology)
	ctx := sourcetest.Within(t)
	var all []string
	for _, s := range l.Servers() {
		all = append(all, s.ClientURL())
	}
	var groups []*lab.Group
	for _, c := range []lab.Clients{
		{Account: "ORDERS", URLs: all, Count: 48, Name: "orders-api"},
		{Account: "PAY", URLs: all, Count: 42, Name: "pay-api"},
		{Account: "PAY", Server: l.Server("C1-n1"), Count: 3, Name: "pay-worker"},
		{Account: "ALONE", Server: l.Server("C1-n1"), Count: 16, Name: "mailer"},
	} {
		g, err := l.Connect(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	dir := filepath.Join(t.TempDir(), "kept")
	system := l.Server("C1-n1").URL(lab.SystemAccount)
	out, stop := watching(t, system, dir, "--threshold", "60")
	for _, name := range []string{"C1-n2", "C1-n3"} {
		s := l.Server(name)
		said := "shut down"
		if drain {
			said = "drains"
			s.Embedded().LameDuckShutdown()
		}
		s.Shutdown()
		shows(t, out, &watched{}, "server "+name+" (C1) "+said)
		if err := lab.Poll(ctx, func() error { // they are elsewhere
			for i, want := range []int{48, 42} {
				if n := groups[i].Connected(); n < want {
					return fmt.Errorf("%d of %d clients are connected", n, want)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		shows(t, out, &watched{}, "server "+name+" (C1) started")
	}
	audit := func(args ...string) report.Document {
		t.Helper()
		var stdout, stderr watched
		runHere(ctx, &stdout, &stderr, append([]string{"audit", "concentration", "--no-context", "--server", system, "--threshold", "60", "--json", "--timeout", generous.String()}, args...)...)
		var doc report.Document
		if err := json.Unmarshal([]byte(stdout.String()), &doc); err != nil {
			t.Fatalf("%v: %s%s", err, stderr.String(), out)
		}
		return doc
	}
	for account, c := range verdictsOf(audit("--no-history"), "restart-drift") {
		if c.Verdict == "confirmed" || c.Verdict == "ruled-out" {
			t.Errorf("without a history, %s: %s", account, c.Verdict)
		}
	}
	// A spread that changed is written down within 5 seconds.
	var doc report.Document
	var last error // that the end of the time would hide
	defer func() {
		if t.Failed() {
			t.Log(last)
		}
	}()
	if err := lab.Poll(ctx, func() error {
		doc = audit("--history", dir)
		got := verdictsOf(doc, "restart-drift")
		last = nil
		if got["ORDERS"].Verdict != "confirmed" || got["PAY"].Verdict != "confirmed" || got["ALONE"].Verdict != "possible" {
			last = fmt.Errorf("with the history: ORDERS %s, ALONE %s, PAY %s; warnings %q; %+v",
				got["ORDERS"].Verdict, got["ALONE"].Verdict, got["PAY"].Verdict, doc.Warnings, got["ORDERS"].Evidence)
		}
		return last
	}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := verdictsOf(doc, "restart-drift")
	for account, want := range map[string]string{"ORDERS": "and as many came to C1-n1", "ALONE": "But before the first of them stopped"} {
		if !slices.ContainsFunc(got[account].Evidence, func(e report.Evidence) bool { return e.Source == "history" && strings.Contains(e.Text, want) }) {
			t.Errorf("%s: %+v", account, got[account].Evidence)
		}
	}
	stop()
	doc = audit("--history", filepath.Join(t.TempDir(), "none"))
	if !slices.ContainsFunc(doc.Warnings, func(w string) bool { return strings.Contains(w, "can't be read, and is not evidence") }) {
		t.Errorf("warnings %q", doc.Warnings)
	}
}

// TestOtherHistory: what watch recorded of another deployment is not believed.
func TestOtherHistory(t *testing.T) {
	t.Parallel()
	one, other := sourcetest.StartLab(t, sourcetest.Three("ORDERS")), sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	for _, l := range []*lab.Lab{one, other} {
		sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 12, "C1-n2": 1})
	}
	dir := filepath.Join(t.TempDir(), "kept")
	_, stop := watching(t, other.Server("C1-n1").URL(lab.SystemAccount), dir)
	defer stop()
	if err := lab.Poll(sourcetest.Within(t), func() error { // reading it may take a busy machine longer than an audit waits
		var out, errs watched
		runHere(t.Context(), &out, &errs, "audit", "concentration", "--no-context", "--server", one.Server("C1-n1").URL(lab.SystemAccount), "--history", dir)
		if !strings.Contains(out.String(), "none of the audited servers is in it") {
			return errors.New(out.String() + errs.String())
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestHistoryIsFound: without --history an audit takes that of a recorder of this user
// that runs, and looks at none that does not.
func TestHistoryIsFound(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	var f evidenceFlags
	found := func() bool {
		t.Helper()
		s, where, err := f.open(t.Context(), Host{}.withDefaults())
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if s != nil {
			s.Close()
		}
		return s != nil
	}
	if found() {
		t.Error("found where nobody ever recorded")
	}
	dir, err := history.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := history.OpenLocal(t.Context(), dir, history.Limits{Keep: time.Hour, Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if !found() {
		t.Error("not found while it is recorded into")
	}
	kept.Close()
	if found() {
		t.Error("found after the recorder stopped")
	}
}

// TestDeploymentBetweenRestarts: n2 is restarted, all clients of ORDERS are replaced by a
// service that knows n1 alone, and n3 is restarted. That the new ones are on n1 is not of
// the restarts, though as many were on n2 and n3 before.
func TestDeploymentBetweenRestarts(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	ctx := sourcetest.Within(t)
	var before []*lab.Group
	for _, s := range l.Servers() {
		g, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", Server: s, Count: 8, Name: "orders"})
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, g)
	}
	dir := filepath.Join(t.TempDir(), "kept")
	system := l.Server("C1-n1").URL(lab.SystemAccount)
	out, stop := watching(t, system, dir)
	defer stop()
	for _, name := range []string{"C1-n2", "C1-n3"} {
		s := l.Server(name)
		s.Shutdown()
		shows(t, out, &watched{}, "server "+name+" (C1) shut down")
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		shows(t, out, &watched{}, "server "+name+" (C1) started")
		if name == "C1-n3" {
			break
		}
		if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 24, Name: "orders-v2"}); err != nil {
			t.Fatal(err)
		}
		for _, g := range before {
			g.Close()
		}
		shows(t, out, &watched{}, "ORDERS (C1) leans")
	}
	var got report.Cause
	if err := lab.Poll(ctx, func() error { // a spread that changed is written down within 5 seconds
		var stdout, stderr watched
		runHere(ctx, &stdout, &stderr, "audit", "concentration", "--no-context", "--server", system, "--history", dir, "--json", "--timeout", generous.String())
		var doc report.Document
		if err := json.Unmarshal([]byte(stdout.String()), &doc); err != nil {
			return fmt.Errorf("%w: %s", err, stderr.String())
		}
		if got = verdictsOf(doc, "restart-drift")["ORDERS"]; !slices.ContainsFunc(got.Evidence, func(e report.Evidence) bool { return e.Source == "history" }) {
			return fmt.Errorf("%s: %+v, %q", got.Verdict, got.Evidence, doc.Warnings)
		}
		return nil
	}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got.Verdict != "possible" {
		t.Errorf("%s: %+v", got.Verdict, got.Evidence)
	}
}
