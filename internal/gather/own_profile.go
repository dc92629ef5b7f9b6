package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
)

// subjectOwnConnz is what every account imports for its own connections; all
// servers hear it, and those that the filter does not mean stay silent.
const subjectOwnConnz = "$SYS.REQ.ACCOUNT.PING.CONNZ"

// Profiles is [Profiles] for an ordinary account, without the auditor's own
// connection: the suspects must be of this account.
func (o *OwnAccount) Profiles(ctx context.Context, nc *nats.Conn, of []Suspect) ([]Report, error) {
	readings := make([]*reading, len(of))
	for i, s := range of {
		r, err := newReading(o.Deployment, s)
		if err != nil {
			return nil, err
		}
		readings[i] = r
	}
	return o.read(ctx, nc, readings)
}

// Subscriptions is [Subscriptions] for an ordinary account.
func (o *OwnAccount) Subscriptions(ctx context.Context, nc *nats.Conn, of []Held) ([]*int, error) {
	var readings []*reading
	for _, h := range of {
		i := slices.IndexFunc(o.Deployment.Servers, func(s checks.Server) bool { return s.ID == h.Server })
		if i < 0 || h.Account != o.Account.ID {
			return nil, fmt.Errorf("server %q or account %q is not known", h.Server, h.Account)
		}
		s := o.Deployment.Servers[i]
		r, err := newReading(&checks.Deployment{Servers: []checks.Server{s}, Accounts: o.Deployment.Accounts}, Suspect{h.Account, s.ID, s.Cluster})
		if err != nil {
			return nil, err
		}
		readings = append(readings, r)
	}
	reports, err := o.read(ctx, nc, readings)
	if err != nil {
		return nil, err
	}
	out := make([]*int, len(of))
	for i := range reports {
		out[i] = reports[i].Subscriptions
	}
	return out, nil
}

// read does the readings' tasks.
func (o *OwnAccount) read(ctx context.Context, nc *nats.Conn, readings []*reading) ([]Report, error) {
	if nc.IsClosed() {
		return nil, fmt.Errorf("asking for connections: %w", nats.ErrConnectionClosed)
	}
	asking, forbid := context.WithCancelCause(ctx)
	defer forbid(nil)
	w, unwatch := watch(nc)
	defer unwatch()
	defer w.listen(func(violation string) bool {
		kind := forbiddenKind(violation)
		if kind == "CONNZ" || kind == everything {
			forbid(errors.New("may not be asked: " + violation))
		}
		return kind == "CONNZ"
	})()
	longest := patience(ctx)
	var tasks []task
	for _, r := range readings {
		tasks = append(tasks, r.tasks...)
	}
	queue := make(chan task)
	var wg sync.WaitGroup
	for range min(together, len(tasks)) {
		wg.Go(func() {
			dec := newDecoder()
			for t := range queue {
				o.readTask(asking, nc, t, longest, dec)
			}
		})
	}
	for _, t := range tasks {
		queue <- t // they come to an end soon when the context does
	}
	close(queue)
	wg.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	reports := make([]Report, len(readings))
	for i, r := range readings {
		reports[i] = r.report()
	}
	return reports, nil
}

// readTask reads the account's connections on one server into its reading.
func (o *OwnAccount) readTask(ctx context.Context, nc *nats.Conn, t task, patience time.Duration, dec *decoder) {
	err := errSkipped
	if ctx.Err() == nil {
		err = o.readConnections(ctx, nc, t, patience, dec, t.add)
	} else if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
		err = cause
	}
	t.ended(err)
}

// readConnections is the function of that name for an ordinary account.
func (o *OwnAccount) readConnections(ctx context.Context, nc *nats.Conn, t task, patience time.Duration, dec *decoder, take func(*connection)) error {
	own := uint64(0)
	if t.id == o.self.server {
		own = o.self.cid
	}
	others := func(c *connection) {
		if c.cid != own {
			take(c)
		}
	}
	return readPages(ctx, dec, others, func(offset int) (*nats.Msg, error) { return askOwnPage(ctx, nc, t, offset, patience, dec) })
}

// askOwnPage asks the server of that name for a page, and takes the answer of the
// one with that id: names need not be unique, and a server behind a leafnode
// answers twice.
func askOwnPage(ctx context.Context, nc *nats.Conn, t task, offset int, patience time.Duration, dec *decoder) (*nats.Msg, error) {
	body, err := json.Marshal(server.ConnzEventOptions{
		ConnzOptions:       server.ConnzOptions{Sort: server.ByCid, Username: true, Offset: offset, Limit: pageSize},
		EventFilterOptions: server.EventFilterOptions{Name: t.name, ExactMatch: true},
	})
	if err != nil {
		return nil, err
	}
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("can't be asked: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is gone
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := nc.PublishMsg(&nats.Msg{Subject: subjectOwnConnz, Reply: sub.Subject, Data: body, Header: compressed()}); err != nil {
		return nil, fmt.Errorf("can't be asked: %w", err)
	}
	for {
		m, err := sub.NextMsgWithContext(asking)
		switch {
		case err == nil:
		case context.Cause(ctx) != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded):
			return nil, context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrNoResponders):
			return nil, errSilent
		default:
			return nil, fmt.Errorf("can't be asked: %w", err)
		}
		plain, err := dec.whole(m)
		if err != nil {
			return nil, fmt.Errorf("sent connections that can't be used: %w", err)
		}
		var from struct {
			Server identity `json:"server"`
		}
		if json.Unmarshal(plain, &from) == nil && from.Server.ID == t.id {
			return m, nil
		}
	}
}
