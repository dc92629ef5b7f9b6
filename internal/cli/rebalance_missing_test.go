package cli

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestWhoIsMissing: clients that were closed last may be on a server that did not report.
func TestWhoIsMissing(t *testing.T) {
	t.Parallel()
	members := []balance.Server{{ID: "A", Name: "n1"}, {ID: "B", Name: "n2"}, {ID: "C", Name: "n3"}}
	reported := func(counts ...uint32) *checks.Deployment {
		d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}}
		for i, n := range counts {
			d.Servers = append(d.Servers, checks.Server{ID: members[i].ID, Name: members[i].Name, Cluster: "C1", Usage: []checks.Usage{{Connections: n}}})
		}
		return d
	}
	unreported := func(d *checks.Deployment, m checks.Missing) *checks.Deployment {
		d.Missing = append(d.Missing, m)
		return d
	}
	known := func(n int) *int { return &n }
	for _, c := range []struct {
		name    string
		run     balance.Run
		after   *checks.Deployment
		missing *int
	}{
		{"all read, and fewer are there", balance.Run{Missing: 12, Unseen: true}, reported(10, 10, 7), known(3)},
		{"all read, and all are there", balance.Run{Missing: 12, Unseen: true}, reported(10, 10, 10), known(0)},
		{"all read, and others left", balance.Run{Missing: 1}, reported(5, 5, 5), known(1)},
		{"a server did not report", balance.Run{Missing: 12, Unseen: true}, reported(10, 8), nil},
		{"nor did one of unknown name", balance.Run{Missing: 12, Unseen: true}, unreported(reported(10, 8, 3), checks.Missing{}), nil},
		{"one of another cluster did not", balance.Run{Missing: 12, Unseen: true}, unreported(reported(10, 8, 3), checks.Missing{Cluster: "C2", ClusterKnown: true}), known(9)},
		{"the others have them all", balance.Run{Missing: 12, Unseen: true}, reported(15, 15), known(0)},
		{"the last look saw them all back", balance.Run{}, reported(10, 8), known(0)},
	} {
		s := &assessment{cluster: "C1", goal: balance.Goal{To: -1}, scope: balance.Scope{Cluster: "C1", Servers: members, Accounts: []balance.Account{{ID: "ORDERS", Rule: checks.Defaults()}}},
			state: &balance.State{Servers: members, Accounts: make([]balance.Account, 1)}}
		doc := &report.Rebalance{Before: report.SpreadOf("n1", 30, 30), Accounts: make([]report.RebalanceAccount, 1), Servers: []report.RebalanceServer{{ID: "A"}, {ID: "B"}, {ID: "C"}}}
		s.recordRun(doc, c.run)
		r := newRebalance(Host{})
		r.judgeAfter(doc, s, c.after, s.state)
		if (doc.Missing == nil) != (c.missing == nil) || doc.Missing != nil && *doc.Missing != *c.missing {
			t.Errorf("%s: %v, want %v", c.name, show(doc.Missing), show(c.missing))
		}
	}
}

// show is a number that may be unknown.
func show(n *int) any {
	if n == nil {
		return "unknown"
	}
	return *n
}
