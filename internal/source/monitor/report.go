package monitor

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// looks is how often a report is read that has more connections than the server,
	// and betweenLooks what lies between: connections come and go meanwhile.
	looks        = 3
	betweenLooks = 100 * time.Millisecond
)

// staleError is that a server counts connections of accounts that it has not. In lame
// duck mode a server before 2.11 goes on to count those that it has closed.
type staleError struct{ counted, connections int }

func (e *staleError) Error() string {
	return fmt.Sprintf("its accounts have %s, but it has %s in all, as in lame duck mode, where older servers count those that have left: audit again when it has restarted",
		words.Plural(e.counted, "client connection"), words.Count(e.connections))
}

// readReport reads what each account has, and makes sure that it is no more than the
// server has in all.
func (m *Source) readReport(ctx context.Context, t *target, r *monitored, d *wire.Decoder, in *wire.Accounts) {
	before := *r.varz.Connections
	for look := range looks {
		if r.problem = m.readAccounts(ctx, t, r, d, in); r.problem != nil {
			return
		}
		n := r.clients()
		if n <= before {
			return
		}
		now, err := m.connectionsNow(ctx, t, r, d)
		if err != nil {
			r.problem = err
			return
		}
		if n <= now {
			return // they came meanwhile
		}
		before = now
		r.problem = &staleError{n, now}
		if look+1 == looks {
			return
		}
		select {
		case <-time.After(betweenLooks):
		case <-ctx.Done():
			return
		}
	}
}

// clients are the client connections of all its accounts.
func (r *monitored) clients() (n int) {
	for _, u := range r.usage {
		n += int(u.Connections)
	}
	return n
}

// readAccounts reads the account report.
func (m *Source) readAccounts(ctx context.Context, t *target, r *monitored, d *wire.Decoder, in *wire.Accounts) error {
	var unused url.Values
	if source.LeavesOutLeafnodes(r.varz.Version) {
		unused = url.Values{"unused": {"1"}}
	}
	return m.get(ctx, t, "/accstatz", unused, func(p page) error {
		report, err := d.ReportPage(ctx, p.body, in)
		if err == nil {
			err = r.same(report.From)
		}
		r.usage = report.Usage
		return err
	})
}

// connectionsNow is how many client connections the server has now, and what the
// model takes for the most that it has.
func (m *Source) connectionsNow(ctx context.Context, t *target, r *monitored, d *wire.Decoder) (n int, err error) {
	err = m.get(ctx, t, "/varz", nil, func(p page) error {
		return decode(p, d, func(body []byte) error {
			v, err := wire.DecodeVarz(body)
			if err = cmp.Or(err, r.same(v.From)); err != nil {
				return err
			}
			if v.Connections == nil {
				return wire.ErrNoData
			}
			n, r.varz.Connections = *v.Connections, v.Connections
			return nil
		})
	})
	return n, err
}
