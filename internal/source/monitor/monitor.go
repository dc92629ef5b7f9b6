// Package monitor is the source of an audit that asks the HTTP monitoring ports of
// the servers.
package monitor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Source gathers from the HTTP monitoring ports of servers, which need no
// account. It knows the servers that it was given, and of others only that they
// are there: from routes and gateways. Its methods are not for concurrent use.
type Source struct {
	targets []*target
	client  *http.Client
	o       source.Options
	bytes   atomic.Int64 // of pages
	calling sync.Mutex   // held while Trace or Progress is called

	servers map[string]*monitored // by id
	system  map[string]bool       // ids of accounts that a server calls the system account
}

// monitored is what the monitoring port of one URL tells.
type monitored struct {
	at *target
	wire.Server
	varz     wire.Varz
	details  *checks.Details // nil where there is not all that it takes
	usage    []checks.Usage
	peers    []wire.Peer
	joined   []string // the ids of those that addresses of its configuration lead to
	gateways []string

	failed   error // why it is not known which server is there
	problem  error // why its account report can't be used
	noRoutes error // why its routes or gateways are not known
}

// New is for the monitoring ports with these URLs, http or https, with
// the server's http_base_path as the path, and with user and password for what
// asks for them. The configuration is for https, nil for Go's own. Timeout of
// the options is not used: the context says how long there is.
func New(urls []*url.URL, config *tls.Config, o source.Options) *Source {
	m := &Source{client: newClient(config), o: o}
	for _, u := range urls {
		m.targets = append(m.targets, newTarget(u))
	}
	return m
}

// Kind is that of a source which is the monitoring ports of servers.
func Kind() source.Kind {
	const report = "reported on their monitoring ports"
	return source.Kind{Name: "monitoring", FindsServers: true, Reports: report, Report: report,
		BringsIn: "Their URLs in --monitor, or a longer --timeout, may bring them in"}
}

// Kind is what the document calls the source.
func (*Source) Kind() source.Kind { return Kind() }

// Detail names the first of the URLs.
func (m *Source) Detail() []string {
	if len(m.targets) == 1 {
		return []string{"1 monitoring URL", m.targets[0].given}
	}
	return []string{words.Count(len(m.targets)) + " monitoring URLs", "first " + m.targets[0].given}
}

// Limits are that nobody is connected.
func (*Source) Limits() source.Limits {
	return source.Limits{Gap: cause.GapPages, NoSystem: true}
}

func (m *Source) trace(format string, args ...any) {
	if m.o.Trace != nil {
		m.calling.Lock()
		defer m.calling.Unlock()
		m.o.Trace(format, args...)
	}
}

// Deployment gathers a deployment. It takes
// [source.MonitoringPorts] of the time at most. What can't be read by then is in the model as
// missing, and so is a server that has a route or a gateway to one that was
// read, but whose URL was not given. An error means that not a single account
// report was read, or that the context was cancelled.
func (m *Source) Deployment(ctx context.Context) (*checks.Deployment, error) {
	defer m.client.CloseIdleConnections()
	asking, cancel := source.MonitoringPorts.Context(ctx)
	defer cancel()
	all := make([]*monitored, len(m.targets))
	in := wire.NewAccounts()
	done, longest := 0, 24*time.Hour // as long as there is
	if len(m.targets) > monitoredTogether {
		longest = source.Patience(asking) // those that hang keep others waiting
	}
	wire.Each(len(m.targets), monitoredTogether, func(i int, d *wire.Decoder) {
		all[i] = m.read(asking, m.targets[i], longest, d, in)
		m.calling.Lock()
		defer m.calling.Unlock()
		if done++; m.o.Progress != nil {
			m.o.Progress(source.Progress{Expected: len(m.targets), Reported: done, Bytes: m.bytes.Load()})
		}
	})
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	d := m.model(all, in)
	if len(d.Servers) == 0 {
		return nil, fmt.Errorf("--monitor: %w", noneRead(all))
	}
	return d, nil
}

// noneRead says why there is nothing to judge.
func noneRead(all []*monitored) error {
	if len(all) == 0 {
		return errors.New("there is no monitoring port to ask")
	}
	why := cmp.Or(all[0].failed, all[0].problem)
	if len(all) == 1 {
		return fmt.Errorf("%s: %w", all[0].at, why)
	}
	return fmt.Errorf("none of %s monitoring ports gave an account report, the first of them being %s: %w", words.Count(len(all)), all[0].at, why)
}

