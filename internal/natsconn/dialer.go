package natsconn

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/words"
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

	options *nats.Options // as they were passed
	target  target        // the server that is dialed first
	current *bounded      // the connection that was dialed last
	host    string        // that it is to

	nc    atomic.Pointer[nats.Conn] // once it is connected
	wrong atomic.Pointer[sysreq.ProtocolError]
	shown atomic.Pointer[string] // the server that was dialed last, fit to print
	told  atomic.Pointer[[]string]
}

// Told are the addresses, host and port, that the server told of last in a
// greeting: those of its cluster.
func (d *dialer) Told() []string {
	if told := d.told.Load(); told != nil {
		return *told
	}
	return nil
}

// Server is the server that was dialed last, without credentials. A connection
// that is closed does not say any more.
func (d *dialer) Server() string {
	if shown := d.shown.Load(); shown != nil {
		return *shown
	}
	return ""
}

// Ended is what ended the connection for good; nil where nothing but the network
// did, or its user.
func (d *dialer) Ended() error {
	if wrong := d.wrong.Load(); wrong != nil {
		return wrong
	}
	return nil
}

// connected takes what the connection became.
func (d *dialer) connected(nc *nats.Conn) {
	d.nc.Store(nc)
	d.end()
}

// end ends for good what a server sent nonsense on: it would do the same again.
// It does not wait for nats.go, which hands its errors over one by one.
func (d *dialer) end() {
	nc, wrong := d.nc.Load(), d.wrong.Load()
	if nc == nil || wrong == nil {
		return
	}
	go func() { // this may be called by what the connection waits for
		nc.ErrorHandler()(nc, nil, wrong)
		nc.Close()
	}()
}

// Dial implements [nats.CustomDialer].
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	d.host, _, _ = net.SplitHostPort(address) // nats.go has put it together
	ctx := d.ctx
	if d.free.Load() {
		var cancel func()
		ctx, cancel = context.WithTimeout(context.Background(), d.timeout)
		defer cancel()
	}
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		if !d.free.Load() {
			d.failed = err
		}
		return nil, err
	}
	if d.free.Load() {
		g := &greeting{Conn: conn}
		g.over.Store(true) // of reconnects nobody asks why they fail, and nothing ends a greeting
		d.bound(g, d.target.Scheme+"://"+address)
	} else {
		d.reached.Store(true)
		d.stop = context.AfterFunc(d.ctx, func() { _ = conn.Close() })
		d.conn = &greeting{Conn: conn}
		d.bound(d.conn, d.target.shown)
	}
	if secureWeb(d.options, d.target.Scheme) {
		d.current.secure(ctx, d.options, d.name())
		if failed := d.current.failed.Load(); failed != nil {
			_ = conn.Close() // nothing was sent
			return nil, *failed
		}
	}
	return d.current, nil
}

func (d *dialer) bound(g *greeting, server string) {
	server = words.Harmless(server)
	d.shown.Store(&server)
	d.current = newBounded(g, server, strings.HasPrefix(d.target.Scheme, "ws"), &d.free, func(of []string) { d.told.Store(&of) }, func(err error) {
		var wrong *sysreq.ProtocolError
		switch {
		case !d.free.Load():
			d.failed = err
		case errors.As(err, &wrong):
			d.wrong.Store(wrong)
			d.end()
		}
	})
}

// SkipTLSHandshake is what nats.go asks where it would begin TLS. The connection
// has begun it then, and what keeps it from working is what it reads next.
func (d *dialer) SkipTLSHandshake() bool {
	d.current.secure(context.Background(), d.options, d.name()) // nats.go has set a deadline
	return true
}

// name is the name that the certificate must have of the server that was dialed
// last.
func (d *dialer) name() string {
	if _, err := netip.ParseAddr(d.host); err == nil && d.free.Load() {
		return d.target.Hostname() // servers tell of each other by address
	}
	return d.host
}

// Passed is a URL that nats.go has as it was passed, see [plainly].
func (d *dialer) Passed(text string) string {
	if rest, ok := strings.CutPrefix(text, "ws://"); ok && d.target.Scheme == "wss" {
		return "wss://" + rest
	}
	return text
}

// plainly is what nats.go is told where TLS is the dialer's. With WebSocket it
// can't leave TLS to others, and has what is inside of it to itself.
func plainly(o *nats.Options) {
	o.Secure, o.TLSHandshakeFirst = false, false
	o.TLSConfig, o.TLSCertCB, o.RootCAsCB = nil, nil, nil
	o.Servers = slices.Clone(o.Servers)
	for i, text := range o.Servers {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "wss" {
			continue
		}
		if u.Port() == "" {
			u.Host = strings.TrimSuffix(u.Host, ":") + ":443"
		}
		u.Scheme = "ws"
		o.Servers[i] = u.String()
	}
}

// secureWeb reports whether the options ask for TLS with WebSocket, as nats.go
// decides it.
func secureWeb(o *nats.Options, scheme string) bool {
	return scheme == "wss" || scheme == "ws" && (o.Secure || o.TLSConfig != nil || o.TLSCertCB != nil || o.RootCAsCB != nil)
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
