package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/account"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

var update = flag.Bool("update", false, "write the pages that are generated")

// incidentCluster is a deployment of a cluster C1 with these connections of ORDERS.
func incidentCluster(n ...uint32) *checks.Deployment {
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}}
	for i, n := range n {
		name := fmt.Sprintf("n%d", i+1)
		d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Cluster: "C1", Usage: []checks.Usage{{Connections: n}}})
	}
	return d
}

// situation is one of the runbook.
type situation struct {
	what     string
	missing  []checks.Missing // as the source tells of it
	conns    []uint32         // of the servers that reported
	expected audit.Expected
	partial  bool
	ordinary bool // the credentials are of ORDERS
	all      bool // somebody says that those that reported are all
	routes   bool // to three servers are configured
}

func situations() []situation {
	known := func(m checks.Missing) []checks.Missing {
		m.Cluster, m.ClusterKnown = "C1", true
		return []checks.Missing{m}
	}
	silent := known(checks.Missing{Name: "n3", Kind: checks.Silent, Peers: []string{"n1"}, Reason: "n1 has a route to it, but it did not answer within 4s, asked twice, though servers advertise it to clients: it hangs, has another system account, or its answers do not come through"})
	ghost := []checks.Missing{{Kind: checks.Silent, Reason: "n1 counts 3 servers, and this one did not answer within 4s, asked twice: one that stopped without a goodbye is counted for up to 4 minutes"}}
	refusing := known(checks.Missing{Name: "10.0.0.3:4222", Kind: checks.Refusing, Reason: "nobody listens there (an address of --server); which server that is, is unknown"})
	hanging := known(checks.Missing{Name: "10.0.0.3:4222", Kind: checks.Hanging, Reason: "it accepts connections but says nothing (an address of --server); which server that is, is unknown"})
	unseen := known(checks.Missing{Kind: checks.Unseen, Reason: "not checked because of --no-probe: 10.0.0.3:4222 (of --server), where no server that answered says it is: pass --expect-servers 2 if these are all"})
	toClients := known(checks.Missing{Name: "10.0.0.3:4222", Kind: checks.Refusing, Reason: "nobody listens there (an address of a client's URL list); which server that is, is unknown"})
	back := []checks.Missing{{Kind: checks.Counted, Reason: strings.Replace(ghost[0].Reason, "counts 3", "counts 4", 1) + ", and so is the former process of one that was killed and is back, as may be n3 (up for 15s)"}}
	counted := []checks.Missing{{Kind: checks.Counted, Reason: strings.Replace(ghost[0].Reason, "counts 3", "counts 4", 1)}}
	draining := known(checks.Missing{Name: "n3", Kind: checks.Draining, Peers: []string{"n1"}, Reason: "n1 has a route to it, but it did not answer within 4s, asked twice, and no server advertises it to clients: it is draining, or never was advertised"})
	restarted := known(checks.Missing{ID: "n3", Name: "n3", Kind: checks.Restarted, Reason: "it restarted during this audit: audit again when its clients are back"})
	twice := known(checks.Missing{ID: "n3", Name: "n3", Kind: checks.Contradiction, Reason: "two answers in its name differ, and which of them is its own is unknown"})
	garbled := known(checks.Missing{ID: "n3", Name: "n3", Kind: checks.Unreadable, Reason: "its account report can't be used: it is malformed"})
	behind := []checks.Missing{}
	for _, name := range []string{"l1", "l2", "l3"} {
		behind = append(behind, checks.Missing{Name: name, Kind: checks.Behind, Apart: true, Reason: "it is behind a leafnode of hub, which does not pass its answers on to here: audit from hub, or from there"})
	}
	lopsided, even := []uint32{17, 0}, []uint32{6, 6}
	baseline := audit.Expected{EarlierAt: time.Date(2026, 1, 2, 6, 49, 0, 0, time.Local)}
	for _, name := range []string{"n1", "n2", "n3"} {
		baseline.Earlier = append(baseline.Earlier, audit.EarlierServer{Name: name, Cluster: "C1"})
	}
	return []situation{
		{what: "a server was killed, its peers still count it", missing: ghost, conns: lopsided},
		{what: "the same, with `--allow-partial`", missing: ghost, conns: lopsided, partial: true},
		{what: "two of three servers were killed, with `--allow-partial`: the third one has few connections", missing: append(slices.Clone(ghost), ghost...), conns: []uint32{6}, partial: true},
		{what: "a server was killed, and its peers have forgotten it, and no configuration has a route to it: a cluster of 2 is left", conns: lopsided},
		{what: "the same, with `--baseline` of before", conns: lopsided, expected: baseline},
		{what: "the same, with `--expect-servers 3`", conns: lopsided, expected: audit.Expected{Count: 3}},
		{what: "the same, with `--expect-servers 3 --allow-partial`", conns: lopsided, expected: audit.Expected{Count: 3}, partial: true},
		{what: "the same, and nobody listens at its address, which is in `--server`: it is stopped, or drains", missing: refusing, conns: lopsided},
		{what: "the same, with `--allow-partial`", missing: refusing, conns: lopsided, partial: true},
		{what: "the same, and it hangs: its address in `--server` accepts connections without a word", missing: hanging, conns: []uint32{6, 6}},
		{what: "the same, and its address is in `--server`, with `--no-probe`", missing: unseen, conns: []uint32{6, 6}},
		{what: "a server was killed and is back: for up to 4 minutes its peers count the former process, and that may as well be a server that hangs", missing: back, conns: []uint32{6, 6, 6}},
		{what: "the same, with `--expect-servers 3`", missing: back, conns: []uint32{6, 6, 6}, expected: audit.Expected{Count: 3}, all: true},
		{what: "a server was restarted by a signal to terminate, and is back", conns: []uint32{6, 6, 6}},
		{what: "servers count one more than any other report has", missing: counted, conns: []uint32{6, 6, 6}},
		{what: "the same, with `--baseline` of before, when there were these three: it says nothing of who has come since", missing: counted, conns: []uint32{6, 6, 6}, expected: baseline},
		{what: "the same, with `--expect-servers n1,n2,n3`", missing: counted, conns: []uint32{6, 6, 6}, expected: audit.Expected{Names: []string{"n1", "n2", "n3"}}, all: true},
		{what: "a server hangs", missing: silent, conns: lopsided},
		{what: "a server hangs or is dead for so long that its peers have forgotten it, and their configuration has routes to 3 servers", conns: []uint32{6, 6}, routes: true},
		{what: "the same, with `--expect-servers 2`", conns: []uint32{6, 6}, routes: true, expected: audit.Expected{Count: 2}},
		{what: "a server drains (lame duck)", missing: draining, conns: lopsided},
		{what: "a server restarts during the audit", missing: restarted, conns: lopsided},
		{what: "a server's report can't be read", missing: garbled, conns: even},
		{what: "two answers in a server's name differ", missing: twice, conns: lopsided},
		{what: "inside a leaf cluster, another one of its name is behind the hub", missing: behind, conns: []uint32{6, 6, 6}},
		{what: "an ordinary account, a server drains, and nothing reports it", conns: []uint32{6, 6, 6}, ordinary: true},
		{what: "the same, and `--client-url` or `--client-config` has its address", missing: toClients, conns: []uint32{6, 6, 6}, ordinary: true},
		{what: "all servers reported, one holds an account", conns: []uint32{17, 1, 0}},
		{what: "all servers reported, none does", conns: []uint32{6, 6, 6}},
	}
}

