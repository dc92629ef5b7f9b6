package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// ofAnother returns an error where an earlier document is of a cluster that nobody
// knows now, and a warning where neither a server of it is known by its id, which a
// restart changes, nor any of the accounts that it had on the server: an account without
// connections may be unknown too.
func ofAnother(d *checks.Deployment, past *report.PastImpact) (warnings []string, err error) {
	same := func(cluster string) bool { return d.SameCluster(words.Harmless(cluster), past.Cluster) }
	known := slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return same(s.Cluster) }) ||
		slices.ContainsFunc(d.Missing, func(m checks.Missing) bool {
			return m.Kind != checks.Forgotten && m.ClusterKnown && same(m.Cluster) // that one the document itself may have named
		}) ||
		slices.ContainsFunc(d.Silent, same) ||
		slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Links != nil && slices.ContainsFunc(s.Links.Clusters, same) }) // its gateways
	if !known && !checks.Generated(past.Cluster) {
		return nil, fmt.Errorf("%s was in cluster %s then, and no server of that cluster is known now: it is of another deployment: pass a document of this one", past.Server, past.Cluster)
	}
	if slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return past.Knows(s.ID) }) {
		return nil, nil
	}
	if len(past.Accounts) > 0 && !slices.ContainsFunc(past.Accounts, func(a report.PastAccount) bool {
		return slices.ContainsFunc(d.Accounts, func(x checks.Account) bool { return words.Harmless(x.ID) == a.ID })
	}) {
		return []string{fmt.Sprintf("no account that --baseline has on %s is known now, nor any of its servers: it may be of another deployment", past.Server)}, nil
	}
	return nil, nil
}

// gone is what watch recorded of the servers that went, which is read once.
type gone struct {
	all   []checks.RecordedGone
	notes []string
}

// reader keeps what another one reads; nil where nothing is to be read. The warnings are
// for the document, and not for the audit's.
func (g *gone) reader(read audit.Gone) audit.Gone {
	if read == nil {
		return nil
	}
	return func(ctx context.Context, d *checks.Deployment) ([]checks.RecordedGone, []string) {
		g.all, g.notes = read(ctx, d)
		return g.all, nil
	}
}

// recorded is what watch recorded of the server when it went; nil where it has nothing
// of it.
func (i *impact) recorded(was gone) (*report.PastImpact, []string) {
	gone, notes := was.all, was.notes
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
	past := &report.PastImpact{Time: g.At, Recorded: g.Kind, Lacked: g.Lacked, Server: words.Harmless(g.Server.Name), Cluster: words.Harmless(g.Cluster), Connections: g.Connections}
	for _, x := range g.Of {
		past.Accounts = append(past.Accounts, report.PastAccount{ID: words.Harmless(x.Account.ID), Name: words.Harmless(x.Account.Name),
			OnServer: x.Connections, InCluster: x.Connections + x.Others, Came: x.Came, Unseen: x.Unseen})
	}
	return past, notes
}

// stillThere says of a server that is asked about as gone why it may still have its
// connections; it is empty where it is back, or said that it shuts down. Others forget
// one that hangs just as one that died. Where all may be back, it says so of one that
// watch found silent: then those may be others.
func stillThere(d *checks.Deployment, past *report.PastImpact, allBack bool) []string {
	but := "%s may still have connections that are not back: %s"
	switch {
	case allBack && past.Recorded != checks.Silent:
		return nil
	case allBack:
		but = "%s may still have all of them, if those that others have more are others: %s"
	}
	name := func(s string) bool { return words.Harmless(s) == past.Server }
	if past.Recorded == checks.Down || slices.ContainsFunc(d.Servers, func(s checks.Server) bool {
		return name(s.Name) && d.SameCluster(words.Harmless(s.Cluster), past.Cluster)
	}) {
		return nil
	}
	why := "no server that answered knows whether it is stopped, or hangs, or is cut off from them"
	if at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return name(m.Name) }); at >= 0 { // coverage has its reason
		kind := d.Missing[at].Kind
		if kind == checks.Down {
			return nil
		}
		if known, ok := map[checks.MissingKind]string{checks.Draining: "it is draining, as far as is known", checks.Hanging: "it hangs, as far as is known"}[kind]; ok {
			why = known
		}
	}
	return []string{fmt.Sprintf(but, past.Server, why)}
}

