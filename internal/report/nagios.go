package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/nats-io/jsm.go/monitor"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// writeNagios writes the document as one status line with performance data, as
// Nagios plugins do. An incomplete audit is
// UNKNOWN, whatever was found.
func writeNagios(w io.Writer, doc *Document) error {
	said := doc.sinceBaseline() + doc.whoIsWhere()
	if !doc.Source.of.SeesAll {
		said += " (" + doc.Source.kind() + ")"
	}
	data := perfData{}
	data.add("findings", len(doc.Findings), "Findings")
	data.add("critical", criticals(doc), "Findings at or above the critical percentage")
	data.add("open", len(doc.open)+doc.moreOpen, "Account-cluster pairs that a missing server decides")
	data.add("review", doc.Summary.Review, "Account-cluster pairs to review")
	data.add("evaluated", doc.Summary.Evaluated, "Account-cluster pairs checked")
	notAccepted := slices.DeleteFunc(doc.judged(), func(r RowOf) bool { return r.Verdict == string(checks.AcceptedFinding) })
	if top, ok := largest(notAccepted); ok {
		// Rounded up, so that what is above a threshold stays above it.
		item := &monitor.PerfDataItem{Name: "max_share", Unit: "%", Help: "Largest share of one server of what is not accepted",
			Value: float64((int64(top.OnServer)*100 + int64(top.Connections) - 1) / int64(top.Connections)),
			Warn:  float64(doc.Parameters.ThresholdPercent)}
		if c := doc.Parameters.CriticalPercent; c != nil {
			item.Crit = float64(*c)
		}
		data = append(data, item)
	}
	data.add("connections", doc.Summary.Connections, "Client connections")
	data.add("accounts", doc.Summary.Accounts, "Accounts")
	data.servers(doc.Coverage)
	if n := len(doc.Accepted); n > 0 {
		data.add("accepted", n, "Findings that are accepted")
		if !doc.passes() { // which says so itself
			said += fmt.Sprintf("; %s accepted", words.Count(n))
		}
	}
	outcome := doc.Outcome
	if b := doc.Baseline; b != nil {
		data.add("new", len(b.New), "Findings that the baseline does not have")
		data.add("worse", len(b.Worse), "Findings worse than in the baseline")
		if doc.newOnly { // as the exit status
			outcome = string(doc.NewOutcome())
		}
	}
	return statusLine(w, outcome, said, data)
}

// whoIsWhere is the answer for one line: the groups of several accounts, then the
// other findings, the first few of them.
func (doc *Document) whoIsWhere() string {
	if outcome := checks.Outcome(doc.Outcome); len(doc.Findings) == 0 || outcome == checks.OutcomeIncomplete {
		_, said := answer(doc)
		said = strings.TrimSuffix(said, ".")
		if open := doc.openSentences(); outcome == checks.OutcomeIncomplete && len(doc.open) == 0 && len(open) > 0 {
			said += ": " + open[0]
		}
		return said
	}
	share := func(p Percent) string { return strings.TrimSuffix(p.String(), ".0") + "%" }
	var all []string
	for _, g := range doc.inOrder() {
		f := doc.Findings[g.findings[0]]
		if len(g.findings) == 1 {
			all = append(all, fmt.Sprintf("%s%s %s %s", doc.uniqueName(f.Account), doc.in(f.Cluster), share(f.SharePercent), short(f.label, 32)))
			continue
		}
		where := "one server each"
		if g.Server != nil {
			where = f.label
		}
		all = append(all, fmt.Sprintf("%s%s %s %s", words.Plural(len(g.findings), "account"), doc.in(g.Cluster), share(g.SharePercent), short(where, 32)))
	}
	on := words.Plural(len(doc.Findings), "account")
	if doc.Summary.Clusters > 1 { // an account counts in each
		on = words.Plural(len(doc.Findings), "finding")
	}
	return fmt.Sprintf("%s on one server%s: %s", on, doc.partly(), words.FirstOf(named, all))
}

// writeHotspotsNagios writes the document of hotspots as [writeNagios] does.
func writeHotspotsNagios(w io.Writer, doc *Hotspots) error {
	_, said := doc.answer()
	data := perfData{}
	data.add("findings", doc.Summary.Findings, "Findings")
	data.add("open", doc.Summary.Open, "Clusters that a missing server decides")
	data.add("evaluated", doc.Summary.Evaluated, "Clusters checked")
	data.add(doc.measure.Noun+"s", doc.Summary.Connections, words.UpperFirst(doc.measure.Unit)+"s")
	data.servers(doc.Coverage)
	return statusLine(w, doc.Outcome, said, data)
}

type perfData monitor.PerfData

// add adds a number; labels are ours, never names from outside.
func (d *perfData) add(name string, n int, help string) {
	*d = append(*d, &monitor.PerfDataItem{Name: name, Value: float64(n), Help: help})
}

func (d *perfData) servers(c Coverage) {
	d.add("servers_expected", c.ServersExpected, "Servers there should be")
	d.add("servers_answered", c.ServersAnswered, "Servers that reported")
}

func statusLine(w io.Writer, outcome, said string, data perfData) error {
	status := monitor.UnknownStatus
	switch checks.Outcome(outcome) {
	case checks.OutcomePass:
		status = monitor.OKStatus
	case checks.OutcomeFinding:
		status = monitor.WarningStatus
	case checks.OutcomeCritical:
		status = monitor.CriticalStatus
	default: // not all is known
	}
	_, err := fmt.Fprintf(w, "%s %s | %s\n", status, plainForPlugins(said), monitor.PerfData(data))
	return err
}

// plainForPlugins takes out of a harmless sentence what begins performance
// data, and what a shell or a web page does something with: monitoring systems
// hand the line on to both.
func plainForPlugins(s string) string {
	return strings.NewReplacer("|", `\x7c`, "`", `\x60`, "<", `\x3c`, ">", `\x3e`, "&", `\x26`,
		"$(", `\x24(`, "${", `\x24{`, "'", "’", `"`, "”").Replace(s)
}

// uniqueName is the name of an account, with its id where another one has it too.
func (doc *Document) uniqueName(a Account) string {
	const most = 32
	if d := doc.matrix.deployment; d != nil && a.Name != "" && slices.ContainsFunc(d.Accounts, func(x checks.Account) bool {
		return words.Harmless(x.Name) == a.Name && words.Harmless(x.ID) != a.ID
	}) {
		return fmt.Sprintf("%s (%s…)", short(a.Name, most), short(text.Trim(a.ID, 8), most))
	}
	return short(cmp.Or(a.Name, a.ID), most)
}
