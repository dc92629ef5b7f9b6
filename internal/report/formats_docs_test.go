package report

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	formatsPage = "../../docs/formats.md"
	monitoring  = "../../docs/monitoring"
)

func page(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The outputs on the page of the formats are what the program prints.
func TestFormatsPageShowsRealOutput(t *testing.T) {
	shown := page(t, formatsPage)
	for _, as := range forPrograms() {
		if want := formatted(t, as.write, New(as.input(fixtureNamed(t, "finding").in))); !strings.Contains(shown, "\n"+want+"```") && !strings.Contains(shown, "\n"+strings.ReplaceAll(want, "\r", "")+"```") {
			t.Errorf("the page does not show, as %s:\n%s", as.name, want)
		}
	}
}

// Every metric is on the page, and rules and panels ask for none that neither
// the program nor the exporters have.
func TestMetricsAreKnown(t *testing.T) {
	own := formatted(t, writePrometheus, since(everyRow(fixtureNamed(t, "finding").in))) +
		formatted(t, writeHotspotsPrometheus, NewHotspots(hotspotFixtureNamed(t, "finding")))
	shown := page(t, formatsPage)
	known := map[string]bool{}
	for name := range exposed(t, formatted(t, writeHotspotsPrometheus, NewHotspots(hotspotFixtureNamed(t, "finding")))) {
		known[name] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) gauge$`).FindAllStringSubmatch(own, -1) {
		known[m[1]] = true
		if !strings.Contains(shown, "`"+m[1]+"`") {
			t.Errorf("the page does not tell of %s", m[1])
		}
	}
	rules := page(t, filepath.Join(monitoring, "rules.yaml"))
	panels := page(t, filepath.Join(monitoring, "grafana.json"))
	for _, name := range regexp.MustCompile(`\bnats_balance_\w+`).FindAllString(rules+panels, -1) {
		if !known[name] {
			t.Errorf("nothing writes %s", name)
		}
	}
	for _, name := range regexp.MustCompile(`\bnats_balance:\w+`).FindAllString(panels, -1) {
		if !strings.Contains(rules, "record: "+name+"\n") {
			t.Errorf("no rule records %s", name)
		}
	}
	if !json.Valid([]byte(panels)) {
		t.Error("the panel is no JSON")
	}
}

// With promtool at hand, as on the machines of those who take the rules.
func TestMonitoringRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	for _, args := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = monitoring
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
