package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// inFullLines and groupsInFullLines are how many lines may be written before the
	// findings, and the groups of several, that follow get a line each.
	inFullLines, groupsInFullLines = 24, 50
	// findingLines and groupLines bound a finding and a group.
	findingLines, groupLines = 16, 8
	// aLineEach is how many findings get a line before the rest is counted.
	aLineEach = 60
	// remarks is how many notes, warnings and reasons one screen has.
	remarks = 3
)

// screen writes what fits on one: the answer, who, why, what it costs and what to
// do. Option --details has the rest.
func (p *printer) screen(doc *Document) {
	c, said := answer(doc)
	p.paragraph(c, "", "  ", doc.sinceBaseline()+said)
	p.origin(doc)
	p.unanswered(doc)
	p.groups(doc)
	if n := len(doc.Findings); n > 1 || n == 1 && len(doc.screenNotes)+len(doc.Warnings)+len(doc.Review)+len(doc.Accepted) > 0 {
		p.blank()
	}
	p.toReview(doc)
	p.acceptedLine(doc.Accepted)
	p.sinceLine(doc.Baseline)
	p.accounts(doc)
	p.remarks("Note: ", doc.screenNotes)
	p.remarks("Warning: ", doc.Warnings)
	switch len(doc.Findings) {
	case 0:
	case 1:
		p.line("More: --details")
	default:
		p.wrap("", "More about one: --account NAME --details")
	}
}

// origin says in a line who reported, and what is highest where nothing is a
// finding.
func (p *printer) origin(doc *Document) {
	reported := doc.Source.reportedBy(doc.Coverage, true)
	h := doc.highest
	if h == nil || len(doc.Findings) > 0 || !doc.Coverage.Complete {
		p.from(reported, doc.Source)
		return
	}
	more := ""
	if n := len(doc.Review); n > 1 {
		more = fmt.Sprintf(", and %s more above %s", words.Count(n-1), doc.reviewed())
	}
	p.wrap("", fitted(p.width, []string{accountName(h.Account), h.Server.called()}, func(n []string) string {
		return fmt.Sprintf("Highest: %s%s, %s%% on %s%s. %s", n[0], doc.in(h.Cluster), h.SharePercent, n[1], more, reported)
	}))
}

// from says who reported, and through what: as much of that as fits into a line.
func (p *printer) from(reported string, s Source) {
	if s.of.SeesAll { // in which way matters less
		for n := len(s.parts); n > 0; n-- {
			if said := fmt.Sprintf("%s (%s)", reported, strings.Join(s.parts[:n], ", ")); columns(said) <= p.width {
				p.line(said)
				return
			}
		}
	}
	p.wrap("", fmt.Sprintf("%s (%s)", reported, short(s.Detail, prose)))
}

// reportedBy says how many servers reported, and to the system account only where that
// is to be named.
func (s Source) reportedBy(c Coverage, system bool) string {
	if s.of.OwnAccount && c.Complete { // how many there are is unknown
		return fmt.Sprintf("%s answered an ordinary account, which sees only itself and knows of no other", words.Plural(c.ServersAnswered, "server"))
	}
	return fmt.Sprintf("%s of %s %s", words.Count(c.ServersAnswered), words.Plural(c.ServersExpected, "server"), s.reported(c.ServersAnswered, system))
}

// reported says how so many servers reported.
func (s Source) reported(n int, system bool) string {
	switch {
	case s.of.SeesAll && !system:
		return "reported"
	case n == 1:
		return s.of.Reports
	}
	return s.of.Report
}

// in names the cluster where there are several.
func (doc *Document) in(cluster string) string {
	if len(doc.Clusters) < 2 {
		return ""
	}
	return " in " + short(cmp.Or(cluster, "no cluster"), 24)
}

// unanswered says which servers did not report, who was on them, and what is
// certain nevertheless.
func (p *printer) unanswered(doc *Document) {
	c := doc.Coverage
	if c.Complete {
		return
	}
	p.missing(c.Missing, remarks)
	for _, s := range doc.lostOn {
		p.wrap("  ", s)
	}
	switch {
	case doc.allowPartial:
		p.wrap("  ", "Checked as if these servers had no connections (--allow-partial): this can be wrong.")
	case checks.Outcome(doc.Outcome) == checks.OutcomeIncomplete:
		open := shares(doc.open, true)
		if len(open) == 0 {
			for _, s := range doc.openSentences() {
				p.wrap("  ", "Undetermined: "+s+".")
			}
		}
		p.flow(fmt.Sprintf("  Undetermined (%s): ", words.Count(len(doc.open)+doc.moreOpen)), "    ", 2, open)
		if n := doc.Summary.Evaluated - len(doc.Findings) - len(doc.open); n > 0 {
			stay := "stay"
			if n == 1 {
				stay = "stays"
			}
			p.wrap("  ", fmt.Sprintf("Certain even without the missing servers: %s %s below %s.", accounts(doc, n), stay, doc.limit()))
		}
		p.wrap("  ", doc.Coverage.bringIn(doc.Source.of)+"; --allow-partial checks without them.")
	default:
		p.wrap("  ", "No verdict depends on them.")
	}
}

