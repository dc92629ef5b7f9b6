package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// On a narrow terminal names are cut in the middle, and numbers nowhere.
func TestNumbersAreNeverCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long-name-", 6)
	row := RowOf{Verdict: "sticky-load-balancer, critical", Row: Row{Account: Account{ID: long}, Cluster: long, Server: ServerRef{Name: long},
		OnServer: 1_234_567_890, Connections: 1_345_678_901, SharePercent: 91.7}}
	n, after, limit := 1_234_567, 1_345_678, 1_456_789
	finding := Finding{Account: row.Account, label: long, OnServer: 12_345, Connections: 13_456, Distribution: []Share{{label: long, Connections: &n}},
		Impact: Impact{ConnectionsLost: 12_345, CanFailOver: "yes"}}
	for _, columns := range []int{40, 60, 80} {
		for name, c := range map[string]struct {
			write func(*printer)
			want  []string
		}{
			"a table": {func(p *printer) { p.table([]RowOf{row}, "CAUSE", func(r RowOf) string { return r.Verdict }) },
				[]string{"1,234,567,890 of 1,345,678,901", "91.7%", "sticky-load-balancer, critical"}},
			"survivors":     {func(p *printer) { p.survivors([]Survivor{{label: long, Now: &n, After: &after, Limit: &limit}}) }, []string{"1,234,567 1,345,678 1,456,789"}},
			"what it costs": {func(p *printer) { p.shortFinding(&Document{}, finding, true) }, []string{"12,345 connections drop", "12,345 of 13,456"}},
			"what to do": {func(p *printer) {
				p.do(Finding{Remedies: []Remedy{{Title: "Move 12,345 connections of " + long + " off " + long, Commands: []string{"nats-balance rebalance --account " + long}}}}, 2)
			}, []string{"Move 12,345 connections"}},
		} {
			p := newPrinter(Style{Width: columns})
			c.write(p)
			for _, want := range c.want {
				if got := unwrapped(p.b.String()); !strings.Contains(got, want) {
					t.Errorf("%s in %d columns: no %q in\n%s", name, columns, want, p.b.String())
				}
			}
		}
	}
	in := hotspotFixtureNamed(t, "long")
	number := "4,000,000,000"
	want := strings.Count(hotspotText(t, in, Style{Width: widest}), number)
	for _, columns := range []int{40, 60} {
		if got := hotspotText(t, in, Style{Width: columns}); strings.Count(got, number) != want {
			t.Errorf("%d columns:\n%s", columns, got)
		}
	}
}

// A pass names what comes nearest to a finding, or to being checked.
func TestPassHasNumbers(t *testing.T) {
	t.Parallel()
	few := newFleet().server("C1", "C1-n1", 0, "ORDERS", 6, "BILLING", 2).server("C1", "C1-n2", 0, "ORDERS", 2).server("C1", "C1-n3", 0)
	in := fixtureInput(few)
	in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
	if got := unwrapped(textOf(t, in, Style{})); !strings.HasPrefix(got, "No finding: no account has the minimum of 10 connections; the largest, ORDERS, has 8. 3 of 3 servers") {
		t.Error(got)
	}
	if got := unwrapped(textOf(t, fixtureInputOf(t, "idle"), Style{})); !strings.HasPrefix(got, "No finding: no account has the minimum of 10 connections; there is no client connection. ") {
		t.Error(got)
	}
	for name, want := range map[string]string{
		"pass":        "No finding: 1 cluster checked, no server has more than 2 times the average.\nHighest: C1-n1 with 12 connections, average 6.0. 3 of 3 servers reported\n",
		"none-judged": "No finding: no cluster has the minimum of 10 connections; the largest, C1, has\n  9.\n",
	} {
		if got := hotspotText(t, hotspotFixtureNamed(t, name), Style{}); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	if got := hotspotText(t, hotspotFixtureNamed(t, "pass"), Style{}); strings.Count(got, "\n") != 2 {
		t.Errorf("a pass takes %s", fmt.Sprint(strings.Count(got, "\n"), " lines:\n", got))
	}
}
