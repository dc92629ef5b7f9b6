package lab

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
)

// BalancerMode is how a [Balancer] chooses the backend of a connection. Where
// the chosen one does not accept it, the next in the list is taken.
type BalancerMode uint8

const (
	// Random chooses each with the same probability.
	Random BalancerMode = iota
	// RoundRobin takes one after the other.
	RoundRobin
	// SourceHash chooses by the client's source address, always the same.
	SourceHash
	// OnlyFirst always takes the first that is up.
	OnlyFirst
	// LeastConnections takes the one with the fewest connections through the
	// balancer, the first of several.
	LeastConnections
	// NearlyFirst takes the first that is up, and for one connection of twelve the
	// second.
	NearlyFirst
)

// BalancerConfig describes a balancer.
type BalancerConfig struct {
	// Host is the loopback address to listen on, "" for 127.0.0.1. Connections
	// to backends come from it, unless Transparent is set.
	Host string
	// Port is the port to listen on, 0 for a free one.
	Port int
	// Mode is how a backend is chosen until [Balancer.SetMode].
	Mode BalancerMode
	// Backends are host:port on loopback.
	Backends []string
	// Transparent keeps the client's source address: backends see the client.
	Transparent bool
}

// Balancer is a TCP load balancer on loopback that knows nothing of NATS.
type Balancer struct {
	config   BalancerConfig
	listener net.Listener
	life     context.Context
	end      context.CancelFunc
	running  sync.WaitGroup

	mu   sync.Mutex
	mode BalancerMode
	turn int
	open []int // connections by backend
}

// StartBalancer starts a balancer. The context bounds the start
// only; it runs until [Balancer.Stop].
func StartBalancer(ctx context.Context, c BalancerConfig) (*Balancer, error) {
	if c.Host == "" {
		c.Host = loopback
	}
	if !isLoopback(c.Host) || len(c.Backends) == 0 {
		return nil, errors.New("lab: a balancer needs a loopback address and backends")
	}
	c.Backends = slices.Clone(c.Backends)
	err := ctx.Err() // listening does not look at it
	if err == nil && c.Port == 0 {
		c.Port, err = Port(c.Host)
	}
	var l net.Listener
	if err == nil {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", hostPort(c.Host, c.Port))
	}
	if err != nil {
		return nil, fmt.Errorf("lab: balancer: %w", err)
	}
	b := &Balancer{config: c, listener: l, mode: c.Mode, open: make([]int, len(c.Backends))}
	b.life, b.end = context.WithCancel(context.Background())
	b.running.Go(b.accept)
	return b, nil
}

// Addr returns host:port for clients.
func (b *Balancer) Addr() string { return b.listener.Addr().String() }

// SetMode changes how a backend is chosen, for connections from now on: those
// that are open stay, as with any balancer.
func (b *Balancer) SetMode(m BalancerMode) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mode = m
}

// Stop stops the balancer and closes the connections through it. When it
// returns, its port is closed. It may be called more than once.
func (b *Balancer) Stop() {
	b.end()
	_ = b.listener.Close() // an error says that it is closed
	b.running.Wait()
}

// Pinned returns the backend that SourceHash chooses for a client's address.
func (b *Balancer) Pinned(source string) string {
	return b.config.Backends[hashOf(source, len(b.config.Backends))]
}

// hashOf is the number, below n, of a source address.
func hashOf(source string, n int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, source) // a hash takes everything
	return int(h.Sum32() % uint32(n))
}

// accept serves clients until the listener is closed.
func (b *Balancer) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.running.Go(func() { b.serve(client) })
	}
}

// serve connects a client to a backend and copies until either side closes.
func (b *Balancer) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	backend, at, err := b.dial(client)
	if err != nil {
		return
	}
	defer b.count(at, -1)
	defer func() { _ = backend.Close() }()
	closeBoth := func() { _, _ = client.Close(), backend.Close() }
	defer context.AfterFunc(b.life, closeBoth)()
	var copies sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, backend}, {backend, client}} {
		copies.Go(func() {
			_, _ = io.Copy(pair[0], pair[1]) // ends when a side closes
			closeBoth()
		})
	}
	copies.Wait()
}

// dial connects to the first backend that accepts, from the chosen one on, and
// counts the connection as open.
func (b *Balancer) dial(client net.Conn) (conn net.Conn, at int, err error) {
	source := client.RemoteAddr().(*net.TCPAddr).IP.String()
	at = b.choose(source)
	d := dialer{life: b.life, source: b.config.Host}
	if b.config.Transparent {
		d.source = source
	}
	for range b.config.Backends {
		if conn, err = d.Dial("tcp", b.config.Backends[at]); err == nil {
			return conn, at, nil
		}
		b.count(at, -1)
		at = (at + 1) % len(b.config.Backends)
		b.count(at, 1)
	}
	b.count(at, -1)
	return nil, 0, err
}

// choose returns the backend for a client, and counts a connection to it.
func (b *Balancer) choose(source string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, n := 0, len(b.config.Backends)
	switch b.mode {
	case Random:
		at = rand.IntN(n)
	case RoundRobin:
		at = b.turn % n
		b.turn++
	case SourceHash:
		at = hashOf(source, n)
	case LeastConnections:
		at = slices.Index(b.open, slices.Min(b.open))
	case NearlyFirst:
		b.turn++
		if b.turn%12 == 0 && n > 1 {
			at = 1
		}
	default: // OnlyFirst
	}
	b.open[at]++
	return at
}

// count changes how many connections to a backend are open.
func (b *Balancer) count(at, by int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[at] += by
}

func (b *Balancer) port() int { return b.listener.Addr().(*net.TCPAddr).Port }
