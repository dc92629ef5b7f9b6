package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/report"
)

// connection has the global flags of the nats CLI, with its names, defaults
// and environment variables.
type connection struct {
	servers, user, password, token, creds, nkey, jwt, seed string
	tlsCert, tlsKey, tlsCA                                 string
	tlsFirst, noContext, trace                             bool
	socksProxy, inboxPrefix, context, name, colors         string
	timeout                                                time.Duration
}

// colorSchemes are those of the nats CLI, which forwards its flag.
var colorSchemes = []string{"blue", "cyan", "double", "green", "magenta", "red", "rounded", "yellow"}

func (c *connection) flags(app *fisk.Application) {
	app.Flag("server", "NATS server urls").Short('s').Envar("NATS_URL").PlaceHolder("URL").StringVar(&c.servers)
	app.Flag("user", "Username or Token").Envar("NATS_USER").PlaceHolder("USER").StringVar(&c.user)
	app.Flag("password", "Password").Envar("NATS_PASSWORD").PlaceHolder("PASSWORD").StringVar(&c.password)
	app.Flag("token", "Token").Envar("NATS_TOKEN").PlaceHolder("TOKEN").StringVar(&c.token)
	app.Flag("connection-name", "Nickname to use for the underlying NATS Connection").Default("nats-balance " + Version()).PlaceHolder("NAME").StringVar(&c.name)
	app.Flag("creds", "User credentials").Envar("NATS_CREDS").PlaceHolder("LOCATION").StringVar(&c.creds)
	app.Flag("nkey", "User NKEY").Envar("NATS_NKEY").PlaceHolder("LOCATION").StringVar(&c.nkey)
	app.Flag("jwt", "User JWT").Envar("NATS_JWT").PlaceHolder("LOCATION").StringVar(&c.jwt)
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

// load reads the context and lays the flags over it, as the nats CLI does.
func (c *connection) load(ctx context.Context) (*natscontext.Context, error) {
	opts := []natscontext.Option{
		natscontext.WithServerURL(c.servers), natscontext.WithCreds(c.creds), natscontext.WithNKey(c.nkey),
		natscontext.WithUserJWT(c.jwt), natscontext.WithUserSeed(c.seed), natscontext.WithCertificate(c.tlsCert),
		natscontext.WithKey(c.tlsKey), natscontext.WithCA(c.tlsCA), natscontext.WithSocksProxy(c.socksProxy),
		natscontext.WithInboxPrefix(c.inboxPrefix), natscontext.WithToken(c.token),
	}
	if c.tlsFirst {
		opts = append(opts, natscontext.WithTLSHandshakeFirst())
	}
	if c.user != "" && c.password == "" {
		opts = append(opts, natscontext.WithToken(c.user))
	} else {
		opts = append(opts, natscontext.WithUser(c.user), natscontext.WithPassword(c.password))
	}
	if c.noContext {
		return natscontext.New("", false, opts...)
	}
	if strings.HasSuffix(c.context, ".json") {
		if _, err := os.Stat(c.context); err == nil {
			nctx, err := natscontext.NewFromFile(c.context, opts...)
			if err != nil {
				return nil, fmt.Errorf("context file %s can't be read: %w: pass --context NAME or --no-context", c.context, err)
			}
			return nctx, nil
		}
	}
	registry := natscontext.NewRegistry(natscontext.NewDefaultFileBackend(),
		natscontext.WithDefaultResolvers(), natscontext.WithLocalSelector())
	if c.context != "" && !registry.Known(ctx, c.context) {
		known, _ := registry.List(ctx) // without a list the sentence is shorter
		return nil, fmt.Errorf("there is no context %q: pass --context one of %s, or --server and --creds", c.context, list(known))
	}
	nctx, err := registry.Load(ctx, c.context, opts...)
	if err != nil && c.context == "" && !registry.Known(ctx, natscontext.SelectedContext()) {
		return nil, fmt.Errorf("the selected context %q does not exist: select one with `nats context select`, or pass --context NAME or --no-context",
			natscontext.SelectedContext())
	}
	if err != nil {
		return nil, fmt.Errorf("context %q can't be loaded: %w: pass another --context or --no-context", c.context, err)
	}
	return nctx, nil
}

func list(names []string) string {
	switch {
	case len(names) == 0:
		return "none, there are no contexts here (see `nats context add`)"
	case len(names) > 8:
		return strings.Join(names[:8], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// connect opens the connection within the time-out, whatever the number of
// servers in the list.
func (c *connection) connect(ctx context.Context, trace func(string, ...any)) (*nats.Conn, error) {
	nctx, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	servers := strings.Split(nctx.ServerURL(), ",")
	dialer := &dialer{ctx: ctx, next: &net.Dialer{}}
	nopts, err := nctx.NATSOptions(
		nats.Name(c.name),
		// A list with a dead server in it leaves time for the next one.
		nats.Timeout(max(c.timeout/time.Duration(len(servers)), 250*time.Millisecond)),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.NoCallbacksAfterClientClose(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { trace("!!! %v", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { trace("!!! disconnected: %v", err) }),
		func(o *nats.Options) error {
			if o.CustomDialer != nil {
				dialer.next = o.CustomDialer
			}
			o.CustomDialer = dialer
			return nil
		},
	)
	if err != nil {
		return nil, explainConnect(err, nctx, nil)
	}
	type result struct {
		nc  *nats.Conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		nc, err := nats.Connect(nctx.ServerURL(), nopts...)
		if ctx.Err() != nil && nc != nil {
			nc.Close()
		}
		done <- result{nc, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, explainConnect(r.err, nctx, dialer.lastError())
		}
		dialer.release()
		trace("connected to %s, server %s (%s)", r.nc.ConnectedUrlRedacted(), r.nc.ConnectedServerName(), r.nc.ConnectedServerId())
		return r.nc, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		return nil, explainConnect(nats.ErrTimeout, nctx, dialer.lastError())
	}
}

// dialer makes dialing end with the context and remembers why it failed, which
// nats.go replaces by "no servers available".
type dialer struct {
	next interface {
		Dial(network, address string) (net.Conn, error)
	}
	mu   sync.Mutex
	ctx  context.Context
	last error
}

// release lets reconnects dial after the time to connect is over.
func (d *dialer) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ctx = context.Background()
}

func (d *dialer) lastError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	d.mu.Lock()
	ctx := d.ctx
	d.mu.Unlock()
	var conn net.Conn
	var err error
	if direct, ok := d.next.(interface {
		DialContext(context.Context, string, string) (net.Conn, error)
	}); ok {
		conn, err = direct.DialContext(ctx, network, address)
	} else {
		conn, err = d.next.Dial(network, address)
	}
	if err != nil {
		d.mu.Lock()
		d.last = err
		d.mu.Unlock()
	}
	return conn, err
}

// connectError names the server and what to pass.
type connectError struct {
	server, what string
	err          error
}

func (e *connectError) Error() string { return fmt.Sprintf("%s: %s", e.server, e.what) }
func (e *connectError) Unwrap() error { return e.err }

// explainConnect turns an error of connecting into a sentence that names the
// server and what to pass. dial is the last error of dialing, if any.
func explainConnect(err error, nctx *natscontext.Context, dial error) error {
	e := &connectError{server: report.Harmless(nctx.ServerURL()), err: err}
	var unknownAuthority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var noTLS tls.RecordHeaderError
	var dns *net.DNSError
	var path *fs.PathError
	text := err.Error()
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired), strings.Contains(strings.ToLower(text), "authorization violation"),
		strings.Contains(strings.ToLower(text), "authentication"), strings.Contains(strings.ToLower(text), "user jwt"):
		e.what = "the server refuses these credentials (" + strings.TrimPrefix(text, "nats: ") +
			"): pass those of a user of the system account with --creds, --user and --password, --nkey, --token or --context"
	case errors.As(err, &path):
		e.server, e.what = path.Path, fmt.Sprintf("can't be read (%v): pass the path of an existing file", path.Err)
	case errors.As(err, &unknownAuthority):
		e.what = "the server's TLS certificate is signed by an unknown authority: pass its CA with --tlsca FILE"
	case errors.As(err, &hostname):
		e.what = fmt.Sprintf("the server's TLS certificate is for another name (%v): pass --server with a name that is in it", hostname)
	case errors.As(err, &invalid), errors.As(err, &noTLS), strings.Contains(text, "tls:"), strings.Contains(text, "x509:"):
		e.what = fmt.Sprintf("TLS failed (%s): pass --tlsca, and --tlscert with --tlskey if the server asks for a client certificate, "+
			"and --tlsfirst if it begins with TLS", strings.TrimPrefix(text, "nats: "))
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		e.what = "the server and the URL disagree on TLS (" + strings.TrimPrefix(text, "nats: ") + "): pass --server tls://…, or --tlsca FILE"
	case errors.As(dial, &dns):
		e.what = fmt.Sprintf("the name %s can't be resolved (%s): pass --server with a name or address that exists", report.Harmless(dns.Name), dns.Err)
	case dial != nil && !isTimeout(dial):
		e.what = fmt.Sprintf("can't be reached (%s): pass --server URL of a running server", rootCause(dial))
	case dial != nil, errors.Is(err, nats.ErrTimeout), isTimeout(err), errors.Is(err, nats.ErrNoServers):
		e.what = "did not answer in time: pass --server URL of a running server, a longer --timeout, or --tlsfirst if it begins with TLS"
	default:
		e.what = fmt.Sprintf("can't connect (%s): see --help for the connection flags", strings.TrimPrefix(text, "nats: "))
	}
	return e
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func rootCause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}
