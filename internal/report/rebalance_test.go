package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// rebalanceOf is a document with everything in it.
func rebalanceOf(outcome, name string) *Rebalance {
	n, batch, why := 70, 1, "why "+name
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	doc := &Rebalance{
		Tool: Tool{Name: "nats-balance", Version: "1"}, Time: start, Source: SourceOf(system.Kind(), []string{"nats://" + name}),
		Cluster: name, Outcome: outcome,
		Given:    RebalanceParameters{Apply: outcome != "planned", Rate: 10, Batch: 20},
		Refusals: []Refusal{{Code: "single-url", Text: "The clients of " + name + " know one server."}, {Code: "coverage", Text: "Another."}},
		Plan:     RebalancePlan{Connections: 24, EvenShare: 8, Excess: 16, Moves: 2, DurationS: 3, LimitedBy: []string{"--max-moves"}},
		Before:   SpreadOf(name, 24, 24), Predicted: SpreadOf(name, 22, 24),
		Notes: []string{"A note on " + name + "."}, Warnings: []string{"a warning on " + name},
		Stop:    &RebalanceStop{Code: "server-lost", Text: name + " does not answer any more."},
		Missing: new(int),
	}
	if outcome == "nothing-to-do" {
		doc.Before = SpreadOf(name, 8, 24)
	}
	if outcome == "nothing-to-do" {
		doc.Plan.Excess = 0
	}
	after := SpreadOf(name, 9, 24)
	doc.After = &after
	for i, outcome := range []string{"planned", "kicked", "gone", "refused", "no-answer", "not-tried", "kicked"} {
		doc.Moves = append(doc.Moves, RebalanceMove{Server: name, ServerID: name, CID: uint64(i), Name: name, Language: name, Protocol: "nats",
			Start: &start, IdleS: 90, Outcome: outcome, Why: &why, Batch: &batch})
	}
	doc.Servers = []RebalanceServer{{Server: name, ID: name, Connections: &n, Limit: &n, Free: &n, Before: 24, Moves: 2, Predicted: 22, After: &n}, {Server: "n2", ID: "ID2"}}
	doc.Batches = []RebalanceBatch{{Kicked: 1, Gone: 1, TookS: 0.5}}
	d := &checks.Deployment{Notes: []string{"noted of " + name}, Missing: []checks.Missing{
		{Name: name, Cluster: name, ClusterKnown: true, Reason: "did not answer"}, {ID: "X", Reason: "who knows"}, {Name: "elsewhere", Cluster: "C2", ClusterKnown: true}}}
	causes := []cause.Cause{{Code: cause.SingleURL, Title: "Title", Role: cause.Root, Verdict: cause.Likely, Evidence: []cause.Evidence{{Text: name, Where: name}}}}
	doc.Accounts = []RebalanceAccount{{Account: Account{ID: name, Name: name}, Connections: 24, Moves: 2, Clients: 2, Before: SpreadOf(name, 24, 24), After: &after, Found: causes, Services: []RebalanceService{
		{Name: name, User: name, Language: name, Protocol: name, Connections: 20, Moves: 2, Clients: 2}, {Name: name, Connections: 4, LeftOut: &why}}}}
	FinishRebalance(doc, d)
	return doc
}

func outcomesOfRebalance() map[string]string {
	return map[string]string{
		"planned":       "Dry run: would move 7 connections of ORDERS in ORDERS, so that the most on one",
		"nothing-to-do": "Nothing to do: no server has more than its even share of ORDERS in ORDERS",
		"refused":       "Refused: The clients of ORDERS know one server.",
		"declined":      "Not confirmed: no connection of ORDERS in ORDERS was moved.",
		"started":       "Started to move 7 connections of ORDERS in ORDERS; this was written before the",
		"balanced":      "Moved 2 of 7 connections of ORDERS in ORDERS: the most on one server went from",
		"finding":       "Moved 2 of 7 connections of ORDERS in ORDERS: the most on one server went from",
		"stopped":       "Stopped after 2 of 7 closes of ORDERS in ORDERS: the most on one server went",
	}
}

func TestRebalanceTextAnswersFirst(t *testing.T) {
	t.Parallel()
	for outcome, want := range outcomesOfRebalance() {
		var b bytes.Buffer
		if err := RebalanceText(&b, rebalanceOf(outcome, "ORDERS"), Style{}); err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(b.String(), "\n"); !strings.HasPrefix(first, want) {
			t.Errorf("%s: the first line is %q, want %q", outcome, first, want)
		}
		if outcome == "stopped" && !strings.Contains(strings.ReplaceAll(b.String(), "\n", " "), "ORDERS does not answer any more.") {
			t.Errorf("why it stopped is not in\n%s", b.String())
		}
	}
}

