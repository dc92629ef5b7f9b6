package report

import (
	"fmt"
	"io"

	"github.com/nats-balance/nats-balance/checks"
)

// ListedCheck is a check with its thresholds.
type ListedCheck struct {
	Check
	Rule       string            `json:"rule"`
	Thresholds map[string]Factor `json:"thresholds"`
}

// Checks is the document of all checks.
func Checks() []ListedCheck {
	out := []ListedCheck{}
	for _, c := range checks.All() {
		out = append(out, ListedCheck{check(c), c.Rule, thresholds(c)})
	}
	return out
}

// ChecksText writes it for people, in lines of so many columns.
func ChecksText(w io.Writer, all []ListedCheck, columns int) error {
	for _, c := range all {
		if _, err := fmt.Fprintf(w, "%s\n%s\n%s\n", Folded(c.Code+"  "+c.Name, "", columns),
			Folded(fmt.Sprintf("  severity %s, category %s, applies to %s", c.Severity, c.Category, c.AppliesTo), "  ", columns),
			Folded("  "+c.Rule, "  ", columns)); err != nil {
			return err
		}
	}
	return nil
}

// thresholds are the defaults of a check, by the names of its document's
// parameters.
func thresholds(c checks.Check) map[string]Factor {
	out := map[string]Factor{}
	add := func(name string, whole int) { out[name] = Factor(100 * whole) }
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
			out["factor"] = Factor(d.FactorPercent)
			add("min_servers", d.MinServers)
			add("min_"+m.Noun+"s", d.MinConnections)
		}
	}
	return out
}
