package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// hasCommand stands where a command is that does not fit.
const hasCommand = "; --details has the command"

// do lists what to do first in so many lines: at most three things, each with its
// URLs, its command, or a step and the command that checks it. A command is whole,
// or else the title says where it is.
func (p *printer) do(f Finding, most int) {
	all := f.firstRemedies()
	first, rest, end := section("DO"), indent+"   ", p.lines()+most
	for i, r := range all {
		if left := end - p.lines(); left < 1 {
			return
		}
		lead := fmt.Sprintf("%s%d. ", first, i+1)
		first = indent
		waiting := len(all) - 1 - i
		below, hidden := p.below(r, rest, end-p.lines()-1-waiting)
		title := r.Title
		switch {
		case !hidden:
		case columns(lead+title+hasCommand) <= p.width:
			title += hasCommand
		case p.width < width, end-p.lines()-1-len(below) > waiting: // a narrow terminal takes more lines
			below = append(below, rest+strings.TrimPrefix(hasCommand, "; "))
		default: // it ends behind a word: it has numbers
			left := p.width - columns(lead+hasCommand+" …")
			title = lines(title, left, left)[0] + " …" + hasCommand
		}
		p.clip(text.Reset, lead, rest, p.scaled(1), title)
		for _, l := range below {
			p.line(l)
		}
	}
}

// below is what stands below the title of a remedy in at most so many lines.
// Hidden is that there is a command, and not here.
func (p *printer) below(r Remedy, first string, lines int) (all []string, hidden bool) {
	const most = 4
	lines = min(most, lines)
	step := r.step()
	if r.byHand != "" {
		all = p.block(func(q *printer) { q.paragraph(text.Reset, first, first, r.byHand) })
		if len(all) > lines {
			return nil, step.command != ""
		}
		lines -= len(all)
	}
	write := func(*printer) {}
	switch {
	case r.open: // not something to copy
	case r.line != "":
		write = func(q *printer) { q.urls(first, strings.Split(r.line, ",")) }
	case step.command == "":
	case step.check:
		write = func(q *printer) { q.commandAt(first+"check: ", step.command) }
	default:
		write = func(q *printer) { q.commandAt(first, step.command) }
	}
	more := p.block(write)
	if len(more) > lines {
		return all, r.line == ""
	}
	return append(all, more...), false
}

// urls writes a list that can be copied, broken behind commas.
func (p *printer) urls(first string, all []string) {
	line := first
	for i, u := range all {
		if i < len(all)-1 {
			u += ","
		}
		if i > 0 && columns(line)+columns(u) > p.width {
			p.line(line)
			line = first
		}
		line += u
	}
	p.line(line)
}

// firstRemedies are those to begin with.
func (f Finding) firstRemedies() []Remedy {
	const most = 3
	soon := slices.DeleteFunc(slices.Clone(f.Remedies), func(r Remedy) bool { return r.When == string(cause.LongTerm) })
	if len(soon) == 0 {
		soon = f.Remedies
	}
	return soon[:min(len(soon), most)]
}

// shortGroup writes findings with one common cause in at most [groupLines] lines.
func (p *printer) shortGroup(doc *Document, g Group) {
	first := doc.Findings[g.findings[0]]
	where := "one server each"
	if g.Server != nil {
		where = first.label
	}
	p.paragraph(text.Bold, "", "  ", fitted(p.width, []string{where}, func(n []string) string {
		return fmt.Sprintf("%s: %s of %s%s are on %s (%s%%)%s", words.Plural(len(g.findings), "account"), words.Count(g.onServer),
			words.Plural(g.Connections, "connection"), doc.in(g.Cluster), n[0], g.SharePercent, first.urgency())
	}))
	var who []string
	for _, i := range g.findings {
		f := doc.Findings[i]
		who = append(who, short(cmp.Or(f.Account.Name, f.Account.ID), 24)+" "+words.Count(f.OnServer))
	}
	cost := p.block(func(q *printer) {
		if g.Server != nil {
			q.paragraph(text.Reset, section("COST"), indent, fitted(p.width-columns(indent), []string{short(where, 24)}, func(n []string) string {
				return fmt.Sprintf("if %s fails, %s drop at once", n[0], words.Plural(g.onServer, "connection"))
			}))
		}
	})
	needs := func(s string) int {
		return len(lines(s, p.width-columns(indent), p.width-columns(indent)))
	}
	// The cause has its evidence before the cost, which the first line has too, and its
	// title before the second thing to do; so has the evidence where it is possible only,
	// as that is what to look into.
	all := g.reasons(first)
	least := all[len(all)-1]
	if g.Cause == nil || g.Verdict == string(cause.Possible) {
		least = all[0]
	}
	const whoLines = 1
	var do []string
	height := 0
	for n := 2; n > 0 && height < needs(least); n-- {
		do = p.block(func(q *printer) { q.groupDo(doc.careful(g), n) })
		height = p.scaled(groupLines) - p.lines() - whoLines - len(do)
	}
	why := all[0]
	for _, why = range all {
		if needs(why) <= height {
			break
		}
	}
	if height-needs(why) < len(cost) {
		cost = nil
	}
	height -= len(cost)
	spare := min(1, max(0, height-needs(why)))
	p.flow(section("WHO"), indent, whoLines+spare, who)
	p.clip(text.Reset, section("WHY"), indent, max(p.scaled(1), height-spare), why)
	for _, l := range slices.Concat(cost, do) {
		p.line(l)
	}
}

