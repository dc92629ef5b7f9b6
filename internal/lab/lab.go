package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// PollEvery is the pause between two looks at a condition: short against what
// is waited for (hundreds of milliseconds), long against the cost of a look.
const PollEvery = 10 * time.Millisecond

// errStopped is what a lab answers after Stop.
var errStopped = errors.New("the lab is stopped")

// Lab is a running deployment. Its methods may be called from several
// goroutines.
type Lab struct {
	topology Topology
	// secret keeps servers of other labs out, which go on looking for a peer that was
	// at a port of this one before.
	secret  string
	groups  []*group
	servers []*Server
	dir     string // for JetStream, "" without it

	// life ends with Stop: it is what starts and reconnects in progress watch.
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	stopped bool
	clients []*Group
	extras  []func()            // what else Stop ends
	gone    []server.ServerInfo // every server that was shut down
}

// Start starts the servers of a topology, all but the late ones, and returns
// when they know each other, as [Lab.WaitReady] says. The context bounds the
// start only: when it ends, everything is stopped again and its error returned.
// A lab runs until [Lab.Stop]. Where another process takes a port after it was found
// to be free, it starts again with others.
func Start(ctx context.Context, t Topology) (*Lab, error) {
	const attempts = 3
	for left := attempts - 1; ; left-- {
		l := &Lab{topology: t, secret: rand.Text()}
		l.life, l.end = context.WithCancel(context.Background())
		err := l.start(ctx)
		if err == nil {
			return l, nil
		}
		l.Stop()
		if left == 0 || !strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) { // nats-server has it as text
			return nil, fmt.Errorf("lab: %w", err)
		}
	}
}

func (l *Lab) start(ctx context.Context) error {
	var err error
	if l.groups, err = plan(l, l.topology); err != nil {
		return err
	}
	for _, g := range l.groups {
		l.servers = append(l.servers, g.servers...)
		if g.MQTT && l.dir == "" {
			if l.dir, err = os.MkdirTemp("", "nats-balance-lab-"); err != nil {
				return err
			}
		}
	}
	if err = choosePorts(l.servers, l.topology.DistinctAddresses || l.topology.Networks); err != nil {
		return err
	}
	// One after the other: each is given the routes and gateways of those
	// before it, whose ports are known by then.
	for _, s := range l.servers {
		if slices.Contains(s.group.Late, s.index) {
			continue
		}
		if err = s.launch(ctx); err != nil {
			return err
		}
	}
	return l.WaitReady(ctx)
}

// Stop closes the clients, stops the servers and removes their files. When it
// returns, nothing listens any more. It may be called more than once.
func (l *Lab) Stop() {
	l.mu.Lock()
	l.stopped = true
	clients, extras := l.clients, l.extras
	l.clients, l.extras = nil, nil
	l.mu.Unlock()
	l.end()
	for _, g := range clients {
		g.Close()
	}
	var wg sync.WaitGroup
	for _, s := range l.servers {
		wg.Go(s.Shutdown)
	}
	wg.Wait()
	for _, f := range extras {
		f()
	}
	if l.dir != "" {
		// An error leaves files in the temporary folder, where the system
		// removes them; there is nothing a caller could do about it.
		_ = os.RemoveAll(l.dir)
	}
}

// atStop has [Lab.Stop] call f when the clients are closed and the servers have
// stopped. Of a lab that is stopped already, f is called at once.
func (l *Lab) atStop(f func()) {
	l.mu.Lock()
	stopped := l.stopped
	if !stopped {
		l.extras = append(l.extras, f)
	}
	l.mu.Unlock()
	if stopped {
		f()
	}
}

func (l *Lab) isStopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// Servers returns all servers, those that are not running too, in the order of
// the topology: clusters, then leafs.
func (l *Lab) Servers() []*Server { return slices.Clone(l.servers) }

// Server returns the server called name, or nil. Where clusters share a name
// for a server, "cluster/name" tells them apart, and name alone is the first.
func (l *Lab) Server(name string) *Server {
	cluster, short, qualified := strings.Cut(name, "/")
	for _, s := range l.servers {
		if !qualified && s.name == name || qualified && s.name == short && s.group.Name == cluster {
			return s
		}
	}
	return nil
}

