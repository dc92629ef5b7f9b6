package system

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/profile"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// examine reads profiles and asks for accounts at the same time, and then for
// closed connections for a third of the time that is left. The error is that of
// the profiles.
func examine(ctx context.Context, nc *nats.Conn, d *checks.Deployment, of []source.Suspect) ([]source.Report, map[source.Suspect]map[string]checks.AccountOn, error) {
	c := sysreq.New(nc, nil)
	defer c.Close()
	var accounts map[source.Suspect]map[string]checks.AccountOn
	var wg sync.WaitGroup
	wg.Go(func() { accounts = accountsOn(ctx, c, d, of) })
	reports, err := profiles(ctx, c, d, of)
	if err == nil {
		closed(ctx, c, d, of, reports)
	}
	wg.Wait()
	return reports, accounts, err
}

// closed adds to reports what servers remember of closed connections.
func closed(ctx context.Context, c *sysreq.Client, d *checks.Deployment, of []source.Suspect, reports []source.Report) {
	ctx, cancel := source.ForClosed.Context(ctx)
	defer cancel()
	asking, stop := c.WhileAllowed(ctx, "CONNZ")
	defer stop()
	longest := source.Patience(ctx)
	profile.ReadClosed(asking, d, of, reports, true, &sync.Map{}, func(ctx context.Context, p profile.ClosedPage, dec *wire.Decoder, take func(*wire.Connection)) error {
		m, err := c.Request(ctx, sysreq.Connz(p.ID), server.ConnzOptions{
			Sort: server.ByStop, State: server.ConnClosed, Username: true, Account: p.Account, Limit: wire.PageSize}, longest, true)
		if err != nil {
			return err
		}
		body, err := dec.Open(m)
		if err == nil {
			_, err = dec.Closed(ctx, body, p.ID, take)
		}
		return err
	})
}

// profiles reads the connections of each suspect, see [profile.Read]. [details]
// is to come first: without the servers' clocks it is unknown which servers were
// up when a connection began. The auditor's own connection is left out: an account
// that imports the system's services may be a suspect. Asking makes a server
// measure the round trip to clients that it has not measured yet.
func profiles(ctx context.Context, c *sysreq.Client, d *checks.Deployment, of []source.Suspect) ([]source.Report, error) {
	if c.Conn().IsClosed() {
		return nil, fmt.Errorf("asking for connections: %w", nats.ErrConnectionClosed)
	}
	asking, stop := c.WhileAllowed(ctx, "CONNZ")
	defer stop()
	longest := source.Patience(ctx)
	at := c.Conn().ConnectedServerId()
	own, err := c.Conn().GetClientID()
	if err != nil {
		at = "" // not reported
	}
	return profile.Read(asking, d, of, &sync.Map{}, func(t profile.Task, dec *wire.Decoder) error {
		return readConnections(asking, c, source.Held{Server: t.ID, Account: t.Account()}, longest, t.Counted() > sysreq.FewRows, dec, func(x *wire.Connection) {
			if x.ID != own || t.ID != at {
				t.Add(x)
			}
		})
	})
}

// subscriptions counts the subscriptions that the client connections of an
// account hold on a server. The account report's num_subscriptions can't be
// used for that: it counts what the server knows of the whole cluster. Where
// a server does not answer fully before the context ends, the count is nil.
// A profile has it, too.
func subscriptions(ctx context.Context, nc *nats.Conn, of []source.Held) ([]*int, error) {
	d := &checks.Deployment{}
	var suspects []source.Suspect
	for i, h := range of {
		// Every one is a cluster of its own with a connection or more.
		cluster := fmt.Sprint(i)
		account := slices.IndexFunc(d.Accounts, func(a checks.Account) bool { return a.ID == h.Account })
		if account < 0 {
			account = len(d.Accounts)
			d.Accounts = append(d.Accounts, checks.Account{ID: h.Account, Name: h.Account})
		}
		d.Servers = append(d.Servers, checks.Server{ID: h.Server, Name: h.Server, Cluster: cluster,
			Usage: []checks.Usage{{Account: uint32(account), Connections: 1}}})
		suspects = append(suspects, source.Suspect{Account: h.Account, Server: h.Server, Cluster: cluster})
	}
	c := sysreq.New(nc, nil)
	defer c.Close()
	reports, err := profiles(ctx, c, d, suspects)
	if err != nil {
		return nil, err
	}
	out := make([]*int, len(of))
	for i := range reports {
		out[i] = reports[i].Subscriptions
	}
	return out, nil
}