// reasons are ways to say the cause of a group, the longest first.
func (g Group) reasons(first Finding) []string {
	if g.Cause == nil {
		const unknown = "The cause is unknown"
		return []string{unknown + ": they come from one address, and whether it decides where they go is unknown", unknown}
	}
	sure := fmt.Sprintf("%s, %s", *g.Cause, g.Verdict)
	out := []string{fmt.Sprintf("%s (%s)", *g.Title, sure), fmt.Sprintf("%s: %s", sure, *g.Title)}
	if at := slices.IndexFunc(first.Causes, func(c Cause) bool { return c.Code == *g.Cause }); at >= 0 && len(first.Causes[at].Evidence) > 0 {
		evidence := first.Causes[at].Evidence[0].Text
		out = append([]string{out[0] + ": " + evidence, sure + ": " + evidence}, out...)
	}
	return out
}

// groupDo lists the first things to do for all accounts of a group by the finding whose
// remedies are theirs, at most so many.
func (p *printer) groupDo(f Finding, most int) {
	label := section("DO")
	for n, r := range forGroup(f.firstRemedies()) {
		if n == most {
			return
		}
		lead := fmt.Sprintf("%s%d. ", label, n+1)
		if r.Code == string(cause.RemedyRebalance) && len(r.Commands) > 0 {
			p.groupCommand(lead, r.Commands[0])
		} else {
			p.clip(text.Reset, lead, indent+"   ", p.scaled(1), r.Title)
		}
		label = indent
	}
}

// groupCommand writes the command that moves the connections of all accounts of a
// group, whole or not at all.
func (p *printer) groupCommand(first, c string) {
	const most = 6
	all := p.block(func(q *printer) { q.commandAt(first, c) })
	if len(all) > most {
		p.paragraph(text.Reset, first, indent+"   ", "Move their connections"+hasCommand)
		return
	}
	for _, l := range all {
		p.line(l)
	}
}

// careful is the finding of a group whose remedies are those of all: the first one, unless
// the connections of another must not be moved yet, as the command for all would do.
func (doc *Document) careful(g Group) Finding {
	stays := func(r Remedy) bool { return r.Code == string(cause.RemedyRebalance) && len(r.Commands) == 0 }
	for _, i := range g.findings {
		if slices.ContainsFunc(doc.Findings[i].Remedies, stays) {
			return doc.Findings[i]
		}
	}
	return doc.Findings[g.findings[0]]
}

// forGroup are remedies of one finding, put for all accounts of its group.
func forGroup(all []Remedy) []Remedy {
	out := slices.Clone(all)
	for i := range out {
		r := &out[i]
		if brief := briefly(r.Code); brief != "" {
			r.Title = brief
		}
		if r.Code != string(cause.RemedyRebalance) || len(r.Commands) == 0 {
			continue
		}
		r.Title, r.Snippets, r.Commands = "Move their connections", nil, r.forAll
	}
	return out
}

// briefly is what to do for all accounts of a group where the title of the remedy
// names one; empty where it does not.
func briefly(code string) string {
	switch cause.Remedy(code) {
	case cause.RemedyClientConfig:
		return "Give their clients the URLs of all servers, in random order"
	case cause.RemedyOrdered:
		return "Let their clients choose at random"
	case cause.RemedyAccount:
		return "Put the accounts and their users on all servers"
	case cause.RemedyLimits:
		return "Raise the limits of the accounts"
	default:
		return ""
	}
}
