package account

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// view is what an ordinary account sees of itself.
type view struct {
	account checks.Account
	// deployment has this one account, without the auditor's own connection.
	// Start, MaxConnections and Details of servers stay unknown.
	deployment *checks.Deployment
	// on is what each server knows of the account, by the server's id.
	on map[string]checks.AccountOn

	self auditor
}

// auditor is the auditor's own connection.
type auditor struct {
	server string // id
	cid    uint64 // 0 where the server does not tell it
}

func auditorOf(nc *nats.Conn) auditor {
	cid, _ := nc.GetClientID() // 0: not reported
	return auditor{nc.ConnectedServerId(), cid}
}

// view makes the model.
func (g *gathering) view() (*view, error) {
	a := checks.Account{ID: g.named, Name: g.named}
	for _, s := range g.servers {
		if s.ID == g.self.server && len(s.rows) == 1 {
			a = checks.Account{ID: s.rows[0].ID, Name: cmp.Or(s.rows[0].Name, s.rows[0].ID)}
		}
	}
	if a.ID == "" {
		return nil, fmt.Errorf("%s: the server does not say which account the credentials are of", g.url)
	}
	if a.ID == checks.GlobalAccount {
		g.notes["the credentials are of "+checks.GlobalAccount+", which is every client's account where the configuration has no accounts: an audit of all servers takes a system account with a user, see system_account"] = true
	}
	d := &checks.Deployment{Accounts: []checks.Account{a}, Gateways: true} // nobody tells an account that there are none
	out := &view{account: a, deployment: d, on: map[string]checks.AccountOn{}, self: g.self}
	counted := false
	var doubles, others []string
	claimed := g.claimed()
	d.Missing = g.disbelieve(claimed)
	for _, id := range slices.Sorted(maps.Keys(g.servers)) {
		s := g.servers[id]
		if slices.Contains(claimed, s) {
			continue
		}
		if s.doubles {
			doubles = append(doubles, s.String())
		}
		if !s.whole {
			m := checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: s.Cluster != "", // or it is cut off
				Kind: checks.Unreadable, Reason: "its account report can't be used: " + s.problem}
			if s.contradicted {
				m.Kind, m.Reason = checks.Contradiction, "two answers in its name differ, and which of them is its own is unknown"
			}
			d.Missing = append(d.Missing, m)
			continue
		}
		if g.silent(s) {
			d.Missing = append(d.Missing, checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: s.Cluster != "",
				Kind: checks.Silent, Reason: "it sent its account report, but did not answer any more at the end of the audit"})
			continue
		}
		server := checks.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster}
		usage, on, other := usageOf(s.rows, a.ID)
		if other != "" {
			others = append(others, fmt.Sprintf("%s for %q", s.Server, wire.Cut(other)))
		}
		out.on[s.ID] = on
		if s.ID == g.self.server && usage.Connections > 0 {
			usage.Connections--
			counted = true
		}
		if usage.Connections > 0 || usage.Leafnodes > 0 {
			server.Usage = []checks.Usage{usage}
		}
		d.Servers = append(d.Servers, server)
	}
	if len(doubles) > 0 {
		g.notes["sent their account report more than once, as servers behind leafnodes do, and count once: "+words.Few(doubles)] = true
	}
	if len(others) > 0 {
		g.notes["answered for an account of their own, which does not count: "+words.Few(others)] = true
	}
	if !counted {
		g.notes["this audit's own connection is not in any count, so that none was taken off"] = true
	}
	d.Missing = append(d.Missing, g.missing()...)
	if !g.asked && len(d.Missing) == 0 {
		d.Missing = append(d.Missing, checks.Missing{Kind: checks.Silent,
			Reason: "the time was over before a question brought no further server, so there may be others: pass a longer --timeout"})
	}
	d.Mixed = g.mixed()
	g.noteMixed(d.Mixed)
	g.noteOneByOne()
	d.CountOnce()
	d.Expected = len(d.Servers) + d.Absent()
	d.Notes = slices.Sorted(maps.Keys(g.notes))
	return out, nil
}
