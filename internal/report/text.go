package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// inFull is how many findings are shown with all servers; the others get
	// a line each. JSON has all of all.
	inFull = 20
	// listed is how many rows a list shows before it says how many more.
	listed = 20
	// barRows is the same for the servers of a finding.
	barRows = 40
	// named is the same for names in a sentence.
	named = 5
	// prose is how many columns of a name a sentence shows.
	prose = 64
)

// Style is how text is dressed.
type Style struct {
	Color bool
	// Scheme is a colour scheme of the nats CLI, for the bars.
	Scheme string
	// Width is how many columns the terminal has; 0 elsewhere.
	Width int
	// Details writes all that is known instead of what fits on a screen.
	Details bool
}

// writeText writes the document for a person: the answer in the first line, then who,
// why, what it costs and what to do. No line is longer than the terminal.
func writeText(w io.Writer, doc *Document, style Style) error {
	p := newPrinter(style)
	if style.Details {
		p.details(doc)
	} else {
		p.screen(doc)
	}
	return p.to(w)
}

// details writes all that is known: the answer, then each finding, then what the
// answer rests on.
func (p *printer) details(doc *Document) {
	p.headline(doc)
	p.coverage(doc)
	p.several(doc)
	for i, f := range doc.Findings[:min(len(doc.Findings), inFull)] {
		p.finding(i+1, f)
	}
	p.moreFindings(doc.Findings[min(len(doc.Findings), inFull):])
	p.open(doc)
	p.review(doc)
	p.accepted(doc.Accepted)
	p.baseline(doc)
	p.accounts(doc)
	p.clientURLs(doc)
	p.summary(doc)
	p.warnings(doc.Warnings)
}

func (p *printer) headline(doc *Document) {
	c, answer := answer(doc)
	p.paragraph(c, "", "", doc.sinceBaseline()+answer)
	p.wrap("", fmt.Sprintf("%s %s, more than %d%% on one server", doc.Check.Code, doc.Check.Name, doc.Parameters.ThresholdPercent))
	p.source(doc.Source)
}

// answer is what the first line says, in its colour.
func answer(doc *Document) (text.Color, string) {
	partly := doc.partly()
	critical := slices.IndexFunc(doc.Findings, func(f Finding) bool { return f.critical })
	found := ""
	switch n := len(doc.Findings); {
	case n == 1:
		found = oneLine(doc.Findings[0]) + "."
	case n > 1 && critical >= 0:
		found = "The first critical one: " + oneLine(doc.Findings[critical]) + "."
	case n > 1:
		found = fmt.Sprintf("%s of %s checked have more than %s on one server.", words.Count(n), accounts(doc, doc.Summary.Evaluated), doc.limit())
	}
	switch n := len(doc.Findings); checks.Outcome(doc.Outcome) {
	case checks.OutcomePass:
		switch {
		case doc.Summary.Evaluated == 0:
			return text.FgYellow, fmt.Sprintf("No finding: no account has the minimum of %s%s%s.", words.Plural(doc.Parameters.MinConnections, "connection"), partly, doc.largestText())
		case !doc.Coverage.Complete:
			return text.FgYellow, doc.noFinding(partly)
		}
		return text.FgGreen, doc.noFinding(partly)
	case checks.OutcomeNotJudged:
		if doc.allowPartial && !doc.Coverage.Complete && doc.Summary.Skipped.TooFewServers == 0 {
			return text.FgYellow, fmt.Sprintf("Not checked: no account has the minimum of %s%s%s.", words.Plural(doc.Parameters.MinConnections, "connection"), partly, doc.largestText())
		}
		return text.FgYellow, notJudged(doc.Parameters.MinServers, largestCluster(doc.Clusters, func(c Cluster) (string, int) { return c.Name, len(c.Servers) }))
	case checks.OutcomeIncomplete:
		silent := doc.Coverage.silent()
		switch {
		case n == 0:
			return text.FgYellow, fmt.Sprintf("Incomplete: %s, so a finding can't be ruled out.", silent)
		case len(doc.open)+len(doc.openClusters) > 0:
			return text.FgYellow, fmt.Sprintf("Incomplete, but %s for certain: %s. %s", words.Plural(n, "finding"), silent, found)
		}
		return text.FgYellow, fmt.Sprintf("Incomplete, but %s for certain: %s, so critical can't be ruled out. %s", words.Plural(n, "finding"), silent, found)
	case checks.OutcomeCritical:
		if n > 1 {
			return text.FgRed, fmt.Sprintf("Critical%s: %s of %s at or above %s. %s", partly, words.Count(criticals(doc)),
				words.Plural(n, "finding"), doc.critical(), found)
		}
		return text.FgRed, "Critical finding" + partly + ": " + found
	default:
		if n > 1 {
			return text.FgRed, words.Plural(n, "finding") + partly + ": " + found
		}
		return text.FgRed, "Finding" + partly + ": " + found
	}
}

