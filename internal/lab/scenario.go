package lab

import (
	"context"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// Scenario is a deployment with clients that shows one thing.
type Scenario struct {
	// Name is one or more words joined by hyphens.
	Name string
	// Title says in a sentence what is there to be seen.
	Title    string
	Topology Topology
	// Settle is how long the servers are up before anybody comes: what came after
	// they had started is to be seen by clocks that are compared over the network.
	Settle time.Duration
	// Clients are connected in this order after the servers are up.
	Clients []Placement
	// Setup, if not nil, does the rest, after Clients are connected.
	Setup func(ctx context.Context, st *Stage) error

	// Finding is what an audit with default parameters finds, and nothing
	// else; zero where it finds nothing.
	Finding Finding
	// Cause is the code of the finding's true root cause, or [CauseUnknown]
	// where nothing that an auditor can see, [Stage.Args] included, tells it;
	// "" without a finding.
	Cause cause.Code
	// Contributing are the codes of causes that make it worse.
	Contributing []cause.Code
	// Also are the codes of root causes that are true of others of the account's
	// services, fewer connections of which are on the server.
	Also []cause.Code
}

// CauseUnknown is the cause of a scenario in which no cause can be told.
const CauseUnknown = "unknown"

// Finding is an account with most of its connections in a cluster on a server.
type Finding struct {
	Account, Cluster, Server string
}

// Placement is clients of one account on one server, as up to six services that
// each connect from a host of their own.
type Placement struct {
	Account, Server string
	Count           int
}

// Scenarios are those that show the check itself: their clients are placed, and
// nothing is known of how they came there. The first is the one to show first.
// [Catalogue] has all.
func Scenarios() []Scenario {
	three := func(accounts ...string) Topology {
		return Topology{Clusters: []Cluster{{Name: "C1", Servers: 3}}, Accounts: accounts}
	}
	return []Scenario{
		{
			Name: "skewed", Finding: Finding{"ORDERS", "C1", "C1-n1"}, Cause: CauseUnknown,
			Title:    "ORDERS has nearly all of its clients on one of three servers, BILLING is spread evenly",
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
			Name: "threshold", Finding: Finding{"EIGHT", "C1", "C1-n1"}, Cause: CauseUnknown,
			Contributing: []cause.Code{cause.SmallAccount},
			Title:        "SEVEN has 7 of 10 connections on one server, not a finding; EIGHT has 8 of 10, which is one",
			Topology:     three("SEVEN", "EIGHT"),
			Clients: []Placement{
				{"SEVEN", "C1-n1", 7}, {"SEVEN", "C1-n2", 2}, {"SEVEN", "C1-n3", 1},
				{"EIGHT", "C1-n1", 8}, {"EIGHT", "C1-n2", 1}, {"EIGHT", "C1-n3", 1},
			},
		},
		{
			Name: "small", Title: "nine connections on one server, and a cluster of two servers: neither is checked",
			Topology: Topology{Clusters: []Cluster{{Name: "C1", Servers: 3}, {Name: "C2", Servers: 2}}, Accounts: []string{"NINE", "PAIR"}},
			Clients:  []Placement{{"NINE", "C1-n1", 9}, {"PAIR", "C2-n1", 20}},
		},
		{
			Name: "supercluster", Finding: Finding{"ORDERS", "WEST", "WEST-n2"}, Cause: CauseUnknown, Contributing: []cause.Code{cause.SmallAccount},
			Title:    "two clusters joined by gateways: ORDERS is even in EAST and concentrated in WEST",
			Topology: Topology{Clusters: []Cluster{{Name: "EAST", Servers: 3}, {Name: "WEST", Servers: 3}}, Accounts: []string{"ORDERS"}},
			Clients: []Placement{
				{"ORDERS", "EAST-n1", 20}, {"ORDERS", "EAST-n2", 20}, {"ORDERS", "EAST-n3", 20},
				{"ORDERS", "WEST-n2", 12},
			},
		},
		{
			Name: "full", Finding: Finding{"ORDERS", "C1", "C1-n1"}, Cause: CauseUnknown,
			Title:    "ORDERS is concentrated and the other servers have no room for its clients",
			Topology: Topology{Clusters: []Cluster{{Name: "C1", Servers: 3, MaxConnections: 100}}, Accounts: []string{"ORDERS", "BILLING"}},
			Clients:  []Placement{{"ORDERS", "C1-n1", 80}, {"BILLING", "C1-n2", 70}, {"BILLING", "C1-n3", 70}},
		},
	}
}

// FindScenario finds a scenario of the catalogue by name; ok is false if there
// is none.
func FindScenario(name string) (s Scenario, ok bool) {
	all := Catalogue()
	at := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if at < 0 {
		return Scenario{}, false
	}
	return all[at], true
}

// StartScenario is [StartStage] for those who need the servers only: Stop of
// the lab stops all of the stage.
func StartScenario(ctx context.Context, s Scenario) (*Lab, error) {
	st, err := StartStage(ctx, s)
	if err != nil {
		return nil, err
	}
	return st.Lab, nil
}
