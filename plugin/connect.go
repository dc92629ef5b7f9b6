package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/words"
)

// connection has the global flags of the nats CLI, with its names, defaults
// and environment variables.
type connection struct {
	servers, user, password, token, creds, nkey, jwt, seed string
	tlsCert, tlsKey, tlsCA                                 string
	tlsFirst, noContext, trace                             bool
	socksProxy, inboxPrefix, context, name, colors         string
	timeout                                                time.Duration

	// passed has the credentials that are flags, not environment variables.
	passed struct{ user, token, creds, nkey, jwt bool }
}

// colorSchemes are those of the nats CLI, which forwards its flag.
//
//nolint:gochecknoglobals // nothing changes it
var colorSchemes = []string{"blue", "cyan", "double", "green", "magenta", "red", "rounded", "yellow"}

func (c *connection) flags(app *fisk.Application) {
	app.Flag("server", "NATS server urls").Short('s').Envar("NATS_URL").PlaceHolder("URL").StringVar(&c.servers)
	app.Flag("user", "Username or Token").IsSetByUser(&c.passed.user).Envar("NATS_USER").PlaceHolder("USER").StringVar(&c.user)
	app.Flag("password", "Password").Envar("NATS_PASSWORD").PlaceHolder("PASSWORD").StringVar(&c.password)
	app.Flag("token", "Token").IsSetByUser(&c.passed.token).Envar("NATS_TOKEN").PlaceHolder("TOKEN").StringVar(&c.token)
	app.Flag("connection-name", "Nickname to use for the underlying NATS Connection").Default(connectionName()).PlaceHolder("NAME").StringVar(&c.name)
	app.Flag("creds", "User credentials").IsSetByUser(&c.passed.creds).Envar("NATS_CREDS").PlaceHolder("LOCATION").StringVar(&c.creds)
	app.Flag("nkey", "User NKEY").IsSetByUser(&c.passed.nkey).Envar("NATS_NKEY").PlaceHolder("LOCATION").StringVar(&c.nkey)
	app.Flag("jwt", "User JWT").IsSetByUser(&c.passed.jwt).Envar("NATS_JWT").PlaceHolder("LOCATION").StringVar(&c.jwt)
	app.Flag("seed", "User seed").Envar("NATS_SEED").PlaceHolder("LOCATION").StringVar(&c.seed)
	app.Flag("tlscert", "TLS public certificate").Envar("NATS_CERT").PlaceHolder("FILE").StringVar(&c.tlsCert)
	app.Flag("tlskey", "TLS private key").Envar("NATS_KEY").PlaceHolder("FILE").StringVar(&c.tlsKey)
	app.Flag("tlsca", "TLS certificate authority chain").Envar("NATS_CA").PlaceHolder("FILE").StringVar(&c.tlsCA)
	app.Flag("tlsfirst", "Perform TLS handshake before expecting the server greeting").BoolVar(&c.tlsFirst)
	app.Flag("tls-first", "alias for --tlsfirst").Hidden().BoolVar(&c.tlsFirst)
	app.Flag("timeout", "Time to wait on responses from NATS").Default("5s").Envar("NATS_TIMEOUT").PlaceHolder("DURATION").DurationVar(&c.timeout)
	app.Flag("socks-proxy", "SOCKS5 proxy for connecting to NATS server").Envar("NATS_SOCKS_PROXY").PlaceHolder("PROXY").StringVar(&c.socksProxy)
	app.Flag("inbox-prefix", "Custom inbox prefix to use for inboxes").PlaceHolder("PREFIX").StringVar(&c.inboxPrefix)
	app.Flag("colors", "Sets a color scheme to use").PlaceHolder("SCHEME").Envar("NATS_COLOR").EnumVar(&c.colors, colorSchemes...)
	app.Flag("context", "Configuration context").Envar("NATS_CONTEXT").PlaceHolder("NAME").StringVar(&c.context)
	app.Flag("trace", "Trace API interactions").UnNegatableBoolVar(&c.trace)
	app.Flag("no-context", "Disable the selected context").UnNegatableBoolVar(&c.noContext)
}

