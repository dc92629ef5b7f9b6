package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// answer is who of those on the server is back.
func (g *ServerGone) answer() string {
	said := "the accounts that were on it have as many as then, so all may be back"
	switch n, why := g.unknown(); {
	case n > 0 && g.lacks() > 0:
		said = fmt.Sprintf("by what others have now, %s are not back, and of %s more that is unknown: %s", words.Count(g.lacks()), words.Count(n), why)
	case n > 0 && g.Back == 0:
		said = fmt.Sprintf("whether they are back is unknown: %s", why)
	case n > 0:
		said = fmt.Sprintf("by what others have now, at least %s are back, and of %s more that is unknown: %s", words.Count(g.Back), words.Count(n), why)
	case g.lacks() == 0 && g.lacksService():
		said = "the accounts that were on it have as many as then, but not all of their services do"
	case g.lacks() > 0:
		said = fmt.Sprintf("by what others have now, %s are back, %s missing", words.Count(g.Back), words.Count(g.lacks()))
		if g.mayHave {
			said = fmt.Sprintf("by what others have now, %s are there, and %s are not, which may still be on it", words.Count(g.Back), words.Count(g.lacks()))
		}
	case len(g.Accounts) == 0 && g.Connections > 0:
		said = "whose they were, and who of them is back, is unknown"
	case !g.AllBack():
		said = "those accounts of which it is known that they were on it have as many as then"
	}
	at := "at " + g.Time.UTC().Format(timeLayout)
	switch checks.MissingKind(deref(g.Recorded)) {
	case "":
	case checks.Draining:
		at = "when it began to drain, " + at
	case checks.Down:
		at = "when it shut down, " + at
	default:
		at = "when it was found silent, " + at
	}
	had := fmt.Sprintf("%s in %s had %s %s", short(g.Server, prose), clusterName(g.Cluster), words.Plural(g.Connections, "connection"), at)
	if known := g.known(); known > 0 && known < g.Connections {
		return fmt.Sprintf("%s. Whose %s of them were is known: %s.", had, words.Count(known), said)
	}
	return had + ": " + said + "."
}

// gained lists what servers have more than before.
func (g *ServerGone) gained(all []Gained) []string {
	var on []string
	for _, x := range all {
		more := " more on "
		if x.Server == g.Server {
			more = " again on "
		}
		on = append(on, words.Count(x.More)+more+short(x.Server, prose))
	}
	return on
}

// services says which services of an account are missing, those first of which most are,
// and which are back.
func (g *ServerGone) services(a AccountGone) string {
	all := slices.Clone(a.Services)
	slices.SortStableFunc(all, func(a, b ServiceGone) int { return b.lacks() - a.lacks() })
	var missing, back, reasons []string
	unknown := map[string][]string{}
	for _, s := range all {
		name := short(cmp.Or(s.Name, "unnamed"), prose)
		if s.Back == nil {
			why := deref(s.Why)
			if unknown[why] == nil {
				reasons = append(reasons, why)
			}
			unknown[why] = append(unknown[why], name+" "+words.Count(s.OnServer))
			continue
		}
		n := *s.Back
		if s.lacks() > 0 {
			n = s.lacks()
		}
		said := fmt.Sprintf("%s %s of %s", name, words.Count(n), words.Count(s.OnServer))
		if on := g.gained(s.On); len(on) > 0 && len(all) > 1 { // of one, they are the account's
			said += " (" + words.ListUpTo(named, on) + ")"
		}
		if s.lacks() > 0 {
			missing = append(missing, said)
		} else {
			back = append(back, said)
		}
	}
	var out []string
	if len(missing) > 0 {
		out = append(out, "Missing: "+someServices(missing)+".")
	}
	if len(back) > 0 {
		out = append(out, "Back: "+someServices(back)+".")
	}
	for _, why := range reasons {
		out = append(out, fmt.Sprintf("Unknown of %s: %s.", someServices(unknown[why]), why))
	}
	return strings.Join(out, " ")
}

// gone tells who was on a server and who is back.
func (p *printer) gone(g *ServerGone) {
	color := text.FgGreen
	switch g.outcome() {
	case checks.OutcomeFinding:
		color = text.FgRed
	case checks.OutcomeIncomplete:
		color = text.FgYellow
	default:
	}
	p.paragraph(color, "", "  ", g.answer())
	rest := 0
	accounts := slices.Clone(g.Accounts)
	slices.SortStableFunc(accounts, func(a, b AccountGone) int {
		return cmp.Or(count(b.Missing)-count(a.Missing), a.Back-a.OnServer-(b.Back-b.OnServer), b.lacks()-a.lacks(), b.OnServer-a.OnServer)
	})
	for i, a := range accounts {
		if i >= impactAccounts {
			rest += a.OnServer
			continue
		}
		back := words.Count(a.Back)
		if a.Missing == nil {
			back = "at least " + back
		}
		line := fmt.Sprintf("%s: %s of %s back", accountName(a.Account), back, words.Plural(a.OnServer, "connection"))
		on := g.gained(a.On)
		for _, c := range a.OtherClusters {
			on = append(on, words.Count(c.More)+" more in "+clusterName(c.Cluster))
		}
		if len(on) > 0 {
			line += " (" + words.ListUpTo(named, on) + ")"
		}
		switch {
		case a.Missing == nil:
			line += fmt.Sprintf(", unknown of %s", words.Count(a.OnServer-a.Back))
		case *a.Missing > 0:
			line += fmt.Sprintf(", %s missing", words.Count(*a.Missing))
		}
		p.wrap("  ", line)
		if said := g.services(a); said != "" {
			p.wrap("    ", said)
		}
	}
	p.moreAccounts("  ", len(accounts)-impactAccounts, rest)
	if known := g.known(); known < g.Connections {
		why := "."
		if g.findingsOnly {
			why = ": the baseline has the accounts of its findings only. What impact --json wrote has all."
		}
		p.wrap("  ", fmt.Sprintf("Whose the other %s were is unknown%s", words.Plural(g.Connections-known, "connection"), why))
	}
	if said := g.unnamed(); said != "" {
		p.wrap("  ", said)
	}
}

// unnamed is of whom it is unknown which services they had on the server, and what
// would tell; empty where it is known of all.
func (g *ServerGone) unnamed() string {
	n := 0
	for _, a := range g.Accounts {
		if a.Services == nil {
			n++
		}
	}
	switch {
	case n == 0:
		return ""
	case g.Recorded != nil:
		return "Which services were on it is unknown, as watch does not record that: --baseline with what impact --json wrote before has them."
	}
	return fmt.Sprintf("Which services of %s were on it is unknown: the baseline does not say.", words.Plural(n, "account"))
}