// whole is what a coverage is called in which nobody is missing: an ordinary
// account sees only who answers it.
func (s Source) whole() string {
	if s.of.OwnAccount {
		return "all that answered"
	}
	return "complete"
}

// partly says how many servers a verdict is by, where it is not known to be by
// all.
func (doc *Document) partly() string {
	if doc.Coverage.Complete && doc.Source.of.OwnAccount {
		return fmt.Sprintf(", by the %s that answered", words.Plural(doc.Coverage.ServersAnswered, "server"))
	}
	return doc.Coverage.partly()
}

func (c Coverage) partly() string {
	if c.Complete {
		return ""
	}
	if c.ServersAnswered >= c.ServersExpected {
		return ", by the connections that are known"
	}
	return fmt.Sprintf(", by %s of %s", words.Count(c.ServersAnswered), words.Plural(c.ServersExpected, "server"))
}

// silent is the clause on what keeps an audit from being complete.
func (c Coverage) silent() string {
	if missing := c.ServersExpected - c.ServersAnswered; missing > 0 {
		return fmt.Sprintf("%s of %s did not report", words.Count(missing), words.Plural(c.ServersExpected, "server"))
	}
	if len(c.mixed) > 0 {
		return fmt.Sprintf("%s may be several clusters of that name", list(c.mixed, named))
	}
	return "not all connections are known"
}

func criticals(doc *Document) (n int) {
	for _, f := range doc.Findings {
		if f.critical {
			n++
		}
	}
	return n
}

// accounts counts what was judged: an account counts in each of its clusters.
func accounts(doc *Document, n int) string {
	if doc.Summary.Clusters > 1 {
		return words.Plural(n, "account-cluster pair")
	}
	return words.Plural(n, "account")
}

// accountName shows the id too where it is another and too long to be a name.
func accountName(a Account) string {
	if a.Name != "" && a.Name != a.ID && columns(a.ID) > 12 {
		return fmt.Sprintf("%s (%s…)", short(a.Name, prose-11), text.Trim(a.ID, 8))
	}
	return short(cmp.Or(a.Name, a.ID), prose)
}

func clusterName(name string) string { return short(cmp.Or(name, "no cluster"), prose) }

func (p *printer) coverage(doc *Document) {
	c := doc.Coverage
	reported := fmt.Sprintf("%s of %s reported at %s.", words.Count(c.ServersAnswered), words.Plural(c.ServersExpected, "server"),
		doc.Time.Format(timeLayout))
	if c.Complete {
		p.wrap("", "Coverage: "+doc.Source.whole()+", "+reported)
	} else {
		p.paragraph(text.FgYellow, "", "  ", "Coverage: "+reported+" Missing:")
		p.missing(c.Missing, listed)
		p.without(c, doc.Source.of, doc.Outcome, doc.allowPartial)
	}
	p.notes(c.Notes[:len(c.Notes)-doc.lastNotes])
}

// without says what the missing servers mean for the verdicts.
func (p *printer) without(c Coverage, of source.Kind, outcome string, allowPartial bool) {
	switch {
	case allowPartial:
		p.wrap("  ", "Checked as if the missing servers had no connections (--allow-partial): verdicts can be wrong.")
	case checks.Outcome(outcome) == checks.OutcomeIncomplete:
		p.wrap("  ", c.bringIn(of)+"; --allow-partial checks without them.")
	default:
		p.wrap("  ", "No verdict depends on them.")
	}
}

// notes lists them, cut after a few.
func (p *printer) notes(all []string) {
	for i, n := range all {
		if i == listed {
			p.more("  ", len(all)-listed, "more note")
			break
		}
		p.wrap("  ", "Note: "+n)
	}
}

// bringIn is what may make missing servers report, by why they do not and by the
// source.
func (c Coverage) bringIn(of source.Kind) string {
	only := func(kinds ...checks.MissingKind) bool {
		return len(c.kinds) > 0 && !slices.ContainsFunc(c.kinds, func(k checks.MissingKind) bool { return !slices.Contains(kinds, k) })
	}
	switch {
	case only(checks.Draining, checks.Restarted):
		return "Audit again when they have restarted and their clients are back"
	case only(checks.Counted):
		return fmt.Sprintf("Others count a server that died for up to 4 minutes: audit again then, or pass --expect-servers %d if these are all", c.ServersAnswered)
	case only(checks.Behind):
		return "An audit from there brings them in"
	case only(checks.Configured):
		return "Others forget a server that hangs or died after some minutes: find out whether they are stopped"
	case only(checks.Forgotten, checks.Configured):
		return "Find out whether they are stopped, and expect them no longer if they are gone for good"
	case only(checks.Refusing):
		return "Find out whether they are stopped, or drain and still have clients, and leave their addresses out if they are gone for good"
	case only(checks.Refusing, checks.Forgotten, checks.Configured):
		return "Find out whether they are stopped, or drain and still have clients, and expect them no longer if they are gone for good"
	case only(checks.OtherSystem):
		return "Give them the system account of the others; with another one each is audited by itself"
	case only(checks.Hanging) && !slices.ContainsFunc(c.Missing, func(m Missing) bool { return m.Server.called() == "" }):
		return "Find out why they hang, or restart them"
	case only(checks.Hanging, checks.Unreachable):
		return "Find out who is there"
	case only(checks.Unseen):
		return "An audit that connects to these addresses finds out who is there"
	case only(checks.CutOff):
		return "Find out why they have no routes to the others"
	case only(checks.Contradiction):
		return "Find out who else answers in their names"
	}
	return of.BringsIn
}

