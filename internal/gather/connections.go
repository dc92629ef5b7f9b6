package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Connection is a client connection with what it costs its client to lose it.
// Its texts are of whoever connected: any bytes, the first 128 of them.
type Connection struct {
	ID uint64 // never used again while the server process lives
	// Name, Language and Version are what the client says of itself.
	Name, Language, Version string
	// Protocol is "nats", "mqtt" or "websocket"; empty where not told.
	Protocol string
	// Start is by the server's clock; zero where not told.
	Start time.Time
	// Idle is how long it neither sent nor got a message; 0 where not told.
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
// page, of 16 MiB at most. The connection must be one to the system account,
// and not be used by another function of this package at the same time.
func EachConnection(ctx context.Context, nc *nats.Conn, of Held, take func(Connection)) error {
	w, unwatch := watch(nc)
	defer unwatch()
	asking, forbid := context.WithCancelCause(ctx)
	defer forbid(nil)
	stop := w.listen(func(violation string) bool {
		kind := forbiddenKind(violation)
		if kind == "CONNZ" || kind == everything {
			forbid(errors.New("may not be asked: " + violation))
		}
		return kind == "CONNZ"
	})
	defer stop()
	dec, longest := newDecoder(), patience(ctx)
	var last uint64 // the id up to which all are handed over
	for page, offset := 0, 0; page < mostPages; page++ {
		m, err := askPage(asking, nc, of, offset, longest)
		if err != nil {
			return err
		}
		body, err := dec.whole(m)
		if err != nil {
			return fmt.Errorf("sent connections that can't be used: %w", err)
		}
		all, err := decodeConnections(body, of.Server)
		if err != nil {
			return fmt.Errorf("sent connections that can't be used: %w", err)
		}
		before := last
		for _, c := range all {
			if c.ID <= before {
				continue
			}
			last = c.ID
			if c.client {
				take(c.Connection)
			}
		}
		switch {
		case len(all) < pageSize:
			return nil
		case last == before:
			return errors.New("sends the same connections again and again")
		}
		offset += len(all) - overlap
	}
	return errors.New("has more connections than are read")
}

// listedConnection is a connection of a page.
type listedConnection struct {
	Connection
	client bool
}

// decodeConnections reads a page of CONNZ of the server with this id.
func decodeConnections(body []byte, id string) ([]listedConnection, error) {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Conns []struct {
				CID      uint64    `json:"cid"`
				Kind     string    `json:"kind"`
				Type     string    `json:"type"`
				Name     string    `json:"name"`
				Lang     string    `json:"lang"`
				Version  string    `json:"version"`
				Start    time.Time `json:"start"`
				Activity time.Time `json:"last_activity"`
				Subs     uint32    `json:"subscriptions"`
				Pending  int64     `json:"pending_bytes"`
			} `json:"connections"`
			Now time.Time `json:"now"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return nil, err
	}
	switch {
	case reply.Error != nil:
		return nil, reply.Error
	case reply.Server.ID != id:
		return nil, errors.New("it is not from the server that was asked")
	case reply.Data == nil:
		return nil, errors.New("it has no data")
	case len(reply.Data.Conns) > pageSize:
		return nil, errors.New("it has more connections than were asked for")
	}
	out := make([]listedConnection, 0, len(reply.Data.Conns))
	last := uint64(0)
	for _, c := range reply.Data.Conns {
		if c.CID <= last {
			return nil, errors.New("its connections have no ids or are out of order")
		}
		last = c.CID
		l := listedConnection{client: c.Kind == "" || c.Kind == "Client", Connection: Connection{
			ID: c.CID, Name: clip(c.Name), Language: clip(c.Lang), Version: clip(c.Version), Protocol: clip(c.Type),
			Start: c.Start, Subscriptions: int(c.Subs), Pending: max(0, c.Pending)}}
		if !c.Activity.IsZero() {
			l.Idle = max(0, reply.Data.Now.Sub(c.Activity))
		}
		out = append(out, l)
	}
	return out, nil
}

// clip is the first bytes of a text.
func clip(s string) string { return s[:min(len(s), longestText)] }
