package rebalance

import (
	"context"
	"fmt"
	"sync"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// killed is a connection that somebody had a server close.
type killed struct {
	server string // id
	id     uint64
}

// kicks reads which connections the servers remember to have been kicked: those
// that closed last. A server that does not say is left out.
func kicks(ctx context.Context, c *sysreq.Client, patience time.Duration, servers []Server) map[killed]bool {
	out := map[killed]bool{}
	var mu sync.Mutex
	each(servers, func(s Server) {
		reply, err := ask(ctx, c, patience, sysreq.Connz(s.ID), natsd.ConnzOptions{Sort: natsd.ByStop, State: natsd.ConnClosed, Limit: wire.PageSize})
		if err != nil {
			return
		}
		d := wire.NewDecoder()
		body, err := d.Open(reply)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		// What came before an error is right.
		_, _ = d.Closed(ctx, body, s.ID, func(x *wire.Connection) {
			if string(x.Reason) == wire.Kicked {
				out[killed{s.ID, x.ID}] = true
			}
		})
	})
	return out
}

// others is a stop where connections were kicked that this run did not kick:
// somebody else rebalances the same cluster, and each would undo the other's moves.
func (a *applying) others(ctx context.Context) *Stop {
	n := 0
	for k := range kicks(ctx, a.client, a.pace.Patience, a.now.Servers) {
		if !a.ours[k] && !a.known[k] {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &Stop{StopOthers, fmt.Sprintf("Somebody else kicked %s of this cluster meanwhile, perhaps with a rebalance of their own: wait for it to end, then plan again.", words.Plural(n, "connection"))}
}
