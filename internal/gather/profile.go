package gather

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Suspect is an account that is concentrated on a server of a cluster.
type Suspect struct {
	Account string // id
	Server  string // id of the concentrated server
	Cluster string
}

// Report is what was read of a suspect's connections.
type Report struct {
	// Profile is never nil. Its times are by the auditor's clock where
	// [Details] found out about the server's.
	Profile *checks.Profile
	// Subscriptions are those of the client connections of the concentrated
	// server; nil where they were not read to the end.
	Subscriptions *int
}

// errSkipped is what happened to servers that were not asked before the time
// was over.
var errSkipped = errors.New("was not asked in time")

// Profiles reads the connections of each suspect on every server of its cluster
// that has any by the deployment's account reports; a server without any counts
// as read. The worst suspects are to come first: when the context's time is
// over, what was read until then is used, and the profile says how much that
// is. An error means that the context was cancelled, that the connection is
// closed, or that a suspect's server is not in its cluster. Memory does not
// grow with connections but for a page of each server that is being read.
//
// [Details] is to come first: without the servers' clocks it can't be told who
// was up when a connection began. The connection must be one to the system
// account, which no suspect is of, so that the auditor's own is never counted;
// it must not be used by another function of this package at the same time.
// Asking makes a server measure the round trip to clients that it has not
// measured yet.
func Profiles(ctx context.Context, nc *nats.Conn, d *checks.Deployment, of []Suspect) ([]Report, error) {
	w, stop := watch(nc)
	defer stop()
	return profiles(ctx, nc, w, d, of)
}

// Examine is [Profiles] and [AccountsOn] at the same time. The error is that of
// the first.
func Examine(ctx context.Context, nc *nats.Conn, d *checks.Deployment, of []Suspect) ([]Report, map[Suspect]map[string]checks.AccountOn, error) {
	w, stop := watch(nc)
	defer stop()
	var accounts map[Suspect]map[string]checks.AccountOn
	var wg sync.WaitGroup
	wg.Go(func() { accounts = accountsOn(ctx, nc, w, d, of) })
	reports, err := profiles(ctx, nc, w, d, of)
	wg.Wait()
	return reports, accounts, err
}

func profiles(ctx context.Context, nc *nats.Conn, w *refusals, d *checks.Deployment, of []Suspect) ([]Report, error) {
	if nc.IsClosed() {
		return nil, fmt.Errorf("asking for connections: %w", nats.ErrConnectionClosed)
	}
	readings := make([]*reading, len(of))
	var tasks []task
	for i, s := range of {
		r, err := newReading(d, s)
		if err != nil {
			return nil, err
		}
		readings[i] = r
		tasks = append(tasks, r.tasks...)
	}
	asking, forbid := context.WithCancelCause(ctx)
	defer forbid(nil)
	stop := w.listen(func(violation string) bool {
		kind := forbiddenKind(violation)
		if kind == "CONNZ" || kind == everything {
			forbid(errors.New("may not be asked: " + violation))
		}
		return kind == "CONNZ"
	})
	defer stop()

	longest := patience(ctx)
	queue := make(chan task)
	var wg sync.WaitGroup
	var silent sync.Map // ids of servers that were waited for
	for range min(together, len(tasks)) {
		wg.Go(func() {
			dec := newDecoder()
			for t := range queue {
				t.run(asking, nc, longest, dec, &silent)
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
	reports := make([]Report, len(of))
	for i, r := range readings {
		reports[i] = r.report()
	}
	return reports, nil
}

// reading is a suspect whose connections are being read.
type reading struct {
	suspect Suspect
	tasks   []task
	wanted  int // connections, by the account reports
	missing int // servers of the cluster that did not report

	mu            sync.Mutex // guards what follows
	profile       *profiler
	subscriptions int
	whole         bool // the concentrated server was read to the end
	failed        int  // servers that were not
	problem       string
}

// task is to read a suspect's connections on one server.
type task struct {
	of     *reading
	server int // index into the profile's servers
	name   string
	id     string
}

func newReading(d *checks.Deployment, s Suspect) (*reading, error) {
	r := &reading{suspect: s}
	var servers []*checks.Server
	for i := range d.Servers {
		if d.Servers[i].Cluster == s.Cluster {
			servers = append(servers, &d.Servers[i])
		}
	}
	slices.SortFunc(servers, func(a, b *checks.Server) int {
		if (a.ID == s.Server) != (b.ID == s.Server) {
			if a.ID == s.Server {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	if len(servers) == 0 || servers[0].ID != s.Server {
		return nil, fmt.Errorf("server %q of account %q is not in cluster %q", s.Server, s.Account, s.Cluster)
	}
	for _, m := range d.Missing {
		if m.ClusterKnown && m.Cluster == s.Cluster {
			r.missing++
		}
	}
	r.profile = newProfiler(servers)
	account := slices.IndexFunc(d.Accounts, func(a checks.Account) bool { return a.ID == s.Account })
	for i, server := range servers {
		for _, u := range server.Usage {
			if int(u.Account) == account && u.Connections > 0 {
				r.wanted += int(u.Connections)
				r.tasks = append(r.tasks, task{of: r, server: i, name: server.Name, id: server.ID})
			}
		}
	}
	if len(r.tasks) == 0 || r.tasks[0].server != 0 {
		r.whole = true // there is nothing to read on the concentrated server
	}
	return r, nil
}

func (t task) run(ctx context.Context, nc *nats.Conn, patience time.Duration, dec *decoder, silent *sync.Map) {
	var err error
	switch _, known := silent.Load(t.id); {
	case known:
		err = errSilent
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		err = errSkipped
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	default:
		err = readConnections(ctx, nc, Held{t.id, t.of.suspect.Account}, patience, dec, t.add)
	}
	if errors.Is(err, errSilent) {
		silent.Store(t.id, true)
	}
	t.ended(err)
}

// add puts a connection into the profile.
func (t task) add(c *connection) {
	r := t.of
	r.mu.Lock()
	defer r.mu.Unlock()
	r.profile.add(t.server, c)
	if t.server == 0 {
		r.subscriptions += int(c.subscriptions)
	}
}

// ended notes how the reading of the server ended.
func (t task) ended(err error) {
	r := t.of
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.failed++
		if r.problem == "" {
			r.problem = fmt.Sprintf("%s %v", cmp.Or(t.name, t.id), err)
		}
	case t.server == 0:
		r.whole = true
	}
}

func (r *reading) report() Report {
	p := r.profile.profile()
	read := 0
	for _, n := range p.Read {
		read += n
	}
	p.Whole = r.failed == 0 && r.missing == 0
	switch {
	case r.failed > 0:
		p.Note = fmt.Sprintf("%s of %s connections were read: %s", words.Count(read), words.Count(max(read, r.wanted)), r.problem)
		if r.failed > 1 {
			p.Note += fmt.Sprintf(", and so it is with %d more", r.failed-1)
		}
	case r.missing > 0:
		p.Note = fmt.Sprintf("%s connections were read, those of %s more servers of the cluster are not known", words.Count(read), words.Count(r.missing))
	}
	out := Report{Profile: p}
	if r.whole {
		out.Subscriptions = &r.subscriptions
	}
	return out
}