// Cluster returns the servers of the cluster or leaf cluster called name, in
// order; with "" those without a cluster.
func (l *Lab) Cluster(name string) []*Server {
	var found []*Server
	for _, s := range l.servers {
		if s.group.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// URLs returns the client URLs of all servers of a cluster, late and stopped
// ones too, with the credentials of the account's user.
func (l *Lab) URLs(cluster, account string) []string {
	var urls []string
	for _, s := range l.Cluster(cluster) {
		urls = append(urls, s.URL(account))
	}
	return urls
}

// SystemURL returns the URL of the first running server with the credentials
// of the system account's user, or "" when none is running.
func (l *Lab) SystemURL() string {
	if s := l.FirstRunning(); s != nil {
		return s.URL(SystemAccount)
	}
	return ""
}

// FirstRunning returns the first server that runs, or nil when none does.
func (l *Lab) FirstRunning() *Server {
	if at := slices.IndexFunc(l.servers, (*Server).Running); at >= 0 {
		return l.servers[at]
	}
	return nil
}

// WaitReady returns when every running server knows every other one that it
// shares the system account with: a PING of the system account sent at any of
// them is answered by all, and each reports as many active servers as there
// are. After [Server.Shutdown] it thus waits until the others have noticed, and
// says goodbye again to those that have not. It waits for the leafnodes of the
// other accounts, too. When the context ends before, the error says what was
// still missing.
func (l *Lab) WaitReady(ctx context.Context) error { return l.waitIslands(ctx, l.servers) }

// waitIslands waits for the islands that the given servers belong to.
func (l *Lab) waitIslands(ctx context.Context, servers []*Server) error {
	islands := make(map[int][]*server.Server)
	for _, s := range servers {
		islands[s.island] = nil
	}
	for _, s := range l.servers {
		if _, ok := islands[s.island]; !ok {
			continue
		}
		if srv := s.Embedded(); srv != nil {
			islands[s.island] = append(islands[s.island], srv)
		}
	}
	for _, island := range islands {
		if err := l.waitIsland(ctx, island); err != nil {
			return err
		}
	}
	return l.poll(ctx, l.linked)
}

func (l *Lab) waitIsland(ctx context.Context, island []*server.Server) error {
	// The servers' own count is cheap to ask for, and right nearly always; the
	// PING then proves it, and that subjects have spread, from each of them.
	err := l.poll(ctx, func() error {
		for _, srv := range island {
			if n := srv.TrackedRemoteServers() + 1; n != len(island) {
				if n > len(island) {
					l.repeatGoodbyes(srv)
				}
				return fmt.Errorf("server %s knows %d of %d servers", srv.Name(), n, len(island))
			}
			if srv.JetStreamEnabled() {
				if h := srv.Healthz(&server.HealthzOptions{JSEnabledOnly: false}); h.Status != "ok" {
					return fmt.Errorf("server %s: JetStream: %s", srv.Name(), h.Error)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, srv := range island {
		if err := l.provePing(ctx, srv, island); err != nil {
			return err
		}
	}
	return nil
}

// provePing waits until a PING sent at one server is answered by the whole island.
func (l *Lab) provePing(ctx context.Context, srv *server.Server, island []*server.Server) error {
	nc, err := systemConn(srv)
	if err != nil {
		return fmt.Errorf("server %s: system account: %w", srv.Name(), err)
	}
	cid, _ := nc.GetClientID()
	err = l.poll(ctx, func() error {
		err := pingOnce(ctx, nc, srv, island)
		if err != nil {
			l.repeatGoodbyes(srv)
		}
		return err
	})
	nc.Close()
	if err != nil {
		return err
	}
	// The server must have forgotten this connection before anyone counts.
	return l.poll(ctx, func() error {
		if srv.GetClient(cid) != nil {
			return fmt.Errorf("server %s still has the lab's own connection", srv.Name())
		}
		return nil
	})
}

// repeatGoodbyes has a server hear once more of all servers that were shut down.
func (l *Lab) repeatGoodbyes(srv *server.Server) {
	l.mu.Lock()
	gone := slices.Clone(l.gone)
	l.mu.Unlock()
	nc, err := systemConn(srv)
	if err != nil {
		return // whoever waits asks again
	}
	defer nc.Close()
	SayGoodbye(nc, gone)
}

// systemConn connects to the system account of a server.
func systemConn(srv *server.Server) (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(srv), nats.UserInfo(UserOf(SystemAccount), Password),
		nats.NoReconnect(), nats.Timeout(patience), nats.Name("lab"), nats.SyncQueueLen(1024))
}

// pingOnce sends one PING and compares the answers with the island.
func pingOnce(ctx context.Context, nc *nats.Conn, srv *server.Server, island []*server.Server) error {
	replies, err := PingServers(ctx, nc, len(island), pingWait)
	if err != nil {
		return fmt.Errorf("server %s: PING: %w", srv.Name(), err)
	}
	for _, other := range island {
		if n := replies[other.ID()].Stats.ActiveServers; n != len(island) {
			return fmt.Errorf("PING at %s: %s reports %d of %d active servers", srv.Name(), other.Name(), n, len(island))
		}
	}
	return nil
}

// poll polls as [Poll] does, and gives up when the lab is stopped, too.
func (l *Lab) poll(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.life, func() { cancel(errStopped) })() //nolint:contextcheck // the lab's life is the second reason to end
	return Poll(ctx, check)
}

// Poll calls check until it returns nil. It gives up with check's last error
// when the context ends.
func Poll(ctx context.Context, check func() error) error {
	tick := time.NewTicker(PollEvery)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// WaitCounts returns when the servers named in want (as [Lab.Server] finds
// them) themselves report these numbers of client connections of an account,
// leafnodes not counted. Servers not named may have any; one that is not
// running has 0. When the context ends before, the error says what was
// reported last.
func (l *Lab) WaitCounts(ctx context.Context, account string, want map[string]int) error {
	for name := range want {
		if l.Server(name) == nil {
			return fmt.Errorf("lab: no server %q", name)
		}
	}
	return l.poll(ctx, func() error {
		wrong := make([]string, 0, len(want))
		for name, n := range want {
			if have := l.Server(name).Connections(account); have != n {
				wrong = append(wrong, fmt.Sprintf("%s has %d, not %d", name, have, n))
			}
		}
		if len(wrong) == 0 {
			return nil
		}
		slices.Sort(wrong)
		return fmt.Errorf("connections of account %s: %s", account, strings.Join(wrong, ", "))
	})
}
