package lab

import (
	"context"
	"slices"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// The account, cluster and servers of most scenarios of the catalogue.
const (
	orders  = "ORDERS"
	billing = "BILLING"
	c1      = "C1"
	n1      = "C1-n1"
	n2      = "C1-n2"
	n3      = "C1-n3"
)

// Catalogue is all scenarios: [Scenarios], and then those whose connections are
// concentrated by the mechanism of a known cause, each next to some that look
// alike and have another cause. Many of them need all of 127/8, and so Linux.
func Catalogue() []Scenario {
	return slices.Concat(Scenarios(), urlScenarios(), dnsScenarios(), networkScenarios(), balancerScenarios(),
		restartScenarios(), orderScenarios(), serverScenarios(), leafScenarios(), unknownScenarios())
}

// setup is what a scenario does after its servers are up.
type setup = func(ctx context.Context, st *Stage) error

// labelled is a scenario in which the first server of the first cluster has most
// connections of ORDERS.
func labelled(name string, code cause.Code, title string, t Topology, do setup) Scenario {
	c := t.Clusters[0].Name
	return Scenario{Name: name, Title: title, Topology: t, Setup: do,
		Finding: Finding{orders, c, c + "-n1"}, Cause: code}
}

// threeServers is a cluster of three on one address.
func threeServers(change ...func(c *Cluster)) Topology {
	c := Cluster{Name: c1, Servers: 3}
	for _, f := range change {
		f(&c)
	}
	return Topology{Clusters: []Cluster{c}, Accounts: []string{orders, billing}}
}

// threeAddresses is a cluster of three, each on an address of its own and all on
// the same port.
func threeAddresses(change ...func(c *Cluster)) Topology {
	t := threeServers(change...)
	t.DistinctAddresses = true
	return t
}

// lateServers leaves only the first server running at first.
func lateServers(c *Cluster) { c.Late = []int{1, 2} }

// twoClusters is C1 with three servers, and C2 with two: too few for a finding.
func twoClusters() Topology {
	t := threeAddresses()
	t.Clusters = append(t.Clusters, Cluster{Name: "C2", Servers: 2})
	return t
}

// evenly places clients of BILLING on all three servers.
func evenly(s Scenario, each int) Scenario {
	s.Clients = append(s.Clients, Placement{billing, n1, each}, Placement{billing, n2, each}, Placement{billing, n3, each})
	return s
}

// oneURL connects clients that have the first server's URL only, which the
// operator passes.
func oneURL(clients int) setup {
	return func(ctx context.Context, st *Stage) error {
		st.pass(orders, st.url(n1))
		return st.clients(ctx, clients, st.url(n1))
	}
}
