package checks

import "slices"

// doubtOverturns reports whether it decides what an account is which of its
// connections have logged in: a finding that is none without them, or none that is
// one with some of them.
func (j judge) doubtOverturns(a Account, finding bool) bool {
	var most, least []int // by server
	doubts := false
	for _, s := range j.c.servers {
		n, doubtful := 0, 0
		for _, u := range j.d.Servers[s].Usage {
			if j.d.Accounts[u.Account].ID == a.ID {
				n = int(u.Connections)
			}
		}
		for _, x := range j.d.Doubtful {
			if x.Server == s && j.d.Accounts[x.Account].ID == a.ID {
				doubtful = min(n, x.Connections)
			}
		}
		doubts = doubts || doubtful > 0
		most, least = append(most, n), append(least, n-doubtful)
	}
	if !doubts || j.members() < j.p.MinServers {
		return false
	}
	sum := func(of []int) (total int) {
		for _, n := range of {
			total += n
		}
		return total
	}
	if finding {
		// The least that the first can have, and the most that the others can.
		first := slices.Index(most, slices.Max(most))
		return sum(least) < j.p.MinConnections || !j.p.Exceeds(least[first], least[first]+sum(most)-most[first])
	}
	for i, n := range most {
		if sum(most) >= j.p.MinConnections && j.p.Exceeds(n, max(j.p.MinConnections, n+sum(least)-least[i])) {
			return true
		}
	}
	return false
}
