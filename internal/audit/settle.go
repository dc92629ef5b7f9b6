package audit

import (
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Settle takes the word of the operator on how many servers there are, as
// [Expected.Add] does, and adds none: for another look at the same servers.
func (e Expected) Settle(d *checks.Deployment) {
	settleClusters(d)
	e.settleCount(d)
}

// settleCount takes the word of the operator where just the servers answered that
// he says there are, and of any other one nothing is known but that it is counted.
// An earlier audit has no word in this: a server may have joined since.
func (e Expected) settleCount(d *checks.Deployment) {
	n, by := len(d.Missing), e.all(d)
	if n == 0 || by == "" || slices.ContainsFunc(d.Missing, func(m checks.Missing) bool {
		return m.Kind != checks.Counted || m.Name != "" || m.ID != ""
	}) {
		return
	}
	d.Missing, d.Denied, d.Silent, d.Expected = nil, d.Missing, nil, len(d.Servers)
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
	switch {
	case e.Count > 0 && len(d.Servers) == e.Count:
		return fmt.Sprintf("--expect-servers %d says", e.Count)
	case len(e.Names) > 0 && len(e.Names) == len(names) && !slices.ContainsFunc(e.Names, func(n string) bool { return !names[n] }):
		return "--expect-servers, which names those that answered, says"
	}
	return ""
}
