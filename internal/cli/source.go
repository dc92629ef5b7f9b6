package cli

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// origin is the source of an audit, and what a command says and repeats of it.
type origin struct {
	source.Source
	// again is the flags that lead to it, to repeat in commands, quoted for a
	// shell and without credentials. They are empty where the next audit is not
	// of this source.
	again string
	// urls are those of the connection that the source asks through, as a hint of
	// what clients use; empty where it is none.
	urls     string
	nc       *nats.Conn // that connection; nil where it is none
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

// connectedSource is a source that asks through a connection.
type connectedSource func(nc *nats.Conn, o source.Options) source.Source

// systemAccount is the source that sees all accounts.
func systemAccount(nc *nats.Conn, o source.Options) source.Source { return system.New(nc, o) }

// connectedOrigin asks through a connection.
func connectedOrigin(h Host, nc *nats.Conn, through connectedSource) *origin {
	o := newOrigin(h)
	o.Source, o.again, o.urls, o.nc = through(nc, o.options), h.Flags(), connectedURLs(nc), nc
	return o
}

// Deployment gathers the model, and shows how far it is.
func (o *origin) Deployment(ctx context.Context) (*checks.Deployment, error) {
	o.progress = newProgress(o.host.Err)
	defer o.progress.clear()
	return o.Source.Deployment(ctx)
}
