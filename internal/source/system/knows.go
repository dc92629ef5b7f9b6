package system

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// knows asks whether any server knows an account by this id, connected or not,
// and adds it to the model if so. It returns at the first server that does. An
// error says that it is unknown, as where the context ends before all the
// servers of the model have answered.
func knows(ctx context.Context, nc *nats.Conn, d *checks.Deployment, id string) error {
	c := sysreq.New(nc, nil)
	defer c.Close()
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	replies := make(chan *nats.Msg)
	in, err := c.Listen(func(_ int, m *nats.Msg) {
		select {
		case replies <- m:
		case <-over.Done():
		}
	})
	if err != nil {
		return err
	}
	defer in.Close()
	if err := in.Ask(0, sysreq.AccountStatz, sysreq.Filter{Accounts: []string{id}, Unused: true}, false); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, s := range d.Servers {
		wanted[s.ID] = true
	}
	dec := wire.NewDecoder()
	for len(wanted) > 0 {
		select {
		case m := <-replies:
			body, err := dec.Open(m)
			if err != nil {
				continue // another server may know it
			}
			from, rows, err := dec.Rows(ctx, body)
			if err != nil {
				continue
			}
			if len(rows) > 0 && !slices.ContainsFunc(rows, func(r wire.Row) bool { return r.ID == id }) {
				continue // it is about the account of the credentials, which imports the services
			}
			delete(wanted, from.ID)
			if slices.ContainsFunc(rows, func(r wire.Row) bool { return r.ID == id }) {
				d.Accounts = append(d.Accounts, checks.Account{ID: id, Name: id})
				return nil
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("whether there is an account %q is unknown: %s of %s servers did not answer in time", id, words.Count(len(wanted)), words.Count(len(d.Servers)))
		}
	}
	return nil
}
