package lab

import (
	"context"
	"fmt"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// urlScenarios are those in which the clients' lists hold addresses of servers,
// and only one server is behind them.
func urlScenarios() []Scenario {
	return []Scenario{
		evenly(labelled("single-url", cause.SingleURL, "every client of ORDERS has the URL of the first server only",
			threeServers(), oneURL(24)), 4),
		labelled("single-url-aliases", cause.SingleURL, "three URLs, an address and two names, that are all the same server",
			threeServers(), singleURLAliases),
		labelled("single-url-dead-others", cause.SingleURL, "three servers in the list, of which two were taken away long ago",
			threeAddresses(), singleURLDeadOthers),
		labelled("single-url-own-name", cause.SingleURL, "the DNS name of the first server alone, though the others have names as well",
			threeAddresses(), singleURLOwnName),
		labelled("single-url-foreign", cause.SingleURL, "the other servers in the list belong to another cluster",
			twoClusters(), singleURLForeign),
		labelled("single-url-then-restart", cause.SingleURL, "a single URL; the other servers were restarted since, which changed nothing",
			threeAddresses(), singleURLThenRestart),
		small(labelled("single-url-small", cause.SingleURL, "a single URL, and an account of no more than 12 connections",
			threeServers(), oneURL(12))),
		noDiscovery(labelled("single-url-no-advertise", cause.SingleURL, "a single URL, and servers that advertise no other server",
			threeServers(func(c *Cluster) { c.NoAdvertise = true }), oneURL(24))),
		labelled("single-url-nat", cause.SingleURL, "a single URL, and all services come from one address, behind a NAT",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.url(n1))
				return st.services(ctx, Clients{Account: orders, URLs: []string{st.url(n1)}, Count: 24, Source: "127.42.0.1"})
			}),
		labelled("single-url-in-files", cause.SingleURL, "a single URL in the configuration files of the services",
			threeServers(), singleURLInFiles),
		{
			Name: "supercluster-single-url", Title: "ORDERS is even in EAST and has a single URL in WEST", Cause: cause.SingleURL,
			Topology: Topology{Clusters: []Cluster{{Name: "WEST", Servers: 3}, {Name: "EAST", Servers: 3}}, Accounts: []string{orders}},
			Clients:  []Placement{{orders, "EAST-n1", 8}, {orders, "EAST-n2", 8}, {orders, "EAST-n3", 8}},
			Finding:  Finding{orders, "WEST", "WEST-n2"},
			Setup: func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.url("WEST-n2"))
				return st.clients(ctx, 20, st.url("WEST-n2"))
			},
		},
	}
}

func small(s Scenario) Scenario {
	s.Contributing = append(s.Contributing, cause.SmallAccount)
	return s
}

func noDiscovery(s Scenario) Scenario {
	s.Contributing = append(s.Contributing, cause.DiscoveryOff)
	return s
}

func singleURLAliases(ctx context.Context, st *Stage) error {
	first := st.Server(n1)
	// Where the hosts file does not have localhost, resolvers ask for it.
	for _, name := range []string{"n1.nats.example", "localhost"} {
		if err := st.names(ctx, name, DNSRecord{Addresses: []string{first.Host()}}); err != nil {
			return err
		}
	}
	list := []string{first.ClientURL(), "nats://" + hostPort("localhost", first.Port()), "nats://" + hostPort("n1.nats.example", first.Port())}
	st.pass(orders, list...)
	return st.clients(ctx, 24, list...)
}

func singleURLDeadOthers(ctx context.Context, st *Stage) error {
	// No server is on these addresses.
	list := []string{st.url(n1), st.named("127.0.1.8"), st.named("127.0.1.9")}
	st.pass(orders, list...)
	return st.clients(ctx, 24, list...)
}

func singleURLOwnName(ctx context.Context, st *Stage) error {
	for name, server := range map[string]string{"n1.nats.example": n1, "n2.nats.example": n2, "n3.nats.example": n3} {
		if err := st.names(ctx, name, DNSRecord{Addresses: st.hosts(server)}); err != nil {
			return err
		}
	}
	st.pass(orders, st.named("n1.nats.example"))
	return st.clients(ctx, 24, st.named("n1.nats.example"))
}

// singleURLForeign has so many clients that with half of them taking the other
// cluster C1 has a handful too few once in a billion times.
func singleURLForeign(ctx context.Context, st *Stage) error {
	list := []string{st.url(n1), st.url("C2-n1")}
	st.pass(orders, list...)
	return st.clients(ctx, 66, list...)
}

func singleURLThenRestart(ctx context.Context, st *Stage) error {
	if err := oneURL(24)(ctx, st); err != nil {
		return err
	}
	return st.restart(ctx, n2, n3)
}

func singleURLInFiles(ctx context.Context, st *Stage) error {
	err := st.passFiles(orders,
		"deploy/orders.yaml", fmt.Sprintf(ordersYAML, st.url(n1)),
		"invoices/.env", fmt.Sprintf("LOG_LEVEL=info\n# NATS_URL=%s,%s\nNATS_URL=%s\n", st.url(n2), st.url(n3), st.url(n1)))
	if err != nil {
		return err
	}
	return st.clients(ctx, 24, st.url(n1))
}

const ordersYAML = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
spec:
  replicas: 12
  template:
    spec:
      containers:
        - name: orders
          image: registry.example/orders:1.4
          env:
            - name: LOG_LEVEL
              value: info
            - name: NATS_URL
              value: "%s"
`
