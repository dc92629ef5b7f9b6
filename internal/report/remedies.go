package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Remedy is what to do about a finding.
type Remedy struct {
	Code     string    `json:"code"`
	When     string    `json:"when"` // immediate, short-term or long-term
	Title    string    `json:"title"`
	Why      string    `json:"why"`
	Commands []string  `json:"commands"`
	Snippets []Snippet `json:"snippets"`

	line   string // what it comes down to, such as URLs
	open   bool   // line has something to fill in
	byHand string // what to do where no command does it
	checks []string
	forAll []string // the commands for all accounts of a group
}

// step is the command of a remedy that a screen shows.
type step struct {
	command string
	check   bool // it only checks what was done
}

// step is the first command that does something, or else the first check. Where
// something is to be done by hand, a command can only check it.
func (r Remedy) step() step {
	for _, c := range r.Commands {
		if only := slices.Contains(r.checks, c); only == (r.byHand != "") {
			return step{c, only}
		}
	}
	if len(r.Commands) == 0 {
		return step{}
	}
	return step{r.Commands[0], slices.Contains(r.checks, r.Commands[0])}
}

// Snippet is a piece of code or configuration.
type Snippet struct {
	Lang string `json:"lang"`
	Text string `json:"text"`
}

// remedies are those of a finding, in their order.
func remedies(all []remedy.Remedy) []Remedy {
	out := []Remedy{}
	for _, r := range all {
		told := Remedy{Code: string(r.Code), When: string(r.When), Title: words.Sentence(r.Title), Why: words.Sentence(r.Why), line: words.Sentence(r.Line), open: r.Open, byHand: words.Sentence(r.ByHand),
			Commands: []string{}, Snippets: []Snippet{}}
		for _, c := range r.Commands {
			told.Commands = append(told.Commands, words.Sentence(c))
		}
		for _, c := range r.Checks {
			told.checks = append(told.checks, words.Sentence(c))
		}
		for _, c := range r.ForAll {
			told.forAll = append(told.forAll, words.Sentence(c))
		}
		for _, s := range r.Snippets {
			told.Snippets = append(told.Snippets, Snippet{Lang: words.Sentence(s.Lang), Text: code(s.Text)})
		}
		out = append(out, told)
	}
	return out
}

// code makes text of several lines harmless, and keeps its lines and tabs.
func code(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		parts := strings.Split(l, "\t")
		for j, part := range parts {
			parts[j] = words.Sentence(part)
		}
		lines[i] = strings.Join(parts, "\t")
	}
	return strings.Join(lines, "\n")
}

// remedies tells what to do, with all commands and snippets.
func (p *printer) remedies(f Finding) {
	if f.forecast != "" {
		p.wrap("   ", f.forecast)
	}
	if len(f.Remedies) == 0 {
		return
	}
	p.line(p.paint(text.Bold, "   What to do:"))
	for _, r := range f.Remedies {
		if p.repeats(fmt.Sprintf("%s: %s (%s)", r.When, r.Title, r.Code), fmt.Sprint(r)) {
			continue
		}
		p.paragraph(text.Reset, "   - ", "     ", fmt.Sprintf("%s: %s (%s)", r.When, r.Title, r.Code))
		p.paragraph(text.Reset, "     ", "     ", p.news(r))
		for _, c := range r.Commands {
			p.command(c)
		}
		for _, s := range r.Snippets {
			if at := p.first("snippet "+s.Text, cmp.Or(p.about, "this finding")+" above, "+r.Code); at != "" && strings.Count(s.Text, "\n") > 2 {
				p.wrap("     ", fmt.Sprintf("%s: as for %s", s.Lang, at))
				continue
			}
			p.line(fmt.Sprintf("     %s:", s.Lang))
			for l := range strings.SplitSeq(strings.TrimRight(s.Text, "\n"), "\n") {
				p.line("       " + strings.ReplaceAll(l, "\t", "    "))
			}
		}
	}
}

// first returns where a text was written first; empty where that is here.
func (p *printer) first(content, here string) string {
	if at, written := p.said[content]; written {
		return at
	}
	p.said[content] = here
	return ""
}

// news is why to do it, without the sentences that an earlier finding has with the
// same remedy.
func (p *printer) news(r Remedy) string {
	var fresh []string
	at := ""
	all := strings.SplitAfter(r.Why, ". ")
	for _, s := range all {
		if earlier := p.first(r.Code+" "+strings.TrimSpace(s), p.about); earlier != "" && earlier != p.about {
			at = earlier
			continue
		}
		fresh = append(fresh, s)
	}
	if len(all)-len(fresh) < 2 {
		return r.Why
	}
	if len(fresh) == 0 {
		return "Why: as for " + at + " above."
	}
	return strings.TrimSpace(strings.Join(fresh, "")) + " More for " + at + " above."
}

// command writes a command line that can be pasted: where it is too long for
// the columns it goes on behind a backslash, at its flags.
func (p *printer) command(c string) { p.commandAt("       ", c) }

func (p *printer) commandAt(first, c string) {
	line, rest := first, strings.Repeat(" ", columns(first)+2)
	for i, part := range flags(c) {
		switch {
		case i == 0:
			line += part
		case columns(line)+1+columns(part)+2 > p.width:
			p.line(line + " \\")
			line = rest + part
		default:
			line += " " + part
		}
	}
	p.line(line)
}

// flags cuts a command before the flags outside quotes.
func flags(c string) []string {
	var out []string
	quoted, from := false, 0
	for i := range len(c) {
		switch {
		case c[i] == '\'' && (quoted || i == 0 || c[i-1] != '\\'): // \' is a quote of a name
			quoted = !quoted
		case c[i] == ' ' && !quoted && strings.HasPrefix(c[i:], " --"):
			out = append(out, c[from:i])
			from = i + 1
		}
	}
	return slices.DeleteFunc(append(out, c[from:]), func(s string) bool { return s == "" })
}
