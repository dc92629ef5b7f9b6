package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/gather"
	"github.com/nats-balance/nats-balance/internal/probe"
)

// ownAccount asks through a connection of an ordinary account, which sees
// itself only.
type ownAccount struct {
	host  Host
	nc    *nats.Conn
	named string // the id that the server gave for the credentials' account
	// passed are addresses that the operator says clients have.
	passed []string

	own *gather.OwnAccount // of the last deployment
}

// newOwnAccount takes what the first source said; nil where it said nothing of
// the account.
func newOwnAccount(h Host, nc *nats.Conn, other *gather.NotSystemAccountError, passed []string) source {
	s := &ownAccount{host: h, nc: nc, passed: passed}
	if other != nil {
		s.named = other.Account
	}
	return s
}

func (*ownAccount) kind() string { return "account" }

func (s *ownAccount) detail() string {
	name := s.named
	if s.own != nil {
		name = s.own.Account.Name
	}
	return fmt.Sprintf("%s, %s, server %s", name, shownURL(s.nc.ConnectedUrl()), s.nc.ConnectedServerName())
}

func (s *ownAccount) deployment(ctx context.Context) (*checks.Deployment, error) {
	told := s.told(ctx)
	o := gather.Options{Timeout: s.host.Timeout()}
	if end, ok := ctx.Deadline(); ok {
		o.Timeout = max(time.Until(end), o.Timeout/10) // what telling took is gone
	}
	if s.host.Trace() {
		o.Trace = s.host.tracef
	}
	progress := newProgress(s.host.Err)
	defer progress.clear()
	o.Progress = progress.show
	own, err := gather.Own(ctx, s.nc, s.named, told, o)
	if err != nil {
		return nil, s.explain(err)
	}
	s.own = own
	return own.Deployment, nil
}

// explain adds to an error of gathering what to pass.
func (s *ownAccount) explain(err error) error {
	var forbidden *gather.PermissionError
	var unheard *gather.UnheardError
	var system *gather.SystemUserError
	at := shownURL(s.nc.ConnectedUrl())
	switch {
	case errors.As(err, &forbidden) && !strings.Contains(strings.ToLower(err.Error()), "subscription"):
		return fmt.Errorf("%s: %w: allow the user to publish to $SYS.REQ.ACCOUNT.PING.>, or pass another user", at, err)
	case errors.As(err, &system):
		return fmt.Errorf("%s: %w: allow the user to publish to $SYS.REQ.>, or pass another user of it", at, err)
	case errors.As(err, &unheard):
		return fmt.Errorf("%s: %w: pass --context or --creds of a user of the system account", at, err)
	}
	return explainGather(err, s.nc)
}

// knows: of other accounts nobody tells.
func (s *ownAccount) knows(_ context.Context, _ *checks.Deployment, account string) error {
	return fmt.Errorf("%s: these credentials are of account %q, which can't see account %q: pass --context or --creds of a user of the system account",
		shownURL(s.nc.ConnectedUrl()), s.own.Account.Name, account)
}

// details: an account is told nothing of servers but their names.
func (*ownAccount) details(_ context.Context, d *checks.Deployment, _ []string) error {
	d.Notes = append(d.Notes, "servers do not tell an ordinary account their start, limits, listeners and clocks: causes that show in these are unknown")
	return nil
}

func (s *ownAccount) examine(ctx context.Context, _ *checks.Deployment, of []gather.Suspect) ([]gather.Report, map[gather.Suspect]map[string]checks.AccountOn, error) {
	reports, err := s.own.Profiles(ctx, s.nc, of)
	on := map[gather.Suspect]map[string]checks.AccountOn{}
	for _, suspect := range of {
		on[suspect] = s.own.On // it is the only account
	}
	return reports, on, err
}

func (s *ownAccount) subscriptions(ctx context.Context, of []gather.Held) ([]*int, error) {
	return s.own.Subscriptions(ctx, s.nc, of)
}

