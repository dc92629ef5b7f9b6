package rebalance

import (
	"context"
	"maps"
	"slices"
)

// site is an account in another cluster.
type site struct {
	account int
	cluster string
}

// abroad is how many clients accounts have in other clusters, as far as these answer.
func (a *applying) abroad(ctx context.Context) (map[site]int, error) {
	out := map[site]int{}
	if len(a.scope.Elsewhere) == 0 {
		return out, nil
	}
	waiting := map[string]bool{}
	for id := range a.scope.Elsewhere {
		waiting[id] = true
	}
	err := reports(ctx, a.client, a.pace.Patience, a.accounts, "", waiting, func(string) {}, func(id string, account, n int) {
		if cluster, other := a.scope.Elsewhere[id]; other {
			out[site{account, cluster}] += n
		}
	})
	return out, err
}

// goneTo looks for clients that are not back in the cluster in the others, and returns how
// many more these have of the accounts than before the run.
func (a *applying) goneTo(ctx context.Context) (int, error) {
	now, err := a.abroad(ctx)
	if err != nil {
		return 0, err
	}
	a.away = map[site]int{}
	all := 0
	for at, n := range now {
		if more := n - a.hadAbroad[at]; more > 0 {
			a.away[at], all = more, all+more
		}
	}
	return all, nil
}

// found takes from those that are missing the clients that other clusters have more of an
// account than they had.
func (a *applying) found(now *Arrivals) {
	left := map[int]int{}
	for at, n := range a.away {
		left[at.account] += n
	}
	for account, n := range a.foundAway {
		left[account] -= n
	}
	for _, service := range slices.Sorted(maps.Keys(now.Services)) {
		x := now.Services[service]
		account := a.now.Services[service].Account
		if n := min(x.Missing, max(0, left[account])); n > 0 {
			x.Missing, now.Missing = x.Missing-n, now.Missing-n
			now.Services[service] = x
			left[account] -= n
			a.foundAway[account] += n
		}
	}
	a.run.Notes = a.sites()
}

// sites are where clients of the run went that are in other clusters.
func (a *applying) sites() (out []RunNote) {
	for account, x := range a.now.Accounts {
		if a.foundAway[account] == 0 {
			continue
		}
		note := InOtherClusters{Clients: a.foundAway[account], Account: x.Name, Cluster: a.scope.Cluster, More: map[string]int{}}
		for at, n := range a.away {
			if at.account == account {
				note.More[at.cluster] = n
			}
		}
		out = append(out, note)
	}
	return out
}

// inOthers is how many clients of the run are in other clusters.
func (a *applying) inOthers() int {
	all := 0
	for _, n := range a.foundAway {
		all += n
	}
	return all
}
