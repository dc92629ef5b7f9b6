package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/nats-io/jsm.go/monitor"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Nagios writes the document as one status line with performance data, as
// Nagios plugins do and as the checks of nats write it. An incomplete audit is
// UNKNOWN, whatever was found.
func Nagios(w io.Writer, doc *Document) error {
	_, said := answer(doc)
	said = doc.sinceBaseline() + said
	data := perfData{}
	data.add("findings", len(doc.Findings), "Findings")
	data.add("critical", criticals(doc), "Findings at or above the critical percentage")
	data.add("open", len(doc.open), "Account-cluster pairs that a missing server decides")
	data.add("review", doc.Summary.Review, "Account-cluster pairs to review")
	data.add("evaluated", doc.Summary.Evaluated, "Account-cluster pairs judged")
	if top, ok := largest(doc.judged()); ok {
		// Rounded up, so that what is above a threshold stays above it.
		item := &monitor.PerfDataItem{Name: "max_share", Unit: "%", Help: "Largest share of one server",
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
			said += fmt.Sprintf(" %s accepted.", words.Count(n))
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
	return statusLine(w, doc.Check, outcome, said, data)
}

// HotspotsNagios writes the document of hotspots as [Nagios] does.
func HotspotsNagios(w io.Writer, doc *Hotspots) error {
	_, said := doc.answer()
	data := perfData{}
	data.add("findings", doc.Summary.Findings, "Findings")
	data.add("open", doc.Summary.Open, "Clusters that a missing server decides")
	data.add("evaluated", doc.Summary.Evaluated, "Clusters judged")
	data.add("connections", doc.Summary.Connections, "Client connections")
	data.servers(doc.Coverage)
	return statusLine(w, doc.Check, doc.Outcome, said, data)
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

func statusLine(w io.Writer, check Check, outcome, said string, data perfData) error {
	said = plainForPlugins(said)
	r := monitor.Result{Name: check.Code, Check: check.Name, PerfData: monitor.PerfData(data), RenderFormat: monitor.NagiosFormat}
	var line string
	switch checks.Outcome(outcome) {
	case checks.OutcomePass:
		r.Output = said
		line = r.String()
	case checks.OutcomeFinding:
		r.Warn(said)
		line = r.String()
	case checks.OutcomeCritical:
		r.Critical(said)
		line = r.String()
	default: // which the result type has a name of, but never comes to
		line = fmt.Sprintf("%s %s %s | %s", monitor.UnknownStatus, r.Name, said, r.PerfData)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

// plainForPlugins takes out of a harmless sentence what begins performance
// data, and what a shell or a web page does something with: monitoring systems
// hand the line on to both.
func plainForPlugins(s string) string {
	return strings.NewReplacer("|", `\x7c`, "`", `\x60`, "<", `\x3c`, ">", `\x3e`, "&", `\x26`,
		"$(", `\x24(`, "${", `\x24{`, "'", "’", `"`, "”").Replace(s)
}
