package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/profile"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Details sets what the servers of the named clusters said of themselves when
// [Source.Deployment] read them. It asks nothing again.
func (m *Source) Details(_ context.Context, d *checks.Deployment, clusters []string) error {
	noVarz, noRoutes, all, seen := 0, 0, 0, m.seen()
	for i := range d.Servers {
		s := &d.Servers[i]
		r := m.servers[s.ID]
		if !slices.Contains(clusters, s.Cluster) || r == nil {
			continue
		}
		all++
		if r.noRoutes != nil {
			noRoutes++
		}
		if r.details == nil {
			noVarz++
			continue
		}
		details := *r.details
		details.Seen = seen[s.ID]
		s.MaxConnections, s.Details = r.varz.MaxConnections, &details
	}
	const late = "they did not answer %s in time, or not readably"
	source.NoteUnknown(d, source.OfVarz, noVarz, all, fmt.Sprintf(late, "/varz"))
	source.NoteUnknown(d, source.OfRoutez, noRoutes, all, fmt.Sprintf(late, "/routez"))
	return nil
}

// seen are the addresses that other servers have routes from or to a server.
func (m *Source) seen() map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for _, r := range m.servers {
		for _, p := range r.peers {
			if m.servers[p.ID] != nil {
				out[p.ID] = source.AddSeen(out[p.ID], p.Addr)
			}
		}
	}
	for _, at := range out {
		slices.SortFunc(at, netip.Addr.Compare)
	}
	return out
}

// Knows adds an account by this id to the model if any server knows it,
// connected or not. An error says that it is unknown.
func (m *Source) Knows(ctx context.Context, d *checks.Deployment, id string) error {
	if id == "" {
		return nil
	}
	defer m.client.CloseIdleConnections()
	asking, cancel := source.AccountByID.Context(ctx)
	defer cancel()
	said := make([]checks.AccountOn, len(d.Servers))
	failed := make([]error, len(d.Servers))
	wire.Each(len(d.Servers), monitoredTogether, func(i int, _ *wire.Decoder) {
		said[i], failed[i] = m.account(asking, d.Servers[i].ID, id)
	})
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return err
	}
	if slices.ContainsFunc(said, func(on checks.AccountOn) bool { return on.Usable == checks.Yes }) {
		d.Accounts = append(d.Accounts, checks.Account{ID: id, Name: id, System: m.system[id]})
		return nil
	}
	if i := slices.IndexFunc(failed, func(err error) bool { return err != nil }); i >= 0 {
		return fmt.Errorf("whether there is an account %q is unknown: %s: %w", id, m.servers[d.Servers[i].ID].at, failed[i])
	}
	return nil
}

// account asks a server for an account.
func (m *Source) account(ctx context.Context, server, account string) (on checks.AccountOn, err error) {
	r := m.servers[server]
	if r == nil {
		return on, errors.New("it has no monitoring port")
	}
	var info wire.AccountInfo
	err = m.get(ctx, r.at, "/accountz", url.Values{"acc": {account}}, func(p page) error {
		return decode(p, wire.NewDecoder(), func(body []byte) (err error) {
			info, err = wire.DecodeAccountInfo(body)
			return cmp.Or(err, r.same(info.From))
		})
	})
	var status *statusError
	if errors.As(err, &status) && status.code == http.StatusBadRequest {
		// A server that does not know the account says so like that.
		if refused := (&wire.Error{Code: status.code, Description: status.text}); refused.UnknownAccount() {
			err = refused
		}
	}
	return source.AccountOn(info, err, account)
}

// Examine reads who is connected of each suspect and which servers of its
// cluster know the account. [Source.Details] is to come
// first. An error means that the context was cancelled, or that a suspect's
// server is not in its cluster.
func (m *Source) Examine(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]source.Report, map[source.Suspect]map[string]checks.AccountOn, error) {
	defer m.client.CloseIdleConnections()
	longest := source.Patience(ctx)
	var unresponsive sync.Map // ids of servers that were waited for
	var accounts map[source.Suspect]map[string]checks.AccountOn
	var wg sync.WaitGroup
	wg.Go(func() { accounts = m.accountsOn(ctx, d, of, longest, &unresponsive) })
	reports, err := m.profiles(ctx, d, of, longest, &unresponsive)
	if err == nil {
		m.closed(ctx, d, of, reports, &unresponsive)
	}
	wg.Wait()
	return reports, accounts, err
}

// Connections reads only who is connected.
func (m *Source) Connections(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]source.Report, error) {
	defer m.client.CloseIdleConnections()
	return m.profiles(ctx, d, of, source.Patience(ctx), &sync.Map{})
}

