package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// verdicts are what the audit says of one scenario.
type verdicts struct {
	scenario  lab.Scenario
	first     string // root cause that is at least possible; "unknown" without one
	verdict   string
	confirmed []string // root causes
	doc       report.Document
}

// TestConfusion runs every scenario of the catalogue on a real cluster, prints
// true cause × first root cause said, and fails on a cause that is confirmed
// wrongly, or where fewer than 95 of 100 are right.
func TestConfusion(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts some forty clusters")
	}
	var mu sync.Mutex
	var all []verdicts
	t.Run("scenarios", func(t *testing.T) {
		slots := make(chan struct{}, 3)
		for _, s := range lab.Catalogue() {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				v := auditStage(t, s)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, v)
			})
		}
	})
	right, judged := 0, 0
	for _, v := range all {
		if v.scenario.Cause == "" {
			continue
		}
		judged++
		if v.first == v.scenario.Cause {
			right++
		} else {
			t.Logf("%s: the cause is %s, said was %s (%s)\n%s", v.scenario.Name, v.scenario.Cause, v.first, v.verdict, told(v.doc))
		}
		for _, c := range v.confirmed {
			if c != v.scenario.Cause && !slices.Contains(v.scenario.Also, c) {
				t.Errorf("%s: %s is confirmed, and wrong: it is %s\n%s", v.scenario.Name, c, v.scenario.Cause, told(v.doc))
			}
		}
	}
	t.Logf("%s\n%d of %d first root causes are right", confusion(all), right, judged)
	if right*100 < 95*judged {
		t.Errorf("%d of %d first root causes are right, fewer than 95 of 100", right, judged)
	}
}

// auditStage starts a scenario, audits it as a user would, and checks all of
// the document that the scenario promises.
func auditStage(t *testing.T, s lab.Scenario) verdicts {
	t.Helper()
	st, err := lab.StartStage(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Stop()
	args := append([]string{"audit", "concentration", "--no-context", "--server", st.SystemURL(), "--json", "--timeout", generous.String()}, st.Args...)
	var stdout, stderr bytes.Buffer
	status := Run(args, &stdout, &stderr)
	v := verdicts{scenario: s, first: lab.CauseUnknown}
	if err := json.Unmarshal(stdout.Bytes(), &v.doc); err != nil {
		t.Fatalf("%v, stderr %s", err, &stderr)
	}
	if s.Finding == (lab.Finding{}) {
		// A cluster of two is not judged, which is not "all fine".
		if status != ExitPass && v.doc.Outcome != string(checks.OutcomeNotJudged) || len(v.doc.Findings) > 0 {
			t.Errorf("status %d, findings %+v; want none", status, v.doc.Findings)
		}
		return v
	}
	if status != ExitFinding || len(v.doc.Findings) != 1 {
		t.Fatalf("status %d, %d findings, stderr %s", status, len(v.doc.Findings), &stderr)
	}
	f := v.doc.Findings[0]
	if f.Account.Name != s.Finding.Account || f.Cluster != s.Finding.Cluster || f.Server.Name != s.Finding.Server {
		t.Errorf("found %s in %s on %s, want %+v", f.Account.Name, f.Cluster, f.Server.Name, s.Finding)
	}
	if len(f.Causes) != len(cause.All()) {
		t.Errorf("%d causes, want all %d", len(f.Causes), len(cause.All()))
	}
	for _, c := range f.Causes {
		strong := c.Verdict == "confirmed" || c.Verdict == "likely" || c.Verdict == "possible"
		if c.Role == "root" && strong && v.verdict == "" {
			v.first, v.verdict = c.Code, c.Verdict
		}
		if c.Role == "root" && c.Verdict == "confirmed" {
			v.confirmed = append(v.confirmed, c.Code)
		}
		if c.Role == "contributing" && (c.Verdict == "confirmed" || c.Verdict == "likely") != slices.Contains(s.Contributing, c.Code) {
			t.Errorf("%s is %s, contributing are %v", c.Code, c.Verdict, s.Contributing)
		}
	}
	return v
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

// confusion is the table: a row for each true cause, a column for what was
// said.
func confusion(all []verdicts) string {
	var codes []string
	count, sure := map[[2]string]int{}, map[[2]string]int{}
	for _, v := range all {
		if v.scenario.Cause == "" {
			continue
		}
		count[[2]string{v.scenario.Cause, v.first}]++
		if v.verdict == "confirmed" {
			sure[[2]string{v.scenario.Cause, v.first}]++
		}
		for _, c := range []string{v.scenario.Cause, v.first} {
			if !slices.Contains(codes, c) {
				codes = append(codes, c)
			}
		}
	}
	slices.Sort(codes)
	var b strings.Builder
	b.WriteString("true cause, and how often which was said first:\n")
	for _, truth := range codes {
		fmt.Fprintf(&b, "%-22s", truth)
		for _, said := range codes {
			if n := count[[2]string{truth, said}]; n > 0 {
				fmt.Fprintf(&b, "  %s %d (%d confirmed)", said, n, sure[[2]string{truth, said}])
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
