package gather

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
)

// Monitoring gathers from the HTTP monitoring ports of servers, which need no
// account. It knows the servers that it was given, and of others only that they
// are there: from routes and gateways. Its methods are not for concurrent use.
type Monitoring struct {
	targets []*monitorTarget
	client  *http.Client
	o       Options
	bytes   atomic.Int64 // of pages
	calling sync.Mutex   // held while Trace or Progress is called

	servers map[string]*monitored // by id
	system  map[string]bool       // ids of accounts that a server calls the system account
}

// monitored is what the monitoring port of one URL tells.
type monitored struct {
	at *monitorTarget
	monitorVarz
	usage    []checks.Usage
	peers    []monitorPeer
	gateways []string

	failed   error // why it is not known which server is there
	problem  error // why its account report can't be used
	noRoutes error // why its routes or gateways can't be told
}

// called is what to call it; a server without a name has its id for one.
func (r *monitored) called() string { return cmp.Or(r.Name, r.ID) }

// NewMonitoring is for the monitoring ports with these URLs, http or https, with
// the server's http_base_path as the path, and with user and password for what
// asks for them. The configuration is for https, nil for Go's own. Timeout of
// the options is not used: the context says how long there is.
func NewMonitoring(urls []*url.URL, config *tls.Config, o Options) *Monitoring {
	m := &Monitoring{client: newMonitorClient(config), o: o}
	for _, u := range urls {
		m.targets = append(m.targets, newMonitorTarget(u))
	}
	return m
}

func (m *Monitoring) trace(format string, args ...any) {
	if m.o.Trace != nil {
		m.calling.Lock()
		defer m.calling.Unlock()
		m.o.Trace(format, args...)
	}
}

// Deployment gathers a deployment. It takes three fifths of the time that the
// context leaves at most. What can't be read by then is in the model as
// missing, and so is a server that has a route or a gateway to one that was
// read, but whose URL was not given. An error means that not a single account
// report was read, or that the context was cancelled.
func (m *Monitoring) Deployment(ctx context.Context) (*checks.Deployment, error) {
	defer m.client.CloseIdleConnections()
	asking, cancel := shareOf(ctx, 3, 5)
	defer cancel()
	all := make([]*monitored, len(m.targets))
	in := newInterner()
	done, longest := 0, 24*time.Hour // as long as there is
	if len(m.targets) > monitoredTogether {
		longest = patience(asking) // those that hang keep others waiting
	}
	eachOf(len(m.targets), monitoredTogether, func(i int, d *decoder) {
		all[i] = m.read(asking, m.targets[i], longest, d, in)
		m.calling.Lock()
		defer m.calling.Unlock()
		if done++; m.o.Progress != nil {
			m.o.Progress(Progress{Expected: len(m.targets), Reported: done, Bytes: m.bytes.Load()})
		}
	})
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	d := m.model(all, in)
	if len(d.Servers) == 0 {
		return nil, noneRead(all)
	}
	return d, nil
}

// shareOf is a context for a part of the time that there is.
func shareOf(ctx context.Context, part, of time.Duration) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(end)*part/of)
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
	return fmt.Errorf("none of %d monitoring ports gave an account report, the first of them being %s: %w", len(all), all[0].at, why)
}

// read asks a monitoring port for all that the model needs. It gives up one that
// is silent at first after the patience.
func (m *Monitoring) read(ctx context.Context, t *monitorTarget, patience time.Duration, d *decoder, in *interner) *monitored {
	r := &monitored{at: t}
	first, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r.failed = m.get(first, t, "/varz", nil, func(p monitorPage) error {
		body, err := wholePage(p.body)
		if err == nil {
			r.monitorVarz, err = decodeMonitorVarz(body, p.asked, p.came)
		}
		return err
	})
	if r.failed != nil {
		return r
	}
	r.problem = m.get(ctx, t, "/accstatz", nil, func(p monitorPage) (err error) {
		r.usage, err = d.monitorReport(ctx, p.body, r.ID, in)
		return err
	})
	r.noRoutes = m.get(ctx, t, "/routez", nil, func(p monitorPage) error {
		body, err := wholePage(p.body)
		if err == nil {
			r.peers, err = decodeMonitorRoutez(body, r.ID)
		}
		return err
	})
	if r.gateway {
		r.noRoutes = cmp.Or(r.noRoutes, m.get(ctx, t, "/gatewayz", nil, func(p monitorPage) error {
			body, err := wholePage(p.body)
			if err == nil {
				r.gateways, err = decodeMonitorGatewayz(body, r.ID)
			}
			return err
		}))
	}
	return r
}

// model is the deployment of what was read.
func (m *Monitoring) model(all []*monitored, in *interner) *checks.Deployment {
	d := &checks.Deployment{Accounts: in.all()}
	m.servers = map[string]*monitored{}
	var failed []*monitored
	for _, r := range all {
		first, twice := m.servers[r.ID]
		switch {
		case r.failed != nil:
			failed = append(failed, r)
			continue
		case twice && first.at.String() == r.at.String():
			note(d, fmt.Sprintf("%s is given more than once", r.at))
		case twice:
			note(d, fmt.Sprintf("%s and %s lead to the same server, %s, which is counted once", first.at, r.at, r.called()))
		}
		if !twice || first.problem != nil {
			m.servers[r.ID] = r
		}
	}
	m.system = map[string]bool{}
	var mute []string // who did not tell of others
	for _, r := range m.servers {
		m.system[cmp.Or(r.system, defaultSystemAccount)] = true
		if r.noRoutes != nil {
			mute = append(mute, fmt.Sprintf("%s (%s: %v)", r.called(), r.at, r.noRoutes))
		}
		if r.problem != nil {
			bound := r.connections
			d.Missing = append(d.Missing, checks.Missing{ID: r.ID, Name: r.Name, Host: r.Host, Cluster: r.Cluster, ClusterKnown: true,
				Bound: &bound, Reason: fmt.Sprintf("its account report can't be used: %s: %v", r.at, r.problem)})
			continue
		}
		d.Servers = append(d.Servers, checks.Server{ID: r.ID, Name: r.Name, Host: r.Host, Cluster: r.Cluster, Start: r.start, Usage: r.usage})
	}
	if slices.Sort(mute); len(mute) > 0 {
		note(d, fmt.Sprintf("the routes and gateways of %d of %d servers can't be told, the first of them being %s: a server that only they know is not counted", len(mute), len(m.servers), mute[0]))
	}
	for i := range d.Accounts {
		d.Accounts[i].System = m.system[d.Accounts[i].ID]
	}
	d.Missing = append(d.Missing, notGiven(m.servers, failed)...)
	d.Expected = len(d.Servers) + len(d.Missing)
	slices.SortFunc(d.Servers, func(a, b checks.Server) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(d.Missing, func(a, b checks.Missing) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Reason, b.Reason))
	})
	return d
}
