package lab

import (
	"context"
	"fmt"
	"slices"
)

// Scenario is a deployment with clients that shows one thing.
type Scenario struct {
	// Name is one or more words joined by hyphens.
	Name string
	// Title says in a sentence what is there to be seen.
	Title    string
	Topology Topology
	// Clients are connected in this order after the servers are up.
	Clients []Placement
}

// Placement is clients of one account on one server.
type Placement struct {
	Account, Server string
	Count           int
}

// Scenarios is the catalogue. The first is the one to show first.
func Scenarios() []Scenario {
	three := func(accounts ...string) Topology {
		return Topology{Clusters: []Cluster{{Name: "C1", Servers: 3}}, Accounts: accounts}
	}
	return []Scenario{
		{
			Name: "skewed", Title: "ORDERS has nearly all of its clients on one of three servers, BILLING is spread evenly",
			Topology: three("ORDERS", "BILLING"),
			Clients: []Placement{
				{"ORDERS", "C1-n1", 17}, {"ORDERS", "C1-n2", 1},
				{"BILLING", "C1-n1", 6}, {"BILLING", "C1-n2", 6}, {"BILLING", "C1-n3", 6},
			},
		},
		{
			Name: "balanced", Title: "two accounts spread evenly over three servers: no finding",
			Topology: three("ORDERS", "BILLING"),
			Clients: []Placement{
				{"ORDERS", "C1-n1", 6}, {"ORDERS", "C1-n2", 6}, {"ORDERS", "C1-n3", 6},
				{"BILLING", "C1-n1", 4}, {"BILLING", "C1-n2", 5}, {"BILLING", "C1-n3", 5},
			},
		},
		{
			Name: "threshold", Title: "SEVEN has 7 of 10 connections on one server, which is no finding; EIGHT has 8 of 10, which is",
			Topology: three("SEVEN", "EIGHT"),
			Clients: []Placement{
				{"SEVEN", "C1-n1", 7}, {"SEVEN", "C1-n2", 2}, {"SEVEN", "C1-n3", 1},
				{"EIGHT", "C1-n1", 8}, {"EIGHT", "C1-n2", 1}, {"EIGHT", "C1-n3", 1},
			},
		},
		{
			Name: "small", Title: "nine connections on one server, and a cluster of two servers: neither is judged",
			Topology: Topology{Clusters: []Cluster{{Name: "C1", Servers: 3}, {Name: "C2", Servers: 2}}, Accounts: []string{"NINE", "PAIR"}},
			Clients:  []Placement{{"NINE", "C1-n1", 9}, {"PAIR", "C2-n1", 20}},
		},
		{
			Name: "supercluster", Title: "two clusters joined by gateways: ORDERS is even in EAST and concentrated in WEST",
			Topology: Topology{Clusters: []Cluster{{Name: "EAST", Servers: 3}, {Name: "WEST", Servers: 3}}, Accounts: []string{"ORDERS"}},
			Clients: []Placement{
				{"ORDERS", "EAST-n1", 20}, {"ORDERS", "EAST-n2", 20}, {"ORDERS", "EAST-n3", 20},
				{"ORDERS", "WEST-n2", 12},
			},
		},
		{
			Name: "full", Title: "ORDERS is concentrated and the other servers have no room for its clients",
			Topology: Topology{Clusters: []Cluster{{Name: "C1", Servers: 3, MaxConnections: 100}}, Accounts: []string{"ORDERS", "BILLING"}},
			Clients:  []Placement{{"ORDERS", "C1-n1", 80}, {"BILLING", "C1-n2", 70}, {"BILLING", "C1-n3", 70}},
		},
	}
}

// FindScenario finds a scenario by name; ok is false if there is none.
func FindScenario(name string) (s Scenario, ok bool) {
	all := Scenarios()
	at := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if at < 0 {
		return Scenario{}, false
	}
	return all[at], true
}

// StartScenario starts the servers and clients of a scenario and returns when
// the servers count every client. The context bounds the start only.
func StartScenario(ctx context.Context, s Scenario) (*Lab, error) {
	l, err := Start(ctx, s.Topology)
	if err != nil {
		return nil, err
	}
	want := map[string]map[string]int{}
	for _, p := range s.Clients {
		_, err := l.Connect(ctx, Clients{Account: p.Account, Server: l.Server(p.Server), Count: p.Count, Name: "demo-" + p.Account, Subscriptions: 1})
		if err != nil {
			l.Stop()
			return nil, fmt.Errorf("connecting %d clients of %s to %s: %w", p.Count, p.Account, p.Server, err)
		}
		if want[p.Account] == nil {
			want[p.Account] = map[string]int{}
		}
		want[p.Account][p.Server] += p.Count
	}
	for account, counts := range want {
		if err := l.WaitCounts(ctx, account, counts); err != nil {
			l.Stop()
			return nil, err
		}
	}
	return l, nil
}
