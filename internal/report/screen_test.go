package report

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// eu is a cluster of three servers with accounts that are nearly all on one: same of
// them by one list of URLs, others each by its own, and unknown for no known cause.
func eu(same, others, unknown int) Input {
	f := newFleet()
	uses := [3][]any{}
	add := func(name string, on, connections int) {
		for s := range uses {
			n := connections / 12
			if s == on {
				n = connections
			}
			uses[s] = append(uses[s], name, n)
		}
	}
	urls := map[string]string{}
	for i := range same {
		add(fmt.Sprintf("TEAM-%02d", i+1), 2, 11+i%3)
		urls[fmt.Sprintf("TEAM-%02d", i+1)] = "nats://10.0.0.3:4222"
	}
	for i := range others {
		add(fmt.Sprintf("ORDERS-%d", i+1), 0, 25+i)
		urls[fmt.Sprintf("ORDERS-%d", i+1)] = fmt.Sprintf("nats://user-%d@10.0.0.1:4222", i)
	}
	for i := range unknown {
		add(fmt.Sprintf("TENANT-%02d", i+1), i%3, 13)
	}
	for s, uses := range uses {
		f.server("EU", fmt.Sprintf("eu-n%d", s+1), 0, append(uses, "EVEN", 20)...)
	}
	in := fixtureInput(f)
	in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
	for _, found := range in.Result.Findings {
		c := cause.Case{Finding: found, Deployment: in.Deployment}
		if url := urls[found.Account.Name]; url != "" {
			at := netip.MustParseAddr(found.Server.Host)
			c.Lists = []checks.URLList{{Origin: "deploy/" + strings.ToLower(found.Account.Name) + ".yaml:7", Account: found.Account.ID, Endpoints: []checks.Endpoint{{
				URL: url, Scheme: "nats", Host: found.Server.Host, Port: 4222, Literal: true,
				Addresses: []checks.Address{{IP: at, Port: 4222, Contact: checks.Contact{Outcome: checks.ContactServer, Tries: 1,
					Greetings: []checks.Greeting{{ID: found.Server.ID, Name: found.Server.Name, Cluster: "EU", Host: found.Server.Host, Port: 4222, Count: 1}}}}}}}}}
			c.Profile = profileOf(found)
		}
		d := cause.Diagnose(c)
		in.Explained = append(in.Explained, Explained{Diagnosis: &d, Advice: remedy.For(remedy.Input{Diagnosis: d, Flags: "--context system"})})
		in.Lists = append(in.Lists, c.Lists...)
	}
	return in
}

// profileOf is two services, of which one makes the finding.
func profileOf(f checks.Finding) *checks.Profile {
	p := &checks.Profile{}
	api := checks.Service{Stem: strings.ToLower(f.Account.Name) + "-api", User: "app", Protocol: "nats", Language: "go", Versions: []string{"1.55.0"}, Hosts: 3}
	worker := checks.Service{Stem: strings.ToLower(f.Account.Name) + "-worker", User: "batch", Protocol: "nats", Language: "java", Versions: []string{"2.20.5"}, Hosts: 2}
	for i, s := range f.Distribution {
		p.Servers = append(p.Servers, s.Server.ID)
		p.Read = append(p.Read, *s.Connections)
		on := *s.Connections
		if i == 0 {
			on--
			api.Counts, worker.Counts = append(api.Counts, on), append(worker.Counts, 1)
			continue
		}
		api.Counts, worker.Counts = append(api.Counts, 0), append(worker.Counts, on)
	}
	p.Services = []checks.Service{api, worker}
	return p
}