// missing lists servers, those with the same reason together.
func (p *printer) missing(all []Missing, most int) {
	type place struct{ cluster, reason string }
	var places []place
	names, nameless := map[place][]string{}, map[place]int{}
	for _, m := range all {
		at := place{deref(m.Cluster), m.Reason}
		if names[at] == nil && nameless[at] == 0 {
			places = append(places, at)
		}
		if m.Server.called() == "" {
			nameless[at]++
		} else {
			names[at] = append(names[at], m.Server.called())
		}
	}
	for i, at := range places {
		if i == most {
			p.wrap("  ", fmt.Sprintf("… and more, for %s (--json lists them)", words.Plural(len(places)-most, "more reason")))
			break
		}
		all := names[at]
		if n := nameless[at]; n > 0 { // first, as the end of a long list is cut off
			all = append([]string{words.Plural(n, "server") + " of unknown name"}, all...)
		}
		who := list(all, most)
		if at.cluster != "" {
			who += " in " + clusterName(at.cluster)
		}
		if len(names[at])+nameless[at] > 1 {
			who += ", each"
		}
		p.clip(text.Reset, "  ", "    ", most, who+": "+at.reason)
	}
}

func (p *printer) open(doc *Document) {
	if len(doc.open)+len(doc.openClusters) == 0 {
		return
	}
	p.blank()
	for _, s := range doc.openSentences() {
		p.wrap("", words.UpperFirst(s)+".")
	}
	p.rows("Undetermined, a missing server decides", doc.open)
}

func (p *printer) review(doc *Document) {
	rows := doc.toReview()
	if len(rows) > 0 {
		p.blank()
	}
	p.rows(fmt.Sprintf("To review, above %s and not a finding", doc.reviewed()), rows)
}

func (p *printer) accounts(doc *Document) {
	if len(doc.Accounts) == 0 {
		return
	}
	p.blank()
	p.wrap("", fmt.Sprintf("Every account with a client connection, in each cluster (%s):", words.Count(len(doc.Accounts))))
	verdicts := map[string]string{
		"incomplete":          "unknown",
		"too-few-connections": doc.minimum(doc.Parameters.MinConnections, "conns"),
		"too-few-servers":     doc.minimum(doc.Parameters.MinServers, "servers"),
	}
	p.table(doc.Accounts, "VERDICT", func(r RowOf) string { return cmp.Or(verdicts[r.Verdict], r.Verdict) })
}

func (p *printer) summary(doc *Document) {
	s := doc.Summary
	p.blank()
	scope := fmt.Sprintf("Scope: %s, %s, %s, %s", words.Plural(s.Clusters, "cluster"), words.Plural(s.Servers, "server"),
		words.Plural(s.Accounts, "account"), words.Plural(s.Connections, "client connection"))
	if s.Leafnodes > 0 {
		scope += " and " + words.Plural(s.Leafnodes, "leafnode connection")
	}
	p.wrap("", scope+".")
	if s.Leafnodes > 0 {
		p.wrap("", "A leafnode connection counts on both of its servers, clients behind it on the server that they are connected to: where these are in this audit.")
	}
	judged := fmt.Sprintf("Checked %s: %s, %s to review", accounts(doc, s.Evaluated), words.Plural(s.Findings, "finding"), words.Count(s.Review))
	if n := len(doc.Accepted); n > 0 {
		judged += fmt.Sprintf(", %s accepted", words.Count(n))
	}
	if s.Evaluated == 0 {
		judged = "Checked none of them"
	}
	if n := len(doc.open) + doc.moreOpen; n > 0 {
		judged += fmt.Sprintf(", %s undetermined", words.Count(n))
	}
	p.wrap("", judged+".")
	var skipped []string
	for _, r := range []struct {
		n   int
		why string
	}{
		{s.Skipped.TooFewConnections, "with fewer than " + doc.orTheirs(words.Plural(doc.Parameters.MinConnections, "connection"))},
		{s.Skipped.TooFewServers, "in a cluster of fewer than " + doc.orTheirs(words.Plural(doc.Parameters.MinServers, "server"))},
		{s.Skipped.SystemAccount, "of the system account"},
	} {
		if r.n > 0 {
			skipped = append(skipped, words.Count(r.n)+" "+r.why)
		}
	}
	if len(skipped) > 0 {
		p.wrap("", "Not checked: "+words.List(skipped)+".")
	}
}
