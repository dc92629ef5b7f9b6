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

// TestAnswerNamesWhatWasMoved: accounts that were left out, or not planned, were not moved,
// and what a run has made a finding is said whatever ended it.
func TestAnswerNamesWhatWasMoved(t *testing.T) {
	t.Parallel()
	after := SpreadOf("n1", 29, 30)
	doc := planOf("balanced", 0, 0, 0)
	doc.Moves, doc.After, doc.Accounts[0].Moves, doc.Accounts[0].Clients = []RebalanceMove{{Outcome: "kicked"}}, &doc.Predicted, 1, 1
	if _, got := rebalanceAnswer(doc); !strings.HasPrefix(got, "Moved 1 connection of 1 of 2 accounts in C1: ") {
		t.Error(got)
	}
	doc.Accounts[0].After, doc.Accounts[0].Finding, doc.Accounts[0].NewFinding = &after, true, true
	for _, outcome := range []string{"finding", "stopped"} {
		doc.Outcome = outcome
		if _, got := rebalanceAnswer(doc); !strings.Contains(got, " Now a finding: ORDERS with 29 of 30 (96.7%) on n1.") {
			t.Errorf("%s: %s", outcome, got)
		}
	}
	doc.Accounts[0].Moves = 0
	if _, got := rebalanceAnswer(doc); !strings.Contains(got, " Now a finding: ORDERS with 29 of 30 (96.7%) on n1 (not moved).") {
		t.Error(got)
	}
	doc.Accounts = doc.Accounts[:1]
	if doc.Outcome = "finding"; strings.Contains(doc.stillFound(), "still") {
		t.Error(doc.stillFound())
	}

	// A plan names what it takes later, whose connections it counts, and who is not reached.
	doc = planOf("planned", 12, 20, 14)
	doc.Accounts[0].Services = []RebalanceService{{Name: "api", Connections: 30, Moves: 12, Clients: 12, Expected: 12}}
	doc.Accounts[1].Services = []RebalanceService{{Name: "batch", Connections: 30, Expected: 8}, {Name: "idle", Connections: 9}}
	doc.Some = true
	var b bytes.Buffer
	if err := RebalanceText(&b, doc, Style{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"move 12 connections of 2 accounts in C1", "BILLING, batch: none of 30 connections at first, about 8 later", "Counted are the connections of 2 accounts in C1 only."} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "idle") {
		t.Errorf("a service that is not moved is named:\n%s", b.String())
	}
	doc.Accounts[1].Services[0] = RebalanceService{Name: "batch", Connections: 30, IfNeeded: true}
	if got, want := doc.Ask(), "Move about 12 connections of 1 of 2 accounts in C1, in about 20 moves, and if it takes more also of BILLING?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	doc = planOf("nothing-to-do", 0, 0, 0)
	doc.Servers = append(doc.Servers, RebalanceServer{Server: "n4", Unreached: true})
	if _, got := rebalanceAnswer(doc); !strings.HasPrefix(got, "Nothing to do: no client that may be moved is known to get to n4, and every other server is within a tenth") {
		t.Error(got)
	}
}
