package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NoHistoryError is that nothing was ever recorded there.
type NoHistoryError struct{ where string }

func (e *NoHistoryError) Error() string {
	return e.where + " has no history: run nats-balance watch, which records it"
}

// BrokenStreamError is that a folder has files of a history of which nothing can be read.
type BrokenStreamError struct{ dir string }

func (e *BrokenStreamError) Error() string {
	return e.dir + " has files of a history, but its stream can't be read: its description (meta.inf) is missing or damaged. Restore the directory from a backup"
}

// codes of errors of JetStream that have no name in its client: the account, or the servers,
// have less room than a stream is to have.
const (
	noResources jetstream.ErrorCode = 10023
	noMemory    jetstream.ErrorCode = 10028
	noStorage   jetstream.ErrorCode = 10047
)

func explain(ctx context.Context, what string, err error) error {
	var api *jetstream.APIError
	full := false
	if errors.As(err, &api) {
		switch api.ErrorCode { //nolint:exhaustive // of those that are about room
		case noResources, noMemory, noStorage:
			full = true
		}
	}
	refused := context.Cause(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("the account of the store has no JetStream: enable it, or pass --store DIRECTORY for a local one: %w", err)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return &NoHistoryError{"the store"}
	case full:
		return fmt.Errorf("the store: %s: its account has less room than --keep-bytes: pass a smaller --keep-bytes, or give the account more: %w", what, err)
	case errors.Is(refused, nats.ErrPermissionViolation):
		return fmt.Errorf("the store: %s: its user lacks a permission: allow it to publish to $JS.API.>, $KV.%s.> and %s, and to subscribe to its inbox: %w", what, BucketName, Subjects, refused)
	}
	return fmt.Errorf("the store: %s: %w", what, err)
}

// permitted ends a context where the server refuses what a connection sends: nobody answers
// then. Done has to be called.
func permitted(ctx context.Context, nc *nats.Conn) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	before := nc.ErrorHandler()
	nc.SetErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			cancel(err)
		}
		if before != nil {
			before(nc, sub, err)
		}
	})
	return ctx, func() {
		nc.SetErrorHandler(before)
		cancel(nil)
	}
}
