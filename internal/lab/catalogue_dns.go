package lab

import (
	"context"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// natsName is the name of the cluster in scenarios with names.
const natsName = "nats.example"

// dnsScenarios are those in which the clients have one name for the cluster.
func dnsScenarios() []Scenario {
	return []Scenario{
		labelled("single-address-dns", cause.SingleAddressDNS, "one name for the cluster, and DNS has one address for it",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				return st.throughName(ctx, 24, DNSRecord{Addresses: st.hosts(n1)})
			}),
		labelled("single-address-dns-python", cause.SingleAddressDNS, "as single-address-dns, with clients that would not shuffle addresses if there were more",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				return st.pythonThroughName(ctx, DNSRecord{Addresses: st.hosts(n1)})
			}),
		labelled("dns-stale", cause.SingleAddressDNS, "DNS has three addresses, of which two are of servers that are gone",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				return st.throughName(ctx, 24, DNSRecord{Addresses: append([]string{"127.0.1.8", "127.0.1.9"}, st.hosts(n1)...), Rotate: true})
			}),
		labelled("dns-alias", cause.SingleAddressDNS, "the name is an alias of an alias of a name with one address",
			threeAddresses(), func(ctx context.Context, st *Stage) error {
				if err := st.names(ctx, "lb.infra.example", DNSRecord{CNAME: "vm-17.infra.example", TTL: 300}); err != nil {
					return err
				}
				if err := st.names(ctx, "vm-17.infra.example", DNSRecord{Addresses: st.hosts(n1), TTL: 30}); err != nil {
					return err
				}
				return st.throughName(ctx, 24, DNSRecord{CNAME: "lb.infra.example", TTL: 3600})
			}),
		labelled("dns-other-cluster", cause.SingleAddressDNS, "DNS has two addresses, of which one is of another cluster's server",
			twoClusters(), func(ctx context.Context, st *Stage) error {
				// As many as in single-url-foreign, for the same reason.
				return st.throughName(ctx, 66, DNSRecord{Addresses: st.hosts(n1, "C2-n1"), Rotate: true})
			}),
	}
}

// throughName connects clients by a name, which the operator passes.
func (st *Stage) throughName(ctx context.Context, clients int, r DNSRecord) error {
	if err := st.names(ctx, natsName, r); err != nil {
		return err
	}
	st.pass(orders, st.named(natsName))
	return st.clients(ctx, clients, st.named(natsName))
}

// pythonThroughName connects clients by a name, of which they take the first
// address, as nats.py does with the resolver's order.
func (st *Stage) pythonThroughName(ctx context.Context, r DNSRecord) error {
	if err := st.names(ctx, natsName, r); err != nil {
		return err
	}
	st.pass(orders, st.named(natsName))
	for range 4 {
		hosts, err := st.DNS.Resolver().LookupHost(ctx, natsName)
		if err != nil {
			return err
		}
		for _, s := range st.servers {
			if s.Host() != hosts[0] {
				continue
			}
			if err := st.rawServices(ctx, RawClients{Account: orders, Server: s, Count: servicesOf, Lang: "python3", Version: "2.9.0"}); err != nil {
				return err
			}
		}
	}
	return nil
}
