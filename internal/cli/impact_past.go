package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// ofAnother returns an error where an earlier document is of a cluster that nobody
// knows now, and a warning where none of the accounts that it had on the server is
// known: an account without connections may be unknown too.
func ofAnother(d *checks.Deployment, past *report.PastImpact) (warnings []string, err error) {
	same := func(cluster string) bool { return d.SameCluster(words.Harmless(cluster), past.Cluster) }
	known := slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return same(s.Cluster) }) ||
		slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.ClusterKnown && same(m.Cluster) }) ||
		slices.ContainsFunc(d.Silent, same)
	if !known && !checks.Generated(past.Cluster) {
		return nil, fmt.Errorf("%s was in cluster %s then, and no server of that cluster is known now: it is of another deployment: pass a document of this one", past.Server, past.Cluster)
	}
	if len(past.Accounts) > 0 && !slices.ContainsFunc(past.Accounts, func(a report.PastAccount) bool {
		return slices.ContainsFunc(d.Accounts, func(x checks.Account) bool { return words.Harmless(x.ID) == a.ID })
	}) {
		return []string{fmt.Sprintf("no account that --baseline has on %s is known now: it may be of another deployment", past.Server)}, nil
	}
	return nil, nil
}

// recorded is what watch recorded of the server when it went; nil where it has nothing
// of it.
func (i *impact) recorded(ctx context.Context, d *checks.Deployment) (*report.PastImpact, []string) {
	read := i.evidence.gone(i.host, i.source)
	if read == nil {
		return nil, nil
	}
	gone, notes := read(ctx, d)
	at := slices.IndexFunc(gone, func(g checks.RecordedGone) bool {
		return g.Server.Name == i.server || g.Server.ID == i.server
	})
	if at < 0 {
		return nil, notes
	}
	g := gone[at]
	if !g.Known {
		return nil, append(notes, fmt.Sprintf("watch recorded that %s went, and not who was on it", words.Harmless(g.Server.Name)))
	}
	past := &report.PastImpact{Time: g.At, Recorded: g.Kind, Server: words.Harmless(g.Server.Name), Cluster: words.Harmless(g.Cluster), Connections: g.Connections}
	for _, x := range g.Of {
		past.Accounts = append(past.Accounts, report.PastAccount{ID: words.Harmless(x.Account.ID), Name: words.Harmless(x.Account.Name),
			OnServer: x.Connections, InCluster: x.Connections + x.Others})
	}
	return past, notes
}

// stillThere says of a server that is asked about as gone why it may still have its
// connections; it is empty where it is back, or said that it shuts down. Others forget
// one that hangs just as one that died.
func stillThere(d *checks.Deployment, past *report.PastImpact) []string {
	const but = "%s may still have connections that count as missing here: %s"
	name := func(s string) bool { return words.Harmless(s) == past.Server }
	if slices.ContainsFunc(d.Servers, func(s checks.Server) bool {
		return name(s.Name) && d.SameCluster(words.Harmless(s.Cluster), past.Cluster)
	}) {
		return nil
	}
	at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return name(m.Name) })
	switch {
	case at < 0:
		return []string{fmt.Sprintf(but, past.Server, "no server that answered knows of it, so it is stopped, or it hangs")}
	case d.Missing[at].Kind == checks.Down:
		return nil
	}
	return []string{fmt.Sprintf(but, past.Server, words.HarmlessText(d.Missing[at].Reason))}
}

// heldBy is what each server of a cluster has of an account, by its name.
func heldBy(d *checks.Deployment, cluster, account string) map[string]int {
	out := map[string]int{}
	for k := range d.Servers {
		s := &d.Servers[k]
		if words.Harmless(s.Cluster) != cluster {
			continue
		}
		for _, u := range s.Usage {
			if words.Harmless(d.Accounts[u.Account].ID) == account {
				out[words.Harmless(s.Name)] += int(u.Connections)
			}
		}
	}
	return out
}
