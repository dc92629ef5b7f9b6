package life

import (
	"context"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// behind is how many tenants are behind the balancer.
const behind = 10

// tenants: a balancer before the cluster, that takes the first server, with many
// tenants; others come directly, or through a NAT.
func tenants() Operation {
	o := Operation{
		Name: "tenants", Title: "ten tenants come through one balancer, which takes the first server; others come directly or through a NAT", Short: true,
		Topology: three(),
		Do: func(ctx context.Context, w *World) error {
			balancer, err := w.balancer(ctx, lab.OnlyFirst, n1, n2, n3)
			if err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			for i := range behind {
				account := fmt.Sprintf("TENANT-%02d", i+1)
				if i < 3 {
					w.pass(account, balancer)
				}
				if err := w.start(ctx, App{Account: account, Name: "app", Pods: i%2 == 0, Count: 12, URLs: []string{balancer}}); err != nil {
					return err
				}
			}
			w.pass("DIRECT", w.url(n2))
			w.pass("NAT", w.url(n2))
			if err := w.start(ctx,
				App{Account: "DIRECT", Name: "reports", Count: 16, URLs: []string{w.url(n2)}},
				App{Account: "NAT", Name: "branch", Count: 16, URLs: []string{w.url(n2)}, From: "127.62.0.1"},
				App{Account: "NATQUIET", Name: "shop", Count: 16, URLs: []string{w.url(n2)}, From: "127.62.0.1"},
			); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, 5)
		},
		Cases: []Case{
			{Account: "DIRECT", Server: n2, Truth: "single-url", Said: "single-url", Check: pinned("DIRECT", n2)},
			{Account: "NAT", Server: n2, Truth: "single-url", Said: "single-url", Check: pinned("NAT", n2)},
			// This is said to be a balancer: from the servers, a NAT with clients of
			// several accounts looks the same.
			{Account: "NATQUIET", Server: n2, Truth: "single-url", Said: Unknown, Check: pinned("NATQUIET", n2)},
			{Account: "EVEN"},
		},
	}
	for i := range behind {
		account := fmt.Sprintf("TENANT-%02d", i+1)
		o.Cases = append(o.Cases, Case{Account: account, Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Check: pinned(account, n1)})
	}
	return o
}

// devices: MQTT clients, which know one address, and browsers that only one
// server serves.
func devices() Operation {
	return Operation{
		Name: "devices", Title: "devices speak MQTT to one address; browsers have all servers in their list, of which one serves WebSocket",
		Topology: three(func(c *lab.Cluster) {
			c.MQTT, c.WebSocket = true, true
			c.Configure = func(i int, o *server.Options) {
				if i > 0 {
					o.Websocket = server.WebsocketOpts{}
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.pass("MQTT", "mqtt://"+w.Server(n1).MQTTAddr())
			if err := w.later(ctx); err != nil {
				return err
			}
			for _, account := range []string{"MQTT", "MQTTQUIET"} {
				if err := w.raw(ctx, lab.RawClients{Account: account, Server: w.Server(n1), Count: 14, Name: "sensor-", MQTT: true}); err != nil {
					return err
				}
			}
			return w.start(ctx,
				App{Account: "BROWSERS", Name: "shop-ui", Count: 16, URLs: []string{w.Server(n1).WebSocketURL("BROWSERS")}})
		},
		Cases: []Case{
			{Account: "MQTT", Server: n1, Truth: "single-url", Said: "single-url"},
			{Account: "MQTTQUIET", Server: n1, Truth: "single-url", Said: Unknown, Open: []string{"discovery-off"}},
			{Account: "BROWSERS", Server: n1, Truth: "listener-gap", Said: "listener-gap", Check: stays("BROWSERS", n1)},
		},
	}
}
