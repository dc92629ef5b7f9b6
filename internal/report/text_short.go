package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// indent is where the text of a section of a finding begins.
const indent = "        "

func section(name string) string { return fit("  "+name, len(indent)) }

// shortFinding writes a finding in at most [findingLines] lines. It has no title
// where the answer says the same.
func (p *printer) shortFinding(doc *Document, f Finding, titled bool) {
	if titled {
		p.paragraph(text.Bold, "", "  ", fitted(p.width, []string{accountName(f.Account), f.label}, func(n []string) string {
			return fmt.Sprintf("%s: %s of %s%s are on %s (%s%%)%s", n[0], words.Count(f.OnServer), words.Plural(f.Connections, "connection"),
				doc.in(f.Cluster), n[1], f.SharePercent, f.urgency())
		}))
	}
	if notes := f.findingNotes(); len(notes) > 0 {
		p.clip(text.Reset, "  ", "  ", 1, strings.Join(notes, " "))
	}
	p.bar(f)
	p.who(f)
	p.why(f)
	p.clip(text.Reset, section("COST"), indent, 2, f.costSentence())
	p.do(f, findingLines-p.lines())
}

// urgency says what makes a finding urgent.
func (f Finding) urgency() string {
	switch {
	case f.critical:
		return ", critical"
	case f.criticalOpen:
		return ", or critical: a missing server decides"
	case f.Priority == string(checks.High):
		return ", high priority"
	}
	return ""
}

// bar draws the servers in a line or two, the largest first.
func (p *printer) bar(f Finding) {
	const most, gap = 2, "   "
	room := min(24, p.width/4)
	line, used, written := "  ", 2, 1
	for i, s := range f.Distribution {
		name := short(s.label, min(24, p.width/3))
		cell, plain := name+" unknown", name+" unknown"
		if s.Connections != nil {
			drawn := strings.Repeat("█", room**s.Connections/max(1, f.Connections))
			if drawn == "" && *s.Connections > 0 {
				drawn = "▏"
			}
			c := p.bars
			if i == 0 {
				c = text.FgRed
			}
			number := words.Count(*s.Connections)
			cell, plain = strings.Replace(name+" "+p.paint(c, drawn)+" "+number, "  ", " ", 1), strings.Replace(name+" "+drawn+" "+number, "  ", " ", 1)
		}
		rest := len(f.Distribution) - i
		more := fmt.Sprintf("… %s more", words.Count(rest))
		last := rest == 1
		need := columns(plain)
		if !last && written == most {
			need += len(gap) + columns(more)
		}
		if i > 0 {
			if used+len(gap)+need > p.width {
				if written == most {
					p.line(line + gap + more)
					return
				}
				p.line(line)
				line, used, written = "  "+cell, 2+columns(plain), written+1
				continue
			}
			line, used = line+gap, used+len(gap)
		}
		line, used = line+cell, used+columns(plain)
	}
	p.line(line)
}

// who is on the server, a line for each of a few services.
func (p *printer) who(f Finding) { p.whoTable(f, 3, section("WHO"), indent) }

// services lists all services.
func (p *printer) services(f Finding) {
	if len(f.Services) > 0 {
		p.line("   Services:")
		p.whoTable(f, len(f.Services), "     ", "     ")
	}
}

// whoTable has a line a service: the name, the user, the software, how many hosts,
// and how many connections on each server, or on this one where there are many.
func (p *printer) whoTable(f Finding, most int, first, rest string) {
	const countedServers = 4
	here := slices.DeleteFunc(slices.Clone(f.Services), func(s Service) bool { return s.Connections == 0 })
	if len(here) == 0 {
		return
	}
	shown := here
	if len(here) > most+1 {
		shown = here[:most]
	}
	mixed := slices.ContainsFunc(here, func(s Service) bool { return s.Concentrated }) && slices.ContainsFunc(here, func(s Service) bool { return !s.Concentrated })
	var cells [][]string
	for _, s := range shown {
		row := []string{"other services", "", "", ""}
		if s.Name != nil {
			row = []string{s.label(), s.user(), s.software(), s.hostCount()}
		}
		if len(f.Distribution) <= countedServers {
			for _, server := range f.Distribution {
				if server.Server.ID == "" && server.Server.Name == "" {
					continue // others count it, and nobody knows who it is
				}
				row = append(row, words.Count(s.on(server)))
			}
		} else {
			row = append(row, fmt.Sprintf("%s of %s", words.Count(s.here), words.Count(s.Connections)))
		}
		if mixed && s.Concentrated {
			row = append(row, "uneven")
		}
		cells = append(cells, row)
	}
	for _, row := range laidOut(cells, p.width-max(columns(first), columns(rest)), 3, 4) {
		p.line(first + row)
		first = rest
	}
	if others := here[len(shown):]; len(others) > 0 {
		n := 0
		for _, s := range others {
			n += s.here
		}
		p.wrap(rest, fmt.Sprintf("… %s, %s on %s", words.Plural(len(others), "more service"), words.Count(n), short(f.label, 24)))
	}
}

