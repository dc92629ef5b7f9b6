// Package account is the source of an audit that asks through a connection of an
// ordinary account, which sees itself only: its own connections on each server.
package account

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/probe"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Source asks through a connection of an ordinary account, which is not to be
// used by anything else of this project meanwhile.
type Source struct {
	nc    *nats.Conn
	o     source.Options
	named string // the id that the server gave for the credentials' account

	view *view // of the last deployment
}

// New is the source of a connection, with the id of the credentials' account as
// far as the server gave it.
func New(nc *nats.Conn, named string, o source.Options) *Source {
	return &Source{nc: nc, o: o, named: named}
}

// Kind is that of a source which is asked with a user of another account.
func Kind() source.Kind {
	const report = "reported to an ordinary account, which sees only itself"
	return source.Kind{Name: "account", OwnAccount: true, FindsServers: true, Reports: report, Report: report,
		BringsIn: "A longer --timeout, another server to connect to, or a user of the system account, may bring them in"}
}

// Kind is what the document calls the source.
func (*Source) Kind() source.Kind { return Kind() }

// Detail names the account, and the server that is asked through.
func (s *Source) Detail() []string {
	name := s.named
	if s.view != nil {
		name = s.view.account.Name
	}
	return append([]string{name}, system.Through(s.nc)...)
}

// Limits are those of an account, to which servers say nothing but their names.
func (*Source) Limits() source.Limits {
	return source.Limits{Gap: cause.GapOneAccount, NoSystem: true}
}

// Deployment gathers the model.
func (s *Source) Deployment(ctx context.Context) (*checks.Deployment, error) {
	p := prober{scheme: "nats", Prober: probe.Prober{Timeout: source.OneServer.AtMost(source.LongestServer)(s.o.Timeout)}}
	if u, err := url.Parse(sysreq.URL(s.nc)); err == nil && u.Scheme != "" {
		p.scheme = u.Scheme
	}
	p.own = "nats"
	if s.nc.Opts.TLSHandshakeFirst {
		p.own = "tls-first"
	}
	if p.scheme == "ws" || p.scheme == "wss" {
		p.own = "websocket"
	}
	check := p.check
	if s.o.NoProbe {
		check = nil
	}
	addresses := s.addresses(ctx, p)
	o := s.o
	if end, ok := ctx.Deadline(); ok {
		o.Timeout = max(time.Until(end), source.WaitForRoster.Of(o.Timeout)) // what connecting took is gone
	}
	v, err := gather(ctx, s.nc, s.named, addresses, check, o)
	if err != nil {
		return nil, s.explain(err)
	}
	s.view = v
	return v.deployment, nil
}

// explain adds to an error of gathering what to pass.
func (s *Source) explain(err error) error {
	var forbidden *sysreq.PermissionError
	var nobody *NoServiceError
	var other *SystemUserError
	at := sysreq.At(s.nc)
	switch {
	case errors.As(err, &forbidden) && forbidden.Operation != sysreq.Subscribe:
		return fmt.Errorf("%s: %w: allow the user to publish to $SYS.REQ.ACCOUNT.PING.>, or pass another user", at, err)
	case errors.As(err, &other):
		return fmt.Errorf("%s: %w, and may not ask for all that is needed: allow the user to publish to $SYS.REQ.>, have the account import that, or pass another user", at, err)
	case errors.As(err, &nobody):
		return fmt.Errorf("%s: %w: pass --context or --creds of a user of the system account", at, err)
	}
	return system.Explain(err, s.nc)
}

// Knows is an error: of other accounts nobody tells.
func (s *Source) Knows(_ context.Context, _ *checks.Deployment, account string) error {
	return fmt.Errorf("%s: these credentials are of account %q, which can't see account %q: pass --context or --creds of a user of the system account",
		system.Shown(sysreq.URL(s.nc)), s.view.account.Name, account)
}

// Details notes that there are none.
func (*Source) Details(_ context.Context, d *checks.Deployment, _ []string) error {
	d.Notes = append(d.Notes, "servers do not report to an ordinary account their start, limits, listeners and clocks: causes that show in these are unknown")
	return nil
}

// Examine reads the account's connections, open and closed, without the auditor's
// own. The
// suspects must be of this account.
func (s *Source) Examine(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]source.Report, map[source.Suspect]map[string]checks.AccountOn, error) {
	reports, err := s.view.profiles(ctx, s.nc, d, of)
	if err == nil {
		s.view.closed(ctx, s.nc, d, of, reports)
	}
	on := map[source.Suspect]map[string]checks.AccountOn{}
	for _, suspect := range of {
		on[suspect] = s.view.on // it is the only account
	}
	return reports, on, err
}

// Connections reads only the account's open connections, without the auditor's own.
func (s *Source) Connections(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]source.Report, error) {
	return s.view.profiles(ctx, s.nc, d, of)
}

// Subscriptions counts those of the account on servers.
func (s *Source) Subscriptions(ctx context.Context, of []source.Held) ([]*int, error) {
	return s.view.subscriptions(ctx, s.nc, of)
}

const (
	// mostAddresses bounds how many addresses are looked at.
	mostAddresses = 256
	// checkedTogether is how many addresses are connected to at once.
	checkedTogether = 8
)

// addresses are those that servers advertise: the only sign that an account gets of
// a server that does not answer it.
func (s *Source) addresses(ctx context.Context, p prober) []address {
	return addAddresses(nil, s.advertised(ctx, p))
}

// addAddresses adds those that are not there yet.
func addAddresses(all []address, more []string) []address {
	for _, at := range more {
		_, _, err := net.SplitHostPort(at)
		if err == nil && len(all) < mostAddresses && !slices.ContainsFunc(all, func(a address) bool { return a.at == at }) {
			all = append(all, address{at: at})
		}
	}
	return all
}

// advertised are the addresses of the connected server's greeting, which lists
// all, and those that the connection has heard of since.
func (s *Source) advertised(ctx context.Context, p prober) []string {
	var out []string
	if at, err := netip.ParseAddrPort(s.nc.ConnectedAddr()); err == nil && !s.o.NoProbe {
		p.Only = p.own // it is known what answers there
		for _, g := range p.Contact(ctx, p.scheme, at.Addr().String(), at).Greetings {
			if g.Cluster == s.nc.ConnectedClusterName() { // or it is behind an address of several clusters
				out = append(out, g.ConnectURLs...)
			}
		}
	}
	return append(out, sysreq.Told(s.nc)...)
}

// prober connects to addresses as the connection itself did.
type prober struct {
	probe.Prober
	scheme string
	own    string // the kind of listener that the connection is to
}

// check connects to addresses, without credentials.
func (p prober) check(ctx context.Context, of []*address) {
	wire.Each(len(of), checkedTogether, func(i int, _ *wire.Decoder) { p.look(ctx, of[i]) })
}

func (p prober) look(ctx context.Context, a *address) {
	a.checked = true
	at, err := netip.ParseAddrPort(a.at)
	if err != nil {
		return // a name, which the server itself has for its own
	}
	p.Only = p.own // a server advertises it, and it may be anybody's
	c := p.Contact(ctx, p.scheme, at.Addr().String(), at)
	if len(c.Greetings) == 1 { // several: a balancer
		a.id, a.name, a.cluster = c.Greetings[0].ID, c.Greetings[0].Name, c.Greetings[0].Cluster
	}
	// What speaks TLS, and wants a certificate, does not hang.
	a.hangs = c.Hangs || !c.TLS && (c.Outcome == checks.ContactUnreadable || c.Outcome == checks.ContactClosed)
}
