package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// oneLine is a finding in a clause.
func oneLine(f Finding) string {
	return fmt.Sprintf("%s has %s of its %s in %s on %s (%s%%)", accountName(f.Account), words.Count(f.OnServer),
		words.Plural(f.Connections, "connection"), clusterName(f.Cluster), f.label, f.SharePercent)
}

func (p *printer) finding(n int, f Finding) {
	p.blank()
	p.about = fmt.Sprint(n)
	p.paragraph(text.Bold, "", "   ", fmt.Sprintf("%d. %s", n, oneLine(f)))
	severity := "info"
	switch {
	case f.critical:
		severity = "critical"
	case f.criticalOpen:
		severity = "info, or critical: a missing server decides"
	}
	p.wrap("   ", fmt.Sprintf("Priority %s, severity %s", f.Priority, severity))
	for _, note := range f.findingNotes() {
		p.wrap("   ", note)
	}
	p.distribution(f)
	p.services(f)
	chance := chanceText(f.Chance)
	if !slices.ContainsFunc(f.Impact.Survivors, func(s Survivor) bool { return s.Now != nil }) {
		chance = "unknown, no other server reported"
	}
	p.wrap("   ", fmt.Sprintf("Chance of this if clients chose at random: %s.", chance))
	p.funnel(f)
	p.causes(f)
	p.wrap("   ", f.impactSentence())
	for _, s := range f.survivorSentences() {
		p.wrap("   ", s)
	}
	if s := f.hotspotSentence(); s != "" {
		p.wrap("   ", s)
	}
	if f.Leafnodes > 0 {
		p.wrap("   ", f.leafnodeSentence())
	}
	p.remedies(f)
}

// moreFindings are those that get a line only.
func (p *printer) moreFindings(findings []Finding) {
	if len(findings) == 0 {
		return
	}
	p.blank()
	p.wrap("", fmt.Sprintf("%s, a line each (--json has them in full):", words.Plural(len(findings), "more finding")))
	rows := make([]RowOf, 0, len(findings))
	for _, f := range findings {
		priority := f.Priority
		if f.critical {
			priority += ", critical"
		}
		rows = append(rows, RowOf{Verdict: priority, Row: Row{Account: f.Account, Cluster: f.Cluster, Server: ServerRef{Name: f.label},
			Connections: f.Connections, OnServer: f.OnServer, SharePercent: f.SharePercent}})
	}
	p.table(rows, "PRIORITY", func(r RowOf) string { return r.Verdict })
}

// distribution draws a bar for every server.
func (p *printer) distribution(f Finding) {
	shown := f.Distribution[:min(len(f.Distribution), barRows)]
	name, number := 0, len(words.Count(f.OnServer))
	for _, s := range shown {
		name = max(name, columns(s.label))
	}
	name = min(name, 26, p.width/3)
	bar := max(1, min(32, p.width-3-name-2-1-number-2-6))
	for i, s := range shown {
		if s.Connections == nil {
			p.wrap("   ", fit(s.label, name)+"  unknown: it did not report")
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
			number, words.Count(*s.Connections), *s.SharePercent))
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
		each := words.Count(most)
		if least != most {
			each = words.Count(least) + " to " + each
		}
		p.wrap("   ", fmt.Sprintf("… %s with %s connections each (--json lists them)", words.Plural(known, "more server"), each))
	}
	if silent > 0 {
		p.wrap("   ", fmt.Sprintf("… %s that did not report", words.Plural(silent, "more server")))
	}
}

func chanceText(c Chance) string {
	switch {
	case c >= 0.01:
		return fmt.Sprintf("%.1f%%", float64(c)*100)
	case c >= 1e-9:
		digits, _ := strconv.ParseFloat(strconv.FormatFloat(1/float64(c), 'g', 3, 64), 64) // always parses
		return "1 in " + words.Count(int(digits))
	}
	return "less than 1 in 1,000,000,000"
}

func (f Finding) impactSentence() string {
	s := fmt.Sprintf("If %s fails, %s of %s", f.label, words.Plural(f.Impact.ConnectionsLost, "connection"), accountName(f.Account))
	if f.Impact.SubscriptionsLost != nil {
		s += " with " + words.Plural(*f.Impact.SubscriptionsLost, "subscription")
	}
	switch {
	case f.Impact.CanFailOver == "no" && f.stranded != nil && *f.stranded >= f.Impact.ConnectionsLost:
		return s + " drop at once, and none of them can fail over: " + cmp.Or(f.why, "the other servers are full then") + "."
	case f.Impact.CanFailOver == "no" && f.stranded != nil:
		return s + fmt.Sprintf(" drop at once, and at least %s of them can't fail over: %s.", words.Count(*f.stranded), cmp.Or(f.why, "the other servers are full then"))
	case f.Impact.CanFailOver == "no":
		return s + " drop at once, and not all of them can fail over."
	case f.Impact.CanFailOver == "yes":
		return s + " drop at once; they can fail over."
	}
	if f.why != "" {
		return s + " drop at once; whether they can fail over is unknown " + f.why + "."
	}
	return s + " drop at once; whether they can fail over is unknown."
}

// hotspotSentence keeps two things apart: a server with most of one account,
// and one with too much of all.
func (f Finding) hotspotSentence() string {
	carries := fmt.Sprintf("%s of all %s, %s times the average", words.Count(f.load.OnServer),
		words.Plural(f.load.Connections, "connection"), multiple(f.load))
	switch {
	case f.hotspot == checks.Yes:
		return fmt.Sprintf("%s is also a hotspot: %s.", f.label, carries)
	case f.hotspot == checks.No, f.load.Servers == 0: // no news, or not visible
		return ""
	}
	return fmt.Sprintf("%s may also be a hotspot, which depends on a missing server: %s by those that reported.", f.label, carries)
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
	if f.ownOnly {
		move = fmt.Sprintf("Clients of %s, the only account that the audit sees, then move to", accountName(f.Account))
	}
	switch n := len(known); {
	case n > 4:
		worst := slices.MaxFunc(known, func(a, b Survivor) int { return cmp.Compare(load(a), load(b)) })
		s := fmt.Sprintf("%s the other %s servers, about %s to each", move, words.Count(n), words.Count(*worst.After-*worst.Now))
		if full > 0 {
			s += fmt.Sprintf(", over the limit of %s", words.Plural(full, "server"))
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
		out = append(out, "How many the server that did not report could take is unknown.")
	case silent > 1:
		out = append(out, fmt.Sprintf("How many the %s servers that did not report could take is unknown.", words.Count(silent)))
	}
	return out
}

func survivorSentence(s Survivor) string {
	out := fmt.Sprintf("%s from %s to %s", s.label, words.Count(*s.Now), words.Plural(*s.After, "connection"))
	switch {
	case s.Limit == nil:
		return out
	case *s.After > *s.Limit:
		return out + fmt.Sprintf(", over its limit of %s", words.Count(*s.Limit))
	}
	return out
}

// load orders survivors: by how full they get, then by connections.
func load(s Survivor) float64 {
	if s.Limit == nil {
		return float64(*s.After) / (1 << 40)
	}
	return float64(*s.After) / float64(max(1, *s.Limit))
}
