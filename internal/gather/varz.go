package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
)

// varz is what is used of a server's VARZ.
type varz struct {
	from                   identity
	connections, leafnodes int
	limit                  *int // nil where the server has none
}

func decodeVarz(m *nats.Msg) (varz, error) {
	// Of the many fields only these are read, so that a field that another
	// version has in another type does not matter.
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Connections    *int `json:"connections"`
			Leafnodes      *int `json:"leafnodes"`
			MaxConnections int  `json:"max_connections"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &reply); err != nil {
		return varz{}, err
	}
	switch {
	case reply.Error != nil:
		return varz{}, reply.Error
	case reply.Server.ID == "" || reply.Data == nil || reply.Data.Connections == nil || reply.Data.Leafnodes == nil:
		return varz{}, errors.New("it has no server or no counts")
	}
	v := varz{from: reply.Server, connections: *reply.Data.Connections, leafnodes: *reply.Data.Leafnodes}
	if reply.Data.MaxConnections > 0 {
		v.limit = &reply.Data.MaxConnections
	}
	return v, nil
}

// Knows asks whether any server knows an account by this id, connected or not,
// and adds it to the model if so. It returns at the first server that does. An
// error says that it can't be told, as where the context ends before all the
// servers of the model have answered. The connection must be one to the system
// account.
func Knows(ctx context.Context, nc *nats.Conn, d *checks.Deployment, id string) error {
	body, err := json.Marshal(server.AccountStatzOptions{Accounts: []string{id}, IncludeUnused: true})
	if err != nil {
		return err
	}
	replies := make(chan *nats.Msg, 2*len(d.Servers)+1)
	sub, err := nc.ChanSubscribe(nc.NewInbox(), replies)
	if err != nil {
		return fmt.Errorf("%s: subscribing for accounts: %w", nc.ConnectedUrlRedacted(), err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is gone
	if err := nc.PublishRequest(subjectReport, sub.Subject, body); err != nil {
		return fmt.Errorf("%s: asking for account %q: %w", nc.ConnectedUrlRedacted(), id, err)
	}
	wanted := map[string]bool{}
	for _, s := range d.Servers {
		wanted[s.ID] = true
	}
	for len(wanted) > 0 {
		select {
		case m := <-replies:
			var reply struct {
				Server identity `json:"server"`
				Data   *struct {
					Accounts []struct {
						ID string `json:"acc"`
					} `json:"account_statz"`
				} `json:"data"`
			}
			if json.Unmarshal(m.Data, &reply) != nil || reply.Data == nil {
				continue // another server may know it
			}
			delete(wanted, reply.Server.ID)
			for _, a := range reply.Data.Accounts {
				if a.ID == id {
					d.Accounts = append(d.Accounts, checks.Account{ID: id, Name: id})
					return nil
				}
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("whether there is an account %q is not known: %d of %d servers did not answer in time", id, len(wanted), len(d.Servers))
		}
	}
	return nil
}
