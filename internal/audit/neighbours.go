package audit

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source"
)

// neighbours returns what the accounts of each cluster show together: those of the
// cases, and where clients of one of these come mostly from one address, or some from
// its addresses were turned away by full servers, or other servers started when they were
// connected, others of its cluster. An address is judged by all clients that come from
// it, and a restart by all that it moved, not only by those of accounts that are
// concentrated.
func (a *Run) neighbours(ctx context.Context, cases []cause.Case) (map[string]*cause.Neighbours, error) {
	profiles := map[string]map[string]*checks.Profile{}
	ask := map[string]bool{}
	for _, c := range cases {
		cluster := c.Finding.Cluster
		if profiles[cluster] == nil {
			profiles[cluster] = map[string]*checks.Profile{}
		}
		profiles[cluster][c.Finding.Account.ID] = c.Profile
		ask[cluster] = ask[cluster] || cause.MostlyOneAddress(c) || cause.TurnedAway(c) || cause.BeforeRestarts(c)
	}
	of := beside(a.Deployment, profiles, ask)
	if len(of) > 0 {
		asking, cancel := source.ForNeighbours.Context(ctx)
		reports, err := a.from.Connections(asking, a.Deployment, of)
		cancel()
		if err != nil && errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		for i, r := range reports {
			profiles[of[i].Cluster][of[i].Account] = r.Profile
		}
	}
	out := map[string]*cause.Neighbours{}
	for cluster, read := range profiles {
		out[cluster] = cause.NewNeighbours(a.Deployment, cluster, read, explainedBy(cases, cluster, cause.SharedAddresses(read)))
	}
	return out, nil
}

// explainedBy are the accounts with clients at shared addresses of which it was
// observed why they are where they are.
func explainedBy(cases []cause.Case, cluster string, shared map[netip.Addr][]string) map[string]bool {
	sharing := map[string]bool{}
	for _, ids := range shared {
		for _, id := range ids {
			sharing[id] = true
		}
	}
	explained := make([]bool, len(cases))
	each(len(cases), func(i int) {
		f := cases[i].Finding
		explained[i] = f.Cluster == cluster && sharing[f.Account.ID] && cases[i].Exceeds(f.OnServer, f.Connections) && cause.Explained(cases[i])
	})
	out := map[string]bool{}
	for i, c := range cases {
		if explained[i] {
			out[c.Finding.Account.ID] = true
		}
	}
	return out
}

// How many further accounts are read, with how many questions and connections: a
// few hundred clients elsewhere are evidence enough.
const (
	mostBeside        = 100
	besideQuestions   = 300
	besideConnections = 20_000
)

// beside are further accounts of clusters, those with the most clients first, as
// many as are cheap to read.
func beside(d *checks.Deployment, read map[string]map[string]*checks.Profile, ask map[string]bool) []source.Suspect {
	var others []other
	for cluster := range ask {
		if !ask[cluster] {
			continue
		}
		for id, o := range countsOf(d, cluster) {
			if _, known := read[cluster][id]; !known {
				others = append(others, *o)
			}
		}
	}
	slices.SortFunc(others, func(a, b other) int {
		return cmp.Or(cmp.Compare(b.connections, a.connections), cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Account, b.Account))
	})
	var out []source.Suspect
	questions, connections := 0, 0
	for _, o := range others {
		if len(out) >= mostBeside || questions+o.servers > besideQuestions || connections+o.connections > besideConnections {
			continue
		}
		questions, connections = questions+o.servers, connections+o.connections
		out = append(out, o.Suspect)
	}
	return out
}

// other is an account of a cluster, with its largest server.
type other struct {
	source.Suspect
	servers, connections, most int // servers are those that have any
}

// countsOf are the accounts with clients in a cluster, without the system account.
func countsOf(d *checks.Deployment, cluster string) map[string]*other {
	out := map[string]*other{}
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster != cluster {
			continue
		}
		for _, u := range s.Usage {
			account, n := d.Accounts[u.Account], int(u.Connections)
			if n == 0 || account.System {
				continue
			}
			o := out[account.ID]
			if o == nil {
				o = &other{Suspect: source.Suspect{Account: account.ID, Cluster: cluster}}
				out[account.ID] = o
			}
			o.servers, o.connections = o.servers+1, o.connections+n
			if n > o.most {
				o.Server, o.most = s.ID, n
			}
		}
	}
	return out
}
