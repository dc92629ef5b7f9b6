package report

import (
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// leafnodeRows is how many accounts with most of their leafnodes on one server
// get a note.
const leafnodeRows = 10

// leafnodesOnScreen is how many of them fit on one.
const leafnodesOnScreen = 2

// leafnodeNotes tell of accounts whose leafnodes are mostly on one server: no
// finding, as leafnodes never count, and nothing to keep silent about.
func leafnodeNotes(in Input) []string {
	rows := slices.DeleteFunc(checks.LeafnodesOnOneServer(in.Deployment, in.Parameters), func(r checks.LeafnodeRow) bool {
		return slices.ContainsFunc(in.Result.Findings, func(f checks.Finding) bool { // which says so itself
			return f.Account.ID == r.Account.ID && f.Cluster == r.Cluster
		})
	})
	var out []string
	for _, r := range rows[:min(len(rows), leafnodeRows)] {
		row := rowOf(checks.Row{Account: r.Account, Cluster: r.Cluster, Server: r.Server, Connections: r.Leafnodes, OnServer: r.OnServer})
		out = append(out, fmt.Sprintf("%s has %s of its %s in %s on %s (%s%%): leafnodes are not checked; give their remotes the leafnode URLs of all servers of %s",
			accountName(row.Account), words.Count(r.OnServer), words.Plural(r.Leafnodes, "leafnode connection"), clusterName(row.Cluster), short(row.Server.called(), prose), row.SharePercent, clusterName(row.Cluster)))
	}
	if more := len(rows) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("%s with most leafnode connections in a cluster on one server", words.Plural(more, "more account")))
	}
	return out
}

// leafnodeSentence tells of the leafnodes of a finding.
func (f Finding) leafnodeSentence() string {
	here := ""
	switch {
	case f.leafnodesHere > 0 && f.leafnodesHere == f.Leafnodes:
		here = ", on " + f.label
	case f.leafnodesHere > 0:
		here = fmt.Sprintf(", %s of them on %s", words.Count(f.leafnodesHere), f.label)
	}
	return fmt.Sprintf("It also has %s in this cluster%s, which do not count as clients.", words.Plural(f.Leafnodes, "leafnode connection"), here)
}
