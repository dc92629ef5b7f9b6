package system

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// watchDraining listens to who begins to drain during the audit. A server in lame
// duck mode answers nothing any more. Users who may not listen, or of accounts
// that do not get it, hear of none.
func (g *gathering) watchDraining(ctx context.Context) (stop func(), err error) {
	return g.client.Watch(sysreq.LameDuck, func(m *nats.Msg) {
		var from wire.Server
		_ = json.Unmarshal(m.Data, &from) // the subject has the id in any case
		from.ID = sysreq.Draining(m.Subject)
		g.client.Trace("<<< %s is draining", from.Name)
		g.send(ctx, func(g *gathering) {
			if s := g.servers[from.ID]; s != nil {
				s.draining = time.Now()
			} else if len(g.drained) < wire.MostServers {
				g.drained[from.Name] = true
			}
		})
	})
}
