package cli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/report"
)

// addChecks adds `audit checks`, which lists the checks. It needs no server.
func addChecks(parent Commander, h Host) {
	h = h.withDefaults()
	asJSON := false
	cmd := parent.Command("checks", "Lists the checks with their thresholds")
	cmd.HelpLong("Examples:\n\n  nats-balance audit checks\n  nats-balance audit checks --json")
	cmd.Tag("scope:user")
	cmd.Tag("impact:ro")
	cmd.Flag("json", "Produce JSON output").Short('j').UnNegatableBoolVar(&asJSON)
	cmd.Action(func(*fisk.ParseContext) error {
		return h.page(func() ([]byte, error) {
			if asJSON {
				return checksJSON()
			}
			var b bytes.Buffer
			for _, c := range checks.All() {
				h.wrap(&b, "", c.Code+"  "+c.Name)
				h.wrap(&b, "  ", fmt.Sprintf("severity %s, category %s, applies to %s", c.Severity, c.Category, c.AppliesTo))
				h.wrap(&b, "  ", c.Rule)
			}
			return b.Bytes(), nil
		})
	})
}

// checksJSON is the list of checks for programs.
func checksJSON() ([]byte, error) {
	type check struct {
		Code       string                   `json:"code"`
		Name       string                   `json:"name"`
		Severity   string                   `json:"severity"`
		Category   string                   `json:"category"`
		AppliesTo  string                   `json:"applies_to"`
		Rule       string                   `json:"rule"`
		Thresholds map[string]report.Factor `json:"thresholds"`
	}
	out := []check{}
	for _, c := range checks.All() {
		out = append(out, check{c.Code, c.Name, c.Severity, c.Category, c.AppliesTo, c.Rule, thresholds(c)})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	err := e.Encode(out)
	return b.Bytes(), err
}

// thresholds are the defaults of a check, by the names of its document's
// parameters.
func thresholds(c checks.Check) map[string]report.Factor {
	out := map[string]report.Factor{}
	add := func(name string, whole int) { out[name] = report.Factor(100 * whole) }
	if c == checks.Concentration() {
		d := checks.Defaults()
		add("threshold_percent", d.ThresholdPercent)
		add("min_servers", d.MinServers)
		add("min_connections", d.MinConnections)
		add("review_percent", d.ReviewPercent)
	}
	for _, m := range checks.Measures() {
		if c == m.Check {
			d := m.Defaults()
			out["factor"] = report.Factor(d.FactorPercent)
			add("min_servers", d.MinServers)
			add("min_"+m.Noun+"s", d.MinConnections)
		}
	}
	return out
}
