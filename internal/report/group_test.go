package report

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// behindBalancer is thirty accounts whose clients come through one load balancer.
func behindBalancer() *Document {
	doc := New(eu(30, 0, 0))
	code, title := string(cause.StickyLoadBalancer), "A load balancer sends the clients to the same server every time"
	for i := range doc.Findings {
		f := &doc.Findings[i]
		name := f.Account.Name
		f.Causes = []Cause{{Code: code, Title: title, Role: string(cause.Root), Verdict: string(cause.Likely), Evidence: []Evidence{{
			Text: "nats://lb.example:4222 (10.9.0.7:4222) is not an address of any server and led to eu-n3 in 20 of 20 tries.", Source: "client URLs"}}}}
		f.Remedies = []Remedy{
			{Code: string(cause.RemedyLoadBalancer), When: string(cause.Immediate), Title: "Switch off that the load balancer keeps clients on one server"},
			{Code: string(cause.RemedyRebalance), When: string(cause.ShortTerm), Title: "Move 8 connections of " + name + " off eu-n3", Commands: []string{
				"nats-balance rebalance --account " + name + " --cluster EU --client-url nats://lb.example:4222 --client-config ./deploy --context system"},
				forAll: []string{"nats-balance rebalance --cluster EU --client-url nats://lb.example:4222 --client-config ./deploy --context system"}},
		}
	}
	g := &doc.Groups[0]
	g.Cause, g.Title, g.Verdict = &code, &title, string(cause.Likely)
	return doc
}

// unwrapped is a text in one line.
func unwrapped(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\\\n", " ")), " ")
}

// A group says how many have what where, why with how sure that is and by which
// numbers, and has the command with all that the user passed.
func TestGroupOfALoadBalancer(t *testing.T) {
	t.Parallel()
	doc := behindBalancer()
	wants := []string{"30 accounts: 360 of 400 connections are on eu-n3 (90.0%)", "sticky-load-balancer, likely: nats://lb.example:4222", "in 20 of 20 tries.",
		"1. Switch off that the load balancer keeps clients on",
		"nats-balance rebalance --cluster EU --client-url nats://lb.example:4222 --client-config ./deploy --context system"}
	for _, columns := range []int{0, 60, 40} {
		p := newPrinter(Style{Width: columns})
		p.shortGroup(doc, doc.Groups[0])
		got := p.b.String()
		for _, want := range wants {
			if !strings.Contains(unwrapped(got), want) {
				t.Errorf("%d columns: no %q in\n%s", columns, want, got)
			}
		}
		if columns == 0 && p.lines() > groupLines {
			t.Errorf("%d lines:\n%s", p.lines(), got)
		}
	}
}

// In markdown a group has the number of its accounts and the first of them, and what
// to do is for all.
func TestGroupInMarkdown(t *testing.T) {
	t.Parallel()
	got := formatted(t, writeMarkdown, behindBalancer())
	for _, want := range []string{"### 30 accounts have 360 of 400 connections on eu-n3", "\n30 accounts: `TEAM-03` 13, `TEAM-06` 13, ", ", 25 more\n",
		"**short-term**: Move their connections", "\nnats-balance rebalance --cluster EU --client-url nats://lb.example:4222 "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "--account TEAM") {
		t.Errorf("a command is for one account:\n%s", got)
	}
}

// Where those of one account were closed and came back, no command moves those of all.
func TestGroupOfWhichOneStays(t *testing.T) {
	t.Parallel()
	doc := behindBalancer()
	f := &doc.Findings[doc.Groups[0].findings[7]]
	f.Remedies[1] = Remedy{Code: string(cause.RemedyRebalance), When: string(cause.LongTerm), Title: "Do not close connections yet: those that were closed came back"}
	p := newPrinter(Style{Width: 100})
	p.shortGroup(doc, doc.Groups[0])
	for format, got := range map[string]string{"text": p.b.String(), "Markdown": formatted(t, writeMarkdown, doc), "HTML": formatted(t, writeHTML, doc)} {
		if strings.Contains(got, "nats-balance rebalance") || format != "text" && !strings.Contains(got, "Do not close connections yet") {
			t.Errorf("%s:\n%s", format, got)
		}
	}
}
