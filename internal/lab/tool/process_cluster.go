package tool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// processCluster is the name of a cluster of processes that is given no other; its
// servers are called P-n1, P-n2, …
const processCluster = "P"

// ProcessCluster is a cluster of real nats-server processes, for tests of what
// an embedded server can't show: a server that hangs, or is killed.
type ProcessCluster struct {
	name      string
	dir       string
	exe       string
	accounts  []string
	life      context.Context // kills the processes when it ends
	processes []*Process

	mu   sync.Mutex
	gone []server.ServerInfo // those that were stopped cleanly
}

// StartProcessCluster starts n nats-server processes from configuration files
// in a temporary folder, with the given ordinary accounts, and returns when
// they know each other. What extra, if not nil, returns for server i (from 0)
// is added to its configuration; any listener in it must be on loopback. The
// processes are killed when the context ends, and by Stop, which is to be
// called in any case.
func StartProcessCluster(ctx context.Context, n int, accounts []string, extra func(i int) string) (*ProcessCluster, error) {
	return StartProcessClusterCalled(ctx, processCluster, n, accounts, extra)
}

// StartProcessClusterCalled is [StartProcessCluster] with a name for the cluster, for
// those that the extra configuration joins by gateways.
func StartProcessClusterCalled(ctx context.Context, name string, n int, accounts []string, extra func(i int) string) (*ProcessCluster, error) {
	if n < 1 {
		return nil, errors.New("a process cluster needs a process")
	}
	exe, err := Build(ctx, ProgramServer)
	if err != nil {
		return nil, err
	}
	return startProcesses(ctx, name, exe, n, accounts, extra)
}

func startProcesses(ctx context.Context, name, exe string, n int, accounts []string, extra func(i int) string) (*ProcessCluster, error) {
	dir, err := os.MkdirTemp("", "nats-balance-processes-")
	if err != nil {
		return nil, err
	}
	c := &ProcessCluster{name: name, dir: dir, exe: exe, accounts: accounts, life: ctx}
	for i := range n {
		p := &Process{cluster: c, index: i, name: fmt.Sprintf("%s-n%d", name, i+1)}
		if extra != nil {
			p.extra = extra(i)
		}
		c.processes = append(c.processes, p)
	}
	for _, p := range c.processes {
		if err = p.launch(ctx); err != nil {
			break
		}
	}
	if err == nil {
		err = c.waitReady(ctx)
	}
	if err != nil {
		c.Stop()
		return nil, fmt.Errorf("process cluster: %w", err)
	}
	return c, nil
}

// Processes returns the processes in order.
func (c *ProcessCluster) Processes() []*Process { return slices.Clone(c.processes) }

// SystemURL returns the URL of the first running process with the credentials
// of the system account's user, or "" when none is running. A paused one runs.
func (c *ProcessCluster) SystemURL() string {
	for _, p := range c.processes {
		if p.Running() {
			return p.URL(lab.SystemAccount)
		}
	}
	return ""
}

// Stop kills the processes and removes their files. It may be called more than
// once.
func (c *ProcessCluster) Stop() {
	for _, p := range c.processes {
		p.Kill()
	}
	_ = os.RemoveAll(c.dir)
}

// waitReady waits until all running processes answer and know at least each
// other: the others count a killed one on for minutes, so they may count more.
func (c *ProcessCluster) waitReady(ctx context.Context) error {
	running := 0
	for _, p := range c.processes {
		if p.Running() {
			running++
		}
	}
	return c.waitPinged(ctx, func(_ *nats.Conn, replies map[string]server.ServerStatsMsg) error {
		ready := 0
		for _, r := range replies {
			if r.Stats.ActiveServers >= running {
				ready++
			}
		}
		if ready < running {
			return fmt.Errorf("%d of %d servers know each other", ready, running)
		}
		for _, p := range c.processes {
			p.identify(replies)
		}
		return nil
	})
}

// WaitCounted returns when the first running process, and each other that
// answers with it, count n active servers. Who counts more hears again of those
// that were stopped cleanly; one that was killed is rightly counted on, for
// minutes.
func (c *ProcessCluster) WaitCounted(ctx context.Context, n int) error {
	return c.waitPinged(ctx, func(nc *nats.Conn, replies map[string]server.ServerStatsMsg) error {
		if _, ok := replies[nc.ConnectedServerId()]; !ok {
			return fmt.Errorf("%s does not answer", nc.ConnectedServerName())
		}
		for _, r := range replies {
			if counted := r.Stats.ActiveServers; counted != n {
				c.mu.Lock()
				gone := slices.Clone(c.gone)
				c.mu.Unlock()
				if counted > n {
					lab.SayGoodbye(nc, gone)
				}
				return fmt.Errorf("%s counts %d servers, not %d", r.Server.Name, counted, n)
			}
		}
		return nil
	})
}

// waitPinged pings at the first running process until the check is content with
// the answers.
func (c *ProcessCluster) waitPinged(ctx context.Context, check func(nc *nats.Conn, replies map[string]server.ServerStatsMsg) error) error {
	url := c.SystemURL()
	if url == "" {
		return errors.New("no process is running")
	}
	nc, err := nats.Connect(url, nats.SetCustomDialer(lab.Dialer(ctx)), nats.NoReconnect(), nats.Timeout(lab.AuthTimeout*time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	return lab.Poll(ctx, func() error {
		// A paused one does not answer: no more than a moment is waited for it.
		const moment = 250 * time.Millisecond
		replies, err := lab.PingServers(ctx, nc, len(c.processes), moment)
		if err != nil {
			return err
		}
		return check(nc, replies)
	})
}
