package report

import (
	"fmt"
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

// most is how many lines a finding has: of the only one the screen's others are
// taken off.
func (p *printer) most() int {
	if p.height > 0 {
		return p.height
	}
	return p.scaled(findingLines)
}

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
		p.clip(text.Reset, "  ", "  ", p.scaled(1), strings.Join(notes, " "))
	}
	p.bar(f)
	p.who(f)
	p.why(f)
	p.clip(text.Reset, section("COST"), indent, p.scaled(2), f.costSentence(min(32, p.width*2/5)))
	p.do(f, p.most()-p.lines())
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
	bar := min(24, p.width/4)
	line, used, written := "  ", 2, 1
	for i, s := range f.Distribution {
		name := short(s.label, min(24, p.width/3))
		cell, plain := name+" unknown", name+" unknown"
		if s.Connections != nil {
			drawn := strings.Repeat("█", bar**s.Connections/max(1, f.Connections))
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
func (p *printer) who(f Finding) {
	most := 3
	if p.height > 0 { // leave some for what to do
		most = 2
	}
	p.whoTable(f, most, section("WHO"), indent)
}

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
				row = append(row, s.on(server))
			}
		} else {
			row = append(row, fmt.Sprintf("%s of %s", s.on(f.Distribution[0]), words.Count(s.Connections)))
		}
		if mixed && s.Concentrated {
			row = append(row, "uneven")
		}
		cells = append(cells, row)
	}
	for _, row := range laidOut(cells, p.width-max(columns(first), columns(rest)), 2, 4) {
		p.row(first, rest+"  ", row)
		first = rest
	}
	if names := f.unread(); len(names) > 0 {
		p.clip(text.Reset, rest, rest, 1, "?: who is on "+words.ListUpTo(3, names)+" is unknown, the connections there were not read")
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
		p.clip(text.Bold, section("WHY"), indent, p.scaled(2), fmt.Sprintf("%s (%s, %s)", c.Title, c.Code, c.Verdict))
		also := slices.Delete(strong, root, root+1)
		if len(c.Evidence) > 0 {
			const most, cost = 3, 2
			least, do := 2, 4
			if p.height > 0 {
				least, do = 1, 5
			}
			p.clip(text.Reset, indent, indent, min(p.scaled(most), max(p.scaled(least), p.most()-p.lines()-min(1, len(also))-cost-do)), c.Evidence[0].Text)
		}
		if len(also) > 0 {
			p.clip(text.Reset, indent, indent, p.scaled(1), "also: "+codes(also))
		}
	default:
		unknown := "The cause is unknown"
		if len(possible) > 0 {
			unknown += "; possible: " + codes(possible)
		}
		if len(strong) > 0 {
			unknown += "; also: " + codes(strong)
		}
		p.clip(text.FgYellow, section("WHY"), indent, p.scaled(1), unknown)
		if s := f.settles(); s != "" {
			p.clip(text.Reset, indent, indent, p.scaled(3), s)
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
// Names have so many columns, so that the numbers have room.
func (f Finding) costSentence(name int) string {
	s := fmt.Sprintf("if %s fails, %s drop", short(f.label, name), words.Plural(f.Impact.ConnectionsLost, "connection"))
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
			s += fmt.Sprintf("; %s would pass its limit of %s", short(x.label, name), words.Count(*x.Limit))
			break
		}
	}
	return s
}
