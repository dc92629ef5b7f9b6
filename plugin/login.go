package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"golang.org/x/net/proxy"

	"github.com/nats-balance/nats-balance/internal/words"
)

// credentials leaves the credentials of the flags and clears those that
// environment variables have of other kinds. It says whether there are any.
func (c *connection) credentials() (replace bool, err error) {
	kinds := []struct {
		flag   string
		passed bool
		values []*string
	}{
		{"--user", c.passed.user, []*string{&c.user, &c.password}},
		{"--creds", c.passed.creds, []*string{&c.creds}},
		{"--nkey", c.passed.nkey, []*string{&c.nkey}},
		{"--jwt", c.passed.jwt, []*string{&c.jwt, &c.seed}},
		{"--token", c.passed.token, []*string{&c.token}},
	}
	var flags []string
	for _, k := range kinds {
		if k.passed && k.flag != "--token" && (k.flag != "--user" || c.password != "") {
			flags = append(flags, k.flag)
		}
		replace = replace || k.passed
	}
	if len(flags) > 1 {
		return true, fmt.Errorf("%s are credentials of different kinds: pass only one of them", strings.Join(flags, " and "))
	}
	for _, k := range kinds {
		if replace && !k.passed {
			for _, v := range k.values {
				*v = ""
			}
		}
	}
	return replace, nil
}

// load reads the context and lays the flags over it, as the nats CLI does, but
// that credentials passed as flags replace all of the context's: the CLI keeps
// a user of the context before --creds.
func (c connection) load(ctx context.Context) (*natscontext.Context, error) {
	replace, err := c.credentials()
	if err != nil {
		return nil, err
	}
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
	stored, err := c.stored(ctx)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return natscontext.New("", false, opts...)
	}
	data, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	var settings map[string]any
	if err := json.Unmarshal(data, &settings); err != nil {
		return nil, err
	}
	var kinds []string
	for _, kind := range []string{"user", "creds", "nkey", "nsc", "user_jwt"} {
		if value, _ := settings[kind].(string); value != "" {
			kinds = append(kinds, kind)
		}
	}
	settings["url"], settings["creds"], settings["nsc"] = stored.ServerURL(), stored.Creds(), ""
	switch {
	case replace:
		for _, key := range []string{"user", "password", "token", "creds", "nkey", "user_jwt", "user_seed"} {
			delete(settings, key)
		}
	case len(kinds) > 1:
		return nil, fmt.Errorf(`context "%s" has credentials of different kinds, %s: leave one of them in it, or pass others with --creds, --user and --password, --nkey or --token`,
			redact(stored.Name), strings.Join(kinds, " and "))
	}
	if data, err = json.Marshal(settings); err != nil {
		return nil, err
	}
	return natscontext.NewFromBytesRaw(data, opts...)
}

// stored reads the context of --context or the selected one; it is nil where
// there is none to read.
func (c *connection) stored(ctx context.Context) (*natscontext.Context, error) {
	if c.noContext {
		return nil, nil
	}
	registry, name := natscontext.NewRegistry(natscontext.NewDefaultFileBackend()), c.context
	if info, err := os.Stat(name); err == nil && !info.IsDir() && strings.HasSuffix(name, ".json") {
		file := natscontext.NewSingleFileBackend(name)
		registry, name = natscontext.NewRegistry(file), file.Name()
	}
	if name == "" {
		var err error
		name, err = registry.Selected(ctx)
		if errors.Is(err, natscontext.ErrNoneSelected) {
			return nil, nil
		}
		if err != nil {
			return nil, explainContext(err, name, c.context, nil)
		}
	}
	stored, err := registry.Load(ctx, name)
	if err != nil {
		others := slices.DeleteFunc(natscontext.KnownContexts(), func(other string) bool { return other == name })
		return nil, explainContext(err, name, c.context, others)
	}
	return stored, nil
}

// login is all that connecting takes, read and checked.
type login struct {
	nctx    *natscontext.Context
	servers []target
	options nats.Options
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	proxy   string // its address, if there is one
	jwt     string
	secrets []string // what must not be printed
}

