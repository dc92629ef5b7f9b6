package natsconn

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"golang.org/x/net/proxy"
)

// login is all that connecting takes, read and checked.
type login struct {
	nctx    *natscontext.Context
	given   *natscontext.Context // the same before op and nsc were asked
	servers []target
	options nats.Options
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	proxy   string // its address, if there is one
	jwt     string
	secrets []string // what must not be printed

	contextFlag   string // see [Settings]
	emptyPassword bool   // it was passed, and is empty: the user counts as a token
}

// login reads the context and the files that it and the flags name.
func (c *Settings) login(ctx context.Context) (*login, error) {
	l := &login{contextFlag: c.ContextFlag, dial: (&net.Dialer{}).DialContext, emptyPassword: c.User != "" && c.Passed.Password && c.Password == ""}
	l.hide(c.Password, c.Token, c.JWT, c.Seed)
	var err error
	if l.nctx, err = c.load(ctx); err != nil {
		return nil, err
	}
	l.given = l.nctx
	l.hide(l.nctx.Password(), l.nctx.Token(), l.nctx.UserJWT(), l.nctx.UserSeed())
	for _, value := range []string{l.nctx.Creds(), l.nctx.NKey()} {
		if _, data, _ := strings.Cut(value, ","); !IsLocation(value) {
			_, name, _ := strings.Cut(value, "://") // errors quote it alone
			l.hide(value, data, name)
		}
	}
	if err := l.lookUp(ctx); err != nil {
		return nil, err
	}
	if l.servers, err = parseServers(l.nctx.ServerURL()); err != nil {
		return nil, err
	}
	secure := false
	for _, s := range l.servers {
		password, ok := s.User.Password()
		if !ok {
			password = s.User.Username()
		}
		l.hide(password)
		secure = secure || s.Scheme == "tls" || s.Scheme == "wss"
	}
	if err := l.throughProxy(l.nctx.SocksProxy()); err != nil {
		return nil, err
	}
	if (c.TLSCert != "") != (c.TLSKey != "") && (l.nctx.Certificate() == "" || l.nctx.Key() == "") {
		return nil, errors.New("a client certificate takes two files: pass --tlscert and --tlskey")
	}
	if err := l.checkFiles(); err != nil {
		return nil, l.explainFile(err)
	}
	options, err := l.nctx.NATSOptions()
	l.options = nats.GetDefaultOptions()
	for _, set := range options {
		if err == nil {
			err = set(&l.options)
		}
	}
	// As nats.Connect would, but before there is a server: what is wrong with
	// a file is its own fault.
	if err == nil && l.options.UserJWT != nil {
		l.jwt, err = l.options.UserJWT()
	}
	l.hide(l.options.Password, l.options.Token, l.jwt)
	if err == nil {
		err = l.checkJWT()
	}
	if err == nil && l.options.SignatureCB != nil {
		_, err = l.options.SignatureCB([]byte("nonce"))
	}
	if err != nil {
		return nil, l.explainFile(loadError(err))
	}
	o := &l.options
	o.Name, o.Timeout = strings.TrimSpace(c.Name), c.Timeout
	o.AllowReconnect = !c.NoReconnect
	o.MaxReconnect, o.ReconnectWait = -1, 100*time.Millisecond
	// A server that hangs keeps its connections: watch goes on with another one after
	// half a minute. By default that took four minutes and more.
	o.PingInterval, o.MaxPingsOut = 10*time.Second, 2
	o.ReconnectJitter, o.ReconnectJitterTLS = 50*time.Millisecond, 50*time.Millisecond
	o.NoCallbacksAfterClientClose = true
	o.FlusherTimeout = c.Timeout / 5 // it is waited for with nats.go's lock held
	o.SkipHostLookup = true          // the dialer does, within the time-out
	o.Secure = o.Secure || secure
	return l, nil
}

// proxyError is a failure to reach the proxy, not the server behind it.
type proxyError struct{ err error }

func (e *proxyError) Error() string { return e.err.Error() }
func (e *proxyError) Unwrap() error { return e.err }

type proxyDialer struct{ net.Dialer }

func (d *proxyDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, &proxyError{err}
	}
	return conn, nil
}

// throughProxy dials through a SOCKS5 proxy, if there is one.
func (l *login) throughProxy(address string) error {
	if address == "" {
		return nil
	}
	wrong := errors.New("the SOCKS proxy is not a socks5:// URL: pass --socks-proxy socks5://HOST:PORT, or none")
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return wrong
	}
	password, _ := u.User.Password()
	l.hide(password)
	dialer, err := proxy.FromURL(u, &proxyDialer{})
	if err != nil {
		return wrong
	}
	l.proxy = u.Host
	l.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		// Names that are known here are resolved here, as in the nats CLI.
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		hosts, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			hosts = []string{host}
		}
		var conn net.Conn
		for _, host := range hosts {
			conn, err = dialer.(proxy.ContextDialer).DialContext(ctx, network, net.JoinHostPort(host, port))
			if err == nil {
				break
			}
		}
		return conn, err
	}
	return nil
}

var errNoJWT = errors.New("no user JWT in it")

var errNoSeed = errors.New("no seed")

// checkJWT finds before a server does what can't work.
func (l *login) checkJWT() error {
	if l.options.UserJWT == nil {
		return nil
	}
	if !strings.HasPrefix(l.jwt, "eyJ") || strings.Count(l.jwt, ".") != 2 {
		return errNoJWT
	}
	claims, err := jwt.DecodeUserClaims(l.jwt)
	if err == nil && !claims.BearerToken && l.kind() == "jwt" && l.nctx.UserSeed() == "" {
		return errNoSeed
	}
	return nil
}

// kind is the kind of credentials that natscontext takes of those there are.
func (l *login) kind() string {
	switch {
	case l.nctx.User() != "":
		return "user"
	case l.nctx.Creds() != "":
		return "creds"
	case l.nctx.NKey() != "":
		return "nkey"
	case l.nctx.UserJWT() != "":
		return "jwt"
	case l.nctx.Token() != "":
		return "token"
	}
	return ""
}