// why says what the cause is, with the first of its evidence; or what would
// settle it.
func (p *printer) why(f Finding) {
	var strong, possible []Cause
	for _, c := range f.Causes {
		switch {
		case c.strong():
			strong = append(strong, c)
		case c.Verdict == string(cause.Possible):
			possible = append(possible, c)
		}
	}
	root := slices.IndexFunc(strong, func(c Cause) bool { return c.Role == string(cause.Root) })
	switch {
	case len(f.Causes) == 0:
	case root >= 0:
		c := strong[root]
		p.clip(text.Bold, section("WHY"), indent, 2, fmt.Sprintf("%s (%s, %s)", c.Title, c.Code, c.Verdict))
		also := slices.Delete(strong, root, root+1)
		if len(c.Evidence) > 0 {
			const least, most, cost, do = 2, 3, 2, 4
			p.clip(text.Reset, indent, indent, min(most, max(least, findingLines-p.lines()-min(1, len(also))-cost-do)), c.Evidence[0].Text)
		}
		if len(also) > 0 {
			p.clip(text.Reset, indent, indent, 1, "also: "+codes(also))
		}
	default:
		unknown := "The cause is unknown"
		if len(possible) > 0 {
			unknown += "; possible: " + codes(possible)
		}
		if len(strong) > 0 {
			unknown += "; also: " + codes(strong)
		}
		p.clip(text.FgYellow, section("WHY"), indent, 1, unknown)
		if s := f.settles(); s != "" {
			p.clip(text.Reset, indent, indent, 3, s)
		}
	}
}

func codes(all []Cause) string {
	var out []string
	for _, c := range all {
		out = append(out, c.Code)
	}
	return strings.Join(out, ", ")
}

// settles is the one thing that would settle the cause.
func (f Finding) settles() string {
	for _, verdict := range []cause.Verdict{cause.NotTested, cause.Possible} {
		for _, c := range f.Causes {
			if c.Verdict == string(verdict) && c.Role == string(cause.Root) && len(c.Evidence) > 0 {
				return c.Evidence[len(c.Evidence)-1].Text
			}
		}
	}
	return ""
}

// costSentence is what is lost if the server fails, and what that does to others.
func (f Finding) costSentence() string {
	s := fmt.Sprintf("if %s fails, %s drop", short(f.label, 32), words.Plural(f.Impact.ConnectionsLost, "connection"))
	switch f.Impact.CanFailOver {
	case "yes":
		s += "; they can fail over"
	case "no":
		switch {
		case f.stranded == nil:
			s += "; not all of them can fail over"
		case *f.stranded >= f.Impact.ConnectionsLost:
			s += "; none of them can fail over"
		default:
			s += "; " + words.Count(*f.stranded) + " or more can't fail over"
		}
		if f.why != "" {
			s += ": " + f.why
		}
	default:
		if f.why == "" {
			s += "; failover unknown"
		} else {
			s += "; failover unknown " + f.why
		}
	}
	if f.hotspot == checks.Yes {
		s += fmt.Sprintf("; it is also a hotspot, %s times the average", multiple(f.load))
	}
	for _, x := range f.Impact.Survivors {
		if x.After != nil && x.Limit != nil && *x.After > *x.Limit {
			s += fmt.Sprintf("; %s would pass its limit of %s", short(x.label, 32), words.Count(*x.Limit))
			break
		}
	}
	return s
}

// hasCommand stands where a command is that has no room.
const hasCommand = "; --details has the command"

