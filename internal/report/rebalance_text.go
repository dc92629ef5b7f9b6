package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// RebalanceText writes the document for a person: the answer in the first line,
// then the servers, accounts and services, then why. No line is longer than
// the columns of the style.
func RebalanceText(w io.Writer, doc *Rebalance, style Style) error {
	p := newPrinter(style)
	color, answer := rebalanceAnswer(doc)
	p.paragraph(color, "", "", answer)
	p.source(doc.Source)
	if !doc.Coverage.Complete {
		p.missing(doc.Coverage.Missing, listed)
	}
	if !doc.Coverage.Complete && doc.Outcome == "refused" {
		p.wrap("  ", doc.Coverage.bringIn+"; --force plans without them.")
	}
	p.rebalanceServers(doc)
	p.rebalanceAccounts(doc)
	for i, r := range doc.Refusals {
		switch {
		case r.Overridden:
			p.paragraph(text.FgYellow, "", "  ", "Forced: "+r.Text)
		case i > 0: // the first is the answer
			p.paragraph(text.FgRed, "", "  ", "Also: "+r.Text)
		}
	}
	p.rebalanceCauses(doc)
	p.rebalanceMoves(doc)
	for _, n := range doc.Notes {
		p.wrap("", n)
	}
	for _, n := range doc.Coverage.Notes {
		p.wrap("", "Coverage: "+n)
	}
	if doc.Outcome == "planned" {
		p.wrap("", fmt.Sprintf("With --apply it takes about %s: %s a second, with a check after every %s. --json has each connection.", duration(doc), words.Count(doc.Given.Rate), words.Count(doc.Given.Batch)))
	}
	p.warnings(doc.Warnings)
	return p.to(w)
}

// duration is in whole seconds, as it is about.
func duration(doc *Rebalance) time.Duration {
	return max(time.Second, time.Duration(doc.Plan.DurationS*float64(time.Second)).Round(time.Second))
}

// RebalanceQuestion writes what a person has to know before it is moved, and asks
// nothing.
func RebalanceQuestion(w io.Writer, doc *Rebalance, style Style) error {
	p := newPrinter(style)
	p.paragraph(text.FgYellow, "", "", fmt.Sprintf("The plan: move %s of %s in about %s, so that the most on one server goes from %s to about %s.",
		words.Plural(len(doc.Moves), "connection"), doc.whose(), duration(doc), doc.Before.text(), doc.Predicted.text()))
	p.rebalanceServers(doc)
	p.rebalanceAccounts(doc)
	for _, r := range doc.Refusals {
		p.paragraph(text.FgYellow, "", "  ", "Forced: "+r.Text)
	}
	for _, n := range doc.Notes {
		p.wrap("", n)
	}
	return p.to(w)
}

// Ask is the question whether to go on. It has all moves that are to be expected: the
// plan is made again after each batch, and some clients are moved more than once.
func (doc *Rebalance) Ask() string {
	in := ""
	if doc.Plan.Expected > len(doc.Moves) {
		in = fmt.Sprintf(", in about %s", words.Plural(doc.Plan.Expected, "move"))
	}
	return fmt.Sprintf("Move about %s of %s%s%s?", words.Plural(len(doc.Moves), "connection"), doc.whose(), in, doc.ifNeeded())
}

