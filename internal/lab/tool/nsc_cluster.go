package tool

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// Resolver is where servers in operator mode have the JWTs of accounts from.
type Resolver string

// The resolvers that nats-server has.
const (
	ResolverMemory Resolver = "memory" // all in the configuration
	ResolverFull   Resolver = "full"   // kept by the servers, filled by nsc push
	ResolverURL    Resolver = "url"    // asked for at a web server when needed
)

// operatedCluster is the name of a cluster in operator mode; its servers are
// called O-n1, O-n2, …
const operatedCluster = "O"

// Operated is a cluster in operator mode, of embedded servers that run from what
// nsc generates.
type Operated struct {
	nsc      *NSC
	resolver Resolver
	dir      string // of the servers
	servers  []*server.Server
	web      *http.Server // of [ResolverURL]
	webURL   string

	mu   sync.Mutex
	jwts map[string]string // by account id, what the web server has
}

// StartOperated starts three servers for the operator and the accounts of a
// store, and returns when they know each other and [ResolverFull] has the
// accounts. The context bounds the start. [Operated.Stop] is to be called in any
// case; the servers' files are left in the store's folder.
func StartOperated(ctx context.Context, n *NSC, resolver Resolver) (*Operated, error) {
	o := &Operated{nsc: n, resolver: resolver, dir: filepath.Join(n.dir, "servers"), jwts: map[string]string{}}
	if err := o.start(ctx); err != nil {
		o.Stop()
		return nil, fmt.Errorf("operator mode with resolver %s: %w", resolver, err)
	}
	return o, nil
}

