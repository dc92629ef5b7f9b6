package report

import (
	"cmp"
	"fmt"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/words"
)

// mostInDoubt is how many servers a doubt names.
const mostInDoubt = 5

// HistoryInDoubt says in an audit why servers that its history has are not used.
func HistoryInDoubt(where string, d record.PastDoubt) string {
	return fmt.Sprintf("%s (%s)", HistoryDoubt("the history", d), historyIn(where))
}

// HistoryDoubt says why what was recorded of servers that went, or some of it, is not used, in
// a sentence that begins with where it is.
func HistoryDoubt(where string, d record.PastDoubt) string {
	const why = "servers that reported have the names of some in it, but they are other processes, and no account shows that they are the same"
	switch d.Code {
	case record.OtherDeployment:
		return where + " does not say which servers are missing: it is of another deployment, as no server that reported is in it"
	case record.ServersInDoubt:
		var names []string
		for _, g := range d.Servers {
			names = append(names, fmt.Sprintf("%s (%s)", words.Harmless(cmp.Or(g.Server.Name, g.Server.ID)), words.Harmless(g.Cluster)))
		}
		return fmt.Sprintf("%s has %s as silent: not counted as missing, as it may be of another deployment: %s", where, words.ListUpTo(mostInDoubt, names), why)
	case record.DeploymentInDoubt:
	}
	return where + " does not say which servers are missing: it may be of another deployment: " + why
}
