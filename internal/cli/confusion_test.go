package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/life"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestConfusion audits both catalogues, each scenario and each operation on a real
// cluster, and prints which cause was said where which could be told. It fails on a
// cause that is confirmed wrongly, on a true one that is ruled out, and where fewer
// than 95 of 100 are right. With -short it is the part of everyday life that costs
// the least; the last operations to be added run in CI only.
func TestConfusion(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	table := &confusions{}
	t.Run("clusters", func(t *testing.T) {
		run := func(name string, do func(t *testing.T)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				do(t)
			})
		}
		for _, o := range life.Operations() {
			if o.Short || !testing.Short() && (!o.Rare || os.Getenv(tool.BuildTools) != "") {
				run(o.Name, func(t *testing.T) { operate(t, o, table) })
			}
		}
		if testing.Short() {
			return
		}
		for _, s := range lab.Catalogue() {
			run(s.Name, func(t *testing.T) { auditStage(t, s, table) })
		}
	})
	right, of := table.score()
	t.Logf("%s\n%d of %d first root causes are right", table, right, of)
	if right*100 < 95*of {
		t.Errorf("%d of %d first root causes are right, fewer than 95 of 100", right, of)
	}
}

// auditStage starts a scenario, audits it as a user would, and checks all of
// the document that the scenario promises.
func auditStage(t *testing.T, s lab.Scenario, table *confusions) {
	t.Helper()
	s.Settle = settle
	st, err := lab.StartStage(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Stop()
	args := append([]string{"audit", "concentration", "--no-context", "--server", st.SystemURL(), "--json", "--timeout", generous.String()}, st.Args...)
	var stdout, stderr bytes.Buffer
	status := Run(args, &stdout, &stderr)
	var doc report.Document
	if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil {
		t.Fatalf("%v, stderr %s", err, &stderr)
	}
	if s.Finding == (lab.Finding{}) {
		// A cluster of two is not judged, which is not "all fine".
		if status != ExitPass && doc.Outcome != string(checks.OutcomeNotJudged) || len(doc.Findings) > 0 {
			t.Errorf("status %d, findings %+v; want none", status, doc.Findings)
		}
		return
	}
	if status != ExitFinding || len(doc.Findings) != 1 {
		t.Fatalf("status %d, %d findings, stderr %s", status, len(doc.Findings), &stderr)
	}
	f := doc.Findings[0]
	if f.Account.Name != s.Finding.Account || f.Cluster != s.Finding.Cluster || f.Server.Name != s.Finding.Server {
		t.Errorf("found %s in %s on %s, want %+v", f.Account.Name, f.Cluster, f.Server.Name, s.Finding)
	}
	if len(f.Causes) != len(cause.All()) {
		t.Errorf("%d causes, want all %d", len(f.Causes), len(cause.All()))
	}
	for _, c := range f.Causes {
		if c.Role == "contributing" && (c.Verdict == "confirmed" || c.Verdict == "likely") != slices.Contains(s.Contributing, cause.Code(c.Code)) {
			t.Errorf("%s is %s, contributing are %v", c.Code, c.Verdict, s.Contributing)
		}
	}
	truth := answered{name: s.Name, truth: string(s.Cause), tellable: string(s.Cause)}
	for _, code := range s.Also {
		truth.also = append(truth.also, string(code))
	}
	table.judge(t, truth, f)
}

// told is what was said of the causes.
func told(doc report.Document) string {
	var b strings.Builder
	for _, f := range doc.Findings {
		for _, c := range f.Causes {
			fmt.Fprintf(&b, "    %-20s %-10s %.2f", c.Code, c.Verdict, c.Confidence)
			for _, e := range c.Evidence {
				fmt.Fprintf(&b, " %s", e.Text)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