// read asks a monitoring port for all that the model needs. It gives up one that
// does not answer at first after the patience.
func (m *Source) read(ctx context.Context, t *target, patience time.Duration, d *wire.Decoder, in *wire.Accounts) *monitored {
	r := &monitored{at: t}
	first, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r.failed = m.get(first, t, "/varz", nil, func(p page) error { return r.readVarz(p, d) })
	if r.failed != nil {
		return r
	}
	m.readReport(ctx, t, r, d, in)
	r.noRoutes = m.get(ctx, t, "/routez", nil, func(p page) error {
		return decode(p, d, func(body []byte) error {
			z, err := wire.DecodeRoutez(body)
			if r.peers = z.Peers; err == nil { // else it is not known
				r.joined = z.Configured()
			}
			return cmp.Or(err, r.same(z.From))
		})
	})
	if r.varz.Gateway {
		r.noRoutes = cmp.Or(r.noRoutes, m.get(ctx, t, "/gatewayz", nil, func(p page) error {
			return decode(p, d, func(body []byte) error {
				z, err := wire.DecodeGatewayz(body)
				r.gateways = z.Clusters
				return cmp.Or(err, r.same(z.From))
			})
		}))
	}
	if r.noRoutes != nil && errors.Is(r.noRoutes, errOtherServer) {
		r.peers, r.joined, r.gateways = nil, nil, nil
	}
	return r
}

// decode reads a page to its end and decodes it.
func decode(p page, d *wire.Decoder, as func(body []byte) error) error {
	body, err := d.Page(p.body)
	if err != nil {
		return err
	}
	return as(body)
}

func (r *monitored) readVarz(p page, d *wire.Decoder) error {
	return decode(p, d, func(body []byte) error {
		v, err := wire.DecodeVarz(body)
		if errors.Is(err, wire.ErrNoData) || err == nil && v.Connections == nil {
			return errors.New("it has no server_id or no count of connections: it is not from a nats-server")
		}
		if err != nil {
			return err
		}
		r.Server, r.varz = v.From, v
		// What can't be read of the rest is not known, but the server is.
		r.details, _ = source.Details(v, p.asked, p.came)
		return nil
	})
}

// errOtherServer is that two pages of a URL are of two servers.
var errOtherServer = errors.New("different servers answer at this URL, as of a load balancer or after a restart: pass the URL of each server itself")

// same makes sure that a page is from the server that the first one was from.
func (r *monitored) same(from wire.Server) error {
	if from.ID != r.ID {
		return errOtherServer
	}
	return nil
}

// links are the ids of the servers that it has routes to; nil where not known.
func (r *monitored) links() []string {
	if r.noRoutes != nil {
		return nil
	}
	ids := make([]string, 0, len(r.peers))
	for _, p := range r.peers {
		ids = append(ids, p.ID)
	}
	return ids
}

// model is the deployment of what was read.
func (m *Source) model(all []*monitored, in *wire.Accounts) *checks.Deployment {
	d := &checks.Deployment{Accounts: in.All()}
	m.servers = map[string]*monitored{}
	var failed []*monitored
	for _, r := range all {
		first, twice := m.servers[r.ID]
		switch {
		case r.failed != nil:
			failed = append(failed, r)
			continue
		case twice && first.at.String() == r.at.String():
			d.Note(fmt.Sprintf("%s is given more than once", r.at))
		case twice:
			d.Note(fmt.Sprintf("%s and %s lead to the same server, %s, which is counted once", first.at, r.at, r.Called()))
		}
		if !twice || first.problem != nil {
			m.servers[r.ID] = r
		}
	}
	m.system = map[string]bool{}
	var closed []string // that did not tell of others
	for _, r := range m.servers {
		m.system[cmp.Or(r.varz.System, source.DefaultSystemAccount)] = true
		d.Gateways = d.Gateways || r.varz.Gateway
		if r.noRoutes != nil {
			closed = append(closed, fmt.Sprintf("%s (%s: %v)", r.Called(), r.at, r.noRoutes))
		}
		if r.problem != nil {
			bound := *r.varz.Connections
			d.Missing = append(d.Missing, checks.Missing{ID: r.ID, Name: r.Name, Host: r.Host, Cluster: r.Cluster, ClusterKnown: true, Peers: r.links(),
				Bound: &bound, Kind: checks.Unreadable, Reason: fmt.Sprintf("its account report can't be used: %s: %v", r.at, r.problem)})
			continue
		}
		d.Servers = append(d.Servers, checks.Server{ID: r.ID, Name: r.Name, Host: r.Host, Cluster: r.Cluster, Peers: r.links(), Configured: r.joined, Start: r.varz.Start, Usage: r.usage, Links: source.Links(r.varz)})
	}
	if slices.Sort(closed); len(closed) > 0 {
		d.Note(fmt.Sprintf("the routes and gateways of %s of %s servers are unknown, the first of them being %s: a server that only they know is not counted", words.Count(len(closed)), words.Count(len(m.servers)), closed[0]))
	}
	for i := range d.Accounts {
		d.Accounts[i].System = m.system[d.Accounts[i].ID]
	}
	source.DropCutOff(d)
	others, silent := notGiven(m.servers, failed)
	d.Missing = append(d.Missing, others...)
	d.AddSilent(silent, wire.MostServers)
	d.CountOnce()
	d.Expected = len(d.Servers) + d.Absent()
	slices.SortFunc(d.Servers, func(a, b checks.Server) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(d.Missing, func(a, b checks.Missing) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Reason, b.Reason))
	})
	d.Separate()
	return d
}