// TestAnswerSaysWhatIsSo: near an even share is not at it, of several accounts it names
// those that are still findings, and clients are not closes.
func TestAnswerSaysWhatIsSo(t *testing.T) {
	t.Parallel()
	other := func(doc *Rebalance) *RebalanceAccount {
		after := SpreadOf("n1", 16, 16)
		doc.Accounts = append(doc.Accounts, RebalanceAccount{Account: Account{ID: "DEV", Name: "DEV"}, Before: after, After: &after})
		return &doc.Accounts[1]
	}
	for _, c := range []struct {
		outcome string
		change  func(*Rebalance)
		want    string
	}{
		{"nothing-to-do", func(*Rebalance) {}, "no server has more than its even share of ORDERS in C1, 8 of 24 (33.3%)."},
		{"nothing-to-do", func(d *Rebalance) { d.Before = SpreadOf("n1", 10, 24) }, "its even share of ORDERS in C1: 10 of 24 (41.7%) on one server, and an even share is 8."},
		{"nothing-to-do", func(d *Rebalance) { d.Given.Even = true }, "every account is within a tenth, or a few connections, of its even spread."},
		{"nothing-to-do", func(d *Rebalance) { d.Given.ToServer = new("n2"); d.Servers[1].Before = 19 }, "n2 has 19 of the 24 connections of ORDERS in C1, and an even share is 8."},
		{"finding", func(*Rebalance) {}, "to 9 of 24 (37.5%), which is still a finding."},
		{"finding", func(d *Rebalance) { other(d).Finding = true }, "to 9 of 24 (37.5%). Still a finding: DEV with 16 of 16 (100.0%) on n1."},
		{"finding", func(d *Rebalance) { other(d).Finding, d.Accounts[0].Finding = true, true }, "Still findings: ORDERS with 9 of 24 (37.5%) on ORDERS and DEV with 16 of 16"},
		{"balanced", func(d *Rebalance) { d.Accounts[0].Clients = 1 }, "Moved 1 client of ORDERS in C1 with 2 of 7 closes: the most"},
		{"balanced", func(d *Rebalance) { d.Accounts[0].Clients, d.Moves = 1, []RebalanceMove{d.Moves[1], d.Moves[6]} }, "Moved 1 client of ORDERS in C1 with 2 closes: the most"},
		{"stopped", func(d *Rebalance) { d.Moves = []RebalanceMove{d.Moves[1], d.Moves[6]} }, "Stopped after 2 closes of ORDERS in C1: the most"},
	} {
		doc := rebalanceOf(c.outcome, "ORDERS")
		doc.Cluster, doc.Servers[1].After = "C1", new(3)
		c.change(doc)
		if _, got := rebalanceAnswer(doc); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s\nwant %s", c.outcome, got, c.want)
		}
	}
}

// A refusal for servers that did not report says why, and what to do about it.
func TestRefusedForCoverageHasAWayOut(t *testing.T) {
	t.Parallel()
	doc := rebalanceOf("refused", "C1")
	doc.Refusals = []Refusal{{Code: "coverage", Text: "1 server did not report (1 of unknown name), so how the connections are spread is unknown."}}
	FinishRebalance(doc, &checks.Deployment{Servers: make([]checks.Server, 3), Missing: []checks.Missing{{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted, Reason: "others count it"}}})
	var b bytes.Buffer
	if err := RebalanceText(&b, doc, Style{}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"1 server of unknown name", "others count it", "pass --expect-servers 3 if these are all; --force plans without them."} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// TestMissingIsUnknown where not all servers were read: that is not nobody, and not all.
func TestMissingIsUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		missing *int
		outcome string
		want    string // in the text, where "" is neither
		null    bool
	}{
		{nil, "stopped", "Whether all clients are back is unknown", true},
		{new(2), "stopped", ", 2 clients missing", false},
		{new(0), "stopped", "", false},
		{nil, "planned", "", false},
		{nil, "started", "", true},
	} {
		doc := rebalanceOf(c.outcome, "ORDERS")
		if c.outcome == "planned" || c.outcome == "started" {
			for i := range doc.Moves {
				doc.Moves[i].Outcome = "planned"
			}
		}
		doc.Missing = c.missing
		FinishRebalance(doc, &checks.Deployment{})
		var b bytes.Buffer
		if err := RebalanceText(&b, doc, Style{}); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(b.String(), "\n", " ")
		said := strings.Contains(text, "is unknown: not all") || strings.Contains(text, " missing")
		if !strings.Contains(text, c.want) || said != (c.want != "") || (doc.Missing == nil) != c.null {
			t.Errorf("%s, missing %v: %s", c.outcome, doc.Missing, text)
		}
	}
}

