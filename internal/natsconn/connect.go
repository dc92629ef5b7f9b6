package natsconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/within"
)

// programEnds is how long it is waited for op and nsc to end with the context.
const programEnds = 200 * time.Millisecond

// Connect opens a connection within the time-out. What happens to it later goes to
// trace.
func (c *Settings) Connect(ctx context.Context, trace func(string, ...any)) (*nats.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	settings := *c // which whoever is left behind keeps
	l, err := within.Context(limited, programEnds, func() (*login, error) { return settings.login(limited) })
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("the context and the credentials can't be read within %s: pass a longer --timeout", c.Timeout)
	case err != nil:
		return nil, err
	}
	l.options.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { trace("!!! %s", l.redact(err.Error())) }
	l.options.DisconnectedErrCB = func(_ *nats.Conn, err error) {
		if err != nil {
			trace("!!! disconnected: %s", l.redact(err.Error()))
		}
	}
	nc, err := l.connect(limited, trace)
	if errors.Is(ctx.Err(), context.Canceled) {
		nc.Close()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	trace("connected to %s, server %s (%s)", shownURL(sysreq.URL(nc)), l.redact(nc.ConnectedServerName()), l.redact(nc.ConnectedServerId()))
	return nc, nil
}

// headStart is how long a server is tried alone before the next one is too.
const headStart = 250 * time.Millisecond

// connect tries the servers in their order, the next one when the former has
// failed or had its head start, so that dead ones cost little of the time-out.
// The first to accept wins.
func (l *login) connect(ctx context.Context, trace func(string, ...any)) (*nats.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		server int
		nc     *nats.Conn
		err    error
	}
	results := make(chan result)
	dialers := make([]*dialer, 0, len(l.servers))
	next := time.NewTimer(0)
	defer next.Stop()
	step := min(headStart, l.options.Timeout/time.Duration(2*len(l.servers)))
	failures := make([]*failure, len(l.servers))
	for failed := 0; failed < len(l.servers); {
		select {
		case <-next.C:
			i := len(dialers)
			if i == len(l.servers) {
				continue
			}
			d := &dialer{ctx: ctx, dial: l.dial, timeout: l.options.Timeout, target: l.servers[i]}
			dialers = append(dialers, d)
			next.Reset(step)
			go func() {
				nc, err := l.try(i, d)
				select {
				case results <- result{i, nc, err}:
				case <-ctx.Done():
					nc.Close()
				}
			}()
		case r := <-results:
			if r.err == nil {
				return r.nc, nil
			}
			failed++
			failures[r.server] = l.explain(r.server, dialers[r.server], r.err)
			trace("!!! %s: %s", failures[r.server].server, failures[r.server].reason)
			next.Reset(0)
		case <-ctx.Done():
			for i := range failures {
				if failures[i] == nil {
					failures[i] = l.explainNoAnswer(i, i < len(dialers) && dialers[i].reached.Load())
				}
			}
			return nil, &connectError{failures, l.contextFlag}
		}
	}
	return nil, &connectError{failures, l.contextFlag}
}

// try connects to one server.
func (l *login) try(i int, d *dialer) (*nats.Conn, error) {
	o, passed := l.options, l.options
	o.Servers, o.CustomDialer = []string{l.servers[i].String()}, d
	d.options = &passed
	web := secureWeb(&passed, l.servers[i].Scheme)
	if web {
		plainly(&o)
	}
	nc, err := o.Connect()
	if err != nil {
		// nats.go says "no servers available" for a refused connection.
		return nil, cmp.Or(d.ctx.Err(), d.failed, err)
	}
	if !d.release() {
		nc.Close()
		return nil, d.ctx.Err()
	}
	d.connected(nc)
	if len(l.servers) > 1 {
		// For reconnects.
		var all nats.Options
		for _, s := range l.servers {
			all.Servers = append(all.Servers, s.String())
		}
		if web {
			plainly(&all)
		}
		_ = nc.SetServerPool(all.Servers) // without it, those that the server advertises do
	}
	return nc, nil
}
