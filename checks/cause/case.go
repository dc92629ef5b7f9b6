package cause

import (
	"cmp"

	"github.com/nats-balance/nats-balance/checks"
)

// Case is a finding with all that is known of it.
type Case struct {
	Finding    checks.Finding
	Deployment *checks.Deployment
	// Profile is nil where the connections were not read.
	Profile *checks.Profile
	// Accounts is what the servers of the cluster know of the account, by
	// server id.
	Accounts map[string]checks.AccountOn
	// Lists are client URL lists of any account.
	Lists []checks.URLList
	// History is what servers remember of closed connections of the account in
	// this cluster; nil where they were not asked, or forgot.
	History []checks.Closed
	// Remember has the servers, by id, that said what they remember of the account's
	// closed connections, which may be nothing.
	Remember map[string]bool
	// Recorded is what a recorder saw of the account in this cluster until now; nil
	// where none runs, or what it has can't be relied on.
	Recorded *checks.Recorded
	// Neighbours is what the other accounts of the cluster show beyond the reports
	// in Deployment; nil where their connections were not read.
	Neighbours *Neighbours
	// Usage is what accounts have in the cluster, see [UsageOf]; nil has it looked up.
	Usage *Usage
	// ThresholdPercent is the share that makes a finding; 0 is the default.
	ThresholdPercent int
	// Gap is why the source may lack what servers say of themselves.
	Gap Gap
}

// Exceeds reports whether a share is a finding's by the threshold of the case.
func (c Case) Exceeds(onServer, connections int) bool {
	p := checks.Defaults()
	p.ThresholdPercent = cmp.Or(c.ThresholdPercent, p.ThresholdPercent)
	return p.Exceeds(onServer, connections)
}