// present returns what the servers of the cluster have now of each account that was on
// the server, with its services where the document says which were there.
func present(ctx context.Context, run *audit.Run, past *report.PastImpact) (func(account string) report.Present, error) {
	d, all := run.Deployment, map[string]report.Present{}
	others := othersMissing(d, past)
	var ask []string
	for _, a := range past.Accounts {
		is := report.Present{Held: map[string]int{}, Uncounted: others, Unread: report.OpenUnread{}}
		all[a.ID] = is
		if len(a.Services) > 0 {
			ask = append(ask, a.ID)
		}
	}
	names, clusters, known := map[string]string{}, []string{}, map[string][]string{}
	for k := range d.Servers {
		s := &d.Servers[k]
		if words.Harmless(s.Cluster) != past.Cluster {
			continue
		}
		names[s.ID] = words.Harmless(s.Name)
		if !slices.Contains(clusters, s.Cluster) {
			clusters = append(clusters, s.Cluster)
		}
		for _, u := range s.Usage {
			id := d.Accounts[u.Account].ID
			is, was := all[words.Harmless(id)]
			if !was || u.Connections == 0 {
				continue
			}
			is.Held[names[s.ID]] += int(u.Connections)
			if ids := known[words.Harmless(id)]; !slices.Contains(ids, id) {
				known[words.Harmless(id)] = append(ids, id)
			}
		}
	}
	for _, u := range d.Uncounted {
		for _, at := range u.Accounts {
			if is, was := all[words.Harmless(d.Accounts[at].ID)]; was && d.SameCluster(words.Harmless(u.Cluster), past.Cluster) {
				is.Uncounted = report.OpenUncounted{}
				all[words.Harmless(d.Accounts[at].ID)] = is
			}
		}
	}
	for _, id := range ask {
		if is := all[id]; len(is.Held) == 0 {
			is.Services, is.Unread = map[string]map[string]int{}, others
			all[id] = is
		}
	}
	for _, cluster := range clusters {
		var of []string
		for _, id := range ask {
			of = append(of, known[id]...)
		}
		profiles, err := run.Present(ctx, cluster, of)
		if err != nil {
			return nil, err
		}
		for id, p := range profiles {
			is := all[words.Harmless(id)]
			is.Services, is.Unread = servicesOf(p, names, is.Services), others
			switch {
			case len(p.Services) == 0:
				is.Unread = report.OpenUnreadable{}
			case slices.Contains(p.Unread, true):
				is.Unread = report.OpenPartlyRead{Note: p.Note}
			case slices.ContainsFunc(p.Services, func(s checks.Service) bool { return s.Remainder }):
				is.Unread = report.OpenRemainder{}
			}
			all[words.Harmless(id)] = is
		}
	}
	if err := presentElsewhere(ctx, run, past, all); err != nil {
		return nil, err
	}
	return func(account string) report.Present { return all[account] }, nil
}

// servicesOf adds what each server has of the services of a profile, all by their names.
func servicesOf(p *checks.Profile, names map[string]string, to map[string]map[string]int) map[string]map[string]int {
	if to == nil {
		to = map[string]map[string]int{}
	}
	for _, s := range p.Services {
		if s.Remainder {
			continue
		}
		name := words.Harmless(cause.ServiceName(s))
		if to[name] == nil {
			to[name] = map[string]int{}
		}
		for i, n := range s.Counts {
			if n > 0 && i < len(p.Servers) {
				to[name][names[p.Servers[i]]] += n
			}
		}
	}
	return to
}

// othersMissing returns the other server that may have some of the clients of the one that is
// asked about, as it did not report; nil where all did. One without a name is the
// one, unless that is known by its name, or this one was missing while that was there.
func othersMissing(d *checks.Deployment, past *report.PastImpact) report.Open {
	same := func(cluster string) bool { return d.SameCluster(words.Harmless(cluster), past.Cluster) }
	itself := slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return words.Harmless(s.Name) == past.Server && same(s.Cluster) }) ||
		slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return words.Harmless(m.Name) == past.Server })
	var unnamed report.Open
	others := checks.Others(d.Missing, past.Cluster, past.Lacked)
	for i := range d.Missing {
		m := &d.Missing[i]
		switch {
		case m.Kind == checks.Down || m.Perhaps || m.ClusterKnown && !same(m.Cluster) || !m.ClusterKnown && m.Apart:
		case words.Harmless(m.Name) == past.Server:
		case !m.Nameless():
			return report.OpenSilent{Server: words.Harmless(m.Name)}
		case d.StandsFor(m, m.Cluster):
			unnamed = report.OpenCluster{}
		case !itself && !others[i]:
			itself = true
		default:
			unnamed = report.OpenSilent{}
		}
	}
	if slices.ContainsFunc(d.Silent, same) {
		unnamed = report.OpenCluster{} // it may have any number of servers
	}
	return unnamed
}