// repeated are the flags that lead another command to the same servers, without
// secrets: those are for the user to add.
func (c *connection) repeated() string {
	switch {
	case c.context != "":
		return "--context " + quote(c.context)
	case c.servers == "":
		return ""
	}
	out := "--server " + quote(clienturl.Redact(c.servers))
	for _, f := range []struct{ flag, value string }{
		{"--creds", c.creds}, {"--nkey", c.nkey}, {"--tlscert", c.tlsCert}, {"--tlskey", c.tlsKey}, {"--tlsca", c.tlsCA},
	} {
		if f.value != "" {
			out += " " + f.flag + " " + quote(f.value)
		}
	}
	switch user, kind := userOf(c.servers); {
	case c.user != "" && c.password != "":
		out += " --user " + quote(c.user) + ` --password "$NATS_PASSWORD"`
	case kind == "password":
		out += " --user " + quote(user) + ` --password "$NATS_PASSWORD"`
	case kind == "token" || c.token != "":
		out += ` --token "$NATS_TOKEN"`
	}
	if c.tlsFirst {
		out += " --tlsfirst"
	}
	if c.noContext {
		out += " --no-context"
	}
	return out
}

// userOf is the user of the first of the URLs that has one, and what it takes
// besides: a password; or the kind token, which is never shown.
func userOf(urls string) (user, kind string) {
	for _, text := range strings.Split(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.User == nil {
			continue
		}
		if _, ok := u.User.Password(); ok {
			return u.User.Username(), "password"
		}
		return "", "token"
	}
	return "", ""
}

// quote makes one word for a shell.
func quote(s string) string { return words.Shell(s) }

func connectionName() string { return "nats-balance " + Version() }

// connect opens a connection within the time-out.
func (c *connection) connect(ctx context.Context, trace func(string, ...any)) (*nats.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	settings := *c // which whoever is left behind keeps
	l, err := within(limited, func() (*login, error) { return settings.login(limited) })
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("the context and the credentials can't be read within %s: pass a longer --timeout", c.timeout)
	case err != nil:
		return nil, err
	}
	l.options.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { trace("!!! %s", l.redact(err.Error())) }
	l.options.DisconnectedErrCB = func(_ *nats.Conn, err error) {
		if err != nil {
			trace("!!! disconnected: %s", l.redact(err.Error()))
		}
	}
	nc, err := l.connect(limited, trace)
	if errors.Is(ctx.Err(), context.Canceled) {
		nc.Close()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	trace("connected to %s, server %s (%s)", shownURL(nc.ConnectedUrl()), l.redact(nc.ConnectedServerName()), l.redact(nc.ConnectedServerId()))
	return nc, nil
}

// within runs what knows no context, such as reading from a pipe, and leaves
// it behind when the context ends.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// headStart is how long a server is tried alone before the next one is too.
const headStart = 250 * time.Millisecond

// connect tries the servers in their order, the next one when the former has
// failed or had its head start, so that dead ones cost little of the time-out.
// The first to accept wins.
func (l *login) connect(ctx context.Context, trace func(string, ...any)) (*nats.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		server int
		nc     *nats.Conn
		err    error
	}
	results := make(chan result)
	dialers := make([]*dialer, 0, len(l.servers))
	next := time.NewTimer(0)
	defer next.Stop()
	step := min(headStart, l.options.Timeout/time.Duration(2*len(l.servers)))
	failures := make([]*failure, len(l.servers))
	for failed := 0; failed < len(l.servers); {
		select {
		case <-next.C:
			i, d := len(dialers), &dialer{ctx: ctx, dial: l.dial, timeout: l.options.Timeout}
			if i == len(l.servers) {
				continue
			}
			dialers = append(dialers, d)
			next.Reset(step)
			go func() {
				nc, err := l.try(i, d)
				select {
				case results <- result{i, nc, err}:
				case <-ctx.Done():
					nc.Close()
				}
			}()
		case r := <-results:
			if r.err == nil {
				return r.nc, nil
			}
			failed++
			failures[r.server] = l.explain(r.server, dialers[r.server], r.err)
			trace("!!! %s: %s", failures[r.server].server, failures[r.server].reason)
			next.Reset(0)
		case <-ctx.Done():
			for i := range failures {
				if failures[i] == nil {
					failures[i] = l.explainSilence(i, i < len(dialers) && dialers[i].reached.Load())
				}
			}
			return nil, &connectError{failures}
		}
	}
	return nil, &connectError{failures}
}

// try connects to one server.
func (l *login) try(i int, d *dialer) (*nats.Conn, error) {
	o := l.options
	o.Servers, o.CustomDialer = []string{l.servers[i].String()}, d
	nc, err := o.Connect()
	if err != nil {
		// nats.go says "no servers available" for a refused connection.
		return nil, cmp.Or(d.ctx.Err(), d.failed, err)
	}
	if !d.release() {
		nc.Close()
		return nil, d.ctx.Err()
	}
	if len(l.servers) > 1 {
		// For reconnects.
		var all []string
		for _, s := range l.servers {
			all = append(all, s.String())
		}
		_ = nc.SetServerPool(all) // without it, those that the server tells of do
	}
	return nc, nil
}

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
