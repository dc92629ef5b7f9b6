package lab

import (
	"context"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// spoke is a cluster behind leafnodes.
const spoke = "SPOKE"

// leafScenarios are those with leafnodes, and with clients of several protocols.
func leafScenarios() []Scenario {
	return []Scenario{
		{
			Name: "leafnodes-only", Title: "30 leafnodes of ORDERS are all on one server, and a few clients are spread: leafnodes never count",
			Topology: edges(30),
			Clients:  []Placement{{orders, n1, 2}, {orders, n2, 1}, {orders, n3, 1}},
		},
		labelled("leafnodes", cause.SingleURL, "the clients and 12 leafnodes of ORDERS have a single URL, that of the first server",
			edges(12), oneURL(24)),
		{
			Name: "spoke", Finding: Finding{orders, spoke, spoke + "-n1"}, Cause: cause.SingleURL,
			Title:    "ORDERS is even in the hub and behind a single leafnode server, and has a single URL in a spoke cluster",
			Topology: hubAndSpokes(),
			Clients: []Placement{{orders, n1, 8}, {orders, n2, 8}, {orders, n3, 8}, {orders, "kiosk", 20}, {orders, "island", 20},
				{orders, "EAST-n1", 5}, {orders, "EAST-n2", 5}, {orders, "EAST-n3", 5}},
			Setup: func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.url(spoke+"-n1"))
				return st.clients(ctx, 24, st.url(spoke+"-n1"))
			},
		},
		besideIt(cause.ListenerGap, labelled("mixed-protocols", cause.SingleURL, "plain and WebSocket clients have a single URL; the MQTT devices can only be there",
			threeServers(func(c *Cluster) {
				c.WebSocket, c.MQTT = true, true
				c.Configure = onlyFirst(func(o *server.Options) { o.MQTT.Port = 0 })
			}), mixed)),
	}
}

// besideIt adds what is true of a scenario's MQTT clients beside the cause of the
// others: servers tell such clients of no other server.
func besideIt(code cause.Code, s Scenario) Scenario {
	s.Also, s.Contributing = append(s.Also, code), append(s.Contributing, cause.DiscoveryOff)
	return s
}

// edges is a cluster of three with leafnodes of ORDERS on its first server, which
// have a system account of their own.
func edges(leafs int) Topology {
	// Leafnodes that are told of the other servers would go there when the first
	// one is slow to answer.
	t := threeServers(func(c *Cluster) { c.Configure = func(_ int, o *server.Options) { o.LeafNode.NoAdvertise = true } })
	t.Leafs = []Leaf{{Cluster: Cluster{Servers: leafs}, Hub: n1, Accounts: []string{orders}, OwnSystem: true}}
	return t
}

// hubAndSpokes is two clusters joined by gateways, and behind the first a spoke
// cluster and a single server that share the system account, and a single one
// that has its own.
func hubAndSpokes() Topology {
	return Topology{
		Clusters: []Cluster{{Name: c1, Servers: 3}, {Name: "EAST", Servers: 3}}, Accounts: []string{orders},
		Leafs: []Leaf{
			{Cluster: Cluster{Name: spoke, Servers: 3}, Hub: c1, Accounts: []string{orders}},
			{Cluster: Cluster{Servers: 1, ServerNames: []string{"kiosk"}}, Hub: c1, Accounts: []string{orders}},
			{Cluster: Cluster{Servers: 1, ServerNames: []string{"island"}}, Hub: n2, Accounts: []string{orders}, OwnSystem: true},
		},
	}
}

// mixed connects eight clients of each protocol to the first server.
func mixed(ctx context.Context, st *Stage) error {
	first := st.Server(n1)
	st.pass(orders, st.url(n1))
	st.pass(orders, "ws://"+hostPort(first.Host(), first.knownPorts().webSocket))
	if err := st.clients(ctx, 8, st.url(n1)); err != nil {
		return err
	}
	if err := st.clients(ctx, 8, first.WebSocketURL(orders)); err != nil {
		return err
	}
	return st.rawServices(ctx, RawClients{Account: orders, Server: first, Count: 8, MQTT: true})
}
