package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/internal/words"
)

// moved says how many clients were moved, of how many that were tried, and with how many
// closes where some took several.
func (doc *Rebalance) moved(kicked int) string {
	tried, clients := len(doc.Moves), 0
	for _, a := range doc.Accounts {
		clients += a.Clients
	}
	switch {
	case clients < kicked && tried != kicked:
		return fmt.Sprintf("Moved %s of %s with %s of %s", words.Plural(clients, "client"), doc.whose(), words.Count(kicked), words.Plural(tried, "close"))
	case clients < kicked:
		return fmt.Sprintf("Moved %s of %s with %s", words.Plural(clients, "client"), doc.whose(), words.Plural(kicked, "close"))
	case tried != kicked:
		return fmt.Sprintf("Moved %s of %s of %s", words.Count(kicked), words.Plural(tried, "connection"), doc.whose())
	}
	return fmt.Sprintf("Moved %s of %s", words.Plural(kicked, "connection"), doc.whose())
}

// stillFound ends the answer with the accounts that are findings: what is left on one server
// of all accounts together is none.
func (doc *Rebalance) stillFound() string {
	if len(doc.Accounts) == 1 && !doc.Accounts[0].NewFinding {
		return ", which is still a finding."
	}
	return "." + doc.found("Still", false) + doc.found("Now", true)
}

// found lists the accounts that are findings, those that are new or the others, in a
// sentence with a space before it; empty where there are none.
func (doc *Rebalance) found(when string, anew bool) string {
	var names []string
	for _, a := range doc.Accounts {
		if a.Finding && a.After != nil && a.NewFinding == anew {
			name := fmt.Sprintf("%s with %s on %s", accountName(a.Account), a.After.text(), cmp.Or(a.After.Server, "one server"))
			if anew && a.Moves == 0 {
				name += " (not moved)"
			}
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" %s a finding: %s.", when, names[0])
	}
	return fmt.Sprintf(" %s findings: %s.", when, words.ListUpTo(named, names))
}

// enough is why nothing is to do, with what there is: near an even share is not at it.
func (doc *Rebalance) enough() string {
	who, even := doc.who(), words.Count(doc.Plan.EvenShare)
	if to := doc.Given.ToServer; to != nil {
		at := slices.IndexFunc(doc.Servers, func(s RebalanceServer) bool { return s.Server == *to || s.ID == *to })
		if at < 0 {
			return fmt.Sprintf("%s has enough of %s.", *to, who)
		}
		return fmt.Sprintf("%s has %s of the %s of %s, and an even share is %s.", *to, words.Count(doc.Servers[at].Before), words.Plural(doc.Before.Connections, "connection"), who, even)
	}
	unreached := slices.ContainsFunc(doc.Servers, func(s RebalanceServer) bool { return s.Unreached })
	switch {
	case doc.Before.OnServer <= doc.Plan.EvenShare && !doc.Given.Even && !unreached:
		return fmt.Sprintf("no server has more than its even share of %s, %s.", who, doc.Before.text())
	case doc.Given.Even:
		return fmt.Sprintf("every account is within a tenth, or a few connections, of its even spread. The most of %s on one server is %s.", who, doc.Before.text())
	}
	every := "every server"
	var names []string
	for _, s := range doc.Servers {
		if s.Unreached {
			names = append(names, s.Server)
		}
	}
	if len(names) > 0 {
		every = fmt.Sprintf("no client that may be moved is known to get to %s, and every other server", words.ListUpTo(named, names))
	}
	return fmt.Sprintf("%s is within a tenth, or a few connections, of its even share of %s: %s on one server, and an even share is %s.", every, who, doc.Before.text(), even)
}
