package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// writeHotspotsText writes the document for a person, the answer first. Of the lines only
// commands may be longer than the columns of the style.
func writeHotspotsText(w io.Writer, doc *Hotspots, style Style) error {
	p := newPrinter(style)
	color, answer := doc.answer()
	p.paragraph(color, "", "  ", answer)
	p.hotspotOrigin(doc)
	titled := len(doc.Findings)+len(doc.Empty) > 1 || !doc.Coverage.Complete // else the answer is the title
	for i, f := range doc.Findings[:min(len(doc.Findings), inFull)] {
		p.blank()
		if titled {
			p.paragraph(text.Bold, "", "   ", fmt.Sprintf("%d. %s", i+1, f.oneLine()))
		}
		p.hotspot(doc.measure, f)
	}
	if rest := doc.Findings[min(len(doc.Findings), inFull):]; len(rest) > 0 {
		p.blank()
		p.wrap("", fmt.Sprintf("%s (--json has them in full):", words.Plural(len(rest), "more finding")))
		for _, f := range rest[:min(len(rest), listed)] {
			p.wrap("  ", f.oneLine())
		}
	}
	p.emptyServers(doc.Empty, titled)
	p.openHotspots(doc)
	if doc.all {
		p.loads(doc)
		p.unchecked(doc)
	}
	return p.to(w)
}

// hotspotOrigin says in a line who reported, and which server has the most where
// nothing is a finding; then who did not.
func (p *printer) hotspotOrigin(doc *Hotspots) {
	cluster, server := doc.highest()
	if pass := checks.Outcome(doc.Outcome) == checks.OutcomePass; !pass || !doc.Coverage.Complete || server == nil {
		p.from(doc.Source.reportedBy(doc.Coverage, true), doc.Source)
	} else {
		names := []string{server.label}
		if len(doc.Clusters) > 1 {
			names = append(names, clusterName(cluster.Name))
		}
		p.wrap("", fitted(p.width, names, func(n []string) string {
			return fmt.Sprintf("Highest: %s with %s, average %s. %s", strings.Join(n, " in "), words.Plural(*server.Connections, doc.measure.Noun),
				cluster.Average, doc.Source.reportedBy(doc.Coverage, false))
		}))
	}
	if !doc.Coverage.Complete {
		p.missing(doc.Coverage.Missing, listed)
		p.without(doc.Coverage, doc.Source.of, doc.Outcome, doc.allowPartial)
	}
	p.notes(doc.Coverage.Notes[:len(doc.Coverage.Notes)-doc.lastNotes])
}

// highest is the server that was checked with the largest multiple of its
// cluster's average; nil where none was.
func (doc *Hotspots) highest() (of HotspotCluster, highest *HotspotServer) {
	for _, c := range doc.Clusters {
		for i := range c.Servers {
			s := &c.Servers[i]
			if s.Factor != nil && c.Verdict == string(checks.Pass) && (highest == nil || *s.Factor > *highest.Factor) {
				of, highest = c, s
			}
		}
	}
	return of, highest
}

// emptyServers lists them, and what fills those of one cluster once.
func (p *printer) emptyServers(all []EmptyServer, titled bool) {
	for i, e := range all {
		if i == listed {
			p.more("", len(all)-listed, "more empty server")
			return
		}
		p.blank()
		if titled {
			p.paragraph(text.Bold, "", "   ", e.oneLine()+".")
		}
		if e.Start != nil {
			p.wrap("   ", "It started at "+e.Start.Format(timeLayout)+"; clients do not come back to a server by themselves.")
		}
		if last := i == len(all)-1 || i == listed-1 || all[i+1].Cluster != e.Cluster; !last {
			continue
		}
		commands := e.Commands
		if i > 0 && all[i-1].Cluster == e.Cluster { // one for all of them
			commands = commands[:1]
		}
		for _, c := range commands {
			p.commandAt("   $ ", c)
		}
	}
}

// oneLine is a finding in a clause.
func (f Hotspot) oneLine() string {
	return fmt.Sprintf("%s has %s of %s in %s, %s times the average", f.label, words.Count(f.OnServer),
		words.Plural(f.Connections, f.unit), clusterName(f.Cluster), f.Factor)
}

// oneLine is an empty server in a clause.
func (e EmptyServer) oneLine() string {
	return fmt.Sprintf("%s has %s of %s in %s, less than a quarter of the average %s", short(e.Server.called(), prose), words.Count(e.OnServer),
		words.Plural(e.Connections, "client connection"), clusterName(e.Cluster), e.Average)
}

