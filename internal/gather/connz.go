package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	subjectConnz = "$SYS.REQ.SERVER.%s.CONNZ" // server id
	// pageSize is nats-server's default for a page of connections.
	pageSize = server.DefaultConnListSize
	// longestPage bounds what is read of a page, in bytes: some 64 KiB for each
	// connection.
	longestPage = 64 << 20
	// mostPages bounds what is read of one account on one server: a million
	// connections.
	mostPages = 1000
	// together is how many servers are asked for connections at once.
	together = 8
)

// Held is an account on a server, by their ids.
type Held struct{ Server, Account string }

// Subscriptions counts the subscriptions that the client connections of an
// account hold on a server. The account report's num_subscriptions can't be
// used for that: it counts what the server knows of the whole cluster. Where
// a server does not answer fully before the context ends, the count is nil.
// The connection must be one to the system account.
func Subscriptions(ctx context.Context, nc *nats.Conn, of []Held) ([]*int, error) {
	out := make([]*int, len(of))
	var wg sync.WaitGroup
	slots := make(chan struct{}, together)
	for i, h := range of {
		wg.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				return
			}
			if n, err := subscriptions(ctx, nc, h); err == nil {
				out[i] = &n
			}
		})
	}
	wg.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	return out, nil
}

// subscriptions reads page by page. Pages are no snapshot: a connection may
// come twice when others go.
func subscriptions(ctx context.Context, nc *nats.Conn, of Held) (int, error) {
	counted := map[uint64]bool{}
	sum, d := 0, newDecoder()
	for page, offset := 0, 0; page < mostPages; page++ {
		body, err := json.Marshal(server.ConnzOptions{Account: of.Account, Offset: offset, Limit: pageSize})
		if err != nil {
			return 0, err
		}
		m, err := nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: fmt.Sprintf(subjectConnz, of.Server), Data: body, Header: compressed()})
		if err != nil {
			return 0, err
		}
		plain, err := d.body(m)
		if err != nil {
			return 0, err
		}
		var reply struct {
			Data *struct {
				Connections []struct {
					Cid           uint64 `json:"cid"`
					Kind          string `json:"kind"`
					Subscriptions int    `json:"subscriptions"`
				} `json:"connections"`
			} `json:"data"`
		}
		if err := json.NewDecoder(io.LimitReader(plain, longestPage)).Decode(&reply); err != nil {
			return 0, err
		}
		if reply.Data == nil {
			return 0, errors.New("it has no data")
		}
		for _, c := range reply.Data.Connections {
			if !counted[c.Cid] && (c.Kind == "" || c.Kind == "Client") {
				counted[c.Cid] = true
				sum += max(0, c.Subscriptions)
			}
		}
		if len(reply.Data.Connections) < pageSize {
			return sum, nil
		}
		offset += len(reply.Data.Connections)
	}
	return 0, errors.New("it has too many connections")
}
