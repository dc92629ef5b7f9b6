package cli

import (
	"context"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// presentElsewhere adds what other clusters have of the accounts that were on the server:
// clients whose lists lead there may have gone there. Services are read of those that
// have less in the cluster than they had.
func presentElsewhere(ctx context.Context, run *audit.Run, past *report.PastImpact, all map[string]report.Present) error {
	d := run.Deployment
	lacks := map[string]bool{}
	for _, a := range past.Accounts {
		n := 0
		for _, held := range all[a.ID].Held {
			n += held
		}
		lacks[a.ID] = a.Unseen || n < a.InCluster+a.Came
	}
	same := func(cluster string) bool { return d.SameCluster(words.Harmless(cluster), past.Cluster) }
	names := map[string]string{} // of clusters, by the id of the server
	ask := map[string][]string{}
	var clusters []string
	for i := range d.Servers {
		s := &d.Servers[i]
		cluster := words.Harmless(s.Cluster)
		if names[s.ID] = cluster; same(s.Cluster) {
			continue
		}
		for _, u := range s.Usage {
			id := d.Accounts[u.Account].ID
			is, was := all[words.Harmless(id)]
			if !was || u.Connections == 0 {
				continue
			}
			if is.OtherClusters == nil {
				is.OtherClusters = map[string]int{}
			}
			is.OtherClusters[cluster] += int(u.Connections)
			if is.Uncounted == nil {
				is.Uncounted = silentIn(d, s.Cluster)
			}
			all[words.Harmless(id)] = is
			if !slices.Contains(clusters, s.Cluster) {
				clusters = append(clusters, s.Cluster)
			}
			if lacks[words.Harmless(id)] && !slices.Contains(ask[s.Cluster], id) {
				ask[s.Cluster] = append(ask[s.Cluster], id)
			}
		}
	}
	unread := map[string]bool{}
	for _, cluster := range clusters {
		profiles, err := run.Present(ctx, cluster, ask[cluster])
		if err != nil {
			return err
		}
		for _, account := range ask[cluster] {
			id := words.Harmless(account)
			is, p := all[id], profiles[account]
			if p == nil || len(p.Services) == 0 || slices.Contains(p.Unread, true) || slices.ContainsFunc(p.Services, func(x checks.Service) bool { return x.Remainder }) {
				unread[id] = true
			} else if !unread[id] {
				is.Away = servicesOf(p, names, is.Away)
			}
			if unread[id] { // of one cluster, so of all together
				is.Away = nil
			}
			all[id] = is
		}
	}
	return nil
}

// silentIn returns a server of another cluster that did not report; nil where all did that
// are known to be of it.
func silentIn(d *checks.Deployment, cluster string) report.Open {
	at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool {
		return m.ClusterKnown && d.SameCluster(m.Cluster, cluster) && m.Kind != checks.Down && !m.Perhaps
	})
	switch {
	case at < 0:
		return nil
	case d.Missing[at].Nameless():
		return report.OpenSilent{Cluster: words.Harmless(cluster)}
	}
	return report.OpenSilent{Server: words.Harmless(d.Missing[at].Name), Cluster: words.Harmless(cluster)}
}
