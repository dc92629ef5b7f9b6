package checks

import (
	"cmp"
	"slices"
)

// OnServer returns, for every account with client connections on a server, what it
// has in the server's cluster, as a finding on that server whatever its share is.
// Those with most there come first. It returns none for a server that did not
// report.
func OnServer(d *Deployment, server string) []Finding {
	p := Defaults()
	p.AllowPartial = true
	unplaced := ofUnknownCluster(d, false)
	for _, c := range d.clusters() {
		at := slices.IndexFunc(c.servers, func(s int) bool { return d.Servers[s].ID == server })
		if at < 0 {
			continue
		}
		here := c.servers[at]
		j := judge{d: d, p: p, c: c, missing: missingIn(c, unplaced), totals: make([]int, len(c.servers)), failures: map[int]failure{}}
		tallies := make([]tally, len(d.Accounts))
		j.count(tallies)
		var out []Finding
		var found []uint32
		for _, u := range d.Servers[here].Usage {
			if u.Connections == 0 || d.Accounts[u.Account].System {
				continue
			}
			t := tallies[u.Account]
			t.top, t.server = int(u.Connections), here
			row := Row{Account: d.Accounts[u.Account], Cluster: c.name, Server: d.Servers[here].Ref(), Connections: t.connections, OnServer: t.top, Verdict: Found}
			out, found = append(out, j.finding(row, t)), append(found, u.Account)
		}
		j.distribute(found, out)
		slices.SortFunc(out, func(a, b Finding) int { return cmp.Or(cmp.Compare(b.OnServer, a.OnServer), compareRows(a.Row, b.Row)) })
		return out
	}
	return nil
}

// Fullest returns the server with the most client connections of each cluster that has
// any, in order of cluster: what would be lost most. A server without a cluster is one.
func Fullest(d *Deployment) []ServerRef {
	var out []ServerRef
	for _, c := range d.clusters() {
		most, at := 0, -1
		for i, n := range ClientConnections().totals(d, c) {
			if n > most {
				most, at = n, c.servers[i]
			}
		}
		if at >= 0 {
			out = append(out, d.Servers[at].Ref())
		}
	}
	return out
}
