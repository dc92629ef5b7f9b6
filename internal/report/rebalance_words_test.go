package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// planOf is a plan of ORDERS and BILLING on three servers.
func planOf(outcome string, moves, expected, excess int) *Rebalance {
	doc := &Rebalance{Cluster: "C1", Outcome: outcome, Plan: RebalancePlan{Connections: 60, Excess: excess, Moves: moves, Expected: expected},
		Accounts: []RebalanceAccount{{Account: Account{Name: "ORDERS"}, Moves: moves}, {Account: Account{Name: "BILLING"}}},
		Servers:  []RebalanceServer{{Server: "n1", Before: 32, Moves: moves}, {Server: "n2", Before: 28}},
		Before:   SpreadOf("n1", 32, 60), Predicted: SpreadOf("n1", 30, 60)}
	for range moves {
		doc.Moves = append(doc.Moves, RebalanceMove{Outcome: "planned"})
	}
	return doc
}

// TestRebalanceSaysOneNumber: the head of a plan has the moves that its table adds up
// to, and of whom they are.
func TestRebalanceSaysOneNumber(t *testing.T) {
	t.Parallel()
	doc := planOf("planned", 12, 20, 14)
	_, said := rebalanceAnswer(doc)
	if want := "Dry run: would move 12 connections of 1 of 2 accounts in C1, so that"; !strings.HasPrefix(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
	if got, want := doc.Ask(), "Move about 12 connections of 1 of 2 accounts in C1, in about 20 moves?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := planOf("planned", 12, 12, 12).Ask(), "Move about 12 connections of 1 of 2 accounts in C1?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRefusalSaysWhoIsMissing: a plan that is refused as servers did not report says of
// each why, once for those of which it is the same, and what to do.
func TestRefusalSaysWhoIsMissing(t *testing.T) {
	t.Parallel()
	doc := planOf("refused", 0, 0, 0)
	doc.Refusals = []Refusal{{Code: "coverage", Text: "2 servers did not report."}}
	counted := checks.Missing{Kind: checks.Counted, Reason: "n1 counts 4 servers", Cluster: "C1", ClusterKnown: true}
	FinishRebalance(doc, &checks.Deployment{Servers: make([]checks.Server, 2), Missing: []checks.Missing{counted, counted}})
	var b bytes.Buffer
	if err := RebalanceText(&b, doc, Style{}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"2 servers of unknown name in C1, each: n1 counts 4 servers", "or pass --expect-servers 2 if these are all; --force plans without them."} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	forced := planOf("planned", 1, 1, 1)
	FinishRebalance(forced, &checks.Deployment{Missing: []checks.Missing{counted}})
	b.Reset()
	if err := RebalanceText(&b, forced, Style{}); err != nil || strings.Contains(b.String(), "--force") || !strings.Contains(b.String(), "n1 counts 4 servers") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
