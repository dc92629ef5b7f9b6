package lab

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// pingWait bounds one PING. On loopback answers take under a millisecond, and on
// a busy machine some hundred; what is not there by then has most likely not
// been asked, and is asked again.
const pingWait = time.Second

// PingServers asks all servers of the system account for their statistics and
// returns the answers by server id: as soon as there are n of them, or those
// that came within the wait. It never waits longer than the context.
func PingServers(ctx context.Context, nc *nats.Conn, n int, wait time.Duration) (map[string]server.ServerStatsMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.PublishRequest("$SYS.REQ.SERVER.PING", sub.Subject, nil); err != nil {
		return nil, err
	}
	replies := make(map[string]server.ServerStatsMsg)
	for len(replies) < n {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return nil, err
		}
		var r server.ServerStatsMsg
		if err := json.Unmarshal(msg.Data, &r); err != nil {
			return nil, err
		}
		replies[r.Server.ID] = r
	}
	return replies, nil
}

// SayGoodbye tells the servers of the system account once more that others were
// shut down. A server announces its end once, on routes that it closes right
// after; on a busy machine a peer now and then misses it, or reads statistics
// that were sent before it later, and would count the server on for minutes.
// Whoever waits for the count says it again until it is right.
func SayGoodbye(nc *nats.Conn, gone []server.ServerInfo) {
	for _, info := range gone {
		if body, err := json.Marshal(info); err == nil {
			_ = nc.Publish("$SYS.SERVER."+info.ID+".SHUTDOWN", body)
		}
	}
	_ = nc.FlushTimeout(pingWait)
}
