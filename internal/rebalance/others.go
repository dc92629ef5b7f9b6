package rebalance

import (
	"context"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
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
	remembered(ctx, c, patience, servers, func(at int, x *wire.Connection) {
		if checks.Reason(x.Reason) == checks.ReasonKicked {
			mu.Lock()
			defer mu.Unlock()
			out[killed{servers[at].ID, x.ID}] = true
		}
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
	return &Stop{StopOthers, SomebodyElse{n}}
}
