package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// cardServers is how many servers have a bar, cardColumns how many a column beside
	// services and steps.
	cardServers, cardColumns = 24, 6
	// cardServices is how many services are listed, cardSurvivors how many survivors.
	cardServices, cardSurvivors = 12, 12
)

// htmlCard is a group of findings or one that stands alone, with what is known of
// the first of it.
type htmlCard struct {
	N       int
	Title   string
	Cluster string
	Class   string // of its urgency
	Tags    []string
	Notes   []string
	// Members are the accounts of a group, and First is whose services, causes and
	// remedies are shown; empty for one finding.
	Members     []htmlMember
	MoreMembers string
	First       string

	Finding      Finding
	Distribution *htmlTable
	Services     *htmlTable
	Funnel       *htmlFunnel
	Causes       []Cause
	NoRoot       bool
	Unknown      []htmlFact
	RuledOut     []string
	Others       string // how many causes are unknown, and ruled out
	Cost         []string
	Survivors    *htmlTable
	Remedies     []Remedy
}

// htmlMember is an account of a group with what it has where.
type htmlMember struct{ Account, Text string }

// card makes that of a group.
func (p *htmlPage) card(n int, g Group) htmlCard {
	doc := p.Doc
	f := doc.Findings[g.findings[0]]
	c := htmlCard{N: n, Finding: f, Cluster: clusterName(f.Cluster), Class: "warn", Tags: []string{"priority " + f.Priority}}
	if slices.ContainsFunc(g.findings, func(i int) bool { return doc.Findings[i].critical }) {
		c.Class, c.Tags = "bad", append(c.Tags, "critical")
	} else if f.criticalOpen {
		c.Tags = append(c.Tags, "critical or not: a missing server decides")
	}
	if len(g.findings) == 1 {
		c.Title = fmt.Sprintf("%s: %s of %s are on %s (%s%%)", accountName(f.Account), words.Count(f.OnServer), words.Plural(f.Connections, "connection"), f.label, f.SharePercent)
		c.Notes = f.findingNotes()
		c.Remedies = f.Remedies
	} else {
		p.several(&c, g, f)
	}
	c.Distribution = distributionTable(f.Distribution, checks.ClientConnections().Noun)
	c.Services = servicesTable(f)
	c.Funnel = funnelOf(f)
	c.causes(f)
	c.Cost = append(c.Cost, f.impactSentence())
	if f.forecast != "" {
		c.Cost = append(c.Cost, f.forecast)
	}
	if s := f.hotspotSentence(); s != "" {
		c.Cost = append(c.Cost, s)
	}
	if f.Leafnodes > 0 {
		c.Cost = append(c.Cost, f.leafnodeSentence())
	}
	c.Survivors = survivorsTable(f)
	return c
}

// several tells of a group of findings with one cause.
func (p *htmlPage) several(c *htmlCard, g Group, first Finding) {
	where := "one server each"
	if g.Server != nil {
		where = first.label
	}
	c.Title = fmt.Sprintf("%s: %s of %s are on %s (%s%%)", words.Plural(len(g.findings), "account"), words.Count(g.onServer), words.Plural(g.Connections, "connection"), where, g.SharePercent)
	if g.Title != nil {
		c.Notes = append(c.Notes, fmt.Sprintf("One common cause: %s (%s, %s).", *g.Title, *g.Cause, g.Verdict))
	}
	if g.Server != nil {
		c.Notes = append(c.Notes, fmt.Sprintf("If %s fails, %s of these accounts drop at once.", where, words.Plural(g.onServer, "connection")))
	}
	c.First = accountName(first.Account)
	on, all := 0, 0
	for n, i := range g.findings {
		f := p.Doc.Findings[i]
		if n >= htmlRows {
			on, all = on+f.OnServer, all+f.Connections
			continue
		}
		text := fmt.Sprintf("%s of %s (%s%%)", words.Count(f.OnServer), words.Count(f.Connections), f.SharePercent)
		if g.Server == nil {
			text += " on " + short(f.label, 28)
		}
		c.Members = append(c.Members, htmlMember{short(accountName(f.Account), htmlName), text})
	}
	if n := len(g.findings) - len(c.Members); n > 0 {
		c.MoreMembers = fmt.Sprintf("%s with %s of %s on one server each.", words.Plural(n, "more account"), words.Count(on), words.Plural(all, "connection"))
		p.summed("group %d: %s of %s", c.N, words.Count(len(c.Members)), words.Plural(len(g.findings), "account"))
	}
	c.Remedies = append(c.Remedies, forGroup(p.Doc.careful(g).Remedies)...)
}

