package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jsm.go/api"
	"github.com/nats-io/jsm.go/audit"
	"github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// runCollection runs our checks and, with shipped, jsm.go's over an archive; values
// are set by the keys of the configuration of the check with the code, whose
// result is returned as well.
func runCollection(t *testing.T, file, code string, shipped bool, values map[string]string) (*audit.Analysis, audit.CheckResult) {
	t.Helper()
	collection := audit.NewCollection()
	if shipped {
		var err error
		if collection, err = audit.NewDefaultCheckCollection(); err != nil {
			t.Fatal(err)
		}
	}
	if err := RegisterChecks(collection); err != nil {
		t.Fatal(err)
	}
	for _, item := range collection.ConfigurationItems() {
		if v, ok := values[item.Key]; ok && item.Check == code {
			if err := item.Set(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := archive.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	analysis := collection.Run(r, 5, api.NewDiscardLogger())
	for _, result := range analysis.Results {
		if result.Check.Code == code {
			return analysis, result
		}
	}
	t.Fatal("the check did not run")
	return nil, audit.CheckResult{}
}

// The checks run beside the shipped ones over an archive that the real nats
// gathered, and all three kinds of report have the finding and its first cause.
func TestChecksInACollection(t *testing.T) {
	t.Parallel()
	scenario, _ := lab.FindScenario("skewed")
	l := startScenario(t, scenario)
	file := gatherArchive(t, l.SystemURL())
	live, _ := audited(t, ExitFinding, "-s", l.SystemURL(), "--no-context", "--timeout", "30s", "--json")
	l.Stop()
	cause := parsed(t, live)["findings"].([]any)[0].(map[string]any)["causes"].([]any)[0].(map[string]any)

	analysis, result := runCollection(t, file, checks.Concentration().Code, true, nil)
	if result.Outcome != audit.PassWithIssues || len(result.Examples.Examples) != 1 || result.Examples.Error != "" {
		t.Fatalf("%s: %+v", result.OutcomeString, result.Examples)
	}
	if len(analysis.Results) < 10 || analysis.Outcomes["PASS"] == 0 {
		t.Errorf("%d results, outcomes %v: where are the shipped checks?", len(analysis.Results), analysis.Outcomes)
	}
	ours := []string{
		"account ORDERS has 17 of its 18 client connections in cluster C1 on server C1-n1 (94.4%)",
		fmt.Sprintf("cause %s, %s: %s", cause["code"], cause["verdict"], cause["title"]),
	}
	asJSON, err := analysis.ToJSON()
	if err != nil {
		t.Fatal(err)
	}
	var again audit.Analysis
	if err := json.Unmarshal(asJSON, &again); err != nil {
		t.Fatal(err)
	}
	markdown, err := analysis.ToMarkdown(audit.MarkdownFormatTemplate, 0)
	if err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(saved, asJSON, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	exe, err := tool.Build(ctx, tool.ProgramCLI)
	possible(t, err)
	text, err := exec.CommandContext(ctx, exe, "audit", "analyze", "--load", saved).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for kind, report := range map[string]string{"JSON": string(asJSON), "Markdown": string(markdown), "text": string(text)} {
		named := checks.Concentration().Name
		if kind == "text" {
			named = "[WARN] [" + checks.Concentration().Code + "]"
		}
		for _, want := range append(ours, named) {
			if !strings.Contains(strings.Join(strings.Fields(report), " "), want) {
				t.Errorf("the %s has no %q: %s", kind, want, report)
			}
		}
	}

	concentration, hotspot := checks.Concentration().Code, checks.ClientConnections().Check.Code
	for _, c := range []struct {
		code       string
		key, value string
		outcome    audit.Outcome
		says       string
	}{
		{concentration, "threshold", "95", audit.Pass, ""},
		{concentration, "min_servers", "4", audit.Skipped, "no cluster has the minimum of servers"},
		{concentration, "min_connections", "19", audit.Pass, ""},
		{concentration, "critical", "94", audit.Fail, "ORDERS"},
		{concentration, "critical", "95", audit.PassWithIssues, "ORDERS"},
		{concentration, "threshold", "0", audit.Skipped, "threshold is 0"},
		{concentration, "threshold", "70.5", audit.Skipped, "threshold is 70.5: pass a whole number"},
		{hotspot, "factor_percent", "200", audit.Pass, ""},
		{hotspot, "factor_percent", "150", audit.PassWithIssues, "server C1-n1 has 23 of the 36 client connections in cluster C1, which has 3 servers"},
		{hotspot, "factor_percent", "100", audit.Skipped, "factor is 1.00"},
	} {
		_, r := runCollection(t, file, c.code, false, map[string]string{c.key: c.value})
		if says := r.Examples.Error + strings.Join(r.Examples.Examples, "; "); r.Outcome != c.outcome || !strings.Contains(says, c.says) || c.says == "" && says != "" {
			t.Errorf("%s with %s %s: %s, %q; want %s, %q", c.code, c.key, c.value, r.OutcomeString, says, c.outcome, c.says)
		}
	}
	if err := RegisterChecks(audit.NewCollection()); err != nil {
		t.Error(err)
	}
}

// A verdict that a missing server could overturn is skipped, and says why; an
// archive without counts is, too.
func TestCheckOfAnIncompleteArchive(t *testing.T) {
	t.Parallel()
	write := func(add func(w *archive.Writer) error) string {
		file := filepath.Join(t.TempDir(), "audit.zip")
		w, err := archive.NewWriter(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(add(w), w.Close()); err != nil {
			t.Fatal(err)
		}
		return file
	}
	partial := write(func(w *archive.Writer) error {
		var err error
		for name, n := range map[string]int{"s1": 9, "s2": 1} {
			from := fmt.Sprintf(`"server":{"id":"N-%s","name":"%s","cluster":"C1"}`, name, name)
			tags := []*archive.Tag{archive.TagServer(name), archive.TagCluster("C1")}
			err = errors.Join(err,
				w.AddRaw(strings.NewReader(`{`+from+`,"data":{"routes":[{"remote_id":"N-s3","remote_name":"s3\u001b[31m"}]}}`), "json", append(tags, archive.TagServerRoutes())...),
				w.AddRaw(strings.NewReader(fmt.Sprintf(`{%s,"data":{"account_name":"ORDERS","client_connections":%d}}`, from, n)), "json",
					append(tags, archive.TagAccount("ORDERS"), archive.TagAccountInfo())...))
		}
		return err
	})
	_, r := runCollection(t, partial, checks.Concentration().Code, false, nil)
	if r.Outcome != audit.Skipped || !strings.Contains(r.Examples.Error, `1 of 3 servers are missing, which could overturn the verdict, among them s3\x1b[31m of cluster C1`) {
		t.Errorf("%s: %q", r.OutcomeString, r.Examples.Error)
	}
	_, r = runCollection(t, write(func(*archive.Writer) error { return nil }), checks.Concentration().Code, false, nil)
	if r.Outcome != audit.Skipped || !strings.Contains(r.Examples.Error, "the archive: it has no account information of any server") {
		t.Errorf("%s: %q", r.OutcomeString, r.Examples.Error)
	}
}
