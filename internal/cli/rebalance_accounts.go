package cli

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
)

// accept leaves an account alone that is accepted with the share that it has.
func (r *rebalance) accept(s *assessment, x *balance.Account, account checks.Account) {
	row := checks.Row{Account: account, Cluster: s.cluster}
	for i := range s.deployment.Servers {
		if server := &s.deployment.Servers[i]; server.Cluster == s.cluster {
			n := balance.Held(s.deployment, server, account.ID)
			row.Connections, row.OnServer = row.Connections+n, max(row.OnServer, n)
		}
	}
	var why *checks.Lapse
	for _, a := range r.accepted {
		holds, lapsed := a.Holds(row, time.Now())
		if holds {
			x.Stays, x.Accepted = balance.Agreed{Reason: a.Reason}, true
			return
		}
		why = cmp.Or(why, lapsed)
	}
	if why != nil {
		s.notes = append(s.notes, report.NotLeftOut(account.Name, why))
	}
}

// named are the accounts that were asked for.
func (r *rebalance) named(d *checks.Deployment) []checks.Account {
	var out []checks.Account
	for _, name := range r.accounts {
		at := slices.IndexFunc(d.Accounts, func(a checks.Account) bool { return a.ID == name })
		if at < 0 {
			at = slices.IndexFunc(d.Accounts, func(a checks.Account) bool { return a.Name == name })
		}
		if at >= 0 && !slices.Contains(out, d.Accounts[at]) {
			out = append(out, d.Accounts[at])
		}
	}
	return out
}

// everyone are all accounts with clients in a cluster.
func (r *rebalance) everyone(d *checks.Deployment, cluster string) []checks.Account {
	var out []checks.Account
	for i, n := range clientsIn(d, cluster) {
		if n > 0 {
			out = append(out, d.Accounts[i])
		}
	}
	slices.SortFunc(out, func(a, b checks.Account) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}

// clientsIn is how many client connections each ordinary account has in a cluster.
func clientsIn(d *checks.Deployment, cluster string) []int {
	out := make([]int, len(d.Accounts))
	for i := range d.Servers {
		if d.Servers[i].Cluster != cluster {
			continue
		}
		for _, u := range d.Servers[i].Usage {
			if !d.Accounts[u.Account].System {
				out[u.Account] += int(u.Connections)
			}
		}
	}
	return out
}
