package lab

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// restartScenarios are those in which servers started when clients were there.
func restartScenarios() []Scenario {
	return []Scenario{
		labelled("restart-drift", cause.RestartDrift, "the clients have all three servers in their list, but came when only the first was up",
			threeAddresses(lateServers), func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.urls()...)
				if err := st.clients(ctx, 24, st.urls()...); err != nil {
					return err
				}
				return st.startedLater(ctx)
			}),
		labelled("restart-drift-no-urls", cause.RestartDrift, "as restart-drift without a known list; those who came later are spread",
			threeAddresses(lateServers), func(ctx context.Context, st *Stage) error {
				if err := st.clients(ctx, 24, st.urls()...); err != nil {
					return err
				}
				if err := st.startLater(ctx, n2, n3); err != nil {
					return err
				}
				if err := later(ctx); err != nil {
					return err
				}
				return st.evenly(ctx, 4)
			}),
		labelled("restart-drift-rolling", cause.RestartDrift, "two servers were restarted, and their clients moved to the first and stayed",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.urls()...)
				if err := st.clients(ctx, 24, st.urls()...); err != nil {
					return err
				}
				if err := st.moveToFirst(ctx, 24); err != nil {
					return err
				}
				return st.newcomers(ctx)
			}),
		labelled("rotating-dns-restart", cause.RestartDrift, "DNS rotates over all three servers, but the clients came when only the first was up",
			threeAddresses(lateServers), func(ctx context.Context, st *Stage) error {
				if err := st.throughName(ctx, 24, DNSRecord{Addresses: st.hosts(n1, n2, n3), Rotate: true}); err != nil {
					return err
				}
				return st.startedLater(ctx)
			}),
		labelled("restart-innocent", cause.SingleURL, "two servers were restarted, but before the clients came, who have a single URL",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				if err := st.restart(ctx, n2, n3); err != nil {
					return err
				}
				if err := later(ctx); err != nil {
					return err
				}
				return oneURL(24)(ctx, st)
			}),
	}
}

// startedLater starts the second and the third server, of which newcomers show that they
// take the clients: otherwise they may have refused them for all that is known.
func (st *Stage) startedLater(ctx context.Context) error {
	if err := st.startLater(ctx, n2, n3); err != nil {
		return err
	}
	return st.newcomers(ctx)
}

// newcomers are clients that come when all servers have started, one on each.
func (st *Stage) newcomers(ctx context.Context) error {
	if err := later(ctx); err != nil {
		return err
	}
	return st.evenly(ctx, 1)
}

// moveToFirst stops the second and the third server, waits until all clients
// are on the first, and starts them again.
func (st *Stage) moveToFirst(ctx context.Context, clients int) error {
	st.shutdown(n2, n3)
	if err := st.WaitCounts(ctx, orders, map[string]int{n1: clients}); err != nil {
		return err
	}
	return st.startLater(ctx, n2, n3)
}

// orderScenarios are those in which clients take the first they are told of.
func orderScenarios() []Scenario {
	return []Scenario{
		labelled("ordered-connect", cause.OrderedConnect, "the clients try their list in order, and their source code says so",
			threeServers(), func(ctx context.Context, st *Stage) error {
				if err := st.passFiles(orders, "cmd/orders/main.go", fmt.Sprintf(ordersGo, strings.Join(st.urls(), ","))); err != nil {
					return err
				}
				return st.inOrder(ctx)
			}),
		labelled("ordered-flag", cause.OrderedConnect, "the clients try their list in order, and the operator knows the list but not that",
			threeServers(), func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.urls()...)
				if err := st.inOrder(ctx); err != nil {
					return err
				}
				return st.newcomers(ctx)
			}),
		labelled("ordered-dns", cause.OrderedConnect, "DNS has the three servers in a fixed order, and the clients take the first",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				return st.pythonThroughName(ctx, DNSRecord{Addresses: st.hosts(n1, n2, n3)})
			}),
	}
}

func (st *Stage) inOrder(ctx context.Context) error {
	return st.services(ctx, Clients{Account: orders, URLs: st.urls(), Count: 24, NoRandomize: true})
}

const ordersGo = `package main

import (
	"log"

	"github.com/nats-io/nats.go"
)

func main() {
	nc, err := nats.Connect("%s",
		nats.Name("orders"),
		nats.DontRandomize(),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	select {}
}
`
