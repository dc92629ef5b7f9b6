package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/record/live"
	"github.com/nats-balance/nats-balance/internal/record/serve"
	"github.com/nats-balance/nats-balance/internal/report"
)

// listenFlags are the flags of what watch serves, over HTTP and over NATS.
type listenFlags struct{ address, user, password, cert, key, ca, service string }

func (l *listenFlags) flags(cmd *fisk.CmdClause) {
	cmd.Flag("listen", "Serve a page, /metrics and /healthz at this address; :PORT is for this machine alone (default off)").PlaceHolder("[HOST]:PORT").
		Validator(notEmpty("listen", "an address such as :9222")).StringVar(&l.address)
	cmd.Flag("listen-user", "Require this user, except for /healthz").PlaceHolder("USER").StringVar(&l.user)
	cmd.Flag("listen-password", "The password of --listen-user").Envar("NATS_BALANCE_LISTEN_PASSWORD").PlaceHolder("PASSWORD").StringVar(&l.password)
	cmd.Flag("listen-tlscert", "Serve over TLS with this certificate").PlaceHolder("FILE").StringVar(&l.cert)
	cmd.Flag("listen-tlskey", "The key of --listen-tlscert").PlaceHolder("FILE").StringVar(&l.key)
	cmd.Flag("service", "Answer requests and publish findings as a NATS micro service in the account of this context (default off)").PlaceHolder("CONTEXT").
		Validator(notEmpty("service", "a context")).StringVar(&l.service)
	cmd.Flag("listen-tlsca", "Require a client certificate of this authority, except for /healthz").PlaceHolder("FILE").StringVar(&l.ca)
}

func (l *listenFlags) validate() error {
	switch {
	case l.address == "" && (l.user != "" || l.cert != "" || l.key != "" || l.ca != ""):
		return errors.New("flags of --listen are given without it: pass --listen too")
	case (l.user == "") != (l.password == "") && l.address != "":
		return errors.New("--listen-user and its password, --listen-password or NATS_BALANCE_LISTEN_PASSWORD, belong together: pass both")
	case strings.Contains(l.user, ":"):
		return errors.New("--listen-user has a colon, which no browser can send in a user's name: pass the name alone, and the password in NATS_BALANCE_LISTEN_PASSWORD")
	case (l.cert == "") != (l.key == ""):
		return errors.New("--listen-tlscert and --listen-tlskey belong together: pass both")
	case l.ca != "" && l.cert == "":
		return errors.New("--listen-tlsca needs TLS: pass --listen-tlscert and --listen-tlskey too")
	}
	return nil
}

// tls is the configuration of the listener; nil where it has none.
func (l *listenFlags) tls() (*tls.Config, error) {
	if l.cert == "" {
		return nil, nil
	}
	const most = 1 << 20 // of each file
	public, err := readUpTo(l.cert, most)
	if err != nil {
		return nil, fmt.Errorf("--listen-tlscert %s: %w", l.cert, err)
	}
	private, err := readUpTo(l.key, most)
	if err != nil {
		return nil, fmt.Errorf("--listen-tlskey %s: %w", l.key, err)
	}
	pair, err := tls.X509KeyPair(public, private)
	if err != nil {
		return nil, fmt.Errorf("--listen-tlscert %s: %w", l.cert, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if l.ca != "" {
		data, err := readUpTo(l.ca, most)
		if err != nil {
			return nil, fmt.Errorf("--listen-tlsca %s: %w", l.ca, err)
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("--listen-tlsca %s has no certificate: pass a file with one in PEM", l.ca)
		}
	}
	return config, nil
}

// state is what a watch sees now.
func (a *watch) state(follow *live.Live, store *history.Store) func(most int) serve.State {
	return func(most int) (s serve.State) {
		follow.Look(func(w *record.Watch, connected bool) {
			s.Snapshot, s.Connected = w.Snapshot(time.Now(), most), connected
		})
		if store != nil {
			s.Store = store.State()
			s.Leader = s.Store.Leads
		}
		return s
	}
}

// shownPast is how far back the page goes.
const shownPast = 7 * 24 * time.Hour

// recorded reads what was recorded of late; nil where nothing is recorded.
func recorded(store *history.Store) func(context.Context) (history.History, error) {
	if store == nil {
		return nil
	}
	return func(ctx context.Context) (history.History, error) {
		now := time.Now()
		r, err := store.Reading(ctx, history.Query{Since: now.Add(-shownPast)}, now)
		return r.Tell(now), err
	}
}

// timeline reads what was recorded of one account; nil where nothing is recorded.
func timeline(store *history.Store) func(context.Context, string, time.Time) (history.Reading, error) {
	if store == nil {
		return nil
	}
	return func(ctx context.Context, id string, since time.Time) (history.Reading, error) {
		return store.Reading(ctx, history.Query{ID: id, Since: since}, time.Now())
	}
}

// shown is what is shown, over HTTP and over NATS. Both share what was read of the
// history.
func (a *watch) shown(ctx context.Context, follow *live.Live, store *history.Store) serve.Options {
	of := func(account string) (all []*record.Spread) {
		follow.Look(func(w *record.Watch, _ bool) { all = w.Of(account, time.Now()) })
		return all
	}
	return serve.Options{State: a.state(follow, store), Account: of, History: serve.Shared(ctx, recorded(store)), Timeline: timeline(store), Stale: 3 * a.settings.Reconcile,
		User: a.listen.user, Password: a.listen.password, Version: Version()}
}

// listener listens where that is asked for; nil where it is not.
func (a *watch) listener(shown serve.Options) (*serve.Server, error) {
	if a.listen.address == "" {
		return nil, nil
	}
	config, err := a.listen.tls()
	if err != nil {
		return nil, err
	}
	shown.TLS = config
	s, err := serve.Listen(a.listen.address, shown)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	a.notice(report.ServingAt(s.URL()))
	return s, nil
}