// TestScreen holds how many lines an audit takes, and that the lines are as wide as
// the terminal at most.
func TestScreen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   Input
		most int
	}{
		{"one finding", eu(0, 1, 0), findingLines},
		{"thirty of one cause and two others", eu(30, 2, 0), 40},
		{"thirty of unknown causes", eu(0, 0, 30), 90},
		{"three hundred of one cause", eu(300, 0, 0), 20},
		{"three hundred of unknown causes", eu(0, 0, 300), 120},
		{"a pass", eu(0, 0, 0), 2},
		{"a pass with some to review", fixtureInputOf(t, "pass"), 2},
	} {
		for _, columns := range []int{0, 60, 100, 160} {
			got := textOf(t, c.in, Style{Width: columns})
			most := c.most
			if columns == 60 { // long sentences take more
				most *= 2
			}
			if n := strings.Count(got, "\n"); n > most {
				t.Errorf("%s takes %d lines of %d columns, %d are too many:\n%s", c.name, n, columns, most, got)
			}
			for line := range strings.Lines(got) {
				if w := columnsOf(line); w > max(columns, 60) && columns > 0 || w > 80 && columns == 0 {
					t.Errorf("%s: %d columns: %s", c.name, w, line)
				}
			}
		}
	}
	golden(t, "screen/thirty.txt", textOf(t, eu(30, 2, 0), Style{}))
	golden(t, "screen/wide.txt", textOf(t, eu(2, 1, 2), Style{Width: 120}))
	for n := range 2 {
		p := newPrinter(Style{})
		doc := New(eu(30*n, 1, 0))
		if got := p.block(func(q *printer) { q.shortFinding(doc, doc.Findings[len(doc.Findings)-1], true) }); len(got) > findingLines {
			t.Errorf("a finding takes %d lines", len(got))
		}
		if got := p.block(func(q *printer) { q.shortGroup(doc, doc.Groups[0]) }); n == 1 && len(got) > groupLines {
			t.Errorf("a group takes %d lines", len(got))
		}
	}
}

func columnsOf(line string) int { return columns(strings.TrimSuffix(line, "\n")) }

func fixtureInputOf(t *testing.T, name string) Input {
	t.Helper()
	return fixtureNamed(t, name).in
}

// TestScreenOfAMissingServer: what is certain nevertheless, and who was on the server
// by the baseline.
func TestScreenOfAMissingServer(t *testing.T) {
	t.Parallel()
	in := fixtureNamed(t, "incomplete-sure").in
	in.Baseline = &Past{Findings: []Row{{Account: Account{ID: "CART", Name: "CART"}, Cluster: "C1", Server: ServerRef{Name: "C1-n4"}, Connections: 32, OnServer: 25}}}
	got := textOf(t, in, Style{})
	for _, want := range []string{
		"  C1-n4 in C1: it answered the roster, but sent no account report",
		"  On C1-n4 in the baseline: CART (25 of 32 connections).\n",
		"  Undetermined (1): BILLING 72.0% (72 of 100) on C1-n1\n",
		"  Certain even without the missing servers: 1 account stays below 70%.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// TestGroupsInDocument holds that every finding is in exactly one group, which the
// finding names, and that the group's size counts for its priority.
func TestGroupsInDocument(t *testing.T) {
	t.Parallel()
	doc := New(eu(30, 2, 3))
	if len(doc.Findings) != 35 || len(doc.Groups) != 6 {
		t.Fatalf("%d findings in %d groups", len(doc.Findings), len(doc.Groups))
	}
	seen := 0
	for n, g := range doc.Groups {
		for _, i := range g.findings {
			seen++
			if doc.Findings[i].Group != n {
				t.Errorf("finding %d is in group %d and %d", i, n, doc.Findings[i].Group)
			}
		}
		switch len(g.Accounts) {
		case 30:
			if *g.Cause != "single-url" || *g.Key != "nats://10.0.0.3:4222" || g.Server.Name != "eu-n3" || g.onServer != 360 || g.priority != "high" {
				t.Errorf("%+v", g)
			}
		case 1:
			if known := g.Cause != nil; known != (g.Verdict != "unknown") || g.priority != "low" {
				t.Errorf("%+v", g)
			}
		default:
			t.Errorf("%d accounts in a group", len(g.Accounts))
		}
	}
	if seen != len(doc.Findings) {
		t.Errorf("%d findings in groups", seen)
	}
}

// Of where the data came from whole parts are left out, whatever is in a name.
func TestWhoReportedFits(t *testing.T) {
	t.Parallel()
	s := SourceOf(system.Kind(), []string{"nats://a:4222", "server east, 1"})
	for width, want := range map[int]string{44: "3 reported (nats://a:4222, server east, 1)\n", 40: "3 reported (nats://a:4222)\n", 36: "3 reported (nats://a:4222)\n"} {
		p := newPrinter(Style{Width: width})
		if p.from("3 reported", s); p.b.String() != want {
			t.Errorf("%d columns: %q, want %q", width, p.b.String(), want)
		}
	}
}
