package lab

import (
	"context"
	"slices"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// serverScenarios are those in which the other servers would not take the
// clients, some that look so, and one with a single large client.
func serverScenarios() []Scenario {
	return []Scenario{
		labelled("single-process", cause.SingleProcess, "one process has most of the connections, all to the server that it found first",
			threeServers(), func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.urls()...)
				return oneProcess(ctx, st)
			}),
		evenly(labelled("single-process-any-list", cause.SingleProcess, "as single-process, and the list that is passed is one URL of nobody in particular",
			threeServers(), func(ctx context.Context, st *Stage) error {
				st.Args = append(st.Args, "--client-url", st.url(n1))
				return oneProcess(ctx, st)
			}), 4),
		noDiscovery(labelled("listener-gap-mqtt", cause.ListenerGap, "devices speak MQTT, which only the first server serves",
			threeServers(func(c *Cluster) {
				c.MQTT = true
				c.Configure = onlyFirst(func(o *server.Options) { o.MQTT.Port = 0 })
			}),
			func(ctx context.Context, st *Stage) error {
				return st.rawServices(ctx, RawClients{Account: orders, Server: st.Server(n1), Count: 18, MQTT: true})
			})),
		labelled("listener-gap-ws", cause.ListenerGap, "browsers speak WebSocket, which only the first server serves; a few services are spread",
			threeServers(func(c *Cluster) {
				c.WebSocket = true
				c.Configure = onlyFirst(func(o *server.Options) { o.Websocket = server.WebsocketOpts{} })
			}),
			func(ctx context.Context, st *Stage) error {
				if err := st.clients(ctx, 24, st.Server(n1).WebSocketURL(orders)); err != nil {
					return err
				}
				return st.evenly(ctx, 2)
			}),
		labelled("listener-innocent", cause.SingleURL, "all servers serve WebSocket, and the browsers have a single URL",
			threeServers(func(c *Cluster) { c.WebSocket = true }),
			func(ctx context.Context, st *Stage) error {
				url := "ws://" + hostPort(st.Server(n1).Host(), st.Server(n1).knownPorts().webSocket)
				st.pass(orders, url)
				return st.clients(ctx, 24, url)
			}),
		labelled("account-gap", cause.AccountGap, "the clients have the full list, but only the first server has their account",
			threeServers(func(c *Cluster) { c.Configure = onlyFirst(func(o *server.Options) { removeAccount(o, orders) }) }),
			fullList(24)),
		evenly(labelled("server-full", cause.ServerFull, "the clients have the full list, but the other servers are at their limit of connections",
			fullServers(), fullList(24)), fullAt),
		evenly(labelled("full-innocent", cause.SingleURL, "the other servers are at their limit, but the clients have a single URL",
			fullServers(), oneURL(24)), fullAt),
	}
}

// onlyFirst changes the options of all servers but the first.
func onlyFirst(change func(o *server.Options)) func(int, *server.Options) {
	return func(i int, o *server.Options) {
		if i > 0 {
			change(o)
		}
	}
}

func removeAccount(o *server.Options, name string) {
	o.Accounts = slices.DeleteFunc(o.Accounts, func(a *server.Account) bool { return a.Name == name })
	o.Users = slices.DeleteFunc(o.Users, func(u *server.User) bool { return u.Username == name })
}

// fullAt is the limit of connections of servers that are full.
const fullAt = 8

// fullServers are a cluster in which all servers but the first have a limit.
func fullServers() Topology {
	return threeServers(func(c *Cluster) { c.Configure = onlyFirst(func(o *server.Options) { o.MaxConn = fullAt }) })
}

// fullList connects clients that have all servers in their list, which the
// operator passes.
func fullList(clients int) setup {
	return func(ctx context.Context, st *Stage) error {
		st.pass(orders, st.urls()...)
		return st.clients(ctx, clients, st.urls()...)
	}
}

// oneProcess connects a process that opens all of its connections to the server
// of its first one, and some clients elsewhere.
func oneProcess(ctx context.Context, st *Stage) error {
	c := Clients{Account: orders, Server: st.Server(n1), Count: 16, Name: "importer", Source: st.from("", servicesOf)}
	if err := st.connect(ctx, c); err != nil {
		return err
	}
	return st.services(ctx, Clients{Account: orders, URLs: []string{st.url(n2), st.url(n3)}, Count: 4})
}

// unknownScenarios are those in which nothing that can be seen tells the cause:
// a tool that names one is guessing.
func unknownScenarios() []Scenario {
	return []Scenario{
		labelled("unknown-nothing-passed", CauseUnknown, "the clients have a single URL, and the operator does not know that",
			threeServers(), func(ctx context.Context, st *Stage) error { return st.clients(ctx, 24, st.url(n1)) }),
		labelled("unknown-dns-fails", CauseUnknown, "the clients have a name for which DNS fails now",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				if err := st.throughName(ctx, 24, DNSRecord{Addresses: st.hosts(n1)}); err != nil {
					return err
				}
				return st.names(ctx, natsName, DNSRecord{Fails: true})
			}),
		labelled("unknown-black-hole", CauseUnknown, "the clients have a name for which DNS gives no answer now",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				if err := st.throughName(ctx, 24, DNSRecord{Addresses: st.hosts(n1)}); err != nil {
					return err
				}
				return st.names(ctx, natsName, DNSRecord{Silent: true})
			}),
		evenly(labelled("unknown-other-account", CauseUnknown, "the operator knows the list of BILLING, which is even, and not that of ORDERS",
			threeServers(), func(ctx context.Context, st *Stage) error {
				st.pass(billing, st.urls()...)
				return st.clients(ctx, 24, st.url(n1))
			}), 6),
	}
}