func (s *ownAccount) url() string { return connectedURLs(s.nc) }

func (*ownAccount) gap() cause.Gap { return cause.GapOneAccount }

func (s *ownAccount) again() string { return s.host.Flags() }

const (
	// mostTold bounds how many addresses that servers tell of are looked at.
	mostTold = 256
	// longestLook bounds connecting to one of them: who is not there must not
	// take the time that the account's reports need.
	longestLook = time.Second
)

// told is what servers tell clients to fail over to, and who greets there: the
// only sign that an account has of a server that does not answer it. Where all
// greet it takes as long as that; otherwise two fifths of the time-out, and two
// seconds, twice at most.
func (s *ownAccount) told(ctx context.Context) []gather.Told {
	prober := probe.Prober{Timeout: min(longestLook, s.host.Timeout()/5)}
	scheme := "nats"
	if u, err := url.Parse(s.nc.ConnectedUrl()); err == nil && u.Scheme != "" {
		scheme = u.Scheme
	}
	addresses := s.toldAddresses(ctx, prober, scheme)
	told := len(addresses)
	for _, address := range s.passedAddresses() {
		if len(addresses) < mostTold && !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	out := make([]gather.Told, len(addresses))
	var wg sync.WaitGroup
	for i, address := range addresses {
		wg.Go(func() {
			out[i] = look(ctx, prober, scheme, address, i >= told)
		})
	}
	wg.Wait()
	return out
}

// toldAddresses are those of the connected server's greeting, which lists all,
// and those that the connection has heard of since.
func (s *ownAccount) toldAddresses(ctx context.Context, prober probe.Prober, scheme string) []string {
	var out []string
	add := func(address string) {
		if _, _, err := net.SplitHostPort(address); err == nil && len(out) < mostTold && !slices.Contains(out, address) {
			out = append(out, address)
		}
	}
	if at, err := netip.ParseAddrPort(s.nc.ConnectedAddr()); err == nil {
		for _, g := range prober.Contact(ctx, scheme, at.Addr().String(), at).Greetings {
			if g.Cluster != s.nc.ConnectedClusterName() {
				continue // behind an address of several clusters
			}
			for _, address := range g.ConnectURLs {
				add(address)
			}
		}
	}
	for _, text := range s.nc.DiscoveredServers() {
		if u, err := url.Parse(text); err == nil {
			add(u.Host)
		}
	}
	return out
}

// passedAddresses are those of the connection's own URLs, and of the client URLs
// that were passed. Names are left out: what they lead to is many things.
func (s *ownAccount) passedAddresses() []string {
	out := slices.Clone(s.passed)
	for _, text := range s.nc.Servers() {
		if u, err := url.Parse(text); err == nil {
			out = append(out, u.Host)
		}
	}
	return slices.DeleteFunc(out, func(address string) bool {
		_, err := netip.ParseAddrPort(address)
		return err != nil
	})
}

// look connects to an address, without credentials.
func look(ctx context.Context, prober probe.Prober, scheme, address string, passed bool) gather.Told {
	t := gather.Told{Address: address, Passed: passed}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return t // a name, which the server itself has for its own
	}
	c := prober.Contact(ctx, scheme, at.Addr().String(), at)
	if len(c.Greetings) == 1 { // several: a balancer
		t.ID, t.Name, t.Cluster = c.Greetings[0].ID, c.Greetings[0].Name, c.Greetings[0].Cluster
	}
	// What speaks TLS, and wants a certificate, does not hang.
	t.Silent = (c.Outcome == checks.ContactUnreadable || c.Outcome == checks.ContactClosed) && !strings.Contains(c.Detail, "TLS")
	// What was passed may be anything: who answers at all is no server that hangs.
	t.Silent = t.Silent && (!passed || strings.Contains(c.Detail, "says nothing"))
	return t
}
