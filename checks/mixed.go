package checks

import "slices"

// couldBeFindingApart reports whether an account is a finding in some part of the
// cluster, where its servers may be several clusters of one name: on a server
// together with those of the others that have least.
func (j judge) couldBeFindingApart(a Account) bool {
	var counts []int
	for _, s := range j.c.servers {
		n := 0
		for _, u := range j.d.Servers[s].Usage {
			if j.d.Accounts[u.Account].ID == a.ID {
				n = int(u.Connections)
			}
		}
		counts = append(counts, n)
	}
	slices.Sort(counts)
	others := j.p.MinServers - 1
	for i, n := range counts {
		// It is alone with the smallest ones, and with as many more as the minimum
		// of connections takes.
		sum, with := n, 0
		for k, m := range counts {
			if k == i || with >= others && sum >= j.p.MinConnections {
				continue
			}
			sum, with = sum+m, with+1
		}
		if with >= others && sum >= j.p.MinConnections && j.p.Exceeds(n, sum) {
			return true
		}
	}
	return false
}