// do lists what to do first in so many lines: at most three things, each with its
// URLs, its command, or a step and the command that checks it. A command is whole,
// or else the title says where it is.
func (p *printer) do(f Finding, room int) {
	all := f.firstRemedies()
	first, rest, end := section("DO"), indent+"   ", p.lines()+room
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
		case columns(lead+title+hasCommand) > p.width && end-p.lines()-1-len(below) > waiting:
			below = append(below, rest+strings.TrimPrefix(hasCommand, "; "))
		default:
			title = fitted(p.width-columns(lead), []string{title}, func(n []string) string { return n[0] + hasCommand })
		}
		p.clip(text.Reset, lead, rest, 1, title)
		for _, l := range below {
			p.line(l)
		}
	}
}

// below is what stands below the title of a remedy in at most so many lines.
// Hidden is that there is a command, and not here.
func (p *printer) below(r Remedy, first string, room int) (all []string, hidden bool) {
	const most = 4
	room = min(most, room)
	step := r.step()
	if r.byHand != "" {
		all = p.block(func(q *printer) { q.paragraph(text.Reset, first, first, r.byHand) })
		if len(all) > room {
			return nil, step.command != ""
		}
		room -= len(all)
	}
	write := func(*printer) {}
	switch {
	case strings.Contains(r.line, "<"): // not all is known
	case r.line != "":
		write = func(q *printer) { q.urls(first, strings.Split(r.line, ",")) }
	case step.command == "":
	case step.check:
		write = func(q *printer) { q.commandAt(first+"check: ", step.command) }
	default:
		write = func(q *printer) { q.commandAt(first, step.command) }
	}
	more := p.block(write)
	if len(more) > room {
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
	p.flow(section("WHO"), indent, 2, who)
	p.clip(text.Bold, section("WHY"), indent, 2, fmt.Sprintf("%s (%s, %s)", *g.Title, *g.Cause, g.Verdict))
	if at := slices.IndexFunc(first.Causes, func(c Cause) bool { return c.Code == *g.Cause }); at >= 0 && len(first.Causes[at].Evidence) > 0 {
		const costAndDo = 3
		p.clip(text.Reset, indent, indent, min(2, groupLines-p.lines()-costAndDo), first.Causes[at].Evidence[0].Text)
	}
	if g.Server != nil {
		p.clip(text.Reset, section("COST"), indent, 1, fmt.Sprintf("if %s fails, %s drop at once", short(where, 24), words.Plural(g.onServer, "connection")))
	}
	label := section("DO")
	n := 0
	for _, r := range first.firstRemedies() {
		said := r.Title
		if r.Code == string(cause.RemedyRebalance) && len(r.Commands) > 0 {
			p.groupCommand(fmt.Sprintf("%s%d. ", label, n+1), forAll.ReplaceAllString(r.Commands[0], ""))
			label = indent
			if n++; n == 2 {
				return
			}
			continue
		} else if brief := briefly(r.Code); brief != "" {
			said = brief
		}
		if n++; n > 2 {
			return
		}
		p.clip(text.Reset, fmt.Sprintf("%s%d. ", label, n), indent, 1, said)
		label = indent
	}
}

// groupCommand writes the command that moves the connections of all accounts of a
// group, whole or not at all.
func (p *printer) groupCommand(first, c string) {
	all := p.block(func(q *printer) { q.commandAt(first, c) })
	if len(all) > max(1, groupLines-p.lines()) {
		p.line(first + "Move their connections" + hasCommand)
		return
	}
	for _, l := range all {
		p.line(l)
	}
}

// forAll are the flags of a command that make it one account's.
var forAll = regexp.MustCompile(` --(account|client-url|client-config) ('[^']*'|\S+)`)

// briefly is what to do for all accounts of a group where the title of the remedy
// names one; empty where it does not.
func briefly(code string) string {
	switch cause.Remedy(code) {
	case cause.RemedyClientConfig:
		return "Give their clients the URLs of all servers, in random order"
	case cause.RemedyOrdered:
		return "Let their clients choose at random"
	case cause.RemedyAccount:
		return "Put the accounts on all servers"
	case cause.RemedyLimits:
		return "Raise the limits of the accounts"
	default:
		return ""
	}
}
