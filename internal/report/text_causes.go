package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// causes writes the evidence for something in full, what is not known with what
// would settle it, and what it is not in a line.
func (p *printer) causes(f Finding) {
	if len(f.Causes) == 0 {
		return
	}
	if !slices.ContainsFunc(f.Causes, func(c Cause) bool { return c.Role == string(cause.Root) && c.told() }) {
		p.paragraph(text.FgYellow, "   ", "   ", "Cause: unknown.")
	}
	for _, c := range f.Causes {
		if !c.told() {
			continue
		}
		color, word := text.Bold, "Cause"
		switch {
		case c.Role == string(cause.Contributing):
			word = "Contributing"
		case c.Verdict == string(cause.Likely):
			word = "Likely cause"
		case c.Verdict == string(cause.Possible):
			color, word = text.Reset, "Possible cause"
		}
		p.paragraph(color, "   ", "     ", fmt.Sprintf("%s: %s (%s, %s)", word, c.Title, c.Code, c.Verdict))
		if len(c.Evidence) > 0 && p.repeats("Evidence", fmt.Sprint(c.Code, c.Evidence)) {
			continue
		}
		for _, e := range c.Evidence {
			p.paragraph(text.Reset, "   - ", "     ", fmt.Sprintf("%s [%s]", e.Text, e.Source))
		}
	}
	p.unknownCauses(f.Causes)
	if not := ruledOut(f.Causes); len(not) > 0 {
		p.paragraph(text.Reset, "   ", "     ", "Ruled out: "+strings.Join(not, ", ")+".")
	}
}

// funnel says what each step leaves of the servers, up to the one that leaves
// one.
func (p *printer) funnel(f Finding) {
	if !slices.ContainsFunc(f.Funnel, func(s Step) bool { return s.leaves }) {
		return
	}
	p.wrap("   ", "Where the clients lose the other servers:")
	for _, s := range f.Funnel {
		p.paragraph(text.Reset, "   - ", "     ", s.Step+": "+s.Text)
		if s.leaves {
			return
		}
	}
}

// repeats says, where the same was written for another finding, only that.
func (p *printer) repeats(what, content string) bool {
	at, written := p.said[content]
	if written && at != p.about {
		p.paragraph(text.Reset, "   - ", "     ", what+": as for "+at+" above.")
		return true
	}
	p.said[content] = p.about
	return false
}

// unknownCauses says what would settle causes that are not known.
func (p *printer) unknownCauses(all []Cause) {
	unknown := unknownOf(all)
	if len(unknown) == 0 || p.repeats("Unknown causes", fmt.Sprint(unknown)) {
		return
	}
	p.wrap("   ", "Unknown, and what would settle it:")
	for _, u := range unknown {
		codes := strings.Join(u.codes, ", ")
		if at := p.first("unknown "+codes+u.settle, p.about); at != "" && at != p.about {
			p.paragraph(text.Reset, "   - ", "     ", codes+": as for "+at+" above.")
			continue
		}
		p.paragraph(text.Reset, "   - ", "     ", codes+": "+u.settle)
	}
}

// told reports whether there is something to say for a cause.
func (c Cause) told() bool {
	return c.Verdict != string(cause.NotTested) && c.Verdict != string(cause.RuledOut)
}

// strong reports whether it is confirmed or likely.
func (c Cause) strong() bool {
	return cause.Verdict(c.Verdict).Strong()
}

func ruledOut(all []Cause) []string {
	var codes []string
	for _, c := range all {
		if c.Verdict == string(cause.RuledOut) {
			codes = append(codes, c.Code)
		}
	}
	return codes
}

// unknownCauses are causes that the same would settle.
type unknownCauses struct {
	codes  []string
	settle string
}

// unknownOf are the causes that are not known, those with the same evidence
// together.
func unknownOf(all []Cause) []unknownCauses {
	var out []unknownCauses
	for _, c := range all {
		if c.Verdict != string(cause.NotTested) {
			continue
		}
		var said []string
		for _, e := range c.Evidence {
			said = append(said, e.Text)
		}
		settle := strings.Join(said, " ")
		at := slices.IndexFunc(out, func(u unknownCauses) bool { return u.settle == settle })
		if at < 0 {
			at = len(out)
			out = append(out, unknownCauses{settle: settle})
		}
		out[at].codes = append(out[at].codes, c.Code)
	}
	return out
}

// clientURLs lists what the known client URLs lead to.
func (p *printer) clientURLs(doc *Document) {
	if len(doc.ClientURLs) == 0 {
		return
	}
	p.blank()
	p.wrap("", "Client URLs, and the servers that answer there:")
	for i, c := range doc.ClientURLs {
		if i == listed {
			p.more("  ", len(doc.ClientURLs)-listed, "more list")
			break
		}
		p.clientURL(c)
	}
	for i, n := range doc.DNS {
		if i == listed {
			p.more("  ", len(doc.DNS)-listed, "more answer")
			break
		}
		p.paragraph(text.Reset, "  ", "    ", fmt.Sprintf("DNS %s: %s [%s]", short(n.Host, prose), n.Detail, n.Resolver))
	}
}

func (p *printer) clientURL(c ClientURL) {
	whose := ""
	if c.Account != nil {
		whose = " of " + short(*c.Account, prose)
	}
	leads, lead, was := "leads", "it leads", "was"
	if len(c.URLs) > 1 {
		leads, lead, was = "lead", "they lead", "were"
	}
	s := fmt.Sprintf("%s%s: %s", c.Origin, whose, list(c.URLs, named))
	if to, ok := c.leadsTo(named); ok {
		s += fmt.Sprintf(" %s to %s.", leads, to)
	} else {
		s += fmt.Sprintf(" %s %s: where %s is unknown.", was, to, lead)
	}
	if c.Unused != nil {
		s += fmt.Sprintf(" %s: nobody uses it.", words.UpperFirst(*c.Unused))
	}
	if n := len(c.Unreachable); n > 0 {
		s += fmt.Sprintf(" Nothing answers at %s.", list(c.Unreachable, named))
	}
	p.paragraph(text.Reset, "  ", "    ", s)
}