// ifNeeded names the accounts that are moved only if it takes more than is expected.
func (doc *Rebalance) ifNeeded() string {
	var names []string
	for _, a := range doc.Accounts {
		if !a.planned() && slices.ContainsFunc(a.Services, func(s RebalanceService) bool { return s.IfNeeded }) {
			names = append(names, accountName(a.Account))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", and if it takes more also of " + words.ListUpTo(named, names)
}

// who is whose connections it is about.
func (doc *Rebalance) who() string {
	if len(doc.Accounts) == 1 {
		return fmt.Sprintf("%s in %s", accountName(doc.Accounts[0].Account), clusterName(doc.Cluster))
	}
	return fmt.Sprintf("%s in %s", words.Plural(len(doc.Accounts), "account"), clusterName(doc.Cluster))
}

// planned reports whether connections of an account are moved, or expected to be.
func (a RebalanceAccount) planned() bool {
	return a.Moves > 0 || slices.ContainsFunc(a.Services, func(s RebalanceService) bool { return s.Expected > 0 })
}

// whose is whose connections are moved: of several accounts perhaps of some only.
func (doc *Rebalance) whose() string {
	moved := 0
	for _, a := range doc.Accounts {
		if a.planned() {
			moved++
		}
	}
	if moved == 0 || moved == len(doc.Accounts) {
		return doc.who()
	}
	return fmt.Sprintf("%s of %s", words.Count(moved), doc.who())
}

func (s Spread) text() string {
	return fmt.Sprintf("%s of %s (%s%%)", words.Count(s.OnServer), words.Count(s.Connections), s.SharePercent)
}

// rebalanceCauses tells the causes: of one account with the evidence, of several that
// something is moved of each cause once.
func (p *printer) rebalanceCauses(doc *Rebalance) {
	if len(doc.Accounts) == 1 {
		for _, c := range strongRoots(doc.Accounts[0]) {
			p.paragraph(text.Bold, "", "  ", "Cause: "+c.sure())
			for _, e := range c.Evidence {
				p.paragraph(text.Reset, "  - ", "    ", fmt.Sprintf("%s [%s]", e.Text, e.Source))
			}
		}
		return
	}
	var causes []string
	of := map[string][]string{}
	for _, a := range doc.Accounts {
		if a.Moves == 0 {
			continue
		}
		for _, c := range strongRoots(a) {
			said := c.sure()
			if of[said] == nil {
				causes = append(causes, said)
			}
			of[said] = append(of[said], accountName(a.Account))
		}
	}
	for _, said := range causes {
		p.paragraph(text.Bold, "", "  ", fmt.Sprintf("Cause of %s: %s", words.ListUpTo(named, of[said]), said))
	}
}

// strongRoots are the root causes of an account that are confirmed or likely.
func strongRoots(a RebalanceAccount) []Cause {
	return slices.DeleteFunc(slices.Clone(a.Causes), func(c Cause) bool { return c.Role != string(cause.Root) || !c.strong() })
}

// sure is a cause with how sure it is.
func (c Cause) sure() string { return fmt.Sprintf("%s (%s, %s)", c.Title, c.Code, c.Verdict) }

// rebalanceAccounts lists accounts and services: those that are moved, and those
// that are left out with why.
func (p *printer) rebalanceAccounts(doc *Rebalance) {
	shown, more := 0, 0
	for _, a := range doc.Accounts {
		for _, s := range a.Services {
			if s.Moves == 0 && s.Expected == 0 && !s.IfNeeded {
				continue
			}
			if shown++; shown > listed {
				more++
				continue
			}
			p.wrap("  ", fmt.Sprintf("%s, %s: %s", accountName(a.Account), short(cmp.Or(s.Name, "clients without a name"), prose), s.moved()))
		}
	}
	if more > 0 {
		p.more("  ", more, "more service")
	}
	p.rebalanceLeftOut(doc)
}

// moved is how many connections of a service are moved: where some clients take several
// closes, how many clients these are and how many closes.
func (s RebalanceService) moved() string {
	switch {
	case s.IfNeeded:
		return "none of " + words.Plural(s.Connections, "connection") + ", unless it takes more"
	case s.Moves == 0:
		return fmt.Sprintf("none of %s at first, about %s later", words.Plural(s.Connections, "connection"), words.Count(s.Expected))
	case s.Expected > s.Moves:
		return fmt.Sprintf("%s of %s, in about %s", words.Count(s.Moves), words.Plural(s.Connections, "connection"), words.Plural(s.Expected, "move"))
	case s.Moves > s.Clients:
		return fmt.Sprintf("%s of %s, with %s", words.Plural(s.Clients, "client"), words.Count(max(s.Connections, s.Clients)), words.Plural(s.Moves, "close"))
	case s.Moves > s.Connections: // others came during the run
		return words.Plural(s.Moves, "connection")
	}
	return words.Count(s.Moves) + " of " + words.Plural(s.Connections, "connection")
}

// rebalanceLeftOut lists who is left out, by the reason.
func (p *printer) rebalanceLeftOut(doc *Rebalance) {
	var reasons []string
	who, left := map[string][]string{}, 0
	add := func(name string, connections int, why string) {
		if left++; left > listed {
			return
		}
		if who[why] == nil {
			reasons = append(reasons, why)
		}
		who[why] = append(who[why], fmt.Sprintf("%s (%s)", name, words.Plural(connections, "connection")))
	}
	for _, a := range doc.Accounts {
		if a.LeftOut != nil {
			add(accountName(a.Account), a.Connections, *a.LeftOut)
			continue
		}
		for _, s := range a.Services {
			if s.LeftOut != nil {
				add(short(cmp.Or(s.Name, "clients without a name"), prose)+" of "+accountName(a.Account), s.Connections, *s.LeftOut)
			}
		}
	}
	for _, why := range reasons {
		p.wrap("  ", fmt.Sprintf("Left out: %s: %s.", words.List(who[why]), why))
	}
	if left > listed {
		p.wrap("  ", fmt.Sprintf("… and %s more are left out (--json lists them)", words.Count(left-listed)))
	}
}

// rebalanceAnswer is what the first line says, in its colour.
func rebalanceAnswer(doc *Rebalance) (text.Color, string) {
	who := doc.who()
	of := Spread.text
	kicked := 0
	for _, m := range doc.Moves {
		if m.Outcome == "kicked" {
			kicked++
		}
	}
	became := ""
	if doc.After != nil {
		became = fmt.Sprintf(": the most on one server went from %s to %s", of(doc.Before), of(*doc.After))
	}
	if doc.After != nil && slices.ContainsFunc(doc.Servers, func(s RebalanceServer) bool { return s.After == nil }) {
		became += " on the servers that reported"
	}
	if n := doc.Missing; n != nil && *n > 0 {
		became += fmt.Sprintf(", %s missing", words.Plural(*n, "client"))
	}
	moved := doc.moved(kicked)
	switch doc.Outcome {
	case "planned":
		return text.FgYellow, fmt.Sprintf("Dry run: would move %s of %s, so that the most on one server goes from %s to about %s. Nothing was changed.",
			words.Plural(len(doc.Moves), "connection"), doc.whose(), of(doc.Before), of(doc.Predicted))
	case "nothing-to-do":
		return text.FgGreen, "Nothing to do: " + doc.enough()
	case "refused":
		if len(doc.Refusals) > 0 {
			return text.FgRed, "Refused: " + doc.Refusals[0].Text
		}
		return text.FgRed, "Refused."
	case "declined":
		return text.FgYellow, fmt.Sprintf("Not confirmed: no connection of %s was moved.", who)
	case "started":
		return text.FgRed, fmt.Sprintf("Started to move %s of %s; this was written before the first move, so what came of it is unknown. If the run is over, it was killed or could not write its end.",
			words.Plural(len(doc.Moves), "connection"), doc.whose())
	case "stopped":
		why := ""
		if doc.Stop != nil {
			why = " " + doc.Stop.Text
		}
		if doc.Missing == nil {
			why += " Whether all clients are back is unknown: not all servers were read after the last were closed."
		}
		if !slices.ContainsFunc(doc.Moves, func(m RebalanceMove) bool { return m.Outcome == "not-tried" }) {
			return text.FgRed, fmt.Sprintf("Stopped after %s of %s%s.%s%s", words.Plural(kicked, "close"), who, became, doc.found("Now", true), why)
		}
		return text.FgRed, fmt.Sprintf("Stopped after %s of %s of %s%s.%s%s", words.Count(kicked), words.Plural(len(doc.Moves), "close"), who, became, doc.found("Now", true), why)
	case "uneven":
		return text.FgYellow, moved + became + ": the servers are still uneven."
	case "finding":
		return text.FgRed, moved + became + doc.stillFound()
	}
	return text.FgGreen, moved + became + "."
}

func (p *printer) rebalanceServers(doc *Rebalance) {
	if len(doc.Servers) == 0 {
		return
	}
	cells := [][]string{{"SERVER", "BEFORE", "MOVE", "PREDICTED", "AFTER"}}
	if doc.Some {
		p.wrap("  ", "Counted are the connections of "+doc.who()+" only.")
	}
	rows := slices.Clone(doc.Servers)
	slices.SortStableFunc(rows, func(a, b RebalanceServer) int { return cmp.Compare(b.Before, a.Before) })
	for _, s := range rows[:min(len(rows), barRows)] {
		after := "-"
		if s.After != nil {
			after = words.Count(*s.After)
		}
		cells = append(cells, []string{short(s.Server, 30), words.Count(s.Before), words.Count(s.Moves), words.Count(s.Predicted), after})
	}
	p.numbers(cells)
	if len(rows) > barRows {
		p.more("  ", len(rows)-barRows, "more server")
	}
}

// rebalanceMoves lists of what was moved what did not go well. What would be moved is
// told by service.
func (p *printer) rebalanceMoves(doc *Rebalance) {
	outcomes := map[string]int{}
	shown := 0
	for _, m := range doc.Moves {
		outcomes[m.Outcome]++
		if slices.Contains([]string{"planned", "kicked", "not-tried"}, m.Outcome) {
			continue
		}
		if shown++; shown > listed {
			continue
		}
		why := ""
		if m.Why != nil {
			why = ": " + *m.Why
		}
		p.wrap("  ", fmt.Sprintf("%s: connection %d on %s (%s, %s idle, %s)%s", m.Outcome, m.CID, short(m.Server, 30),
			short(cmp.Or(m.Name, "no name"), 30), (time.Duration(m.IdleS)*time.Second).String(), words.Plural(m.Subscriptions, "subscription"), why))
	}
	if shown > listed {
		p.more("  ", shown-listed, "more connection")
	}
	if doc.Given.Apply && len(doc.Batches) > 0 {
		var said []string
		for _, o := range []string{"kicked", "gone", "refused", "no-answer", "not-tried"} {
			if outcomes[o] > 0 {
				said = append(said, fmt.Sprintf("%s %s", words.Count(outcomes[o]), o))
			}
		}
		p.wrap("", fmt.Sprintf("Moves: %s, in %s.", words.List(said), words.Plurals(len(doc.Batches), "batch", "batches")))
	}
}