// login reads the context and the files that it and the flags name.
func (c *connection) login(ctx context.Context) (*login, error) {
	l := &login{dial: (&net.Dialer{}).DialContext}
	l.hide(c.password, c.token, c.jwt, c.seed)
	var err error
	if l.nctx, err = c.load(ctx); err != nil {
		return nil, err
	}
	l.hide(l.nctx.Password(), l.nctx.Token(), l.nctx.UserJWT(), l.nctx.UserSeed())
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
	if (c.tlsCert != "") != (c.tlsKey != "") && (l.nctx.Certificate() == "" || l.nctx.Key() == "") {
		return nil, errors.New("a client certificate takes two files: pass --tlscert and --tlskey")
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
		return nil, l.explainFile(err)
	}
	o := &l.options
	o.Name, o.Timeout = cmp.Or(strings.TrimSpace(c.name), connectionName()), c.timeout
	o.MaxReconnect, o.ReconnectWait = -1, 100*time.Millisecond
	o.ReconnectJitter, o.ReconnectJitterTLS = 50*time.Millisecond, 50*time.Millisecond
	o.NoCallbacksAfterClientClose = true
	o.SkipHostLookup = true // the dialer does, within the time-out
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
	wrong := errors.New("the SOCKS proxy is no socks5:// URL: pass --socks-proxy socks5://HOST:PORT, or none")
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

// target is a server to connect to.
type target struct {
	*url.URL
	shown string // its URL without credentials, fit to print
}

// parseServers reads a list of server URLs as nats.go does, but refuses what
// nats.go would misunderstand: a URL without a host means localhost to it.
func parseServers(list string) ([]target, error) {
	const pass = "pass --server nats://HOST:PORT, or tls://, ws:// or wss://"
	var servers []target
	scheme := "nats"
	entries := strings.Split(list, ",")
	for i, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		full := entry
		if !strings.Contains(entry, "://") {
			full = scheme + "://" + entry
		}
		u, err := url.Parse(full)
		at := strings.Contains(entry, "@")
		// A comma in a password makes its beginning look like a host.
		cut := !at && i+1 < len(entries) && strings.Contains(entries[i+1], "@") && !strings.Contains(entries[i+1], "://")
		if err == nil && u.Port() != "" {
			var port int
			if port, err = strconv.Atoi(u.Port()); port < 1 || port > 65535 {
				err = errors.New("no such port")
			}
		}
		switch {
		case at && (err != nil || u.User == nil), cut && err != nil:
			// It must not be shown: who knows where the password ends.
			return nil, fmt.Errorf("server URL %d of the list can't be read: write special characters of its user and password as %%40 for @, %%2F for /, %%2C for a comma, or pass them with --user and --password", len(servers)+1)
		case err != nil, u.Hostname() == "", strings.Contains(u.Hostname(), ":") && u.Host[0] != '[':
			return nil, fmt.Errorf(`"%s" is no server URL: %s`, shownURL(entry), pass)
		case !slices.Contains([]string{"nats", "tls", "ws", "wss", "tcp"}, u.Scheme):
			return nil, fmt.Errorf(`"%s" is no URL of a NATS server: %s`, shownURL(entry), pass)
		case len(servers) > 0 && strings.HasPrefix(u.Scheme, "ws") != strings.HasPrefix(servers[0].Scheme, "ws"):
			return nil, errors.New("the list of server URLs mixes WebSocket and others: pass --server with one kind only")
		}
		if strings.HasPrefix(u.Scheme, "ws") {
			scheme = u.Scheme
		}
		shown := words.Harmless(u.Scheme + "://" + u.Host)
		if cut {
			shown = fmt.Sprintf("server URL %d of the list", len(servers)+1)
		}
		servers = append(servers, target{u, shown})
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("the list of server URLs is empty: %s", pass)
	}
	return servers, nil
}

// shownURL is a server's URL without its credentials.
func shownURL(entry string) string {
	entry, _, _ = strings.Cut(entry, "?")
	scheme, rest, ok := strings.Cut(entry, "://")
	if !ok {
		rest = entry
	}
	rest = rest[strings.LastIndex(rest, "@")+1:]
	if ok {
		rest = scheme + "://" + rest
	}
	return words.Harmless(rest)
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