// The table of the runbook is what the program says.
func TestIncidentTable(t *testing.T) {
	const page, begin, end = "../../docs/incident.md", "<!-- generated: go test ./internal/cli -run IncidentTable -update -->\n", "<!-- end -->\n"
	table := "| situation | outcome | status | first line |\n|---|---|---|---|\n"
	formats := ""
	for i, s := range situations() {
		d := incidentCluster(s.conns...)
		d.Missing = s.missing
		if s.routes {
			d.Servers[0].Links = &checks.Links{Routes: []string{"n1.example:6222", "n2.example:6222", "n3.example:6222"}}
		}
		s.expected.Add(t.Context(), d)
		p := checks.Defaults()
		p.AllowPartial, p.All = s.partial, true
		from := system.Kind()
		if s.ordinary {
			from = account.Kind()
		}
		doc := report.New(report.Input{Check: checks.Concentration(), Version: "1.0.0", Time: time.Date(2026, 1, 2, 7, 0, 0, 0, time.UTC), SourceKind: from,
			SourceDetail: []string{"nats://n1.example:4222", "server n1"}, Parameters: p, Deployment: d, Result: checks.CheckConcentration(d, p)})
		outcome := checks.Outcome(doc.Outcome)
		status := ExitPass
		if outcome != checks.OutcomePass {
			status = ExitStatus(&OutcomeError{Outcome: outcome})
		}
		if (len(s.missing) > 0 || s.expected.Count > 0 || s.expected.Earlier != nil) && !s.all && outcome == checks.OutcomePass {
			t.Errorf("%s passes", s.what)
		}
		table += fmt.Sprintf("| %s | `%s` | %d | %s |\n", s.what, outcome, status, firstParagraph(t, doc, "text"))
		if i == 0 || i == 2 || i == 3 || i == 4 || s.ordinary && len(s.missing) == 0 {
			formats += fmt.Sprintf("\n%s:\n\n```\n%s\n%s\n%s\n%s\n```\n", strings.ToUpper(s.what[:1])+s.what[1:], firstParagraph(t, doc, "text"), firstParagraph(t, doc, "nagios"),
				lineWith(t, doc, "prometheus", "nats_balance_outcome{", "} 1"), strings.TrimSpace(lineWith(t, doc, "json", `"outcome"`, "")))
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), begin)
	_, tail, _ := strings.Cut(rest, end)
	want := head + begin + "\n" + table + formats + "\n" + end + tail
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Errorf("%s is not what go test ./internal/cli -run IncidentTable -update writes", page)
	}
}

func written(t *testing.T, doc *report.Document, format string) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Write(&out, doc, format, report.Style{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// firstParagraph is the first line, however wide it was to be.
func firstParagraph(t *testing.T, doc *report.Document, format string) string {
	t.Helper()
	before := written(t, doc, format)
	if at := regexp.MustCompile(`\n[^\n]*servers? (reported|answered an)`).FindStringIndex(before); at != nil {
		before = before[:at[0]] // what follows is the coverage
	}
	before, _, _ = strings.Cut(before, " | ")
	return strings.Join(strings.Fields(before), " ")
}

// lineWith is a line that begins and ends with these.
func lineWith(t *testing.T, doc *report.Document, format, begin, end string) string {
	t.Helper()
	for line := range strings.Lines(written(t, doc, format)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(line), begin) && strings.HasSuffix(line, end) {
			return line
		}
	}
	t.Errorf("%s has no line with %s", format, begin)
	return ""
}
