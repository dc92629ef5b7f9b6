package audit

import (
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// settleCount takes the word of the operator, or of an earlier audit, where just
// the servers answered that they say there are, and of any other one nothing is
// known but that it is counted.
func (e Expected) settleCount(d *checks.Deployment) {
	n, by := len(d.Missing), e.all(d)
	if n == 0 || by == "" || slices.ContainsFunc(d.Missing, func(m checks.Missing) bool {
		return m.Kind != checks.Counted || m.Name != "" || m.ID != ""
	}) {
		return
	}
	d.Missing, d.Expected = nil, len(d.Servers)
	d.Notes = append(d.Notes, fmt.Sprintf("some servers count %s that no other report has; %s that there is none, and servers count a dead one for up to 4 minutes",
		words.Plural(n, "more server"), by))
}

// all is who says that the servers that reported are all that there are; empty
// where nobody does. A list of some of them does not say so.
func (e Expected) all(d *checks.Deployment) string {
	names := map[string]bool{}
	for i := range d.Servers {
		names[d.Servers[i].Name] = true
	}
	if len(names) != len(d.Servers) { // then by number only
		names = nil
	}
	lists := func(n int, name func(int) string) bool {
		if n == 0 || n != len(names) {
			return false
		}
		for i := range n {
			if !names[name(i)] {
				return false
			}
		}
		return true
	}
	switch {
	case e.Count > 0 && len(d.Servers) == e.Count:
		return fmt.Sprintf("--expect-servers %d says", e.Count)
	case lists(len(e.Names), func(i int) string { return e.Names[i] }):
		return "--expect-servers, which names those that answered, says"
	case e.EarlierAll && e.EarlierUnnamed == 0 && e.Count == 0 && len(e.Names) == 0 && lists(len(e.Earlier), func(i int) string { return e.Earlier[i].Name }):
		return "the baseline, a complete one with the servers that answered, says"
	}
	return ""
}
