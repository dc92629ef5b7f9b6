package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/profile"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// profiles reads the connections of suspects, without the auditor's own.
func (v *view) profiles(ctx context.Context, nc *nats.Conn, d *checks.Deployment, of []source.Suspect) ([]source.Report, error) {
	if nc.IsClosed() {
		return nil, fmt.Errorf("asking for connections: %w", nats.ErrConnectionClosed)
	}
	c := sysreq.New(nc, nil)
	defer c.Close()
	asking, stop := c.WhileAllowed(ctx, "CONNZ")
	defer stop()
	longest := source.Patience(ctx)
	return profile.Read(asking, d, of, &sync.Map{}, func(t profile.Task, dec *wire.Decoder) error {
		own := uint64(0)
		if t.ID == v.self.server {
			own = v.self.cid
		}
		return readConnections(asking, c, t, longest, dec, func(c *wire.Connection) {
			if c.ID != own {
				t.Add(c)
			}
		})
	})
}

// closed adds to reports what servers remember of the account's closed
// connections, in a third of the time that is left. Those that were refused are
// of no account, and not shown to one.
func (*view) closed(ctx context.Context, nc *nats.Conn, d *checks.Deployment, of []source.Suspect, reports []source.Report) {
	ctx, cancel := source.ForClosed.Context(ctx)
	defer cancel()
	c := sysreq.New(nc, nil)
	defer c.Close()
	asking, stop := c.WhileAllowed(ctx, "CONNZ")
	defer stop()
	longest := source.Patience(ctx)
	profile.ReadClosed(asking, d, of, reports, false, &sync.Map{}, func(ctx context.Context, p profile.ClosedPage, dec *wire.Decoder, take func(*wire.Connection)) error {
		m, err := askPage(ctx, c, p.ID, p.Name, server.ConnzOptions{Sort: server.ByStop, State: server.ConnClosed, Username: true, Limit: wire.PageSize}, longest, dec)
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

// subscriptions counts those of the account on servers.
func (v *view) subscriptions(ctx context.Context, nc *nats.Conn, of []source.Held) ([]*int, error) {
	// Every one is a cluster of its own.
	d := &checks.Deployment{Accounts: v.deployment.Accounts}
	var suspects []source.Suspect
	for n, h := range of {
		i := slices.IndexFunc(v.deployment.Servers, func(s checks.Server) bool { return s.ID == h.Server })
		if i < 0 || h.Account != v.account.ID {
			return nil, fmt.Errorf("server %q or account %q is unknown", h.Server, h.Account)
		}
		s := v.deployment.Servers[i]
		s.Cluster = fmt.Sprint(n)
		d.Servers = append(d.Servers, s)
		suspects = append(suspects, source.Suspect{Account: h.Account, Server: h.Server, Cluster: s.Cluster})
	}
	reports, err := v.profiles(ctx, nc, d, suspects)
	if err != nil {
		return nil, err
	}
	out := make([]*int, len(of))
	for i := range reports {
		out[i] = reports[i].Subscriptions
	}
	return out, nil
}

// readConnections hands over the account's client connections on a server, see
// [profile.Pages].
func readConnections(ctx context.Context, c *sysreq.Client, t profile.Task, patience time.Duration, dec *wire.Decoder, take func(*wire.Connection)) error {
	return profile.Pages(take, func(offset int, take func(*wire.Connection)) (int, error) {
		m, err := askPage(ctx, c, t.ID, t.Name, server.ConnzOptions{Sort: server.ByCid, Username: true, Offset: offset, Limit: wire.PageSize}, patience, dec)
		if err != nil {
			return 0, err
		}
		body, err := dec.Open(m)
		n := 0
		if err == nil {
			n, err = dec.Connections(ctx, body, t.ID, take)
		}
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return n, profile.ErrNoAnswer
		case err != nil:
			return n, fmt.Errorf("sent connections that can't be used: %w", err)
		}
		return n, nil
	})
}

// askPage asks the server of that name for a page, and takes the answer of the
// one with that id: names need not be unique, and a server behind a leafnode
// answers twice.
func askPage(ctx context.Context, c *sysreq.Client, id, name string, page server.ConnzOptions, patience time.Duration, dec *wire.Decoder) (*nats.Msg, error) {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	replies := make(chan *nats.Msg)
	in, err := c.Listen(func(_ int, m *nats.Msg) {
		select {
		case replies <- m:
		case <-asking.Done():
		}
	})
	if err == nil {
		defer in.Close()
		err = in.Ask(0, sysreq.AccountConnz, server.ConnzEventOptions{
			ConnzOptions:       page,
			EventFilterOptions: server.EventFilterOptions{Name: name, ExactMatch: true},
		}, true)
	}
	if err != nil {
		return nil, fmt.Errorf("can't be asked: %w", err)
	}
	closed := c.Conn().StatusChanged(nats.CLOSED)
	defer c.Conn().RemoveStatusListener(closed)
	for {
		select {
		case m := <-replies:
			if sysreq.NoResponders(m) {
				return nil, profile.ErrNoAnswer
			}
			plain, err := dec.Reply(m)
			if err != nil {
				return nil, fmt.Errorf("sent connections that can't be used: %w", err)
			}
			if wire.Sender(plain) == id {
				return m, nil
			}
		case <-closed:
			return nil, fmt.Errorf("can't be asked: %w", nats.ErrConnectionClosed)
		case <-asking.Done():
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
				return nil, cause
			}
			return nil, profile.ErrNoAnswer
		}
	}
}
