package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
)

const (
	subjectConnz = "$SYS.REQ.SERVER.%s.CONNZ" // server id
	// pageSize is nats-server's default for a page of connections.
	pageSize = server.DefaultConnListSize
	// overlap is how many connections a page has in common with the one before:
	// so many may go between the two without any other being left out.
	overlap = 16
	// mostPages bounds what is read of one account on one server: a million
	// connections.
	mostPages = 1000
	// together is how many servers are asked for connections at once.
	together = 8
)

// Held is an account on a server, by their ids.
type Held struct{ Server, Account string }

// Subscriptions counts the subscriptions that the client connections of an
// account hold on a server. The account report's num_subscriptions can't be
// used for that: it counts what the server knows of the whole cluster. Where
// a server does not answer fully before the context ends, the count is nil.
// The connection must be one to the system account. [Profiles] tells it, too.
func Subscriptions(ctx context.Context, nc *nats.Conn, of []Held) ([]*int, error) {
	d := &checks.Deployment{}
	var suspects []Suspect
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
		suspects = append(suspects, Suspect{Account: h.Account, Server: h.Server, Cluster: cluster})
	}
	reports, err := Profiles(ctx, nc, d, suspects)
	if err != nil {
		return nil, err
	}
	out := make([]*int, len(of))
	for i := range reports {
		out[i] = reports[i].Subscriptions
	}
	return out, nil
}

// errSilent is what a server did that let a request for a page go unanswered.
var errSilent = errors.New("did not answer in time")

// readConnections hands over the client connections that an account has on a
// server, each once, in the order of their ids. It waits for each page as long
// as patience says. What it has handed over is right also where it returns an
// error, which is a clause to follow the server's name.
//
// Pages are no snapshot: a connection that went, or came, meanwhile may be in
// or not. The server sorts by id, so that what comes twice is told by its id.
func readConnections(ctx context.Context, nc *nats.Conn, of Held, patience time.Duration, d *decoder, take func(*connection)) error {
	return readPages(ctx, d, take, func(offset int) (*nats.Msg, error) { return askPage(ctx, nc, of, offset, patience) })
}

// readPages is readConnections with the asking handed in.
func readPages(ctx context.Context, d *decoder, take func(*connection), ask func(offset int) (*nats.Msg, error)) error {
	var last uint64 // the id up to which all are handed over
	for page, offset := 0, 0; page < mostPages; page++ {
		m, err := ask(offset)
		if err != nil {
			return err
		}
		before := last
		n, err := d.page(ctx, m, func(c *connection) {
			if c.cid <= before {
				return
			}
			last = c.cid
			if c.client {
				take(c)
			}
		})
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return errSilent
		case err != nil:
			return fmt.Errorf("sent connections that can't be used: %w", err)
		case n < pageSize:
			return nil
		case last == before:
			return errors.New("sends the same connections again and again")
		}
		offset += n - overlap
	}
	return errors.New("has more connections than are read")
}

func askPage(ctx context.Context, nc *nats.Conn, of Held, offset int, patience time.Duration) (*nats.Msg, error) {
	body, err := json.Marshal(server.ConnzOptions{Sort: server.ByCid, Username: true, Account: of.Account, Offset: offset, Limit: pageSize})
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := nc.RequestMsgWithContext(asking, &nats.Msg{Subject: fmt.Sprintf(subjectConnz, of.Server), Data: body, Header: compressed()})
	switch {
	case err == nil:
		return m, nil
	case context.Cause(ctx) != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return nil, context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrNoResponders):
		return nil, errSilent
	}
	return nil, fmt.Errorf("can't be asked: %w", err)
}