// answer is what the first line says, in its colour.
func (doc *Hotspots) answer() (text.Color, string) {
	partly := doc.Coverage.partly()
	found := ""
	n := len(doc.Findings) + len(doc.Empty)
	switch {
	case len(doc.Findings) > 0:
		found = doc.Findings[0].oneLine() + "."
	case n > 0:
		found = doc.Empty[0].oneLine() + "."
	}
	if n > 1 {
		found = "The first: " + found
	}
	switch {
	case checks.Outcome(doc.Outcome) == checks.OutcomeNotJudged && doc.allowPartial && largestCluster(doc.Clusters, func(c HotspotCluster) (string, int) { return c.Name, len(c.Servers) }).servers >= doc.Parameters.MinServers:
		return text.FgYellow, fmt.Sprintf("Not checked%s: of as few as that none can have more than %s times the average. Audit again when more report, or pass a lower --factor.", partly, doc.Parameters.Factor)
	case checks.Outcome(doc.Outcome) == checks.OutcomeNotJudged:
		return text.FgYellow, notJudged(doc.Parameters.MinServers, largestCluster(doc.Clusters, func(c HotspotCluster) (string, int) { return c.Name, len(c.Servers) }))
	case checks.Outcome(doc.Outcome) == checks.OutcomeIncomplete:
		silent := doc.Coverage.silent()
		if n == 0 {
			return text.FgYellow, fmt.Sprintf("Incomplete: %s, so a hotspot can't be ruled out.", silent)
		}
		return text.FgYellow, fmt.Sprintf("Incomplete, but %s for certain: %s. %s", words.Plural(n, "finding"), silent, found)
	case n > 1:
		return text.FgRed, words.Plural(n, "finding") + partly + ". " + found
	case n == 1:
		return text.FgRed, "Finding" + partly + ": " + found
	case doc.Summary.Evaluated == 0:
		return text.FgYellow, fmt.Sprintf("No finding: no cluster has the minimum of %s%s%s.", words.Plural(doc.Parameters.MinConnections, doc.measure.Noun), partly, doc.largestText())
	}
	color := text.FgGreen
	if partly != "" {
		color = text.FgYellow
	}
	if n := doc.mostServers(); 100*n <= int(doc.Parameters.Factor) {
		return text.FgYellow, fmt.Sprintf("No finding%s, as none is possible: one of %s can't have more than %s times their average. Pass a --factor below %d.",
			partly, words.Plural(n, "server"), doc.Parameters.Factor, n)
	}
	return color, fmt.Sprintf("No finding%s: %s checked, no server has more than %s times the average.",
		partly, words.Plural(doc.Summary.Evaluated, "cluster"), doc.Parameters.Factor)
}

// mostServers is how many servers the largest cluster has that was checked.
func (doc *Hotspots) mostServers() int {
	most := 0
	for _, c := range doc.Clusters {
		if slices.ContainsFunc(c.Servers, func(s HotspotServer) bool { return s.Factor != nil }) {
			most = max(most, len(c.Servers))
		}
	}
	return most
}

func (p *printer) hotspot(m checks.Measure, f Hotspot) {
	silent := 0
	for _, s := range f.Distribution {
		if s.Connections == nil {
			silent++
		}
	}
	average := fmt.Sprintf("Average %s of %s", f.Average, words.Plural(len(f.Distribution), "server"))
	if silent > 0 {
		average += fmt.Sprintf(", with 0 for the %s that did not report", words.Count(silent))
	}
	p.wrap("   ", average)
	p.distribution(Finding{Distribution: f.Distribution, Connections: f.Connections, OnServer: f.OnServer})
	if len(f.Accounts) == 0 {
		return
	}
	p.wrap("   ", "It is hot by these accounts, the one furthest above an even share first:")
	concentrated := 0
	for _, a := range f.Accounts {
		s := fmt.Sprintf("- %s: %s of its %s (%s%%), %s above", accountName(a.Account), words.Count(a.OnServer),
			words.Plural(a.Connections, m.Noun), a.SharePercent, a.AboveEven)
		switch checks.Answer(a.Concentrated) {
		case checks.Yes:
			concentrated++
			s += ", concentrated"
		case checks.Unknown:
			if !m.Clients {
				break
			}
			s += ", a missing server decides whether concentrated"
		case checks.No:
		}
		p.wrap("   ", s)
	}
	if f.MoreAccounts > 0 {
		p.wrap("   ", fmt.Sprintf("… and %s above theirs", words.Plural(f.MoreAccounts, "more account")))
	}
	switch {
	case !m.Clients: // concentration is of client connections
	case concentrated > 0:
		p.wrap("   ", "Concentrated accounts are findings of their own (OPT_BALANCE_006): audit concentration says why they are here and what to do.")
	default:
		p.wrap("   ", "None of them is known to be concentrated (OPT_BALANCE_006): they lean to this server together. explain OPT_BALANCE_002 says what to do.")
	}
}

