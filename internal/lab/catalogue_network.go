package lab

import (
	"context"
	"fmt"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// networkScenarios are those in which it matters where clients are.
func networkScenarios() []Scenario {
	networks := threeServers()
	networks.Networks = true
	return []Scenario{
		labelled("network-affinity", cause.NetworkAffinity, "every client is on the server of its own network, and most clients are in one; all have the full list",
			networks, func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.urls()...)
				return st.nearest(ctx)
			}),
		labelled("network-affinity-no-urls", cause.NetworkAffinity, "as network-affinity, and the operator does not know the list",
			networks, func(ctx context.Context, st *Stage) error { return st.nearest(ctx) }),
		labelled("network-innocent", cause.SingleURL, "most clients are in the network of their server, but all came there by a single URL",
			networks, func(ctx context.Context, st *Stage) error {
				st.pass(orders, st.url(n1))
				for network, n := range map[int]int{1: 16, 2: 6, 3: 4} {
					if err := st.inNetwork(ctx, network, n, st.url(n1)); err != nil {
						return err
					}
				}
				return nil
			}),
	}
}

// nearest connects clients to the servers of their networks.
func (st *Stage) nearest(ctx context.Context) error {
	for i, n := range []int{24, 4, 3} {
		if err := st.inNetwork(ctx, i+1, n, st.Cluster(c1)[i].ClientURL()); err != nil {
			return err
		}
	}
	return nil
}

// inNetwork connects clients from the network of server i, from 1: each service
// has a host in it.
func (st *Stage) inNetwork(ctx context.Context, i, clients int, url string) error {
	for k := range servicesOf {
		c := Clients{Account: orders, URLs: []string{url}, Count: shareOf(clients, k), Name: service(k),
			Source: fmt.Sprintf("127.1.%d.%d", i, 20+k)}
		if c.Count == 0 {
			break
		}
		if err := st.connect(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// balancerHost is the address of a load balancer: none of a server's.
const balancerHost = "127.0.9.1"

// balancerScenarios are those in which clients come through a load balancer.
func balancerScenarios() []Scenario {
	return []Scenario{
		labelled("sticky-lb", cause.StickyLoadBalancer, "a load balancer sends everyone to the first server that is up",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				return st.throughBalancer(ctx, BalancerConfig{Host: balancerHost, Mode: OnlyFirst})
			}),
		labelled("sticky-lb-dns", cause.StickyLoadBalancer, "a name with one address, which is that of a load balancer that sends everyone to the first server",
			threeAddresses(), stickyBehindName),
		labelled("sticky-lb-hash", cause.StickyLoadBalancer, "a load balancer pins source addresses, and most clients share a few of those",
			threeAddresses(), func(ctx context.Context, st *Stage) error { return st.stickyByHash(ctx, 0) }),
		labelled("sticky-lb-hash-elsewhere", cause.StickyLoadBalancer, "as sticky-lb-hash, and the balancer pins whoever asks from here to another server than most clients",
			threeAddresses(), func(ctx context.Context, st *Stage) error { return st.stickyByHash(ctx, 1) }),
		labelled("random-lb-restart", cause.RestartDrift, "a load balancer that chooses at random, but when the clients came only the first server was up",
			threeAddresses(lateServers), func(ctx context.Context, st *Stage) error {
				if err := st.throughBalancer(ctx, BalancerConfig{Host: balancerHost, Mode: Random}); err != nil {
					return err
				}
				return st.startedLater(ctx)
			}),
	}
}

// throughBalancer connects clients to a balancer, whose URL the operator passes.
func (st *Stage) throughBalancer(ctx context.Context, c BalancerConfig) error {
	_, url, err := st.balance(ctx, c)
	if err != nil {
		return err
	}
	st.pass(orders, url)
	return st.clients(ctx, 24, url)
}

func stickyBehindName(ctx context.Context, st *Stage) error {
	b, _, err := st.balance(ctx, BalancerConfig{Host: balancerHost, Mode: OnlyFirst})
	if err != nil {
		return err
	}
	if err := st.names(ctx, natsName, DNSRecord{Addresses: []string{balancerHost}}); err != nil {
		return err
	}
	url := fmt.Sprintf("nats://%s:%d", natsName, b.port())
	st.pass(orders, url)
	return st.clients(ctx, 24, url)
}

// stickyByHash connects offices, in each of which all clients share an address:
// six that the balancer happens to send to the first server, and one to each of
// the others. The machine itself, 127.0.0.1, is sent to the server of an index.
func (st *Stage) stickyByHash(ctx context.Context, here int) error {
	backends := st.addrs()
	at := hashOf(loopback, len(backends))
	backends[at], backends[here] = backends[here], backends[at]
	b, url, err := st.balance(ctx, BalancerConfig{Host: balancerHost, Mode: SourceHash, Backends: backends, Transparent: true})
	if err != nil {
		return err
	}
	st.pass(orders, url)
	offices := map[string]int{st.Server(n1).Addr(): 6, st.Server(n2).Addr(): 1, st.Server(n3).Addr(): 1}
	for i := 1; i <= maxPerGroup; i++ {
		office := fmt.Sprintf("127.41.%d.1", i)
		server := b.Pinned(office)
		if offices[server] == 0 {
			continue
		}
		offices[server]--
		if err := st.services(ctx, Clients{Account: orders, URLs: []string{url}, Count: 5, Source: office}); err != nil {
			return err
		}
	}
	return nil
}
