package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/internal/words"
)

// mdBytes is how long the part with the findings in full may become: tickets
// and pull requests take 65,536 characters.
const mdBytes = 40_000

// writeMarkdown writes the document for a ticket or a pull request: the answer,
// what it rests on, then each finding with its causes and remedies. Nothing
// from outside is markup in it.
func writeMarkdown(w io.Writer, doc *Document) error {
	m := &markdown{}
	_, said := answer(doc)
	m.head(doc.Check, doc.sinceBaseline()+said)
	m.source(doc.Source, doc.Coverage, doc.Time)
	m.items([]string{fmt.Sprintf("Checked: %s; more than %d%% on one server is a finding, of at least %s in a cluster of at least %s",
		accounts(doc, doc.Summary.Evaluated), doc.Parameters.ThresholdPercent,
		words.Plural(doc.Parameters.MinConnections, "connection"), words.Plural(doc.Parameters.MinServers, "server"))})
	var rest []RowOf
	n := 0
	for _, g := range doc.inOrder() {
		full := n < inFull && m.b.Len() <= mdBytes
		if len(g.findings) > 1 && full {
			m.group(doc, g)
		}
		for _, i := range g.findings {
			f := doc.Findings[i]
			if len(g.findings) == 1 && full {
				n++
				m.finding(n, f)
				continue
			}
			rest = append(rest, RowOf{Row: f.row(), Verdict: doc.cause(f)})
		}
	}
	m.rows(fmt.Sprintf("%s, a line each", words.Plural(len(rest), "finding")), rest, "Cause")
	for _, s := range doc.openSentences() {
		m.line("%s.", mdSentence(words.UpperFirst(s)))
	}
	m.rows("Undetermined, a missing server decides", doc.open, "")
	m.accepted(doc.Accepted)
	m.baseline(doc.Baseline)
	m.rows(fmt.Sprintf("To review, above %d%% and not a finding", doc.Parameters.ReviewPercent), doc.toReview(), "")
	m.rows("Every account with a client connection, in each cluster", doc.Accounts, "Verdict")
	m.clientURLs(doc.ClientURLs)
	m.list("Warnings", doc.Warnings)
	return m.to(w, doc.Tool)
}

type markdown struct{ b strings.Builder }

func (m *markdown) head(c Check, answer string) {
	m.line("## %s: %s", c.Code, c.Name)
	m.line("**%s**", mdSentence(answer))
}

// to ends the document and writes it.
func (m *markdown) to(w io.Writer, t Tool) error {
	m.line("%s %s", t.Name, mdSentence(t.Version))
	_, err := io.WriteString(w, m.b.String())
	return err
}

// line is a paragraph.
func (m *markdown) line(format string, args ...any) {
	if m.b.Len() > 0 {
		m.b.WriteByte('\n')
	}
	fmt.Fprintf(&m.b, format, args...)
	m.b.WriteByte('\n')
}

// items goes on with a list.
func (m *markdown) items(items []string) {
	for _, item := range items {
		m.b.WriteString("- " + item + "\n")
	}
}

// list is a list of sentences, cut after a few.
func (m *markdown) list(title string, sentences []string) {
	if len(sentences) == 0 {
		return
	}
	m.line("%s:", title)
	m.b.WriteByte('\n')
	for _, s := range sentences[:min(len(sentences), listed)] {
		m.items([]string{mdSentence(s)})
	}
	if n := len(sentences) - listed; n > 0 {
		m.items([]string{words.Count(n) + " more, which JSON has"})
	}
}

// table takes cells that are markdown already.
func (m *markdown) table(head []string, rows [][]string) {
	m.line("| %s |", strings.Join(head, " | "))
	m.b.WriteString(strings.Repeat("| --- ", len(head)) + "|\n")
	for _, r := range rows {
		m.b.WriteString("| " + strings.Join(r, " | ") + " |\n")
	}
}

func (m *markdown) source(s Source, c Coverage, at time.Time) {
	m.line("- Source: %s, %s", s.kind(), mdSentence(s.Detail))
	coverage := "incomplete"
	if c.Complete {
		coverage = s.whole()
	}
	m.items([]string{fmt.Sprintf("Coverage: %s, %s of %s reported at %s", coverage, words.Count(c.ServersAnswered), words.Plural(c.ServersExpected, "server"), at.Format(timeLayout))})
	for _, x := range c.Missing[:min(len(c.Missing), listed)] {
		name := "a server of unknown name"
		if called := x.Server.called(); called != "" {
			name = mdCode(called)
		}
		if x.Cluster != nil && *x.Cluster != "" {
			name += " in " + mdCode(*x.Cluster)
		}
		m.items([]string{"Missing: " + name + ": " + mdSentence(x.Reason)})
	}
	if n := len(c.Missing) - listed; n > 0 { // not all of them are servers of their own
		m.items([]string{"Missing: " + words.Count(n) + " more"})
	}
	for _, note := range c.Notes[:min(len(c.Notes), listed)] {
		m.items([]string{"Note: " + mdSentence(note)})
	}
}

func mdAccount(a Account) string {
	if a.Name != "" && a.Name != a.ID {
		return mdCode(a.Name) + " (" + mdCode(a.ID) + ")"
	}
	return mdCode(a.ID)
}

func mdCluster(name string) string {
	if name == "" {
		return "(no cluster)"
	}
	return mdCode(name)
}