// distributionTable has a bar for every server, of what a noun such as connection
// counts.
func distributionTable(all []Share, noun string) *htmlTable {
	counted := words.UpperFirst(noun) + "s"
	t := newHTMLTable("", counted+" by server", "Server", counted, "Share")
	shown := all
	if len(shown) > cardServers+1 {
		shown = shown[:cardServers]
	}
	for i, s := range shown {
		if s.Connections == nil {
			t.Rows = append(t.Rows, []htmlCell{{Text: s.label}, {Text: "unknown"}, {Text: "it did not report"}})
			continue
		}
		t.Rows = append(t.Rows, []htmlCell{{Text: s.label}, {Text: words.Count(*s.Connections)},
			{Text: s.SharePercent.String() + "%", Bar: &htmlBar{*s.SharePercent, i == 0}}})
	}
	rest, n := all[len(shown):], 0
	for _, s := range rest {
		if s.Connections != nil {
			n += *s.Connections
		}
	}
	if len(rest) > 0 {
		t.More = fmt.Sprintf("%s with %s together.", words.Plural(len(rest), "more server"), words.Plural(n, noun))
	}
	return t
}

// servicesTable lists who has these connections, on each server or, where there are
// many, on this one and elsewhere; nil where that is not known.
func servicesTable(f Finding) *htmlTable {
	all := slices.DeleteFunc(slices.Clone(f.Services), func(s Service) bool { return s.Connections == 0 })
	if len(all) == 0 {
		return nil
	}
	head := []string{"Service", "User", "Software", "Hosts", "Connected (UTC)"}
	each := len(f.Distribution) <= cardColumns
	if each {
		for _, s := range f.Distribution {
			head = append(head, short(s.label, 28))
		}
	} else {
		head = append(head, short(f.label, 28), "elsewhere")
	}
	t := newHTMLTable("", "Services", append(head, "Cause")...)
	for i := 5; i < len(head); i++ {
		t.Numbers[i] = true
	}
	shown := all
	if len(shown) > cardServices+1 {
		shown = shown[:cardServices]
	}
	for _, s := range shown {
		t.Rows = append(t.Rows, serviceRow(f, s, each))
	}
	if rest := all[len(shown):]; len(rest) > 0 {
		n := 0
		for _, s := range rest {
			n += s.here
		}
		t.More = fmt.Sprintf("%s, with %s on %s together.", words.Plural(len(rest), "more service"), words.Plural(n, "connection"), f.label)
	}
	return t
}

func serviceRow(f Finding, s Service, each bool) []htmlCell {
	name := "other services"
	if s.Name != nil {
		name = s.label()
	}
	if s.Concentrated {
		name += " ← makes the finding"
	}
	hosts := words.Count(s.Hosts)
	if s.hostsReckoned {
		hosts = "about " + hosts
	}
	var since htmlCell
	if s.First != nil && s.Last != nil {
		const minutes = "2006-01-02 15:04"
		since.Whole = []string{s.First.Format(minutes)}
		if last := s.Last.Format(minutes); last != since.Whole[0] {
			since.Whole = append(since.Whole, "to "+last)
		}
	}
	row := []htmlCell{{Text: name}, {Text: short(deref(s.User), htmlName)}, {Text: s.software()}, {Text: hosts}, since}
	if each {
		for _, server := range f.Distribution {
			row = append(row, htmlCell{Text: s.on(server)})
		}
	} else {
		row = append(row, htmlCell{Text: words.Count(s.here)}, htmlCell{Text: words.Count(s.Connections - s.here)})
	}
	return append(row, htmlCell{Text: deref(s.Cause)})
}

// htmlFunnel is the steps by which the clients lose servers.
type htmlFunnel struct {
	Servers []string
	Steps   []htmlStep
}

// htmlStep is a step with what it leaves of each server: kept, lost here, gone since
// an earlier step, or unknown.
type htmlStep struct {
	Name, Text, Left string
	Lanes            []htmlLane
}

type htmlLane struct{ Class, Mark, Text string }

