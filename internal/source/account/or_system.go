package account

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// orSystem asks as the system account until that turns out not to be allowed,
// and from then on as the account that the credentials are of.
type orSystem struct {
	source.Source
	nc *nats.Conn
	o  source.Options
}

// OrSystem is the source of a connection: the system account's, or where the
// credentials are of another account that one's own view.
func OrSystem(nc *nats.Conn, o source.Options) source.Source {
	return &orSystem{Source: system.New(nc, o), nc: nc, o: o}
}

// Deployment gathers the model, and finds out whose credentials they are.
func (s *orSystem) Deployment(ctx context.Context) (*checks.Deployment, error) {
	d, err := s.Source.Deployment(ctx)
	var other *system.NotSystemAccountError
	var forbidden *sysreq.PermissionError
	own := ""
	switch {
	case s.Kind().OwnAccount:
		return d, err
	case errors.As(err, &other):
		own = other.Account
	case errors.As(err, &forbidden) && forbidden.Operation != sysreq.Subscribe:
		// A user who may not ask the system account's questions may be one of an
		// ordinary account that may ask its own.
	default:
		return d, err
	}
	s.Source = New(s.nc, own, s.o)
	return s.Source.Deployment(ctx)
}