func (o *Operated) start(ctx context.Context) error {
	if o.resolver == ResolverURL {
		if err := o.startWeb(ctx); err != nil {
			return err
		}
	}
	for i := range 3 {
		options, err := o.options(ctx, i)
		if err != nil {
			return err
		}
		s, err := server.NewServer(options)
		if err != nil {
			return err
		}
		o.servers = append(o.servers, s)
		s.Start()
		if err := lab.Poll(ctx, func() error {
			if !s.ReadyForConnections(lab.PollEvery) {
				return fmt.Errorf("%s is not ready", s.Name())
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if err := lab.Poll(ctx, func() error {
		for _, s := range o.servers {
			if n := s.TrackedRemoteServers(); n < len(o.servers)-1 {
				return fmt.Errorf("%s knows %d others", s.Name(), n)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if o.resolver == ResolverFull {
		if err := o.nsc.Each(ctx, "edit operator --account-jwt-server-url "+o.URL()); err != nil {
			return err
		}
		accounts, err := o.nsc.accounts()
		if err != nil {
			return err
		}
		for _, account := range accounts {
			if err := o.push(ctx, account); err != nil {
				return err
			}
		}
	}
	return nil
}

// push sends an account to the servers until every one has it: nsc waits a
// second for their answers, however many there are.
func (o *Operated) push(ctx context.Context, account string) error {
	return lab.Poll(ctx, func() error {
		if err := o.nsc.Each(ctx, "push --account "+account); err != nil {
			return err
		}
		id, token, err := o.nsc.account(account)
		if err != nil {
			return err
		}
		for _, s := range o.servers {
			if has, err := s.AccountResolver().Fetch(id); err != nil || has != token {
				return fmt.Errorf("%s does not have the JWT of %s: %w", s.Name(), account, err)
			}
		}
		return nil
	})
}

// options are what server i starts with, from what nsc generates now. The
// account server of a URL is asked for every account.
func (o *Operated) options(ctx context.Context, i int) (*server.Options, error) {
	flag := "--mem-resolver"
	if o.resolver == ResolverFull {
		flag = "--nats-resolver"
	}
	generated, err := o.nsc.configuration(ctx, flag)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.dir, fmt.Sprint(i))
	jwts := filepath.ToSlash(filepath.Join(dir, "jwt"))
	if err := os.MkdirAll(jwts, 0o700); err != nil {
		return nil, err
	}
	switch o.resolver {
	case ResolverFull:
		generated = strings.Replace(generated, "'./jwt'", fmt.Sprintf("%q", jwts), 1)
	case ResolverMemory: // as it is
	case ResolverURL:
		generated, _, _ = strings.Cut(generated, "resolver_preload:")
		generated = strings.Replace(generated, "resolver: MEMORY", fmt.Sprintf("resolver: URL(%s/accounts/)", o.webURL), 1)
	}
	routes := ""
	if i > 0 {
		routes = fmt.Sprintf("routes: [\"nats://%s\"]", o.servers[0].ClusterAddr())
	}
	text := fmt.Sprintf("server_name: %s-n%d\nlisten: \"127.0.0.1:-1\"\ncluster { name: %s, listen: \"127.0.0.1:-1\", %s }\n%s",
		operatedCluster, i+1, operatedCluster, routes, generated)
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		return nil, err
	}
	options.NoLog, options.NoSigs, options.AuthTimeout = true, true, lab.AuthTimeout
	return options, lab.CheckLoopback(options)
}

// startWeb starts an account server, as [ResolverURL] and nsc push have it, and
// fills it.
func (o *Operated) startWeb(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	o.webURL = "http://" + listener.Addr().String() + "/jwt/v1"
	o.web = &http.Server{Handler: http.HandlerFunc(o.serveJWTs), ReadHeaderTimeout: time.Minute}
	go func() { _ = o.web.Serve(listener) }() // ends with Stop
	return o.nsc.Each(ctx, "edit operator --account-jwt-server-url "+o.webURL, "push --all")
}

// serveJWTs takes what nsc pushes and gives it to servers that ask.
func (o *Operated) serveJWTs(w http.ResponseWriter, r *http.Request) {
	const longest = 1 << 20
	o.mu.Lock()
	defer o.mu.Unlock()
	_, id, _ := strings.Cut(r.URL.Path, "/accounts/")
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(io.LimitReader(r.Body, longest))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		o.jwts[id] = strings.TrimSpace(string(body))
		return
	}
	if id == "" { // is it there?
		return
	}
	token, ok := o.jwts[id]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, token) // or the server asks again
}

// Update gives the servers what has changed in an account of the store, in the
// way of the resolver: nsc push, or with a memory resolver a new configuration
// and a reload. A server with a URL resolver asks only for accounts that it does
// not have, so the account server tells it, as nats-account-server does.
func (o *Operated) Update(ctx context.Context, account string) error {
	switch o.resolver {
	case ResolverFull:
		return o.push(ctx, account)
	case ResolverURL:
		if err := o.nsc.Each(ctx, "push --account "+account); err != nil {
			return err
		}
		return o.tell(ctx, account)
	case ResolverMemory:
	}
	for i, s := range o.servers {
		options, err := o.options(ctx, i)
		if err != nil {
			return err
		}
		if err := s.ReloadOptions(options); err != nil {
			return fmt.Errorf("reload %s: %w", s.Name(), err)
		}
	}
	return nil
}

// tell sends an account's JWT to all servers.
func (o *Operated) tell(ctx context.Context, account string) error {
	id, token, err := o.nsc.account(account)
	if err != nil {
		return err
	}
	nc, err := nats.Connect(o.URL(), nats.UserCredentials(o.nsc.Creds(lab.SystemAccount, lab.UserOf(lab.SystemAccount))), nats.Timeout(lab.AuthTimeout*time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := nc.Publish("$SYS.REQ.ACCOUNT."+id+".CLAIMS.UPDATE", []byte(token)); err != nil {
		return err
	}
	return nc.FlushWithContext(ctx)
}

// Servers are the servers, in order.
func (o *Operated) Servers() []*server.Server { return o.servers }

// URL is the first server's, without credentials.
func (o *Operated) URL() string { return o.servers[0].ClientURL() }

// Stop stops the servers. It may be called more than once.
func (o *Operated) Stop() {
	for _, s := range o.servers {
		s.Shutdown()
		s.WaitForShutdown()
	}
	if o.web != nil {
		_ = o.web.Close() // nobody asks any more
	}
}
