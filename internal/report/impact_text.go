package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// ImpactText writes the document for a person: the answer for each server first.
// No line is longer than the columns of the style.
func ImpactText(w io.Writer, doc *Impacts, style Style) error {
	p := newPrinter(style)
	if doc.Gone != nil {
		p.gone(doc.Gone)
	}
	shown, more := doc.worst()
	for i, s := range shown {
		if i > 0 || doc.Gone != nil {
			p.blank()
		}
		p.impact(s)
	}
	if len(more) > 0 {
		connections := 0
		for _, s := range more {
			connections += s.Connections
		}
		p.blank()
		p.wrap("", fmt.Sprintf("… and %s, %s (--json lists them)", words.Plural(len(more), "more cluster"), words.Plural(connections, "connection")))
	}
	if len(doc.Servers) == 0 && doc.Gone == nil {
		p.wrap("", "No server that reported has a client connection.")
	}
	p.blank()
	p.source(doc.Source)
	if !doc.Coverage.Complete {
		p.wrap("", fmt.Sprintf("Coverage: %s of %s reported.", words.Count(doc.Coverage.ServersAnswered), words.Plural(doc.Coverage.ServersExpected, "server")))
		p.missing(doc.Coverage.Missing, listed)
	}
	for _, n := range doc.Coverage.Notes {
		p.wrap("", "Coverage: "+n)
	}
	p.warnings(doc.Warnings)
	return p.to(w)
}

// worst are the servers that text shows, and the others: of many those of which most
// connections are not known to fail over.
func (doc *Impacts) worst() (shown, more []ServerImpact) {
	if len(doc.Servers) <= impactServers {
		return doc.Servers, nil
	}
	all := slices.Clone(doc.Servers)
	slices.SortStableFunc(all, func(a, b ServerImpact) int {
		return cmp.Or(b.Stranded-a.Stranded, b.Unknown-a.Unknown, b.Connections-a.Connections)
	})
	return all[:impactServers], all[impactServers:]
}

// impact tells of one server.
func (p *printer) impact(s ServerImpact) {
	color := text.FgGreen
	switch checks.Outcome(s.Outcome) {
	case checks.OutcomeFinding:
		color = text.FgRed
	case checks.OutcomeIncomplete:
		color = text.FgYellow
	default:
	}
	p.paragraph(color, "", "  ", s.answer())
	if s.Connections == 0 {
		return
	}
	switch s.Fits {
	case string(checks.No):
		p.paragraph(text.FgRed, "  ", "    ", s.free())
	case string(checks.Unknown):
		p.wrap("  ", s.free())
	}
	p.survivors(s.Survivors)
	if abroad := s.abroad(); abroad != "" {
		p.wrap("  ", abroad)
	}
	for _, can := range []struct{ answer, says string }{{string(checks.No), "Can't fail over"}, {string(checks.Unknown), "Unknown whether they can fail over"}, {string(checks.Yes), "Can fail over, if they reconnect"}} {
		p.failOver(s, can.answer, can.says)
	}
	for _, hint := range s.hints() {
		p.wrap("  ", hint)
	}
}

// answer is what stopping the server would do.
func (s ServerImpact) answer() string {
	name := short(s.Server.called(), prose)
	if s.Connections == 0 {
		return fmt.Sprintf("If %s in %s stops, no client connection drops.", name, clusterName(s.Cluster))
	}
	said := "all can fail over, if they reconnect"
	switch {
	case s.Unknown == s.Connections:
		said = "whether they can fail over is unknown"
	case s.CanFailOver < s.Connections:
		var parts []string
		for _, part := range []struct {
			n    int
			what string
		}{{s.CanFailOver, "can fail over"}, {s.Stranded, "can't"}, {s.Unknown, "unknown"}} {
			if part.n > 0 {
				parts = append(parts, words.Count(part.n)+" "+part.what)
			}
		}
		said = strings.Join(parts, ", ")
	}
	return fmt.Sprintf("If %s in %s stops, %s of %s drop: %s.", name, clusterName(s.Cluster), words.Plural(s.Connections, "connection"), words.Plural(len(s.Accounts), "account"), said)
}

// abroad says that clients may go to other clusters; empty where none is known to.
func (s ServerImpact) abroad() string {
	var to []string
	for _, c := range s.OtherClusters {
		to = append(to, fmt.Sprintf("about %s to %s", words.Count(c.Connections), clusterName(c.Cluster)))
	}
	if len(to) == 0 {
		return ""
	}
	return "Some may go to other clusters, as their lists lead there too: " + words.ListUpTo(named, to) + "."
}

// free says that the other servers have none, or that it is unknown; empty where
// they have.
func (s ServerImpact) free() string {
	switch s.Fits {
	case string(checks.No):
		if len(s.Survivors) == 0 {
			return "The cluster has one server only."
		}
		return "The other servers don't have room for them."
	case string(checks.Unknown):
		switch {
		case len(s.Survivors) == 0:
			return "The cluster has one server only."
		case len(s.OtherClusters) > 0:
			return "The other servers of the cluster may not have room for them, and whether other clusters have is unknown."
		}
		return "Whether the other servers have room is unknown: not all reported their limits."
	}
	return ""
}

