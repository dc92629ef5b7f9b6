package tool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// stopGrace is how long a process may take to stop cleanly before it is killed.
const stopGrace = 5 * time.Second

// ErrPauseUnsupported is returned where a process can't be paused: on Windows.
var ErrPauseUnsupported = errors.New("processes can't be paused on this system")

// Process is one nats-server of a cluster, running or not.
type Process struct {
	cluster *ProcessCluster
	index   int
	name    string
	extra   string

	starting      sync.Mutex
	mu            sync.Mutex
	client, route int // ports, 0 until it is started first; the same over restarts
	id            string
	cmd           *exec.Cmd
	done          chan struct{} // closed when cmd has ended
}

// Name returns the server's name.
func (p *Process) Name() string { return p.name }

// ClientURL returns the URL for clients, without credentials.
func (p *Process) ClientURL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "nats://" + address(p.client)
}

// URL returns the URL for clients with the credentials of an account's user.
func (p *Process) URL(account string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := url.URL{Scheme: "nats", User: url.UserPassword(lab.UserOf(account), lab.Password), Host: address(p.client)}
	return u.String()
}

// PID returns the process id, 0 when it is not running.
func (p *Process) PID() int {
	if !p.Running() {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// identify takes the server's id from the answers.
func (p *Process) identify(replies map[string]server.ServerStatsMsg) {
	for id, r := range replies {
		if r.Server.Name == p.name {
			p.mu.Lock()
			p.id = id
			p.mu.Unlock()
		}
	}
}

// Running says whether the process exists; a paused one does.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Start starts a process that was stopped or killed, on the same ports, and
// returns when it and the other running ones know each other. None may be
// paused.
func (p *Process) Start(ctx context.Context) error {
	if p.Running() {
		return nil
	}
	if err := p.launch(ctx); err != nil {
		return err
	}
	return p.cluster.waitReady(ctx)
}

// Pause suspends the process (SIGSTOP): its connections stay open and nothing
// answers. Elsewhere than on Unix it returns [ErrPauseUnsupported].
func (p *Process) Pause() error { return p.signal(pauseProcess) }

// Resume continues a paused process (SIGCONT).
func (p *Process) Resume() error { return p.signal(resumeProcess) }

// Stop stops the process cleanly, as systemd would (SIGTERM); a paused one is
// resumed for it. What has not ended within 5 s is killed. On Windows it kills.
// [ProcessCluster.WaitCounted] waits until the others have noticed.
func (p *Process) Stop() {
	if p.signal(terminateProcess) == nil {
		p.mu.Lock()
		done, id := p.done, p.id
		p.mu.Unlock()
		select {
		case <-done:
			p.cluster.mu.Lock()
			p.cluster.gone = append(p.cluster.gone, server.ServerInfo{ID: id, Name: p.name, Cluster: p.cluster.name})
			p.cluster.mu.Unlock()
			return
		case <-time.After(stopGrace):
		}
	}
	p.Kill()
}

// Kill ends the process at once (SIGKILL), paused or not, and returns when it
// is gone: the other servers are told nothing.
func (p *Process) Kill() {
	_ = p.signal((*os.Process).Kill) // it may have ended already
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	if done != nil {
		<-done
	}
}

func (p *Process) signal(send func(*os.Process) error) error {
	if !p.Running() {
		return fmt.Errorf("process %s is not running", p.name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return send(p.cmd.Process)
}

// launch starts the process and returns when it listens.
func (p *Process) launch(ctx context.Context) error {
	p.starting.Lock() // never two at a time
	defer p.starting.Unlock()
	if p.Running() {
		return nil
	}
	dir := filepath.Join(p.cluster.dir, p.name)
	if err := os.RemoveAll(dir); err != nil { // the ports file of the last time
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := p.choosePorts(); err != nil {
		return err
	}
	config := filepath.Join(dir, "nats-server.conf")
	if err := os.WriteFile(config, []byte(p.config(dir)), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "nats-server.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.CommandContext(p.cluster.life, //nolint:contextcheck // ctx bounds the start, not the process
		p.cluster.exe, "-c", config)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // that it ended is all that counts
		close(done)
	}()
	p.cmd, p.done = cmd, done
	err = lab.Poll(ctx, func() error {
		select {
		case <-done:
			return nil
		default:
			return listens(dir)
		}
	})
	select {
	case <-done:
		err = errors.New("nats-server ended at once")
	default:
	}
	if err != nil {
		_ = cmd.Process.Kill()
		<-done
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w: it said: %s", p.name, err, lastLine(said))
	}
	return nil
}

func lastLine(log []byte) string {
	text := strings.TrimSpace(string(log))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// choosePorts gives the process the ports that it keeps.
func (p *Process) choosePorts() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, port := range []*int{&p.client, &p.route} {
		if *port == 0 && err == nil {
			*port, err = lab.Port(host)
		}
	}
	return err
}

// listens returns nil once the server has written to its folder where it listens.
func listens(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.ports"))
	if err == nil && len(names) == 0 {
		err = errors.New("the server has not written its ports")
	}
	return err
}

// config writes the configuration file, with the routes of those before it.
func (p *Process) config(dir string) string {
	var routes []string
	for _, other := range p.cluster.processes {
		if other == p {
			continue
		}
		other.mu.Lock()
		if other.route != 0 {
			routes = append(routes, strconv.Quote("nats://"+address(other.route)))
		}
		other.mu.Unlock()
	}
	p.mu.Lock()
	client, route := p.client, p.route
	p.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "server_name: %s\nlisten: %q\nports_file_dir: %q\nsystem_account: %s\n",
		p.name, address(client), filepath.ToSlash(dir), lab.SystemAccount)
	fmt.Fprintf(&b, "authorization { timeout: %d }\n", lab.AuthTimeout)
	fmt.Fprintf(&b, "cluster { name: %s, listen: %q, routes: [%s] }\naccounts {\n",
		p.cluster.name, address(route), strings.Join(routes, ", "))
	for _, a := range append([]string{lab.SystemAccount}, p.cluster.accounts...) {
		fmt.Fprintf(&b, "  %q: { users: [ { user: %q, password: %q } ] }\n", a, lab.UserOf(a), lab.Password)
	}
	fmt.Fprintf(&b, "}\n%s\n", p.extra)
	return b.String()
}

// address returns host:port of a listener.
func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

const host = "127.0.0.1"