// rows is a table of accounts, cut after a few.
func (m *markdown) rows(title string, rows []RowOf, last string) {
	if len(rows) == 0 {
		return
	}
	m.line("### %s (%s)", title, words.Count(len(rows)))
	head := []string{"Account", "Cluster", "Most on", "Connections", "Share"}
	if last != "" {
		head = append(head, last)
	}
	var cells [][]string
	for _, r := range rows[:min(len(rows), listed)] {
		row := []string{mdAccount(r.Account), mdCluster(r.Cluster), mdCode(r.Server.called()),
			fmt.Sprintf("%s of %s", words.Count(r.OnServer), words.Count(r.Connections)), r.SharePercent.String() + "%"}
		if last != "" {
			row = append(row, r.Verdict)
		}
		cells = append(cells, row)
	}
	m.table(head, cells)
	if n := len(rows) - listed; n > 0 {
		m.line("… and %s more, which JSON and CSV have.", words.Count(n))
	}
}

// group tells of findings with one common cause: who, why and what to do, the last
// two as for the first of them.
func (m *markdown) group(doc *Document, g Group) {
	m.line("### %s", mdSentence(g.Text))
	var who []string
	for _, i := range g.findings[:min(len(g.findings), named)] {
		f := doc.Findings[i]
		who = append(who, mdAccount(f.Account)+" "+words.Count(f.OnServer))
	}
	if n := len(g.findings) - len(who); n > 0 {
		who = append(who, words.Count(n)+" more")
	}
	m.line("%s: %s", words.Plural(len(g.findings), "account"), strings.Join(who, ", "))
	first := doc.Findings[g.findings[0]]
	m.line("Found for %s, and the same for the others:", mdAccount(first.Account))
	m.causes(slices.DeleteFunc(slices.Clone(first.Causes), func(c Cause) bool { return !c.strong() }))
	m.remedies(forGroup(doc.careful(g).Remedies))
}

func (m *markdown) finding(n int, f Finding) {
	m.line("### %d. %s on %s: %s%%", n, mdAccount(f.Account), mdCode(f.label), f.SharePercent)
	severity := ""
	if f.critical {
		severity = ", critical"
	}
	m.line("The account %s has %s of its %s in %s on %s. Priority %s%s. Chance of this if clients chose at random: %s.", mdAccount(f.Account), words.Count(f.OnServer),
		words.Plural(f.Connections, "connection"), mdCluster(f.Cluster), mdCode(f.label), f.Priority, severity, chanceText(f.Chance))
	for _, note := range f.findingNotes() {
		m.line("%s", mdSentence(note))
	}
	m.distribution("Connections", f.Distribution)
	if s := f.servicesSentence(); s != "" {
		m.line("%s", mdSentence(s))
	}
	m.line("%s", mdSentence(f.impactSentence()))
	if f.forecast != "" {
		m.line("%s", mdSentence(f.forecast))
	}
	m.causes(f.Causes)
	m.remedies(f.Remedies)
}

func (m *markdown) distribution(counted string, all []Share) {
	var cells [][]string
	for _, s := range all[:min(len(all), barRows)] {
		if s.Connections == nil {
			cells = append(cells, []string{mdCode(s.label), "unknown", ""})
			continue
		}
		cells = append(cells, []string{mdCode(s.label), words.Count(*s.Connections), s.SharePercent.String() + "%"})
	}
	m.table([]string{"Server", counted, "Share"}, cells)
	if n := len(all) - barRows; n > 0 {
		m.line("… and %s, which JSON and CSV have.", words.Plural(n, "more server"))
	}
}

// causes writes the evidence for something, what is unknown, and what was ruled out.
func (m *markdown) causes(all []Cause) {
	if len(all) == 0 {
		return
	}
	m.line("Causes:")
	m.b.WriteByte('\n')
	for _, c := range all {
		if !c.told() {
			continue
		}
		m.items([]string{fmt.Sprintf("**%s**: %s (%s)", c.Code, c.Title, c.Verdict)})
		for _, e := range c.Evidence[:min(len(c.Evidence), listed)] {
			m.b.WriteString("  - " + mdSentence(e.Text) + " (" + mdSentence(e.Source) + ")\n")
		}
	}
	for _, u := range unknownOf(all) {
		m.items([]string{"Unknown: " + strings.Join(u.codes, ", ") + ". " + mdSentence(u.settle)})
	}
	if not := ruledOut(all); len(not) > 0 {
		m.items([]string{"Ruled out: " + strings.Join(not, ", ")})
	}
}

func (m *markdown) remedies(all []Remedy) {
	for _, r := range all {
		m.line("**%s**: %s (%s). %s", r.When, mdSentence(r.Title), r.Code, mdSentence(r.Why))
		if len(r.Commands) > 0 {
			m.line("%s", strings.TrimSuffix(mdFence("sh", strings.Join(r.Commands, "\n")), "\n"))
		}
		if len(r.Snippets) > 0 {
			m.line("%s", strings.TrimSuffix(mdFence(r.Snippets[0].Lang, r.Snippets[0].Text), "\n"))
		}
	}
}

func (m *markdown) clientURLs(all []ClientURL) {
	var cells [][]string
	for _, c := range all[:min(len(all), listed)] {
		to, _ := c.leadsTo(named)
		if c.Unused != nil {
			to += " (" + *c.Unused + ": nobody uses it)"
		}
		cells = append(cells, []string{mdCode(c.Origin), mdCode(list(c.URLs, named)), mdCode(to)})
	}
	if len(cells) > 0 {
		m.line("### Client URLs")
		m.table([]string{"From", "URLs", "Leads to"}, cells)
	}
}
