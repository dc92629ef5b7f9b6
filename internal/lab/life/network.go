package life

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// behind is how many tenants are behind the balancer.
const behind = 10

// tenants: a balancer before the cluster, that takes the first server, with many
// tenants; others come directly, or through a NAT, or through a balancer that was
// mended.
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
			if err := w.mended(ctx); err != nil {
				return err
			}
			if err := w.throughNAT(ctx); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, 5)
		},
		Cases: []Case{
			{Account: "DIRECT", Server: n2, Truth: "single-url", Said: "single-url", Check: pinned("DIRECT", n2)},
			{Account: "NAT", Server: n2, Truth: "single-url", Said: "single-url", Check: pinned("NAT", n2)},
			{Account: "NATQUIET", Server: n2, Truth: "single-url", Said: Unknown, Exact: true, Check: pinned("NATQUIET", n2)},
			{Account: "NATONE", Server: n3, Truth: "single-url", Said: Unknown, Exact: true, Check: pinned("NATONE", n3)},
			{Account: "NATLISTED", Server: n3, Truth: "single-url", Said: "single-url", Exact: true, Not: []string{"sticky-load-balancer"}, Check: pinned("NATLISTED", n3)},
			{Account: "NATORDER", Server: n1, Truth: "ordered-connect", Said: Unknown, Exact: true, Check: pinned("NATORDER", n1)},
			{Account: "NATFREE"},
			// It led them there, and does not any more: they can be moved.
			{Account: "MENDED", Server: n1, Truth: "sticky-load-balancer", Said: Unknown, Exact: true, Refused: "none", Check: leaves("MENDED", nil)},
			{Account: "MENDEDTOO", Server: n1, Truth: "sticky-load-balancer", Said: Unknown, Exact: true, Check: leaves("MENDEDTOO", nil)},
			{Account: "MENDEDNEW"},
			{Account: "EVEN"},
		},
	}
	for i := range behind {
		account := fmt.Sprintf("TENANT-%02d", i+1)
		c := Case{Account: account, Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Group: "balancer", Check: pinned(account, n1)}
		if i == behind-1 {
			c.Refused = "sticky-load-balancer"
		}
		o.Cases = append(o.Cases, c)
	}
	return o
}

// mended starts clients through a balancer that takes the first server, and others
// when it takes one after the other.
func (w *World) mended(ctx context.Context) error {
	b, err := w.balancerAt(ctx, "127.0.9.3", 0, lab.OnlyFirst, n1, n2, n3)
	if err != nil {
		return err
	}
	for _, account := range []string{"MENDED", "MENDEDTOO", "MENDEDNEW"} {
		if account == "MENDEDNEW" {
			b.SetMode(lab.RoundRobin)
		}
		if err := w.start(ctx, App{Account: account, Name: "app", Pods: true, Count: 12, URLs: []string{"nats://" + b.Addr()}}); err != nil {
			return err
		}
	}
	return nil
}

// throughNAT starts clients behind one NAT that have different lists: of one server,
// of all in their order, of all.
func (w *World) throughNAT(ctx context.Context) error {
	w.pass("NATLISTED", w.url(n3))
	if err := w.start(ctx,
		App{Account: "NATONE", Name: "till", Count: 12, URLs: []string{w.url(n3)}, From: nat},
		App{Account: "NATLISTED", Name: "till", Count: 12, URLs: []string{w.url(n3)}, From: nat},
		App{Account: "NATORDER", Name: "desk", Count: 12, URLs: w.all(), InOrder: true, From: nat},
	); err != nil {
		return err
	}
	return w.evenly(ctx, App{Account: "NATFREE", Name: "phone", From: nat}, 4)
}

// balancers: two balancers before one cluster, each of which takes a server of its
// own first. Who audits knows one of their addresses, or both, and not whose.
func balancers() Operation {
	o := Operation{
		Name: "balancers", Title: "two balancers before one cluster, each of which takes a server of its own first",
		Topology: three(),
		Do: func(ctx context.Context, w *World) error {
			one, err := w.balancerAt(ctx, "127.0.9.4", 0, lab.OnlyFirst, n1, n2, n3)
			if err != nil {
				return err
			}
			first := "nats://" + one.Addr()
			_, port, err := net.SplitHostPort(one.Addr())
			if err != nil {
				return err
			}
			second := "nats://" + net.JoinHostPort("127.0.9.5", port) // the usual port, at both
			same, err := strconv.Atoi(port)
			if err != nil {
				return err
			}
			two, err := w.balancerAt(ctx, "127.0.9.5", same, lab.OnlyFirst, n2, n3, n1)
			if err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			for i, account := range []string{"FIRST", "SECOND", "FIRSTTOO", "SECONDTOO"} {
				if err := w.start(ctx, App{Account: account, Name: "app", Pods: true, Count: 12, URLs: []string{[]string{first, second}[i%2]}}); err != nil {
					return err
				}
			}
			before := slices.Clone(w.Args)
			w.Mended = func() []string {
				one.SetMode(lab.RoundRobin)
				two.SetMode(lab.RoundRobin)
				return append(slices.Clone(before), "--client-url", first, "--client-url", second)
			}
			// Without them, what the clients come from may be NATs.
			w.Args = append(w.Args, "--client-url", first, "--client-url", second)
			w.Others = [][]string{
				append(slices.Clone(before), "--client-url", first+","+second),
				append(slices.Clone(before), "--client-url", "FIRST="+first, "--client-url", "SECOND="+second),
			}
			return nil
		},
	}
	for account, server := range map[string]string{"FIRST": n1, "SECOND": n2, "FIRSTTOO": n1, "SECONDTOO": n2} {
		o.Cases = append(o.Cases, Case{Account: account, Server: server, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Exact: true,
			Group: server, Refused: "sticky-load-balancer", Check: pinned(account, server)})
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
