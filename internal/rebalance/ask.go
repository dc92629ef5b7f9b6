package rebalance

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// together is how many servers or connections are asked for at once.
	together = 8
	// mostServers bounds how many servers of a cluster are listened to.
	mostServers = 10_000
)

var (
	// errNobody is that the server is gone: nobody listens to what it is asked.
	errNobody = errors.New("the server is gone")
	// errLate is that no answer came in time.
	errLate = errors.New("no answer in time")
)

// lingering is how long an answer is waited for once the run was interrupted: what
// is closed by then is to be counted.
const lingering = time.Second

// lingers ends so long after the context.
func lingers(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() != nil {
		return context.WithCancel(ctx)
	}
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(lingering):
			cancel()
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel() }
}

// ask asks one server, for as long as patience says.
func ask(ctx context.Context, c *sysreq.Client, patience time.Duration, subject string, body any) (*nats.Msg, error) {
	m, err := c.Request(ctx, subject, body, patience, false)
	switch {
	case errors.Is(err, sysreq.ErrNobody):
		return nil, errNobody
	case errors.Is(err, sysreq.ErrLate):
		return nil, errLate
	}
	return m, err
}

// connectionOf is a connection of a server, by its id. It is nil where there is
// none.
func connectionOf(ctx context.Context, c *sysreq.Client, patience time.Duration, on string, id uint64) (*wire.Connection, error) {
	// The account filter of CONNZ does not hold with an id on every server
	// version, so the answer is compared.
	reply, err := ask(ctx, c, patience, sysreq.Connz(on), natsd.ConnzOptions{CID: id, Username: true})
	if err != nil {
		return nil, err
	}
	d := wire.NewDecoder()
	body, err := d.Open(reply)
	if err != nil {
		return nil, err
	}
	var found *wire.Connection
	_, err = d.Connections(ctx, body, on, func(c *wire.Connection) {
		if found == nil {
			found = &wire.Connection{ID: c.ID, Client: c.Client, Account: append([]byte(nil), c.Account...)}
		}
	})
	return found, err
}

// kick closes a connection, if it is still one of the account's clients. The
// second result says why it was not closed.
func kick(ctx context.Context, c *sysreq.Client, patience time.Duration, account, on string, id uint64) (Outcome, NotClosed) {
	found, err := connectionOf(ctx, c, patience, on, id)
	var refused *wire.Error
	switch {
	case errors.As(err, &refused):
		return Refused, ServerSaid{refused.Description}
	case err != nil:
		return failed(err)
	case found == nil:
		return Gone, nil
	}
	if owner := cmp.Or(string(found.Account), checks.GlobalAccount); found.ID != id || owner != account || !found.Client {
		return Refused, NotAClient{}
	}
	if own, err := c.Conn().GetClientID(); err == nil && own == id && c.Conn().ConnectedServerId() == on {
		return Refused, OwnConnection{}
	}
	asking, stop := lingers(ctx)
	defer stop()
	reply, err := ask(asking, c, patience, sysreq.Kick(on), natsd.KickClientReq{CID: id})
	if err == nil {
		var body []byte
		if body, err = wire.NewDecoder().Reply(reply); err == nil {
			err = wire.DecodeDone(body, on)
		}
	}
	switch {
	case errors.As(err, &refused):
		return Gone, ServerSaid{refused.Description} // the only error that there is: no such client
	case err != nil:
		return failed(err)
	}
	return Kicked, nil
}

func failed(err error) (Outcome, NotClosed) {
	if e := (*sysreq.PermissionError)(nil); errors.As(err, &e) {
		return Refused, Forbidden{e.Violation}
	}
	return NoAnswer, NotAsked{err}
}

// counts asks how many client connections accounts have together on each server of
// the cluster, by server id. It returns when all servers have answered, and what
// came when patience is over.
func counts(ctx context.Context, c *sysreq.Client, patience time.Duration, accounts map[string]int, cluster string, servers []Server) (map[string]int, error) {
	waiting := map[string]bool{}
	for _, s := range servers {
		waiting[s.ID] = true
	}
	out := map[string]int{}
	err := reports(ctx, c, patience, accounts, cluster, waiting, func(id string) { out[id] = 0 }, func(id string, _, n int) { out[id] += n })
	return out, err
}

// reports asks servers for the client connections of accounts, of one cluster or of all
// where that is empty, until all that are waited for have answered or patience is over.
func reports(ctx context.Context, c *sysreq.Client, patience time.Duration, accounts map[string]int, cluster string, waiting map[string]bool, from func(id string), take func(id string, account, n int)) error {
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	replies := make(chan *nats.Msg)
	in, err := c.Listen(func(_ int, m *nats.Msg) {
		select {
		case replies <- m:
		case <-over.Done():
		}
	})
	if err != nil {
		return err
	}
	defer in.Close()
	filter := sysreq.Filter{Cluster: cluster, Exact: cluster != "", Unused: true}
	const mostNamed = 100
	if len(accounts) <= mostNamed {
		filter.Accounts = slices.Sorted(maps.Keys(accounts))
	}
	if err := in.Ask(0, sysreq.AccountStatz, filter, false); err != nil {
		return err
	}
	d, heard := wire.NewDecoder(), 0
	late := time.NewTimer(patience)
	defer late.Stop()
	for len(waiting) > 0 {
		select {
		case m := <-replies:
			body, err := d.Open(m)
			if err != nil {
				continue
			}
			sender, rows, err := d.Rows(ctx, body)
			if err != nil || heard == mostServers {
				continue
			}
			heard++
			from(sender.ID)
			for _, r := range rows {
				if account, ours := accounts[r.ID]; ours {
					take(sender.ID, account, int(r.Connections))
				}
			}
			delete(waiting, sender.ID)
		case <-late.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// health is how a server is.
type health struct {
	connections, limit int
	slow               int64
	cpu                float64 // percent of the processors that it may use
}

// healths asks every server how it is; one that does not answer is left out.
func healths(ctx context.Context, c *sysreq.Client, patience time.Duration, servers []Server) map[string]health {
	out := map[string]health{}
	var mu sync.Mutex
	each(servers, func(s Server) {
		reply, err := ask(ctx, c, patience, sysreq.Varz(s.ID), nil)
		if err != nil {
			return
		}
		body, err := wire.NewDecoder().Reply(reply)
		if err != nil {
			return
		}
		v, err := wire.DecodeVarz(body)
		if err != nil || v.From.ID != s.ID || v.Connections == nil || v.Load == nil {
			return
		}
		h := health{connections: *v.Connections, slow: v.Load.SlowConsumers, cpu: v.Load.CPU / float64(v.Load.Processors)}
		if v.MaxConnections != nil {
			h.limit = *v.MaxConnections
		}
		mu.Lock()
		defer mu.Unlock()
		out[s.ID] = h
	})
	return out
}

// each does something with all servers, a few at a time.
func each(servers []Server, do func(Server)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, together)
	for _, s := range servers {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			do(s)
		})
	}
	wg.Wait()
}
