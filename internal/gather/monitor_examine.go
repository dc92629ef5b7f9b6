package gather

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Details sets what the servers of the named clusters said of themselves when
// [Monitoring.Deployment] read them, as [Details] does. It asks nothing again.
func (m *Monitoring) Details(d *checks.Deployment, clusters []string) {
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
		s.MaxConnections, s.Details = r.limit, &details
	}
	noteMissing(d, nil, "/varz", "limits, listeners and clocks", noVarz, all)
	noteMissing(d, nil, "/routez", "peers' addresses", noRoutes, all)
}

// seen are the addresses that other servers have routes from or to a server.
func (m *Monitoring) seen() map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for id, r := range m.servers {
		for _, p := range r.peers {
			if at := out[p.id]; m.servers[p.id] != nil && p.id != id && p.addr.IsValid() && len(at) < mostSeen && !slices.Contains(at, p.addr) {
				out[p.id] = append(at, p.addr)
			}
		}
	}
	for _, at := range out {
		slices.SortFunc(at, netip.Addr.Compare)
	}
	return out
}

// Knows adds an account by this id to the model if any server knows it,
// connected or not. An error says that it can't be told.
func (m *Monitoring) Knows(ctx context.Context, d *checks.Deployment, id string) error {
	if id == "" {
		return nil
	}
	defer m.client.CloseIdleConnections()
	asking, cancel := shareOf(ctx, 1, 2)
	defer cancel()
	said := make([]checks.AccountOn, len(d.Servers))
	failed := make([]error, len(d.Servers))
	eachOf(len(d.Servers), monitoredTogether, func(i int, _ *decoder) {
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
		return fmt.Errorf("whether there is an account %q is not known: %s: %w", id, m.servers[d.Servers[i].ID].at, failed[i])
	}
	return nil
}

// account asks a server for an account.
func (m *Monitoring) account(ctx context.Context, server, account string) (on checks.AccountOn, err error) {
	r := m.servers[server]
	if r == nil {
		return on, errors.New("it has no monitoring port")
	}
	var body []byte
	err = m.get(ctx, r.at, "/accountz", url.Values{"acc": {account}}, func(p monitorPage) (err error) {
		body, err = wholePage(p.body)
		return err
	})
	return decodeMonitorAccountz(body, err, server, account)
}

// Examine reads who is connected of each suspect and which servers of its
// cluster know the account, as [Examine] does. [Monitoring.Details] is to come
// first. An error means that the context was cancelled, or that a suspect's
// server is not in its cluster.
func (m *Monitoring) Examine(ctx context.Context, d *checks.Deployment, of []Suspect) ([]Report, map[Suspect]map[string]checks.AccountOn, error) {
	defer m.client.CloseIdleConnections()
	readings := make([]*reading, len(of))
	var tasks []task
	for i, s := range of {
		r, err := newReading(d, s)
		if err != nil {
			return nil, nil, err
		}
		readings[i] = r
		tasks = append(tasks, r.tasks...)
	}
	longest := patience(ctx)
	var silent sync.Map // ids of servers that were waited for
	var accounts map[Suspect]map[string]checks.AccountOn
	var wg sync.WaitGroup
	wg.Go(func() { accounts = m.accountsOn(ctx, d, of, longest, &silent) })
	eachOf(len(tasks), together, func(i int, dec *decoder) { m.run(ctx, tasks[i], longest, dec, &silent) })
	wg.Wait()
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, nil, err
	}
	reports := make([]Report, len(of))
	for i, r := range readings {
		reports[i] = r.report()
	}
	return reports, accounts, nil
}

// run reads a suspect's connections on a server, as [task.run] does.
func (m *Monitoring) run(ctx context.Context, t task, patience time.Duration, dec *decoder, silent *sync.Map) {
	var err error
	_, known := silent.Load(t.id)
	switch {
	case known:
		err = errSilent
	case ctx.Err() != nil:
		err = errSkipped
	default:
		err = m.connections(ctx, Held{t.id, t.of.suspect.Account}, patience, dec, t.add)
	}
	if errors.Is(err, errSilent) {
		silent.Store(t.id, true)
	}
	t.ended(err)
}

// connections hands over the client connections that an account has on a
// server, each once, page by page, as readConnections does.
func (m *Monitoring) connections(ctx context.Context, of Held, patience time.Duration, dec *decoder, take func(*connection)) error {
	r := m.servers[of.Server]
	if r == nil {
		return errors.New("has no monitoring port")
	}
	var last uint64 // the id up to which all are handed over
	for page, offset := 0, 0; page < mostPages; page++ {
		query := url.Values{"acc": {of.Account}, "auth": {"1"}, "sort": {"cid"}, "limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(offset)}}
		before, n := last, 0
		asking, cancel := context.WithTimeout(ctx, patience)
		err := m.get(asking, r.at, "/connz", query, func(p monitorPage) (err error) {
			n, err = dec.monitorConnz(asking, p.body, of.Server, func(c *connection) {
				if c.cid <= before {
					return
				}
				last = c.cid
				if c.client {
					take(c)
				}
			})
			return err
		})
		cancel()
		var late *lateError
		switch {
		case errors.As(err, &late):
			return errSilent
		case err != nil:
			return fmt.Errorf("sent no connections that can be used: %w", err)
		case n < pageSize:
			return nil
		case last == before:
			return errors.New("sends the same connections again and again")
		}
		offset += n - overlap
	}
	return errors.New("has more connections than are read")
}

// accountsOn asks the servers of each suspect's cluster for its account.
func (m *Monitoring) accountsOn(ctx context.Context, d *checks.Deployment, of []Suspect, patience time.Duration, silent *sync.Map) map[Suspect]map[string]checks.AccountOn {
	type question struct {
		of Suspect
		id string
	}
	out := map[Suspect]map[string]checks.AccountOn{}
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
	eachOf(len(questions), together, func(i int, _ *decoder) {
		q := questions[i]
		on := unknown("it did not answer in time")
		if _, known := silent.Load(q.id); !known {
			asking, cancel := context.WithTimeout(ctx, patience)
			answer, err := m.account(asking, q.id, q.of.Account)
			cancel()
			var late *lateError
			switch {
			case errors.As(err, &late):
				silent.Store(q.id, true)
			case err != nil:
				on = unknown("its answer can't be used: " + err.Error())
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
func (m *Monitoring) Subscriptions(ctx context.Context, of []Held) ([]*int, error) {
	defer m.client.CloseIdleConnections()
	out := make([]*int, len(of))
	longest := patience(ctx)
	eachOf(len(of), together, func(i int, dec *decoder) {
		n := 0
		if m.connections(ctx, of[i], longest, dec, func(c *connection) { n += int(c.subscriptions) }) == nil {
			out[i] = &n
		}
	})
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	return out, nil
}