// profiles reads the connections of accounts, a server that does not answer once.
func (m *Source) profiles(ctx context.Context, d *checks.Deployment, of []source.Suspect, longest time.Duration, unresponsive *sync.Map) ([]source.Report, error) {
	return profile.Read(ctx, d, of, unresponsive, func(t profile.Task, dec *wire.Decoder) error {
		return m.connections(ctx, source.Held{Server: t.ID, Account: t.Account()}, longest, dec, t.Add)
	})
}

// closed adds to reports what servers remember of closed connections, in a third
// of the time that is left.
func (m *Source) closed(ctx context.Context, d *checks.Deployment, of []source.Suspect, reports []source.Report, unresponsive *sync.Map) {
	ctx, cancel := source.ForClosed.Context(ctx)
	defer cancel()
	longest := source.Patience(ctx)
	profile.ReadClosed(ctx, d, of, reports, true, unresponsive, func(ctx context.Context, p profile.ClosedPage, dec *wire.Decoder, take func(*wire.Connection)) error {
		r := m.servers[p.ID]
		if r == nil {
			return errors.New("it has no monitoring port")
		}
		query := url.Values{"auth": {"1"}, "sort": {"stop"}, "state": {"closed"}, "limit": {strconv.Itoa(wire.PageSize)}}
		if p.Account != "" {
			query.Set("acc", p.Account)
		}
		asking, cancel := context.WithTimeout(ctx, longest)
		defer cancel()
		return m.get(asking, r.at, "/connz", query, func(page page) error {
			_, err := dec.Closed(asking, page.body, p.ID, take)
			return err
		})
	})
}

// connections hands over the client connections that an account has on a
// server, each once, page by page.
func (m *Source) connections(ctx context.Context, of source.Held, patience time.Duration, dec *wire.Decoder, take func(*wire.Connection)) error {
	r := m.servers[of.Server]
	if r == nil {
		return errors.New("has no monitoring port")
	}
	return profile.Pages(take, func(offset int, take func(*wire.Connection)) (n int, err error) {
		query := url.Values{"acc": {of.Account}, "auth": {"1"}, "sort": {"cid"}, "limit": {strconv.Itoa(wire.PageSize)}, "offset": {strconv.Itoa(offset)}}
		asking, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err = m.get(asking, r.at, "/connz", query, func(p page) (err error) {
			n, err = dec.Connections(asking, p.body, of.Server, take)
			if errors.Is(err, wire.ErrOtherServer) {
				err = errOtherServer
			}
			return err
		})
		var late *lateError
		switch {
		case errors.As(err, &late):
			return n, profile.ErrNoAnswer
		case err != nil:
			return n, fmt.Errorf("sent no connections that can be used: %w", err)
		}
		return n, nil
	})
}

// accountsOn asks the servers of each suspect's cluster for its account.
func (m *Source) accountsOn(ctx context.Context, d *checks.Deployment, of []source.Suspect, patience time.Duration, unresponsive *sync.Map) map[source.Suspect]map[string]checks.AccountOn {
	type question struct {
		of source.Suspect
		id string
	}
	out := map[source.Suspect]map[string]checks.AccountOn{}
	var questions []question
	for _, s := range of {
		if out[s] != nil {
			continue
		}
		out[s] = map[string]checks.AccountOn{}
		for i := range d.Servers {
			if d.Servers[i].Cluster == s.Cluster {
				questions = append(questions, question{s, d.Servers[i].ID})
			}
		}
	}
	var mu sync.Mutex // guards out
	wire.Each(len(questions), profile.Together, func(i int, _ *wire.Decoder) {
		q := questions[i]
		on := source.Unknown("it did not answer in time")
		if _, known := unresponsive.Load(q.id); !known {
			asking, cancel := context.WithTimeout(ctx, patience)
			answer, err := m.account(asking, q.id, q.of.Account)
			cancel()
			var late *lateError
			switch {
			case errors.As(err, &late):
				unresponsive.Store(q.id, true)
			case err != nil:
				on = source.Unknown("its answer can't be used: " + err.Error())
			default:
				on = answer
			}
		}
		mu.Lock()
		defer mu.Unlock()
		out[q.of][q.id] = on
	})
	return out
}

// Subscriptions counts those that the client connections of an account hold on a
// server; nil where they were not read to the end.
func (m *Source) Subscriptions(ctx context.Context, of []source.Held) ([]*int, error) {
	defer m.client.CloseIdleConnections()
	out := make([]*int, len(of))
	longest := source.Patience(ctx)
	wire.Each(len(of), profile.Together, func(i int, dec *wire.Decoder) {
		n := 0
		if m.connections(ctx, of[i], longest, dec, func(c *wire.Connection) { n += int(c.Subscriptions) }) == nil {
			out[i] = &n
		}
	})
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	return out, nil
}
