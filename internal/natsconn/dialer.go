package natsconn

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// dialer dials one server. Until release all of it ends with the context.
type dialer struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	timeout time.Duration
	ctx     context.Context
	stop    func() bool
	failed  error
	conn    *greeting
	reached atomic.Bool
	free    atomic.Bool
}

// Dial implements [nats.CustomDialer].
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	if d.free.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
		defer cancel()
		return d.dial(ctx, network, address)
	}
	conn, err := d.dial(d.ctx, network, address)
	if err != nil {
		d.failed = err
		return nil, err
	}
	d.reached.Store(true)
	d.stop = context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	d.conn = &greeting{Conn: conn}
	return d.conn, nil
}

// release lets the connection, and what reconnects, outlive the context. It is
// false where that is over.
func (d *dialer) release() bool {
	d.free.Store(true)
	d.conn.over.Store(true)
	return d.stop()
}

// longestGreeting is how much a server may send before a login is done; the
// longest real greetings list a thousand servers in 30 KiB.
const longestGreeting = 1 << 20

var errGreetingTooLong = errors.New("greeting too long")

// greeting is a connection that keeps what the server says until it is over:
// nats.go loses the reason that a server gives for closing a connection.
type greeting struct {
	net.Conn
	heard []byte
	over  atomic.Bool
}

func (g *greeting) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if !g.over.Load() {
		if g.heard = append(g.heard, p[:n]...); len(g.heard) > longestGreeting {
			return 0, errGreetingTooLong
		}
	}
	return n, err
}

// Write hears out a server that has closed the connection.
func (g *greeting) Write(p []byte) (int, error) {
	n, err := g.Conn.Write(p)
	if err != nil && !g.over.Load() {
		_ = g.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // what is there is there at once
		_, _ = io.Copy(io.Discard, g)
	}
	return n, err
}
