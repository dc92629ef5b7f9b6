package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// htmlBytes is about how many bytes the rows and cards of a page take together, and
	// cardBytes how many of them the cards take.
	htmlBytes, cardBytes = 2_400_000, 1_200_000
	// htmlCards is how many groups and findings get a card, htmlRows how many rows a
	// table has.
	htmlCards, htmlRows = 50, 200
	// htmlName is how many columns of a name a table shows.
	htmlName = 48
)

//go:embed page
var pageFiles embed.FS

// writeHTML writes the document as a page that needs nothing else: no network, no script.
// Its policy allows neither, and only the one style sheet in it. Nothing from outside
// is markup in it.
func writeHTML(w io.Writer, doc *Document) error {
	p, err := newHTMLPage(doc)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, "page.tmpl", p); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// htmlPage is what the templates are given.
type htmlPage struct {
	Doc                   *Document
	Title, Answer         string
	Class, Mark           string // of the outcome
	Style                 template.CSS
	Policy                string
	Scope                 []htmlFact
	NotChecked            string
	Heat                  []htmlHeat
	HeatLimits            []string
	Cards                 []template.HTML
	Lines                 *htmlTable // findings without a card
	Open, Review          *htmlTable
	OpenSentences         []string
	Accepted, Changes     *htmlTable
	ClientURLs, DNS       *htmlTable
	Missing               *htmlTable
	CoverageText, Certain string
	Parameters            []htmlFact
	Since                 string
	Notes, Warnings       []string
	Summed                []string // what is not on the page in full

	templates *template.Template
	bytesLeft int
	cards     map[int]int // the number of a finding's card, by its index
}

// htmlFact is a name with what it is.
type htmlFact struct{ Name, Value string }

func newHTMLPage(doc *Document) (*htmlPage, error) {
	style, policy, err := htmlStyle()
	if err != nil {
		return nil, err
	}
	_, said := answer(doc)
	p := &htmlPage{Doc: doc, bytesLeft: htmlBytes, cards: map[int]int{},
		Title: doc.Check.Name, Answer: doc.sinceBaseline() + said,
		Style: style, Policy: policy,
	}
	if p.templates, err = htmlTemplates(); err != nil {
		return nil, err
	}
	outcome := checks.Outcome(doc.Outcome)
	if doc.newOnly {
		outcome = doc.NewOutcome()
	}
	p.Class, p.Mark = outcomeClass(outcome)
	p.scope()
	if err := p.findings(); err != nil {
		return nil, err
	}
	p.heatMaps()
	p.tables()
	p.coverage()
	p.parameters()
	return p, nil
}

// htmlStyle returns the style sheet of every page and the policy that allows it and
// nothing else.
func htmlStyle() (style template.CSS, policy string, err error) {
	css, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(css)
	return template.CSS(css), //nolint:gosec // our own file
		"default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'", nil
}

func htmlTemplates() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"count": words.Count, "name": func(s string) string { return short(s, htmlName) }, "cluster": clusterName,
		"add": func(a, b int) int { return a + b }, "upper": words.UpperFirst,
	}).ParseFS(pageFiles, "page/*.tmpl")
}

// outcomeClass is how an outcome is dressed; the mark is not a colour.
func outcomeClass(o checks.Outcome) (class, mark string) {
	switch o {
	case checks.OutcomePass:
		return "good", "✓"
	case checks.OutcomeFinding:
		return "warn", "!"
	case checks.OutcomeCritical:
		return "bad", "!!"
	default:
		return "open", "?"
	}
}

// scope counts what was checked.
func (p *htmlPage) scope() {
	s := p.Doc.Summary
	add := func(name string, n int) { p.Scope = append(p.Scope, htmlFact{name, words.Count(n)}) }
	counted := func(one string, n int, more string) {
		if n != 1 {
			one += "s"
		}
		add(one+more, n)
	}
	counted("cluster", s.Clusters, "")
	counted("server", s.Servers, "")
	counted("account", s.Accounts, "")
	counted("client connection", s.Connections, "")
	if s.Leafnodes > 0 {
		counted("leafnode connection", s.Leafnodes, "")
	}
	pair := "account"
	if s.Clusters > 1 {
		pair = "account-cluster pair"
	}
	counted(pair, s.Evaluated, " checked")
	counted("finding", s.Findings, "")
	add("to review", s.Review)
	if s.Accepted > 0 {
		add("accepted", s.Accepted)
	}
	if n := len(p.Doc.open); n > 0 {
		add("undetermined", n)
	}
	var skipped []string
	for _, r := range []struct {
		n   int
		why string
	}{
		{s.Skipped.TooFewConnections, "with fewer than " + p.Doc.orTheirs(words.Plural(p.Doc.Parameters.MinConnections, "connection"))},
		{s.Skipped.TooFewServers, "in a cluster of fewer than " + p.Doc.orTheirs(words.Plural(p.Doc.Parameters.MinServers, "server"))},
		{s.Skipped.SystemAccount, "of the system account"},
	} {
		if r.n > 0 {
			skipped = append(skipped, words.Count(r.n)+" "+r.why)
		}
	}
	if len(skipped) > 0 {
		p.NotChecked = "Not checked: " + words.List(skipped) + "."
	}
}

