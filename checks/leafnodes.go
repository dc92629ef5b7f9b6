package checks

import (
	"cmp"
	"slices"
)

// LeafnodeRow is an account with most of its leafnode connections to a cluster
// on one server.
type LeafnodeRow struct {
	Account             Account
	Cluster             string
	Server              ServerRef // with most of them
	Leafnodes, OnServer int
}

// LeafnodesOnOneServer lists the accounts whose leafnode connections are where
// the rule of the concentration check would not have client connections: as many
// as its minimum, in a cluster as large, and more than its threshold on one
// server. Those with most on a server come first. Leafnodes are never judged: no
// verdict follows from it, and what missing servers have is left out.
//
// A server counts both the leafnodes that connect to it and its own remotes to
// others, as the account reports do not tell them apart.
func LeafnodesOnOneServer(d *Deployment, p Parameters) []LeafnodeRow {
	type sum struct {
		all, top uint64
		server   int
	}
	var out []LeafnodeRow
	for _, c := range d.clusters() {
		if !p.wantsCluster(c.name) {
			continue
		}
		sums := map[uint32]sum{}
		for _, i := range c.servers {
			for _, u := range d.Servers[i].Usage {
				if u.Leafnodes == 0 {
					continue
				}
				s := sums[u.Account]
				s.all += uint64(u.Leafnodes)
				if n := uint64(u.Leafnodes); n > s.top {
					s.top, s.server = n, i
				}
				sums[u.Account] = s
			}
		}
		for a, s := range sums {
			account := d.Accounts[a]
			all, top := int(min(s.all, unbounded)), int(s.top) //nolint:gosec // top is of 32 bits
			q := p.For(account)
			if account.System || !p.wantsAccount(account) || len(c.servers)+len(c.missing) < q.MinServers || all < q.MinConnections || !q.Exceeds(top, all) {
				continue
			}
			out = append(out, LeafnodeRow{Account: account, Cluster: c.name, Server: d.Servers[s.server].Ref(), Leafnodes: all, OnServer: top})
		}
	}
	slices.SortFunc(out, func(a, b LeafnodeRow) int {
		return cmp.Or(cmp.Compare(b.OnServer, a.OnServer), cmp.Compare(a.Cluster, b.Cluster),
			cmp.Compare(a.Account.Name, b.Account.Name), cmp.Compare(a.Account.ID, b.Account.ID), cmp.Compare(a.Server.ID, b.Server.ID))
	})
	return out
}
