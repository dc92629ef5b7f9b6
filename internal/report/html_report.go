package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// htmlReport is a page of sections with tables: that of hotspots and of an impact.
type htmlReport struct {
	Code, Title, Answer string
	Class, Mark         string
	Style               template.CSS
	Policy              string
	CoverageText        string
	Source              Source
	Time                time.Time
	Tool                Tool
	Sections            []htmlSection
}

type htmlSection struct {
	ID, Title  string
	Paragraphs []string
	Tables     []*htmlTable
	Commands   []string
}

// write adds what the coverage and warnings are, and writes the page.
func (r *htmlReport) write(w io.Writer, outcome string, c Coverage, warnings []string) error {
	style, policy, err := htmlStyle()
	if err != nil {
		return err
	}
	templates, err := htmlTemplates()
	if err != nil {
		return err
	}
	r.Style, r.Policy = style, policy
	r.Class, r.Mark = outcomeClass(checks.Outcome(outcome))
	r.CoverageText = fmt.Sprintf("%s of %s reported.", words.Count(c.ServersAnswered), words.Plural(c.ServersExpected, "server"))
	coverage := htmlSection{ID: "coverage", Title: "Coverage"}
	missing := newHTMLTable("", "Servers that did not report", "Server", "Cluster", "Reason")
	for _, m := range c.Missing {
		cluster := "unknown"
		if m.Cluster != nil {
			cluster = clusterName(*m.Cluster)
		}
		missing.row(cmp.Or(short(m.Server.called(), htmlName), "a server of unknown name"), cluster, m.Reason)
	}
	coverage.table(missing, len(c.Missing))
	coverage.Paragraphs = append(coverage.Paragraphs, some(c.Notes)...)
	for _, s := range some(warnings) {
		coverage.Paragraphs = append(coverage.Paragraphs, "Warning: "+s)
	}
	if len(coverage.Tables)+len(coverage.Paragraphs) > 0 {
		r.Sections = append(r.Sections, coverage)
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "report.tmpl", r); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// some are the first of many.
func some(all []string) []string { return all[:min(len(all), htmlRows)] }

// row adds a row of text while there is room for one.
func (t *htmlTable) row(cells ...string) {
	if len(t.Rows) >= htmlRows {
		return
	}
	var row []htmlCell
	for _, c := range cells {
		row = append(row, htmlCell{Text: c})
	}
	t.Rows = append(t.Rows, row)
}

// table adds a table of so many rows, of which it has the first; none where there
// are none.
func (s *htmlSection) table(t *htmlTable, of int) {
	if of == 0 {
		return
	}
	if n := of - len(t.Rows); n > 0 {
		t.More = fmt.Sprintf("%s more, which JSON has.", words.Count(n))
	}
	s.Tables = append(s.Tables, t)
}

// numbered makes columns of numbers.
func (t *htmlTable) numbered(columns ...int) *htmlTable {
	for _, i := range columns {
		t.Numbers[i] = true
	}
	return t
}

// writeHotspotsHTML is [writeHTML] for hotspots.
func writeHotspotsHTML(w io.Writer, doc *Hotspots) error {
	_, said := doc.answer()
	r := &htmlReport{Code: doc.Check.Code, Title: doc.Check.Name, Answer: said, Source: doc.Source, Time: doc.Time, Tool: doc.Tool}
	for i, f := range doc.Findings[:min(len(doc.Findings), htmlCards)] {
		title := f.oneLine()
		if len(doc.Findings)+len(doc.Empty) == 1 { // the answer has that
			title = "Who is on " + short(f.label, htmlName)
		}
		s := htmlSection{ID: fmt.Sprintf("finding-%d", i+1), Title: title, Tables: []*htmlTable{distributionTable(f.Distribution, doc.measure.Noun)}}
		t := newHTMLTable("", "Accounts that make it hot", "Account", "On this server", "Share", "Above an even share", "Concentrated").numbered(1, 3)
		for _, a := range f.Accounts {
			t.row(accountName(a.Account), fmt.Sprintf("%s of %s", words.Count(a.OnServer), words.Count(a.Connections)), a.SharePercent.String()+"%", a.AboveEven.String(), a.Concentrated)
		}
		s.table(t, len(f.Accounts)+f.MoreAccounts)
		r.Sections = append(r.Sections, s)
	}
	for i, e := range doc.Empty[:min(len(doc.Empty), htmlCards)] {
		s := htmlSection{ID: fmt.Sprintf("empty-%d", i+1), Title: e.oneLine(), Commands: e.Commands}
		if e.Start != nil {
			s.Paragraphs = []string{"It started at " + e.Start.Format(timeLayout) + "; clients do not come back to a server by themselves."}
		}
		r.Sections = append(r.Sections, s)
	}
	if n := len(doc.Findings) + len(doc.Empty) - len(r.Sections); n > 0 {
		r.Sections = append(r.Sections, htmlSection{ID: "more", Title: words.Plural(n, "more finding"), Paragraphs: []string{"--format json has them."}})
	}
	all, n := htmlSection{ID: "servers", Title: "Every server"}, 0
	t := newHTMLTable("", words.UpperFirst(doc.measure.Unit)+"s by server", "Server", "Cluster", words.UpperFirst(doc.measure.Noun)+"s", "Share", "Times the average", "Verdict").numbered(4)
	for _, c := range doc.Clusters {
		for _, x := range c.Servers {
			n++
			connections, share, times := "unknown", "", ""
			if x.Connections != nil {
				connections, share, times = words.Count(*x.Connections), x.SharePercent.String()+"%", x.Factor.String()
			}
			t.row(short(x.label, htmlName), clusterName(c.Name), connections, share, times, x.verdict())
		}
	}
	all.table(t, n)
	r.Sections = append(r.Sections, all)
	return r.write(w, doc.Outcome, doc.Coverage, nil)
}

// ImpactHTML writes as a page what stopping servers would do.
func ImpactHTML(w io.Writer, doc *Impacts) error {
	r := &htmlReport{Title: "Impact of stopping a server", Answer: doc.answer(), Source: doc.Source, Time: doc.Time, Tool: doc.Tool}
	if g := doc.Gone; g != nil {
		r.Title = "Impact of the loss of a server"
		s := htmlSection{ID: "gone", Title: "Who was on " + short(g.Server, htmlName)}
		t := newHTMLTable("", "Accounts that were on it", "Account", "Connections", "Back", "Missing", "Now on").numbered(2, 3)
		for _, a := range g.Accounts {
			back, missing, on := words.Count(a.Back), "unknown: "+deref(a.Why), words.ListUpTo(named, g.gained(a.On))
			if a.Missing != nil {
				missing = words.Count(*a.Missing)
			} else {
				back = "at least " + back
			}
			t.row(accountName(a.Account), words.Count(a.OnServer), back, missing, on)
		}
		s.table(t, len(g.Accounts))
		g.serviceTable(&s)
		r.Sections = append(r.Sections, s)
	}
	for i, x := range doc.Servers[:min(len(doc.Servers), htmlCards)] {
		r.Sections = append(r.Sections, r.impactSection(i+1, x))
	}
	if n := len(doc.Servers) - htmlCards; n > 0 {
		r.Sections = append(r.Sections, htmlSection{ID: "more", Title: words.Plural(n, "more server"), Paragraphs: []string{"--format json has them."}})
	}
	return r.write(w, doc.Outcome, doc.Coverage, doc.Warnings)
}

// serviceTable adds the services that were on the server, those first of which most are
// missing.
func (g *ServerGone) serviceTable(s *htmlSection) {
	type row struct {
		account string
		ServiceGone
	}
	var all []row
	for _, a := range g.Accounts {
		for _, x := range a.Services {
			all = append(all, row{accountName(a.Account), x})
		}
	}
	slices.SortStableFunc(all, func(a, b row) int { return b.lacks() - a.lacks() })
	t := newHTMLTable("", "Services that were on it", "Service", "Account", "Connections", "Back", "Missing", "Now on").numbered(3, 4)
	for _, x := range all {
		back, missing, on := "unknown", "unknown", words.ListUpTo(named, g.gained(x.On))
		if x.Back != nil {
			back, missing = words.Count(*x.Back), words.Count(*x.Missing)
		} else {
			on = deref(x.Why)
		}
		t.row(short(cmp.Or(x.Name, "unnamed"), htmlName), x.account, words.Count(x.OnServer), back, missing, on)
	}
	s.table(t, len(all))
	if said := g.unnamed(); said != "" {
		s.Paragraphs = append(s.Paragraphs, said)
	}
}

// answer is what the page says first.
func (doc *Impacts) answer() string {
	switch {
	case doc.Gone != nil:
		return doc.Gone.answer()
	case len(doc.Servers) == 0:
		return "No server that reported has a client connection."
	case len(doc.Servers) == 1:
		return doc.Servers[0].answer()
	}
	bad, open := 0, 0
	for _, s := range doc.Servers {
		switch checks.Outcome(s.Outcome) {
		case checks.OutcomeFinding:
			bad++
		case checks.OutcomeIncomplete:
			open++
		default: // all can fail over
		}
	}
	return fmt.Sprintf("%s, the fullest of each cluster: clients of %s can't all fail over, of %s it is unknown, of %s all can.",
		words.Plural(len(doc.Servers), "server"), words.Count(bad), words.Count(open), words.Count(len(doc.Servers)-bad-open))
}

// impactSection is one server's: those who can't fail over first.
func (r *htmlReport) impactSection(n int, x ServerImpact) htmlSection {
	s := htmlSection{ID: fmt.Sprintf("server-%d", n), Title: short(x.Server.called(), htmlName) + " in " + clusterName(x.Cluster)}
	if said := x.answer(); said != r.Answer {
		s.Paragraphs = append(s.Paragraphs, said)
	}
	if free := x.free(); free != "" && x.Connections > 0 {
		s.Paragraphs = append(s.Paragraphs, free)
	}
	if abroad := x.abroad(); abroad != "" {
		s.Paragraphs = append(s.Paragraphs, abroad)
	}
	s.Paragraphs = append(s.Paragraphs, x.hints()...)
	t, rows := newHTMLTable("", "Who is on it", "Account", "Service", "User", "On this server", "Can fail over", "Why").numbered(3), 0
	for _, answer := range []checks.Answer{checks.No, checks.Unknown, checks.Yes} {
		for _, a := range x.Accounts {
			for _, v := range a.Services {
				if v.CanFailOver == string(answer) {
					rows++
					t.row(accountName(a.Account), short(cmp.Or(v.Name, "all of its clients"), htmlName), short(v.User, htmlName), words.Count(v.OnServer), v.CanFailOver, deref(v.Why))
				}
			}
		}
	}
	s.table(t, rows)
	others := newHTMLTable("", "What the other servers get then, of all accounts", "Server", "Now", "After", "Limit").numbered(1, 2, 3)
	number := func(n *int, unknown string) string {
		if n == nil {
			return unknown
		}
		return words.Count(*n)
	}
	for _, v := range x.Survivors {
		others.row(short(cmp.Or(v.label, v.Server.Name, "no name"), htmlName), number(v.Now, "unknown"), number(v.After, "unknown"), number(v.Limit, "-"))
	}
	s.table(others, len(x.Survivors))
	return s
}