// funnelOf draws the steps up to the one that leaves one server; nil where no step
// loses a server.
func funnelOf(f Finding) *htmlFunnel {
	lost := slices.ContainsFunc(f.Funnel, func(s Step) bool { return s.leaves || slices.Contains(s.left, checks.No) })
	if !lost {
		return nil
	}
	out := &htmlFunnel{}
	all := f.Funnel[0].Servers
	shown := len(all)
	if shown > cardColumns+1 {
		shown = cardColumns
	}
	for _, s := range all[:shown] {
		out.Servers = append(out.Servers, short(s.Server.called(), 28))
	}
	if n := len(all) - shown; n > 0 {
		out.Servers = append(out.Servers, words.Plural(n, "more server"))
	}
	before := slices.Repeat([]checks.Answer{checks.Yes}, len(all))
	for _, s := range f.Funnel {
		step := htmlStep{Name: s.Step, Text: s.Text}
		yes, open := 0, 0
		for i, a := range s.left {
			switch a {
			case checks.Yes:
				yes++
			case checks.Unknown:
				open++
			case checks.No:
			}
			if i < shown {
				step.Lanes = append(step.Lanes, laneOf(before[i], a))
			}
		}
		if len(all) > shown {
			n := 0
			for _, a := range s.left[shown:] {
				if a != checks.No {
					n++
				}
			}
			lane := htmlLane{"kept", "", words.Count(n) + " left"}
			if n == 0 {
				lane.Class = "gone"
			}
			step.Lanes = append(step.Lanes, lane)
		}
		step.Left = fmt.Sprintf("%s left", words.Count(yes))
		if open > 0 {
			step.Left += fmt.Sprintf(", %s unknown", words.Count(open))
		}
		out.Steps = append(out.Steps, step)
		if before = s.left; s.leaves {
			break
		}
	}
	return out
}

func laneOf(before, after checks.Answer) htmlLane {
	switch {
	case after == checks.Yes:
		return htmlLane{"kept", "●", "stays"}
	case after == checks.Unknown:
		return htmlLane{"maybe", "?", "unknown"}
	case before != checks.No:
		return htmlLane{"lost", "✕", "lost here"}
	}
	return htmlLane{"gone", "", "lost before"}
}

// causes keeps those for which there is something to say.
func (c *htmlCard) causes(f Finding) {
	c.NoRoot = len(f.Causes) > 0 && !slices.ContainsFunc(f.Causes, func(c Cause) bool { return c.Role == string(cause.Root) && c.told() })
	for _, x := range f.Causes {
		if x.told() {
			x.Evidence = x.Evidence[:min(len(x.Evidence), listed)]
			c.Causes = append(c.Causes, x)
		}
	}
	for _, u := range unknownOf(f.Causes) {
		c.Unknown = append(c.Unknown, htmlFact{words.List(u.codes), u.settle})
	}
	c.RuledOut = ruledOut(f.Causes)
	var others []string
	n := -len(c.Causes) - len(c.RuledOut) + len(f.Causes)
	if n > 0 {
		others = append(others, words.Plural(n, "cause")+" unknown, with what would settle it")
	}
	if n := len(c.RuledOut); n > 0 {
		others = append(others, words.Count(n)+" ruled out")
	}
	c.Others = words.UpperFirst(words.List(others))
}

// survivorsTable says what the other servers get: those that get fullest first.
func survivorsTable(f Finding) *htmlTable {
	known := slices.DeleteFunc(slices.Clone(f.Impact.Survivors), func(s Survivor) bool { return s.Now == nil || s.After == nil })
	if len(known) == 0 {
		return nil
	}
	slices.SortStableFunc(known, func(a, b Survivor) int { return cmp.Compare(load(b), load(a)) })
	what := "What the other servers get then, of all accounts"
	if f.ownOnly {
		what = "What the other servers get then, of this account alone"
	}
	t := newHTMLTable("", what, "Server", "Now", "After", "Limit").numbered(1, 2, 3)
	shown := known[:min(len(known), cardSurvivors)]
	over := func(s Survivor) bool { return s.Limit != nil && *s.After > *s.Limit }
	noted := slices.ContainsFunc(shown, over)
	if noted {
		t.Head, t.Numbers = append(t.Head, "Note"), append(t.Numbers, false)
	}
	for _, s := range shown {
		limit, note := "unknown", ""
		if s.Limit != nil {
			limit = words.Count(*s.Limit)
		}
		if over(s) {
			note = "over its limit"
		}
		row := []htmlCell{{Text: s.label}, {Text: words.Count(*s.Now)}, {Text: words.Count(*s.After)}, {Text: limit}, {Text: note}}
		t.Rows = append(t.Rows, row[:len(t.Head)])
	}
	if n := len(known) - cardSurvivors; n > 0 {
		t.More = fmt.Sprintf("%s, less full.", words.Plural(n, "more server"))
	}
	if n := len(f.Impact.Survivors) - len(known); n > 0 {
		t.More += fmt.Sprintf(" %s did not report, so what the others get may differ.", words.Plural(n, "server"))
	}
	return t
}