// openHotspots say what a missing server decides.
func (p *printer) openHotspots(doc *Hotspots) {
	var out []string
	for _, c := range doc.Clusters {
		if c.Verdict != string(checks.Incomplete) {
			continue
		}
		var may []string
		for _, s := range c.Servers {
			if s.Connections != nil && s.Verdict == string(checks.Incomplete) {
				may = append(may, fmt.Sprintf("%s (%s of %s %ss)", short(s.label, prose), words.Count(*s.Connections), words.Count(c.Connections), doc.measure.Noun))
			}
		}
		if len(may) > 0 {
			out = append(out, fmt.Sprintf("Open in %s: a missing server decides whether these are hotspots, or is one itself: %s.", clusterName(c.Name), words.ListUpTo(named, may)))
		} else {
			out = append(out, fmt.Sprintf("Open in %s: a missing server may be a hotspot.", clusterName(c.Name)))
		}
	}
	if doc.openElsewhere {
		out = append(out, words.UpperFirst(elsewhere)+".")
	}
	if len(out) > 0 {
		p.blank()
	}
	for i, s := range out {
		if i == listed {
			p.more("", len(out)-listed, "more open cluster")
			break
		}
		p.wrap("", s)
	}
}

// loads is a table of every server.
func (p *printer) loads(doc *Hotspots) {
	const clusterColumns, serverColumns, numberColumns, verdictColumns = 16, 20, 31, 10
	narrow := p.width < clusterColumns+serverColumns+numberColumns+verdictColumns
	row := func(cells ...string) {
		if narrow { // the cluster and the share have no room
			p.row("", "    ", fmt.Sprintf("  %s  %11s  %5s  %s", fit(cells[1], p.width-33), cells[2], cells[4], cells[5]))
			return
		}
		p.row("", "    ", fmt.Sprintf("  %s  %s  %11s  %6s  %5s  %s", fit(cells[0], clusterColumns), fit(cells[1], serverColumns),
			cells[2], cells[3], cells[4], cells[5]))
	}
	p.blank()
	p.wrap("", fmt.Sprintf("Every server (%s):", words.Count(doc.Summary.Servers)))
	row("CLUSTER", "SERVER", strings.ToUpper(doc.measure.Noun+"s"), "SHARE", "TIMES", "VERDICT")
	few := "few conns"
	if !doc.measure.Clients {
		few = "few"
	}
	verdicts := map[string]string{
		string(checks.Incomplete):                        "open",
		verdictBy(doc.measure, checks.TooFewConnections): few,
		string(checks.TooFewServers):                     "alone",
	}
	for _, c := range doc.Clusters {
		if narrow {
			p.line("  " + short(clusterName(c.Name), p.width-2))
		}
		for _, s := range c.Servers {
			verdict := s.verdict()
			if v, ok := verdicts[verdict]; ok {
				verdict = v
			}
			if s.Connections == nil {
				row(clusterName(c.Name), s.label, "unknown", "", "", verdict)
				continue
			}
			row(clusterName(c.Name), s.label, words.Count(*s.Connections), s.SharePercent.String()+"%", s.Factor.String(), verdict)
		}
	}
}

// largestText names the cluster that comes nearest to the minimum of connections.
func (doc *Hotspots) largestText() string {
	var largest HotspotCluster
	for _, c := range doc.Clusters {
		if c.Verdict == verdictBy(doc.measure, checks.TooFewConnections) && c.Connections > largest.Connections {
			largest = c
		}
	}
	if largest.Connections == 0 {
		return ""
	}
	return fmt.Sprintf("; the largest, %s, has %s", clusterName(largest.Name), words.Count(largest.Connections))
}

// unchecked counts the clusters that were not.
func (p *printer) unchecked(doc *Hotspots) {
	var skipped []string
	if n := doc.Summary.Skipped.TooFewConnections; n > 0 {
		skipped = append(skipped, fmt.Sprintf("%s with fewer than %s", words.Plural(n, "cluster"), words.Plural(doc.Parameters.MinConnections, doc.measure.Unit)))
	}
	if n := doc.Summary.Skipped.TooFewServers; n > 0 {
		skipped = append(skipped, fmt.Sprintf("%s of fewer than %s", words.Plural(n, "cluster"), words.Plural(doc.Parameters.MinServers, "server")))
	}
	if len(skipped) > 0 {
		p.wrap("", "Not checked: "+words.List(skipped)+".")
	}
}
