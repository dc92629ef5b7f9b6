package cli

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/account"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// origin is the source of an audit, and what a command says and repeats of it.
type origin struct {
	source.Source
	// again is the flags that lead to it, to repeat in commands, quoted for a
	// shell and without credentials. They are empty where the next audit is not
	// of this source.
	again string
	// nc is the connection that it asks through; nil where it does not.
	nc       *nats.Conn
	host     Host
	options  source.Options
	progress *progress // drawn while the deployment is gathered
}

// newOrigin has the options for a source of a host.
func newOrigin(h Host) *origin {
	o := &origin{host: h}
	o.options = source.Options{Timeout: h.Timeout(), Progress: func(p source.Progress) { o.progress.show(p) }}
	if h.Trace() {
		o.options.Trace = h.tracef
	}
	return o
}

// systemOrigin asks through a connection to the system account.
func systemOrigin(h Host, nc *nats.Conn) *origin {
	o := newOrigin(h)
	o.Source, o.again, o.nc = system.New(nc, o.options), h.Flags(), nc
	return o
}

// Deployment gathers the model, and shows how far it is.
func (o *origin) Deployment(ctx context.Context) (*checks.Deployment, error) {
	o.progress = newProgress(o.host.Err)
	defer o.progress.clear()
	return o.Source.Deployment(ctx)
}

// ownView is the source of an ordinary account where the first one says that
// its credentials are not the system account's, or that the user may not ask
// what only that one may; nil otherwise. What was passed are addresses of client
// URLs.
func (o *origin) ownView(err error, passed []string) *origin {
	if o.nc == nil || o.Limits().OwnAccount {
		return nil
	}
	var other *system.NotSystemAccountError
	var forbidden *sysreq.PermissionError
	named := ""
	switch {
	case errors.As(err, &other):
		named = other.Account
	case errors.As(err, &forbidden) && forbidden.Operation != sysreq.Subscribe:
		// A user who may not ask the system account's questions may be one of an
		// ordinary account that may ask its own.
	default:
		return nil
	}
	own := newOrigin(o.host)
	own.Source, own.again, own.nc = account.New(o.nc, named, passed, own.options), o.again, o.nc
	return own
}

// urls are those of the connection that the source asks through, as a hint of
// what clients use; empty where it is none.
func (o *origin) urls() string {
	if o.nc == nil {
		return ""
	}
	return connectedURLs(o.nc)
}