// hints say what settles what is unknown of the clients of the server, each once.
func (s ServerImpact) hints() []string {
	var out []string
	for _, a := range s.Accounts {
		for _, x := range a.Services {
			if x.CanFailOver != string(checks.Unknown) {
				continue
			}
			if hint := x.hint(); hint != "" && !slices.Contains(out, hint) {
				out = append(out, hint)
			}
		}
	}
	return out
}

// hint says what settles whether the clients can fail over, for all accounts alike.
func (s ServiceImpact) hint() string {
	switch s.need {
	case "":
		return ""
	case cause.NeedUsers:
		return "To find out, log in to another server with their credentials, as in: nats rtt --server nats://HOST:4222 --creds FILE"
	case cause.NeedClientURLs:
		return "To find out, pass what the clients are configured with: --client-url or --client-config."
	case cause.NeedOwner:
		return "Whose the lists are that were passed is unknown. Tie them to an account: --client-url ACCOUNT=URL or --client-config ACCOUNT=PATH."
	default:
		return "To find out, " + needed(s.need, "--client-url ACCOUNT=URL", "ACCOUNT") + "."
	}
}

const (
	// impactAccounts is how many accounts are listed before the rest is summed up,
	// and impactServices how many services of each. impactServers is how many servers
	// are, where all clusters are asked about.
	impactAccounts, impactServices, impactServers = 10, 5, 10
)

// affected are the connections of an account that have one answer.
type affected struct {
	AccountImpact
	connections int
}

// affected returns the accounts with connections of that answer, those with most
// of them first, each with these services only.
func (s ServerImpact) affected(answer string) []affected {
	var out []affected
	for _, a := range s.Accounts {
		x := affected{AccountImpact: a}
		x.Services = slices.DeleteFunc(slices.Clone(a.Services), func(one ServiceImpact) bool { return one.CanFailOver != answer })
		for _, one := range x.Services {
			x.connections += one.OnServer
		}
		if len(x.Services) > 0 {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b affected) int { return b.connections - a.connections })
	return out
}

// failOver lists those with one answer, a line for each account, under what they
// have in common, and sums up all but the largest accounts.
func (p *printer) failOver(s ServerImpact, answer, says string) {
	all := s.affected(answer)
	shown := all[:min(len(all), impactAccounts)]
	var reasons []string
	said := map[string][]string{}
	for _, a := range shown {
		here := map[string][]string{}
		for _, x := range a.Services {
			why := deref(x.Why)
			if said[why] == nil && here[why] == nil {
				reasons = append(reasons, why)
			}
			here[why] = append(here[why], short(cmp.Or(x.Name, "all of its clients"), prose)+" "+words.Count(x.OnServer))
		}
		for why, services := range here {
			said[why] = append(said[why], fmt.Sprintf("%s (%s): %s", accountName(a.Account), words.Plural(a.Connections, "connection"), someServices(services)))
		}
	}
	for _, why := range reasons {
		head := says
		switch {
		case why == "":
		case answer == string(checks.Unknown):
			head += " " + why
		default:
			head += " (" + why + ")"
		}
		p.wrap("  ", head+":")
		for _, l := range said[why] {
			p.wrap("    ", l)
		}
	}
	rest := 0
	for _, a := range all[len(shown):] {
		rest += a.connections
	}
	p.moreAccounts("    ", len(all)-len(shown), rest)
}

// someServices are the first of the services of an account, with how many more
// there are.
func someServices(all []string) string {
	if n := len(all) - impactServices; n > 1 {
		all = append(slices.Clone(all[:impactServices]), "… "+words.Plural(n, "more service"))
	}
	return strings.Join(all, ", ")
}

// moreAccounts sums up those that are not listed.
func (p *printer) moreAccounts(indent string, n, connections int) {
	if n > 0 {
		p.wrap(indent, fmt.Sprintf("… and %s, %s (--json lists them)", words.Plural(n, "more account"), words.Plural(connections, "connection")))
	}
}

// survivors is the table of what the others would carry.
func (p *printer) survivors(all []Survivor) {
	number := func(n *int) string {
		if n == nil {
			return "-"
		}
		return words.Count(*n)
	}
	cells := [][]string{{"SERVER", "NOW", "AFTER", "LIMIT"}}
	for _, s := range all[:min(len(all), barRows)] {
		cells = append(cells, []string{short(cmp.Or(s.label, s.Server.Name, "no name"), 30), number(s.Now), number(s.After), number(s.Limit)})
	}
	if len(all) > 0 {
		p.numbers(cells)
	}
	if len(all) > barRows {
		p.more("  ", len(all)-barRows, "more server")
	}
}
