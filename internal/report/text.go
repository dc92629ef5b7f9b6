package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	width = 80 // columns of a line of text
	// inFull is how many findings are shown with all servers; the others get
	// a line each. JSON has all of all.
	inFull = 20
	// listed is how many rows a list shows before it says how many more.
	listed = 20
	// barRows is the same for the servers of a finding.
	barRows = 40
	// named is the same for names in a sentence.
	named = 5
	// prose is how many columns of a name a sentence shows.
	prose = 64
)

// Style is how text is dressed.
type Style struct {
	Color bool
	// Scheme is a colour scheme of the nats CLI, for the bars.
	Scheme string
}

// Text writes the document for a person: the answer in the first line, then
// each finding, then what the answer rests on. No line is longer than 80
// columns.
func Text(w io.Writer, doc *Document, style Style) error {
	p := &printer{color: style.Color, bars: barColor(style.Scheme)}
	p.headline(doc)
	p.coverage(doc)
	for i, f := range doc.Findings[:min(len(doc.Findings), inFull)] {
		p.finding(i+1, f)
	}
	p.moreFindings(doc.Findings[min(len(doc.Findings), inFull):])
	p.open(doc)
	p.review(doc)
	p.accounts(doc)
	p.summary(doc)
	for _, warning := range doc.Warnings {
		p.wrap("", "Warning: "+warning)
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

// paint colours a piece of one line.
func (p *printer) paint(c text.Color, s string) string {
	if !p.color || c == text.Reset || s == "" {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

func (p *printer) blank() { p.b.WriteByte('\n') }

func (p *printer) line(s string) {
	p.b.WriteString(strings.TrimRight(s, " "))
	p.b.WriteByte('\n')
}

// wrap writes a sentence in lines of at most 80 columns, all but the first
// indented by two columns more.
func (p *printer) wrap(indent, sentence string) {
	p.paragraph(text.Reset, indent, indent+"  ", sentence)
}

// paragraph writes a sentence in lines of at most 80 columns, the first one
// behind first and the others behind rest.
func (p *printer) paragraph(c text.Color, first, rest, sentence string) {
	for i, l := range lines(sentence, width-columns(first), width-columns(rest)) {
		if i == 0 {
			p.line(first + p.paint(c, l))
		} else {
			p.line(rest + p.paint(c, l))
		}
	}
}

// lines breaks a sentence at spaces, and words that are too long anywhere.
func lines(sentence string, first, rest int) []string {
	var out []string
	line, used, room := "", 0, first
	next := func() {
		out = append(out, strings.TrimRight(line, " "))
		line, used, room = "", 0, rest
	}
	for i, word := range strings.Split(sentence, " ") {
		if i > 0 && used < room {
			line += " "
			used++
		}
		if n := columns(word); used+n > room && strings.TrimSpace(line) != "" && n <= rest {
			next()
		}
		for _, r := range word {
			if n := text.RuneWidth(r); used+n > room {
				next()
			}
			line += string(r)
			used += text.RuneWidth(r)
		}
	}
	next()
	return out
}

// columns is how wide a string is on a terminal.
func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }

// short leaves a number of columns of a name: where names differ is often at
// the end.
func short(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	head := text.Trim(s, n/2)
	room, tail := n-columns(head)-1, len(s)
	for room >= 0 {
		r, size := utf8.DecodeLastRuneInString(s[:tail])
		if room -= text.RuneWidth(r); room >= 0 {
			tail -= size
		}
	}
	return head + "…" + s[tail:]
}

// fit shortens or fills to a number of columns.
func fit(s string, n int) string { return text.Pad(short(s, n), n, ' ') }

func (p *printer) headline(doc *Document) {
	c, answer := answer(doc)
	p.paragraph(c, "", "", answer)
	p.line(fmt.Sprintf("%s %s, more than %d%% on one server", doc.Check.Code, doc.Check.Name, doc.Parameters.ThresholdPercent))
	p.wrap("", fmt.Sprintf("Source: %s (%s)", strings.ReplaceAll(doc.Source.Kind, "-", " "), doc.Source.Detail))
}

// answer is what the first line says, in its colour.
func answer(doc *Document) (text.Color, string) {
	answered, expected := count(doc.Coverage.ServersAnswered), plural(doc.Coverage.ServersExpected, "server")
	missing := doc.Coverage.ServersExpected - doc.Coverage.ServersAnswered
	partly := ""
	if doc.allowPartial && !doc.Coverage.Complete {
		partly = fmt.Sprintf(", judged by %s of %s", answered, expected)
	}
	critical := slices.IndexFunc(doc.Findings, func(f Finding) bool { return f.critical })
	found := ""
	if n := len(doc.Findings); n > 0 {
		found = oneLine(doc.Findings[max(critical, 0)]) + "."
		if n > 1 {
			found = "The first: " + found
		}
	}
	switch n := len(doc.Findings); doc.Outcome {
	case "pass":
		switch {
		case doc.Summary.Evaluated == 0:
			return text.FgYellow, "No finding: no account met the minimums, so none was judged" + partly + "."
		case partly != "":
			return text.FgYellow, fmt.Sprintf("No finding%s: %s judged, none has more than %d%% on one server.",
				partly, accounts(doc, doc.Summary.Evaluated), doc.Parameters.ThresholdPercent)
		}
		return text.FgGreen, fmt.Sprintf("No finding: %s judged, none has more than %d%% on one server.",
			accounts(doc, doc.Summary.Evaluated), doc.Parameters.ThresholdPercent)
	case "incomplete":
		silent := fmt.Sprintf("%s of %s did not report", count(missing), expected)
		switch {
		case n == 0:
			return text.FgYellow, fmt.Sprintf("Incomplete: %s, so a finding can't be ruled out.", silent)
		case len(doc.open)+len(doc.openClusters) > 0:
			return text.FgYellow, fmt.Sprintf("Incomplete, but %s for certain: %s. %s", plural(n, "finding"), silent, found)
		}
		return text.FgYellow, fmt.Sprintf("Incomplete, but %s for certain: %s, so critical can't be ruled out. %s", plural(n, "finding"), silent, found)
	case "critical":
		if n > 1 {
			return text.FgRed, fmt.Sprintf("Critical%s: %s of %s at or above %d%%. %s", partly, count(criticals(doc)),
				plural(n, "finding"), *doc.Parameters.CriticalPercent, found)
		}
		return text.FgRed, "Critical finding" + partly + ": " + found
	default:
		if n > 1 {
			return text.FgRed, plural(n, "finding") + partly + ". " + found
		}
		return text.FgRed, "Finding" + partly + ": " + found
	}
}

func criticals(doc *Document) (n int) {
	for _, f := range doc.Findings {
		if f.critical {
			n++
		}
	}
	return n
}

// accounts counts what was judged: an account counts in each of its clusters.
func accounts(doc *Document, n int) string {
	if doc.Summary.Clusters > 1 {
		return plural(n, "account-cluster pair")
	}
	return plural(n, "account")
}

// oneLine is a finding in a clause.
func oneLine(f Finding) string {
	return fmt.Sprintf("%s has %s of its %s in %s on %s (%s%%)", accountName(f.Account), count(f.OnServer),
		plural(f.Connections, "connection"), clusterName(f.Cluster), f.label, f.SharePercent)
}

// accountName shows the id too where it is another and too long to be a name.
func accountName(a Account) string {
	if a.Name != "" && a.Name != a.ID && columns(a.ID) > 12 {
		return fmt.Sprintf("%s (%s…)", short(a.Name, prose-11), text.Trim(a.ID, 8))
	}
	return short(cmp.Or(a.Name, a.ID), prose)
}

func clusterName(name string) string { return short(cmp.Or(name, "no cluster"), prose) }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// list is a few names for a sentence.
func list(names []string, most int) string {
	shown := make([]string, min(len(names), most))
	for i := range shown {
		shown[i] = short(names[i], prose)
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %s more", strings.Join(shown, ", "), count(len(names)-most))
	}
	return strings.Join(shown, ", ")
}

func (p *printer) coverage(doc *Document) {
	c := doc.Coverage
	reported := fmt.Sprintf("%s of %s reported at %s.", count(c.ServersAnswered), plural(c.ServersExpected, "server"),
		doc.Time.Format("2006-01-02 15:04:05 MST"))
	if c.Complete {
		p.line("Coverage: complete, " + reported)
	} else {
		p.line(p.paint(text.FgYellow, "Coverage: "+reported+" Missing:"))
		p.missing(c.Missing)
		switch {
		case doc.allowPartial:
			p.wrap("  ", "Judged as if the missing servers had no connections (--allow-partial): verdicts can be wrong.")
		case doc.Outcome == "incomplete":
			p.wrap("  ", "A longer --timeout, or another server to connect to, may bring them in; --allow-partial judges without them.")
		default:
			p.wrap("  ", "Whatever connections they have, no verdict would change.")
		}
	}
	notes := c.Notes[:len(c.Notes)-doc.lastNotes]
	for i, n := range notes {
		if i == listed {
			p.line(fmt.Sprintf("  … and %s (--json lists them)", plural(len(notes)-listed, "more note")))
			break
		}
		p.wrap("  ", "Note: "+n)
	}
}

// missing lists servers, those with the same reason together.
func (p *printer) missing(all []Missing) {
	type place struct{ cluster, reason string }
	var places []place
	names, nameless := map[place][]string{}, map[place]int{}
	for _, m := range all {
		at := place{deref(m.Cluster), m.Reason}
		if names[at] == nil && nameless[at] == 0 {
			places = append(places, at)
		}
		if m.Server == nil {
			nameless[at]++
		} else {
			names[at] = append(names[at], *m.Server)
		}
	}
	for i, at := range places {
		if i == listed {
			p.line(fmt.Sprintf("  … and more, for %s (--json lists them)", plural(len(places)-listed, "more reason")))
			break
		}
		who := list(names[at], listed)
		if n := nameless[at]; n > 0 {
			if who != "" {
				who += " and "
			}
			who += plural(n, "server") + " of unknown name"
		}
		if at.cluster != "" {
			who += " in " + clusterName(at.cluster)
		}
		if len(names[at])+nameless[at] > 1 {
			who += ", each"
		}
		p.wrap("  ", who+": "+at.reason)
	}
}

func (p *printer) finding(n int, f Finding) {
	p.blank()
	p.paragraph(text.Bold, "", "   ", fmt.Sprintf("%d. %s", n, oneLine(f)))
	severity := "info"
	switch {
	case f.critical:
		severity = "critical"
	case f.criticalOpen:
		severity = "info, or critical: a missing server decides"
	}
	p.line(fmt.Sprintf("   Priority %s, severity %s", f.Priority, severity))
	p.distribution(f)
	p.wrap("   ", f.impactSentence())
	for _, s := range f.survivorSentences() {
		p.wrap("   ", s)
	}
	if f.Leafnodes > 0 {
		p.wrap("   ", fmt.Sprintf("Besides, it has %s in this cluster, which do not count as clients.", plural(f.Leafnodes, "leafnode connection")))
	}
	chance := chanceText(f.Chance)
	if !slices.ContainsFunc(f.Impact.Survivors, func(s Survivor) bool { return s.Now != nil }) {
		chance = "not known, no other server reported"
	}
	p.wrap("   ", fmt.Sprintf("Chance of this if clients chose at random: %s.", chance))
}

// moreFindings are those that get a line only.
func (p *printer) moreFindings(findings []Finding) {
	if len(findings) == 0 {
		return
	}
	p.blank()
	p.line(fmt.Sprintf("%s, a line each (--json has them in full):", plural(len(findings), "more finding")))
	rows := make([]RowOf, 0, len(findings))
	for _, f := range findings {
		priority := f.Priority
		if f.critical {
			priority += ", critical"
		}
		rows = append(rows, RowOf{Verdict: priority, Row: Row{Account: f.Account, Cluster: f.Cluster, Server: f.label,
			Connections: f.Connections, OnServer: f.OnServer, SharePercent: f.SharePercent}})
	}
	p.table(rows, "PRIORITY", func(r RowOf) string { return r.Verdict })
}

// distribution draws a bar for every server.
func (p *printer) distribution(f Finding) {
	shown := f.Distribution[:min(len(f.Distribution), barRows)]
	name, number := 0, len(count(f.OnServer))
	for _, s := range shown {
		name = max(name, columns(s.label))
	}
	name = min(name, 26)
	bar := min(32, width-3-name-2-1-number-2-6)
	for i, s := range shown {
		if s.Connections == nil {
			p.line(fmt.Sprintf("   %s  not known: it did not report", fit(s.label, name)))
			continue
		}
		full := bar * *s.Connections / max(1, f.Connections)
		drawn := strings.Repeat("█", full)
		if full == 0 && *s.Connections > 0 {
			drawn, full = "▏", 1
		}
		c := p.bars
		if i == 0 {
			c = text.FgRed
		}
		p.line(fmt.Sprintf("   %s  %s%s %*s %6s%%", fit(s.label, name), p.paint(c, drawn), strings.Repeat(" ", bar-full),
			number, count(*s.Connections), *s.SharePercent))
	}
	p.moreServers(f.Distribution[len(shown):])
}

// moreServers says what those have that get no bar.
func (p *printer) moreServers(rest []Share) {
	least, most, silent := 0, 0, 0
	for i, s := range rest {
		if s.Connections == nil {
			silent++
			continue
		}
		if i == 0 {
			most = *s.Connections
		}
		least = *s.Connections
	}
	if known := len(rest) - silent; known > 0 {
		each := count(most)
		if least != most {
			each = count(least) + " to " + each
		}
		p.line(fmt.Sprintf("   … %s with %s connections each (--json lists them)", plural(known, "more server"), each))
	}
	if silent > 0 {
		p.line(fmt.Sprintf("   … %s that did not report", plural(silent, "more server")))
	}
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
	s := fmt.Sprintf("If %s fails, %s of %s", f.label, plural(f.Impact.ConnectionsLost, "connection"), accountName(f.Account))
	if f.Impact.SubscriptionsLost != nil {
		s += " with " + plural(*f.Impact.SubscriptionsLost, "subscription")
	}
	switch {
	case f.Impact.CanFailOver == "no" && f.stranded != nil:
		return s + fmt.Sprintf(" drop at once, and at least %s of them can't fail over: the other servers are full then.", count(*f.stranded))
	case f.Impact.CanFailOver == "no":
		return s + " drop at once, and not all of them can fail over."
	case f.Impact.CanFailOver == "yes":
		return s + " drop at once; they can fail over."
	}
	return s + " drop at once; whether they can fail over is not known."
}

// survivorSentences say what the other servers get: each of a few, or the
// worst of many.
func (f Finding) survivorSentences() []string {
	var known []Survivor
	full := 0
	for _, s := range f.Impact.Survivors {
		if s.After == nil {
			continue
		}
		known = append(known, s)
		if s.Limit != nil && *s.After > *s.Limit {
			full++
		}
	}
	silent := len(f.Impact.Survivors) - len(known)
	var out []string
	move := fmt.Sprintf("All clients of %s, of every account, then move to", f.label)
	switch n := len(known); {
	case n > 4:
		worst := slices.MaxFunc(known, func(a, b Survivor) int { return cmp.Compare(load(a), load(b)) })
		s := fmt.Sprintf("%s the other %s servers, about %s to each", move, count(n), count(*worst.After-*worst.Now))
		if full > 0 {
			s += fmt.Sprintf(", which is MORE than the limit of %s", plural(full, "server"))
		}
		out = append(out, s+". The fullest:")
		known = []Survivor{worst}
	case n > 1:
		out = append(out, move+" the others:")
	case n == 1:
		out = append(out, move+" the other:")
	}
	for _, s := range known {
		out = append(out, "- "+survivorSentence(s))
	}
	switch {
	case silent == 1:
		out = append(out, "What the server that did not report could take is not known.")
	case silent > 1:
		out = append(out, fmt.Sprintf("What the %s servers that did not report could take is not known.", count(silent)))
	}
	return out
}

func survivorSentence(s Survivor) string {
	out := fmt.Sprintf("%s from %s to %s", s.label, count(*s.Now), plural(*s.After, "connection"))
	switch {
	case s.Limit == nil:
		return out + ", no limit known"
	case *s.After > *s.Limit:
		return out + fmt.Sprintf(", MORE than its limit of %s", count(*s.Limit))
	}
	return out + fmt.Sprintf(", within its limit of %s", count(*s.Limit))
}

// load orders survivors: by how full they get, then by connections.
func load(s Survivor) float64 {
	if s.Limit == nil {
		return float64(*s.After) / (1 << 40)
	}
	return float64(*s.After) / float64(max(1, *s.Limit))
}

func (p *printer) open(doc *Document) {
	if len(doc.open)+len(doc.openClusters) == 0 {
		return
	}
	p.blank()
	for _, s := range doc.openSentences() {
		p.wrap("", strings.ToUpper(s[:1])+s[1:]+".")
	}
	p.rows("Open, a missing server could overturn it either way", doc.open)
}

func (p *printer) review(doc *Document) {
	rows := make([]RowOf, 0, len(doc.Review))
	for _, r := range doc.Review {
		rows = append(rows, RowOf{Row: r})
	}
	if len(rows) > 0 {
		p.blank()
	}
	p.rows(fmt.Sprintf("To review, above %d%% and no finding", doc.Parameters.ReviewPercent), rows)
}

func (p *printer) accounts(doc *Document) {
	if len(doc.Accounts) == 0 {
		return
	}
	p.blank()
	p.line(fmt.Sprintf("Every account with a client connection, in each cluster (%s):", count(len(doc.Accounts))))
	verdicts := map[string]string{
		"incomplete":          "open",
		"too-few-connections": fmt.Sprintf("<%d conns", doc.Parameters.MinConnections),
		"too-few-servers":     fmt.Sprintf("<%d servers", doc.Parameters.MinServers),
	}
	p.table(doc.Accounts, "VERDICT", func(r RowOf) string { return cmp.Or(verdicts[r.Verdict], r.Verdict) })
}

// rows writes a list that is cut after a few.
func (p *printer) rows(title string, rows []RowOf) {
	if len(rows) == 0 {
		return
	}
	p.line(fmt.Sprintf("%s (%s):", title, count(len(rows))))
	p.table(rows[:min(len(rows), listed)], "", nil)
	if len(rows) > listed {
		p.line(fmt.Sprintf("  … and %s more (--json lists them)", count(len(rows)-listed)))
	}
}

// table writes rows in columns as wide as they need to be, the names shortened
// where a line would be too long. The last column has a title, or is left out.
func (p *printer) table(rows []RowOf, title string, last func(RowOf) string) {
	cells := [][]string{{"ACCOUNT", "CLUSTER", "MOST ON", "CONNECTIONS", "SHARE"}}
	if last != nil {
		cells[0] = append(cells[0], title)
	}
	for _, r := range rows {
		cell := []string{accountName(r.Account), clusterName(r.Cluster), r.Server,
			fmt.Sprintf("%s of %s", count(r.OnServer), count(r.Connections)), r.SharePercent.String() + "%"}
		if last != nil {
			cell = append(cell, last(r))
		}
		cells = append(cells, cell)
	}
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	const gap, names, shortest = 2, 3, 4
	total := 0
	for _, w := range widths {
		total += gap + w
	}
	for ; total > width; total-- {
		widest := 0
		for i := range names {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] == shortest {
			break
		}
		widths[widest]--
	}
	for _, row := range cells {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(strings.Repeat(" ", gap))
			if i == names || i == names+1 {
				b.WriteString(strings.Repeat(" ", widths[i]-columns(cell)))
				b.WriteString(cell)
			} else {
				b.WriteString(fit(cell, widths[i]))
			}
		}
		p.line(text.Snip(b.String(), width, "…"))
	}
}

func (p *printer) summary(doc *Document) {
	s := doc.Summary
	p.blank()
	known := fmt.Sprintf("Known: %s, %s, %s, %s", plural(s.Clusters, "cluster"), plural(s.Servers, "server"),
		plural(s.Accounts, "account"), plural(s.Connections, "client connection"))
	if s.Leafnodes > 0 {
		known += ", besides " + plural(s.Leafnodes, "leafnode connection")
	}
	p.wrap("", known+".")
	judged := fmt.Sprintf("Judged %s: %s, %s to review", accounts(doc, s.Evaluated), plural(s.Findings, "finding"), count(s.Review))
	if s.Evaluated == 0 {
		judged = "Judged none of them"
	}
	if n := len(doc.open); n > 0 {
		judged += fmt.Sprintf(", %s open", count(n))
	}
	p.wrap("", judged+".")
	var skipped []string
	for _, r := range []struct {
		n   int
		why string
	}{
		{s.Skipped.TooFewConnections, fmt.Sprintf("with fewer than %s", plural(doc.Parameters.MinConnections, "connection"))},
		{s.Skipped.TooFewServers, fmt.Sprintf("in a cluster of fewer than %s", plural(doc.Parameters.MinServers, "server"))},
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