// TestRebalanceIsHarmless: no line is too long and nothing controls a terminal,
// whatever things are called.
func TestRebalanceIsHarmless(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ORDERS", "", "\x1b]0;pwned\x07\u202e\u009b1A\n\r", strings.Repeat("long", 200), strings.Repeat("漢字", 50), "bad \xff", "nats://u:hunter2@h"} {
		for outcome := range outcomesOfRebalance() {
			doc := rebalanceOf(outcome, name)
			var text, asJSON bytes.Buffer
			if err := RebalanceText(&text, doc, Style{}); err != nil {
				t.Fatal(err)
			}
			if err := JSON(&asJSON, doc); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(text.String(), "\n") {
				if columns(line) > width {
					t.Errorf("%q, %s: %d columns: %q", name, outcome, columns(line), line)
				}
			}
			for _, out := range []string{text.String(), asJSON.String()} {
				if !utf8.ValidString(out) || strings.Contains(out, "hunter2") {
					t.Errorf("%q, %s: %q", name, outcome, out)
				}
				for _, r := range out {
					if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
						t.Fatalf("%q, %s: it has %U", name, outcome, r)
					}
				}
			}
		}
	}
}

// TestRebalanceJSONHasEveryField also where there is nothing to say.
func TestRebalanceJSONHasEveryField(t *testing.T) {
	t.Parallel()
	fields := func(doc *Rebalance) map[string]bool {
		var b bytes.Buffer
		if err := JSON(&b, doc); err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(b.Bytes(), &all); err != nil {
			t.Fatal(err)
		}
		out := map[string]bool{}
		for name, value := range all {
			out[name] = true
			if value == nil && name != "after" && name != "stop" {
				t.Errorf("%s is null", name)
			}
		}
		return out
	}
	empty := &Rebalance{}
	FinishRebalance(empty, &checks.Deployment{})
	full := rebalanceOf("stopped", "ORDERS")
	if a, b := fields(empty), fields(full); !reflect.DeepEqual(a, b) || len(a) != 21 {
		t.Errorf("empty has %d fields, full %d", len(a), len(b))
	}
	if len(full.Coverage.Missing) != 2 || full.Coverage.Complete || !empty.Coverage.Complete || fmt.Sprint(full.Predicted.SharePercent) != "91.7" {
		t.Errorf("%+v, %+v", full.Coverage, full.Predicted)
	}
}

// A plan of many accounts fits on a screen: each connection of it is in JSON.
func TestRebalancePlanIsShort(t *testing.T) {
	t.Parallel()
	doc := rebalanceOf("planned", "ORDERS")
	one, move := doc.Accounts[0], doc.Moves[0]
	doc.Accounts, doc.Moves = nil, nil
	for i := range 40 {
		one.Account.Name = fmt.Sprint("TEAM-", i)
		doc.Accounts = append(doc.Accounts, one)
		for range 5 {
			doc.Moves = append(doc.Moves, move)
		}
	}
	var b bytes.Buffer
	if err := RebalanceText(&b, doc, Style{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n > 50 || strings.Contains(b.String(), "planned:") {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
}

// TestMovesOfAService: clients that choose where they go may be moved twice.
func TestMovesOfAService(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]RebalanceService{
		"2 of 20 connections":                            {Moves: 2, Clients: 2, Connections: 20},
		"13 clients of 20, with 26 closes":               {Moves: 26, Clients: 13, Connections: 20},
		"13 clients of 20, with 15 closes":               {Moves: 15, Clients: 13, Connections: 20}, // as few as they are
		"1 client of 1, with 2 closes":                   {Moves: 2, Clients: 1, Connections: 1},
		"22 connections":                                 {Moves: 22, Clients: 22, Connections: 20}, // others came
		"4 of 12 connections, in about 9 moves":          {Moves: 4, Clients: 4, Connections: 12, Expected: 9},
		"none of 12 connections at first, about 9 later": {Connections: 12, Expected: 9},
		"none of 12 connections, unless it takes more":   {Connections: 12, IfNeeded: true},
	} {
		if got := s.moved(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
