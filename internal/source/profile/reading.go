// Package profile sums up who is connected: the connections of an account on the
// servers of a cluster, read one by one into a profile that is bounded, however
// many there are. The sources hand in how a server is asked.
package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// What becomes of a server, as a clause to follow its name.
var (
	// ErrNoAnswer is what a server did that let a request for a page go
	// unanswered.
	ErrNoAnswer = errors.New("did not answer in time")
	// errSkipped is what happened to servers that were not asked before the time
	// was over.
	errSkipped = errors.New("was not asked in time")
)

// Together is how many servers are asked for connections at once.
const Together = 8

// Read reads the connections of each suspect on every server of its cluster that
// has any by the deployment's account reports; a server without any counts as
// read. The worst suspects are to come first: when the context's time is over,
// what was read until then is used, and the profile says how much that is. An
// error means that the context was cancelled, or that a suspect's server is not
// in its cluster. Memory does not grow with connections but for a page of each
// server that is being read.
//
// Where the context ends for another cause than its time or being cancelled, the
// cause is a clause about the servers that were not read. Servers that fail with
// [ErrNoAnswer] are not asked again; their ids are in unresponsive.
func Read(ctx context.Context, d *checks.Deployment, of []source.Suspect, unresponsive *sync.Map, read func(Task, *wire.Decoder) error) ([]source.Report, error) {
	readings := make([]*Reading, len(of))
	var tasks []Task
	for i, s := range of {
		r, err := New(d, s)
		if err != nil {
			return nil, err
		}
		readings[i] = r
		tasks = append(tasks, r.tasks...)
	}
	wire.Each(len(tasks), Together, func(i int, dec *wire.Decoder) {
		tasks[i].End(tasks[i].run(ctx, unresponsive, func() error { return read(tasks[i], dec) }))
	})
	if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) {
		return nil, cause
	}
	reports := make([]source.Report, len(of))
	for i, r := range readings {
		reports[i] = r.Report()
	}
	return reports, nil
}

func (t Task) run(ctx context.Context, unresponsive *sync.Map, read func() error) error {
	switch _, known := unresponsive.Load(t.ID); {
	case known:
		return ErrNoAnswer
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return errSkipped
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	err := read()
	if errors.Is(err, ErrNoAnswer) {
		unresponsive.Store(t.ID, true)
	}
	return err
}

// Reading is a suspect whose connections are being read.
type Reading struct {
	suspect source.Suspect
	tasks   []Task
	wanted  int // connections, by the account reports
	missing int // servers of the cluster that did not report

	mu            sync.Mutex // guards what follows
	profile       *profiler
	subscriptions int
	whole         bool   // the concentrated server was read to the end
	failed        int    // servers that were not
	loggedIn      []int  // connections with a sign of a login, by server
	ended         []bool // that was read to the end
	problem       string
}

// Task is to read a suspect's connections on one server.
type Task struct {
	of     *Reading
	server int // index into the profile's servers
	// counted are the connections that its account report has.
	counted int
	// Name and ID are the server's.
	Name, ID string
}

// Counted is how many connections the account's report has of the server.
func (t *Task) Counted() int { return t.counted }

// New is the reading of a suspect. An error is that its server is not in its
// cluster.
func New(d *checks.Deployment, s source.Suspect) (*Reading, error) {
	r := &Reading{suspect: s}
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
	r.profile, r.loggedIn, r.ended = newProfiler(servers), make([]int, len(servers)), make([]bool, len(servers))
	account := slices.IndexFunc(d.Accounts, func(a checks.Account) bool { return a.ID == s.Account })
	for i, server := range servers {
		for _, u := range server.Usage {
			if int(u.Account) == account && u.Connections > 0 {
				r.wanted += int(u.Connections)
				r.tasks = append(r.tasks, Task{of: r, server: i, counted: int(u.Connections), Name: server.Name, ID: server.ID})
			}
		}
	}
	if len(r.tasks) == 0 || r.tasks[0].server != 0 {
		r.whole = true // there is nothing to read on the concentrated server
	}
	return r, nil
}

// Add puts a connection into the profile.
func (t Task) Add(c *wire.Connection) {
	r := t.of
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.LoggedIn() {
		r.loggedIn[t.server]++
	} else if r.suspect.Account == checks.GlobalAccount {
		return // nobody's yet
	}
	r.profile.add(t.server, c)
	if t.server == 0 {
		r.subscriptions += int(c.Subscriptions)
	}
}

// End notes how the reading of the server ended.
func (t Task) End(err error) {
	r := t.of
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[t.server] = err == nil
	switch {
	case err != nil:
		r.failed++
		if r.problem == "" {
			r.problem = fmt.Sprintf("%s %v", cmp.Or(t.Name, t.ID), err)
		}
	case t.server == 0:
		r.whole = true
	}
}

// Tasks are what there is to read, the concentrated server first.
func (r *Reading) Tasks() []Task { return r.tasks }

// Account is the id of the account whose connections are to be read.
func (t Task) Account() string { return t.of.suspect.Account }

// Report is what was read.
func (r *Reading) Report() source.Report {
	p := r.profile.profile()
	read := 0
	for _, n := range p.Read {
		read += n
	}
	p.Whole = r.failed == 0 && r.missing == 0
	for _, t := range r.tasks {
		if !r.ended[t.server] {
			if p.Unread == nil {
				p.Unread = make([]bool, len(p.Servers))
			}
			p.Unread[t.server] = true
		}
	}
	switch {
	case r.failed > 0:
		p.Note = fmt.Sprintf("%s of %s connections were read: %s", words.Count(read), words.Count(max(read, r.wanted)), r.problem)
		if r.failed > 1 {
			p.Note += ", and so it is with " + words.Count(r.failed-1) + " more"
		}
	case r.missing > 0:
		p.Note = fmt.Sprintf("%s connections were read, those of %s more servers of the cluster are unknown", words.Count(read), words.Count(r.missing))
	}
	out := source.Report{Profile: p, LoggedIn: map[string]int{}, Doubtful: map[string]int{}}
	for _, t := range r.tasks {
		if r.ended[t.server] {
			out.LoggedIn[t.ID] = r.loggedIn[t.server]
		} else {
			out.Doubtful[t.ID] = max(0, t.counted-r.loggedIn[t.server])
		}
	}
	if r.whole {
		out.Subscriptions = &r.subscriptions
	}
	return out
}