// groups writes the groups in their order: those of several accounts and single
// findings in full while there is room, then a line each.
func (p *printer) groups(doc *Document) {
	var findings []Finding
	var groups []Group
	titled := len(doc.Findings) > 1 || !doc.Coverage.Complete // else the answer is the title
	for i, g := range doc.inOrder() {
		f := doc.Findings[g.findings[0]]
		single := len(g.findings) == 1
		write := func(q *printer) { q.shortFinding(doc, f, titled) }
		switch {
		case !single && i > 0 && p.lines() > groupsInFullLines:
			groups = append(groups, g)
			continue
		case !single:
			write = func(q *printer) { q.shortGroup(doc, g) }
		case i > 0 && p.lines() > inFullLines:
			findings = append(findings, f)
			continue
		}
		if titled {
			p.blank()
		}
		above := p.lines()
		for _, l := range p.block(func(q *printer) {
			if !titled {
				q.height = p.scaled(findingLines) - above - 1 // what follows says where there is more
			}
			write(q)
		}) {
			p.line(l)
		}
	}
	if len(groups) > 0 {
		p.blank()
	}
	for _, g := range groups[:min(len(groups), listed)] {
		p.wrap("", g.Text)
	}
	if n := len(groups) - listed; n > 0 {
		p.more("", n, "more group")
	}
	p.aLineEach(doc, findings)
}

// several tells of the groups of several accounts, a sentence each.
func (p *printer) several(doc *Document) {
	groups := slices.DeleteFunc(doc.inOrder(), func(g Group) bool { return len(g.findings) == 1 })
	for i, g := range groups[:min(len(groups), listed)] {
		if i == 0 {
			p.blank()
		}
		p.wrap("", g.Text)
	}
	if n := len(groups) - listed; n > 0 {
		p.more("", n, "more group")
	}
}

// inOrder returns the groups with something critical first, then by priority, those
// of several accounts before single findings.
func (doc *Document) inOrder() []Group {
	several := func(g Group) int { return min(2, len(g.findings)) }
	critical := func(g Group) int {
		if slices.ContainsFunc(g.findings, func(i int) bool { return doc.Findings[i].critical }) {
			return 1
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(doc.Groups), func(a, b Group) int {
		return cmp.Or(critical(b)-critical(a), checks.ComparePriorities(checks.Priority(a.priority), checks.Priority(b.priority)), several(b)-several(a))
	})
}

// aLineEach lists findings by server.
func (p *printer) aLineEach(doc *Document, all []Finding) {
	if len(all) == 0 {
		return
	}
	p.blank()
	p.wrap("", fmt.Sprintf("%s, by server:", words.Plural(len(all), "more finding")))
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.label, b.label), b.OnServer-a.OnServer)
	})
	var rows []RowOf
	for _, f := range all[:min(len(all), aLineEach)] {
		last := doc.cause(f)
		if f.critical {
			last += ", critical"
		}
		row := f.row()
		row.Server.Name = f.label
		rows = append(rows, RowOf{Verdict: last, Row: row})
	}
	p.table(rows, "CAUSE", func(r RowOf) string { return r.Verdict })
	if n := len(all) - len(rows); n > 0 {
		p.more("  ", n, "more finding")
	}
}

// shares are rows in a few words each, with their connections where these say how
// much is known.
func shares(rows []RowOf, counts bool) []string {
	var out []string
	for _, r := range rows[:min(len(rows), aLineEach)] {
		name, of := short(accountName(r.Account), 24), ""
		switch {
		case counts && r.Connections == 0:
			out = append(out, name+" (not counted)")
			continue
		case counts:
			of = fmt.Sprintf(" (%s of %s)", words.Count(r.OnServer), words.Count(r.Connections))
		}
		out = append(out, fmt.Sprintf("%s %s%%%s on %s", name, r.SharePercent, of, short(r.Server.called(), 24)))
	}
	for range len(rows) - len(out) {
		out = append(out, "")
	}
	return out
}

// toReview names what is to be reviewed, unless a pass has said it.
func (p *printer) toReview(doc *Document) {
	if len(doc.Findings) > 0 || !doc.Coverage.Complete {
		p.flow(fmt.Sprintf("To review, above %s: ", doc.reviewed()), "  ", 1, shares(doc.toReview(), false))
	}
}

func (p *printer) acceptedLine(all []Accepted) {
	var items []string
	for _, a := range all {
		critical := ""
		if a.critical {
			critical = ", critical"
		}
		items = append(items, fmt.Sprintf("%s %s%% on %s%s (until %s)", short(accountName(a.Account), 24), a.SharePercent, short(a.Server.called(), 24), critical, a.Expires))
	}
	p.flow("Accepted: ", "  ", 2, items)
}

// sinceLine says how findings differ from the baseline.
func (p *printer) sinceLine(b *Baseline) {
	if b == nil {
		return
	}
	p.wrap("", b.counts())
	var gone []string
	for _, r := range b.Gone {
		gone = append(gone, short(accountName(r.Account), 24)+" ("+goneReason(r.Reason)+")")
	}
	p.flow("  Gone: ", "  ", 1, gone)
}

// remarks writes the first few.
func (p *printer) remarks(label string, all []string) {
	for i, s := range all {
		if i == remarks && len(all) > remarks+1 {
			p.wrap("", fmt.Sprintf("… %s more (--details)", words.Count(len(all)-remarks)))
			return
		}
		p.clip(text.Reset, label, "  ", p.scaled(2), s)
	}
}