// findings makes a card for each group while there is room, and lists the other
// findings.
func (p *htmlPage) findings() error {
	doc, used := p.Doc, 0
	var rest []RowOf
	for _, g := range doc.inOrder() {
		if len(p.Cards) < htmlCards && used < cardBytes {
			var b bytes.Buffer
			n := len(p.Cards) + 1
			if err := p.templates.ExecuteTemplate(&b, "card", p.card(n, g)); err != nil {
				return fmt.Errorf("writing the page: %w", err)
			}
			if used+b.Len() <= cardBytes {
				used += b.Len()
				p.Cards = append(p.Cards, template.HTML(b.String())) //nolint:gosec // the template escaped it
				for _, i := range g.findings {
					p.cards[i] = n
				}
				continue
			}
		}
		for _, i := range g.findings {
			f := doc.Findings[i]
			last := doc.cause(f)
			if f.critical {
				last += ", critical"
			}
			row := f.row()
			row.Server.Name = f.label
			rest = append(rest, RowOf{Row: row, Verdict: last})
		}
	}
	p.bytesLeft -= used
	if len(rest) > 0 {
		title := fmt.Sprintf("%s, a line each", words.Plural(len(rest), "finding"))
		if len(p.Cards) > 0 {
			title = fmt.Sprintf("%s, a line each", words.Plural(len(rest), "more finding"))
			p.summed("%s of %s have a line instead of a card", words.Count(len(rest)), words.Plural(len(doc.Findings), "finding"))
		}
		p.Lines = p.rows("more-findings", title, "Cause", rest)
	}
	return nil
}

// summed notes something that the page does not have in full.
func (p *htmlPage) summed(format string, args ...any) {
	p.Summed = append(p.Summed, fmt.Sprintf(format, args...))
}

// remarks are those that there is room for.
func (p *htmlPage) remarks(what string, all []string) []string {
	var out []string
	for i, s := range all {
		if i == htmlRows || len(s) > p.bytesLeft {
			p.summed("%s of %s", words.Count(i), words.Plural(len(all), what))
			break
		}
		p.bytesLeft -= len(s)
		out = append(out, s)
	}
	return out
}

// coverage says who reported.
func (p *htmlPage) coverage() {
	c := p.Doc.Coverage
	p.Notes = p.remarks("note", c.Notes[:len(c.Notes)-p.Doc.lastNotes])
	p.Warnings = p.remarks("warning", p.Doc.Warnings)
	p.CoverageText = fmt.Sprintf("Incomplete: %s of %s reported.", words.Count(c.ServersAnswered), words.Plural(c.ServersExpected, "server"))
	if c.Complete {
		p.CoverageText = fmt.Sprintf("%s: %s of %s reported.", words.UpperFirst(p.Doc.Source.whole()), words.Count(c.ServersAnswered), words.Plural(c.ServersExpected, "server"))
		return
	}
	switch {
	case p.Doc.allowPartial:
		p.Certain = "Checked as if the missing servers had no connections (--allow-partial): this can be wrong."
	case checks.Outcome(p.Doc.Outcome) == checks.OutcomeIncomplete:
		p.Certain = c.bringIn(p.Doc.Source.of) + "; --allow-partial checks without them."
	default:
		p.Certain = "No verdict depends on them."
	}
	t := newHTMLTable("missing", "Servers that did not report", "Server", "Cluster", "Reason")
	for _, m := range c.Missing {
		cluster := "unknown"
		if m.Cluster != nil {
			cluster = clusterName(*m.Cluster)
		}
		if !p.add(t, htmlCell{Text: cmp.Or(short(m.Server.called(), htmlName), "a server of unknown name")}, htmlCell{Text: cluster}, htmlCell{Text: m.Reason}) {
			break
		}
	}
	p.Missing = p.ended(t, len(c.Missing), "")
}

// parameters are the thresholds.
func (p *htmlPage) parameters() {
	x := p.Doc.Parameters
	critical := "off"
	if x.CriticalPercent != nil {
		critical = fmt.Sprintf("%d%%", *x.CriticalPercent)
	}
	p.Parameters = []htmlFact{
		{"Finding", fmt.Sprintf("more than %s of an account's connections on one server", p.Doc.orTheirs(fmt.Sprintf("%d%%", x.ThresholdPercent)))},
		{"Critical from", p.Doc.orTheirs(critical)},
		{"To review above", p.Doc.orTheirs(fmt.Sprintf("%d%%", x.ReviewPercent))},
		{"Fewest connections", p.Doc.orTheirs(words.Count(x.MinConnections)) + " of the account in the cluster"},
		{"Fewest servers", p.Doc.orTheirs(words.Count(x.MinServers)) + " in the cluster"},
	}
}

// tables are the lists below the findings.
func (p *htmlPage) tables() {
	doc := p.Doc
	for _, s := range doc.openSentences() {
		p.OpenSentences = append(p.OpenSentences, words.UpperFirst(s)+".")
	}
	p.Open = p.rows("open-rows", "Accounts that a missing server decides", "", doc.open)
	p.Review = p.rows("review-rows", "Accounts to review", "", doc.toReview())
	p.accepted()
	if b := doc.Baseline; b != nil {
		rows := b.changes()
		for _, r := range slices.Concat(b.Gone, b.Unknown) {
			rows = append(rows, RowOf{r.Row, goneChange(r.Reason)})
		}
		p.Since = b.counts()
		p.Changes = p.rows("changed-rows", "Findings that differ from the baseline", "Change", rows)
	}
	p.clientURLs()
}
