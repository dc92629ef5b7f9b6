// Package system is the source of an audit that asks through a connection to the
// system account: every server for its account report, and those of suspects for
// more.
package system

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// Source asks through a connection to the system account, which is not to be
// used by anything else of this project meanwhile.
type Source struct {
	nc     *nats.Conn
	o      source.Options
	system string // the id of the system account, by the last deployment
	as     string // the account of the credentials, where it is another one that imports the services
}

// New is the source of a connection.
func New(nc *nats.Conn, o source.Options) *Source { return &Source{nc: nc, o: o} }

// Kind is that of a source which is asked with a user of the system account.
func Kind() source.Kind {
	const report = "reported to the system account"
	return source.Kind{Name: "system-account", SeesAll: true, FindsServers: true, Reports: report, Report: report,
		BringsIn: "A longer --timeout, or another server to connect to, may bring them in"}
}

// Kind is what the document calls the source.
func (*Source) Kind() source.Kind { return Kind() }

// Detail names the server that is asked through, and the account where that is
// not the system account itself.
func (s *Source) Detail() []string {
	parts := Through(s.nc)
	if s.as != "" {
		parts = append(parts, "through account "+s.as)
	}
	return parts
}

// Through names the server of a connection, also of one that was closed.
func Through(nc *nats.Conn) []string {
	if nc.ConnectedServerName() == "" {
		return []string{at(nc)}
	}
	return []string{Shown(sysreq.URL(nc)), "server " + nc.ConnectedServerName()}
}

// at is the address of a connection's server, or of the first that it may have
// been to.
func at(nc *nats.Conn) string {
	text := sysreq.At(nc)
	if servers := nc.Servers(); text == "" && len(servers) > 0 { // it was closed
		text = Shown(servers[0])
	}
	return text
}

// Limits are none.
func (*Source) Limits() source.Limits { return source.Limits{} }

// Deployment gathers the model.
func (s *Source) Deployment(ctx context.Context) (*checks.Deployment, error) {
	d, as, err := gatherAs(ctx, s.nc, s.o)
	if err != nil {
		return nil, Explain(err, s.nc)
	}
	s.system, s.as = as.system, as.through
	if err := tellSilent(ctx, s.nc, d, s.system); err != nil {
		return nil, Explain(err, s.nc)
	}
	return d, nil
}

// Knows adds an account by that id to the model if any server knows it.
func (s *Source) Knows(ctx context.Context, d *checks.Deployment, account string) error {
	n := len(d.Accounts)
	err := knows(ctx, s.nc, d, account)
	for i := range d.Accounts[n:] {
		d.Accounts[n+i].System = d.Accounts[n+i].ID == s.system
	}
	return err
}

// Details adds what the servers of clusters say of themselves. It takes
// [source.ForDetails] of the time at most.
func (s *Source) Details(ctx context.Context, d *checks.Deployment, clusters []string) error {
	ctx, cancel := source.ForDetails.Context(ctx)
	defer cancel()
	return details(ctx, s.nc, d, clusters)
}

// Examine reads who is connected of suspects, and who knows their accounts.
func (s *Source) Examine(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]source.Report, map[source.Suspect]map[string]checks.AccountOn, error) {
	return examine(ctx, s.nc, d, of)
}

// Connections reads only who is connected.
func (s *Source) Connections(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]source.Report, error) {
	c := sysreq.New(s.nc, nil)
	defer c.Close()
	return profiles(ctx, c, d, of)
}

// Subscriptions counts those of accounts on servers.
func (s *Source) Subscriptions(ctx context.Context, of []source.Held) ([]*int, error) {
	return subscriptions(ctx, s.nc, of)
}

// NotSystemAccountError says that the credentials belong to another account.
type NotSystemAccountError struct {
	// Account is the id of the account of the credentials, empty where the
	// server did not say. Name is its other name, if it has one.
	Account, Name string
	// Lacks is the service that it would need as well, where it imports some of the
	// system account's; else empty.
	Lacks string
}

func (e *NotSystemAccountError) Error() string {
	text := fmt.Sprintf("these credentials are of account %q, not of the system account", e.Account)
	switch {
	case e.Account == "":
		text = "these credentials are not of the system account"
	case e.Name != "" && e.Name != e.Account:
		text = fmt.Sprintf("these credentials are of account %q (%s), not of the system account", e.Name, e.Account)
	}
	if e.Lacks != "" {
		text += fmt.Sprintf(", of whose services it can use some, but not %s", e.Lacks)
	}
	return text
}

// Explain adds to an error of gathering through a connection what to pass.
func Explain(err error, nc *nats.Conn) error {
	var other *NotSystemAccountError
	var forbidden *sysreq.PermissionError
	var none *source.NoAnswerError
	at := at(nc)
	switch {
	case errors.As(err, &other):
		return fmt.Errorf("%s: %w: pass --context or --creds of a user of the system account", at, err)
	case errors.As(err, &forbidden) && forbidden.Operation == sysreq.Subscribe:
		return fmt.Errorf("%s: %w: pass --inbox-prefix with one that the user may subscribe to, or another user of the system account", at, err)
	case errors.As(err, &forbidden):
		return fmt.Errorf("%s: %w: allow the user to publish to $SYS.REQ.>, or pass another user of the system account", at, err)
	case errors.As(err, &none):
		return fmt.Errorf("%w: pass a longer --timeout, or --server of another server", err)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: the time was over before all that servers sent was read: pass a longer --timeout", at)
	case slices.ContainsFunc([]error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired},
		func(refused error) bool { return errors.Is(err, refused) }):
		return fmt.Errorf("%s: %w: its user was revoked, expired or changed meanwhile: pass credentials that are valid", at, err)
	}
	return fmt.Errorf("%s: %w", at, err)
}

// Shown is a server's URL without its credentials.
func Shown(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
