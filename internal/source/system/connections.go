package system

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/profile"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Connection is a client connection with what it costs its client to lose it.
// Its texts are of whoever connected: any bytes, the first 128 of them.
type Connection struct {
	ID uint64 // never used again while the server process lives
	// Name, Language and Version are what the client says of itself.
	Name, Language, Version string
	// Protocol is "nats", "mqtt" or "websocket"; empty where not reported.
	Protocol string
	// Start is by the server's clock; zero where not reported.
	Start time.Time
	// Idle is how long it neither sent nor got a message; 0 where not reported.
	Idle time.Duration
	// Subscriptions are a number of them, Pending are bytes that wait to be
	// sent to the client.
	Subscriptions int
	Pending       int64
}

// EachConnection hands over the client connections, no leafnodes, that an
// account has on a server, each once, in the order of their ids. It waits for
// each page of 1024 for a fourth of the time that there is, 1 to 10 s. What it
// has handed over is right also where it returns an error, which is a clause to
// follow the server's name. Memory does not grow with connections but for a
// page.
func (s *Source) EachConnection(ctx context.Context, of source.Held, take func(Connection)) error {
	return eachConnection(ctx, s.nc, of, take)
}

func eachConnection(ctx context.Context, nc *nats.Conn, of source.Held, take func(Connection)) error {
	c := sysreq.New(nc, nil)
	defer c.Close()
	asking, stop := c.WhileAllowed(ctx, "CONNZ")
	defer stop()
	return readConnections(asking, c, of, source.Patience(ctx), true, wire.NewDecoder(), func(c *wire.Connection) {
		take(Connection{
			ID: c.ID, Name: string(c.Name), Language: string(c.Language), Version: string(c.Version), Protocol: string(c.Protocol),
			Start: c.Start, Idle: c.Idle, Subscriptions: int(c.Subscriptions), Pending: c.Pending})
	})
}

// readConnections hands over the client connections that an account has on a
// server, see [profile.Pages]. It waits for each page as long as patience says.
func readConnections(ctx context.Context, c *sysreq.Client, of source.Held, patience time.Duration, compressed bool, d *wire.Decoder, take func(*wire.Connection)) error {
	return profile.Pages(take, func(offset int, take func(*wire.Connection)) (int, error) {
		m, err := c.Request(ctx, sysreq.Connz(of.Server), server.ConnzOptions{
			Sort: server.ByCid, Username: true, Account: of.Account, Offset: offset, Limit: wire.PageSize}, patience, compressed)
		switch {
		case errors.Is(err, sysreq.ErrLate), errors.Is(err, sysreq.ErrNobody):
			return 0, profile.ErrNoAnswer
		case context.Cause(ctx) != nil && err != nil:
			return 0, err // a clause already
		case err != nil:
			return 0, fmt.Errorf("can't be asked: %w", err)
		}
		return page(ctx, d, m, of.Server, take)
	})
}

// page reads a page of connections of a server.
func page(ctx context.Context, d *wire.Decoder, m *nats.Msg, id string, take func(*wire.Connection)) (int, error) {
	body, err := d.Open(m)
	n := 0
	if err == nil {
		n, err = d.Connections(ctx, body, id, take)
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return n, profile.ErrNoAnswer
	case err != nil:
		return n, fmt.Errorf("sent connections that can't be used: %w", err)
	}
	return n, nil
}
