package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	width = 80 // columns of a line of text
	bar   = 32 // columns of a full bar
	// inFull is how many findings are shown with all servers; the others get
	// a line each. JSON has all of all.
	inFull = 20
	// listed is how many rows a list shows before it says how many more.
	listed = 20
)

// Style is how text is dressed.
type Style struct {
	Color bool
	// Scheme is a colour scheme of the nats CLI, for the bars.
	Scheme string
}

// Text writes the document for a person: the answer in the first line, then
// each finding, then what the answer rests on.
func Text(w io.Writer, doc *Document, style Style) error {
	p := &printer{color: style.Color, bars: barColor(style.Scheme)}
	p.headline(doc)
	p.coverage(doc)
	for i, f := range doc.Findings {
		if i < inFull {
			p.finding(i+1, f)
			continue
		}
		if i == inFull {
			p.line("")
			p.wrap("", fmt.Sprintf("%s more findings, a line each (--json has them in full):", count(len(doc.Findings)-inFull)))
		}
		p.line("%s", snip(fmt.Sprintf("%3d. %s", i+1, oneLine(f)), width))
	}
	p.open(doc)
	p.review(doc)
	p.accounts(doc)
	p.summary(doc)
	for _, warning := range doc.Warnings {
		p.wrap("  ", "Warning: "+warning)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

type printer struct {
	b     strings.Builder
	color bool
	bars  text.Color
}

// barColor is the colour of a scheme; schemes without one leave bars plain.
func barColor(scheme string) text.Color {
	switch scheme {
	case "blue":
		return text.FgBlue
	case "cyan":
		return text.FgCyan
	case "green":
		return text.FgGreen
	case "magenta":
		return text.FgMagenta
	case "red":
		return text.FgRed
	case "yellow":
		return text.FgYellow
	}
	return text.Reset
}

func (p *printer) paint(c text.Color, s string) string {
	if !p.color {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

func (p *printer) line(format string, args ...any) {
	p.b.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	p.b.WriteByte('\n')
}

// wrap writes a sentence in lines of at most 80 columns, all but the first
// indented by two columns more.
func (p *printer) wrap(indent, sentence string) {
	lines := strings.Split(text.WrapSoft(sentence, width-len(indent)-2), "\n")
	for i, l := range lines {
		if i > 0 {
			l = "  " + l
		}
		p.line("%s%s", indent, strings.TrimRight(l, " "))
	}
}

func (p *printer) headline(doc *Document) {
	c, answer := text.FgGreen, ""
	partly := ""
	if !doc.Coverage.Complete && doc.Outcome != "incomplete" {
		partly = fmt.Sprintf(", judged by %s of %s servers", count(doc.Coverage.ServersAnswered), count(doc.Coverage.ServersExpected))
	}
	switch doc.Outcome {
	case "pass":
		answer = fmt.Sprintf("No finding: %s judged%s, none sits mostly on one server.", plural(doc.Summary.Evaluated, "account"), partly)
		if doc.Summary.Evaluated == 0 {
			answer = "No finding: no account met the minimums, so none was judged" + partly + "."
		}
		if partly != "" {
			c = text.FgYellow
		}
	case "incomplete":
		c = text.FgYellow
		answer = fmt.Sprintf("Incomplete: %s of %s servers did not report, which leaves verdicts open.",
			count(doc.Coverage.ServersExpected-doc.Coverage.ServersAnswered), count(doc.Coverage.ServersExpected))
		if n := len(doc.Findings); n > 0 {
			answer = fmt.Sprintf("Incomplete, but %s for certain: %s of %s servers did not report.", plural(n, "finding"),
				count(doc.Coverage.ServersExpected-doc.Coverage.ServersAnswered), count(doc.Coverage.ServersExpected))
		}
	default:
		c = text.FgRed
		word := "Finding"
		if doc.Outcome == "critical" {
			word = "Critical finding"
		}
		answer = word + partly + ": " + oneLine(doc.Findings[0]) + "."
		if n := len(doc.Findings); n > 1 {
			answer = fmt.Sprintf("%ss%s: %s accounts sit mostly on one server of their cluster.", word, partly, count(n))
		}
	}
	lines := strings.Split(text.WrapSoft(answer, width), "\n")
	for _, l := range lines {
		p.line("%s", p.paint(c, strings.TrimRight(l, " ")))
	}
	p.line("%s %s, more than %d%% on one server", doc.Check.Code, doc.Check.Name, doc.Parameters.ThresholdPercent)
	p.wrap("", fmt.Sprintf("Source: %s (%s)", strings.ReplaceAll(doc.Source.Kind, "-", " "), doc.Source.Detail))
}

// oneLine is a finding in a clause.
func oneLine(f Finding) string {
	return fmt.Sprintf("%s has %s of its %s connections in %s on %s (%s%%)", accountName(f.Account),
		count(f.OnServer), count(f.Connections), clusterName(f.Cluster), serverName(f.Server.Name, f.Server.ID), f.SharePercent)
}

// accountName shows the id too where it is another and short enough to help.
func accountName(a Account) string {
	if a.Name != "" && a.Name != a.ID && len(a.ID) > 12 {
		return fmt.Sprintf("%s (%s…)", a.Name, a.ID[:8])
	}
	return cmp.Or(a.Name, a.ID)
}

func clusterName(name string) string { return cmp.Or(name, "no cluster") }

func serverName(name, id string) string { return cmp.Or(name, id, "a server without a name") }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (p *printer) coverage(doc *Document) {
	c := doc.Coverage
	if c.Complete {
		p.line("Coverage: complete, all %s reported.", plural(c.ServersAnswered, "server"))
	} else {
		p.line("%s", p.paint(text.FgYellow, fmt.Sprintf("Coverage: %s of %s reported. Missing:",
			count(c.ServersAnswered), plural(c.ServersExpected, "server"))))
		for i, m := range c.Missing {
			if i == listed {
				p.line("  … and %s more (--json lists them)", count(len(c.Missing)-listed))
				break
			}
			where := ""
			if m.Cluster != nil && *m.Cluster != "" {
				where = " in " + *m.Cluster
			}
			p.wrap("  ", cmp.Or(deref(m.Server), "a server of unknown name")+where+": "+m.Reason)
		}
		if doc.allowPartial {
			p.wrap("  ", "Judged as if the missing servers had no connections (--allow-partial): verdicts can be wrong.")
		} else {
			p.wrap("  ", "A longer --timeout, or another server to connect to, may bring them in; --allow-partial judges without them.")
		}
	}
	for i, n := range c.Notes {
		if i == listed {
			p.line("  … and %s more notes (--json lists them)", count(len(c.Notes)-listed))
			break
		}
		p.wrap("  ", "Note: "+n)
	}
}

func (p *printer) finding(n int, f Finding) {
	p.line("")
	severity := "info"
	if f.critical {
		severity = "critical"
	}
	p.wrap("", p.paint(text.Bold, fmt.Sprintf("%d. %s", n, oneLine(f))))
	p.line("   Priority %s, severity %s", f.Priority, severity)
	name := 6
	for _, s := range f.Distribution {
		name = max(name, text.StringWidth(serverName(deref(s.Server), deref(s.ID))))
	}
	name = min(name, 22)
	for _, s := range f.Distribution {
		label := text.Pad(snip(serverName(deref(s.Server), deref(s.ID)), name), name, ' ')
		if s.Connections == nil {
			p.line("   %s  not known: it did not report", label)
			continue
		}
		full := text.Pad(strings.Repeat("█", bar**s.Connections/max(1, f.Connections)), bar, ' ')
		if *s.Connections > 0 && bar**s.Connections < f.Connections {
			full = text.Pad("▏", bar, ' ')
		}
		if *s.Connections*100 > f.OnServer*99 {
			full = p.paint(text.FgRed, full)
		} else {
			full = p.paint(p.bars, full)
		}
		p.line("   %s  %s %9s %6s%%", label, full, count(*s.Connections), *s.SharePercent)
	}
	p.wrap("   ", f.impactSentence())
	for _, s := range f.survivorSentences() {
		p.wrap("   ", s)
	}
	if f.Leafnodes > 0 {
		p.wrap("   ", fmt.Sprintf("Besides, it has %s in this cluster, which do not count as clients.", plural(f.Leafnodes, "leafnode connection")))
	}
	p.wrap("   ", fmt.Sprintf("Chance of this if clients chose evenly at random: %s.", chanceText(f.Chance)))
}

func chanceText(c Chance) string {
	switch {
	case c >= 0.01:
		return fmt.Sprintf("%.1f%%", float64(c)*100)
	case c >= 1e-9:
		digits, _ := strconv.ParseFloat(strconv.FormatFloat(1/float64(c), 'g', 3, 64), 64) // always parses
		return "1 in " + humanize.Comma(int64(digits))
	}
	return "less than 1 in 1,000,000,000"
}

func (f Finding) impactSentence() string {
	who := serverName(f.Server.Name, f.Server.ID)
	s := fmt.Sprintf("If %s fails, %s of the account drop at once", who, plural(f.Impact.ConnectionsLost, "connection"))
	if f.Impact.SubscriptionsLost != nil {
		s += fmt.Sprintf(" with %s", plural(*f.Impact.SubscriptionsLost, "subscription"))
	}
	switch f.Impact.CanFailOver {
	case "no":
		s += ", and by the servers' limits not all of them find room elsewhere."
	case "yes":
		s += "; they can fail over."
	default:
		s += "; whether they can fail over is not known."
	}
	return s
}

// survivorSentences say what the other servers get: each of a few, or the
// worst of many.
func (f Finding) survivorSentences() []string {
	var known []Survivor
	unknown := 0
	for _, s := range f.Impact.Survivors {
		if s.After == nil {
			unknown++
			continue
		}
		known = append(known, s)
	}
	var out []string
	shown := known
	if len(known) > 4 {
		worst := slices.MaxFunc(known, func(a, b Survivor) int { return cmp.Compare(load(a), load(b)) })
		out = append(out, fmt.Sprintf("All its clients then move to the other %d servers, about %s to each; the fullest is then:",
			len(known), count(*worst.After-*worst.Now)))
		shown = []Survivor{worst}
	} else if len(known) > 0 {
		out = append(out, "All its clients, of every account, then move to the others:")
	}
	for _, s := range shown {
		sentence := fmt.Sprintf("%s from %s to %s", serverName(deref(s.Server), ""), count(*s.Now), plural(*s.After, "connection"))
		switch {
		case s.Limit == nil:
			sentence += ", its limit is not known"
		case *s.After > *s.Limit:
			sentence += fmt.Sprintf(", MORE than its limit of %s", count(*s.Limit))
		default:
			sentence += fmt.Sprintf(", within its limit of %s", count(*s.Limit))
		}
		out = append(out, "- "+sentence)
	}
	if unknown > 0 {
		out = append(out, fmt.Sprintf("Nothing is known of %s that did not report.", plural(unknown, "other server")))
	}
	return out
}

// load orders survivors: by how full they get, then by connections.
func load(s Survivor) float64 {
	if s.Limit == nil {
		return float64(*s.After) / (1 << 40)
	}
	return float64(*s.After) / float64(*s.Limit)
}

func (p *printer) open(doc *Document) {
	if doc.Outcome != "incomplete" {
		return
	}
	p.line("")
	for _, name := range doc.openClusters {
		who := "Cluster " + name
		if name == "" {
			who = "A cluster of which no server answered"
		}
		p.wrap("", who+": an account that no server reported may sit on a missing one.")
	}
	p.rows("Open, a missing server could overturn it either way", doc.open)
}

func (p *printer) review(doc *Document) {
	rows := make([]RowOf, 0, len(doc.Review))
	for _, r := range doc.Review {
		rows = append(rows, RowOf{Row: r})
	}
	if len(rows) > 0 {
		p.line("")
	}
	p.rows(fmt.Sprintf("Review, above %d%% and no finding", doc.Parameters.ReviewPercent), rows)
}

func (p *printer) accounts(doc *Document) {
	if len(doc.Accounts) == 0 {
		return
	}
	p.line("")
	p.line("Every account with a client connection (%s):", count(len(doc.Accounts)))
	p.table(doc.Accounts)
}

// rows writes a list that is cut after a few.
func (p *printer) rows(title string, rows []RowOf) {
	if len(rows) == 0 {
		return
	}
	p.line("%s (%s):", title, count(len(rows)))
	p.table(rows[:min(len(rows), listed)])
	if len(rows) > listed {
		p.line("  … and %s more (--json lists them)", count(len(rows)-listed))
	}
}

func (p *printer) table(rows []RowOf) {
	for _, r := range rows {
		share := fmt.Sprintf("%s of %s", count(r.OnServer), count(r.Connections))
		p.line("  %s %s %s %s %6s%% %s", text.Pad(snip(accountName(r.Account), 22), 22, ' '),
			text.Pad(snip(clusterName(r.Cluster), 10), 10, ' '), text.Pad(snip(r.Server, 12), 12, ' '),
			text.AlignRight.Apply(share, 13), r.SharePercent, r.Verdict)
	}
}

func (p *printer) summary(doc *Document) {
	s := doc.Summary
	p.line("")
	p.wrap("", fmt.Sprintf("Looked at %s, %s, %s and %s.", plural(s.Clusters, "cluster"), plural(s.Servers, "server"),
		plural(s.Accounts, "account"), plural(s.Connections, "client connection")))
	p.wrap("", fmt.Sprintf("Judged %s (once in each of its clusters): %s, %s to review.",
		plural(s.Evaluated, "account"), plural(s.Findings, "finding"), count(s.Review)))
	var skipped []string
	for _, r := range []struct {
		n   int
		why string
	}{
		{s.Skipped.TooFewConnections, fmt.Sprintf("with fewer than %d connections", doc.Parameters.MinConnections)},
		{s.Skipped.TooFewServers, fmt.Sprintf("in a cluster of fewer than %d servers", doc.Parameters.MinServers)},
		{s.Skipped.SystemAccount, "of the system account"},
	} {
		if r.n > 0 {
			skipped = append(skipped, count(r.n)+" "+r.why)
		}
	}
	if len(skipped) > 0 {
		p.wrap("", "Not judged: "+strings.Join(skipped, ", ")+".")
	}
}

func count(n int) string { return humanize.Comma(int64(n)) }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + one + "s"
}

// snip cuts to a number of columns.
func snip(s string, columns int) string { return text.Snip(s, columns, "…") }
