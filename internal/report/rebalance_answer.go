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
		return fmt.Sprintf("Moved %s of %s with %s of %s", words.Plural(clients, "client"), doc.who(), words.Count(kicked), words.Plural(tried, "close"))
	case clients < kicked:
		return fmt.Sprintf("Moved %s of %s with %s", words.Plural(clients, "client"), doc.who(), words.Plural(kicked, "close"))
	case tried != kicked:
		return fmt.Sprintf("Moved %s of %s of %s", words.Count(kicked), words.Plural(tried, "connection"), doc.who())
	}
	return fmt.Sprintf("Moved %s of %s", words.Plural(kicked, "connection"), doc.who())
}

// stillFound ends the answer with the accounts that are still findings: what is left on
// one server of all accounts together is none.
func (doc *Rebalance) stillFound() string {
	if len(doc.Accounts) == 1 {
		return ", which is still a finding."
	}
	var names []string
	for _, a := range doc.Accounts {
		if a.Finding && a.After != nil {
			names = append(names, fmt.Sprintf("%s with %s on %s", accountName(a.Account), a.After.text(), cmp.Or(a.After.Server, "one server")))
		}
	}
	if len(names) == 1 {
		return ". Still a finding: " + names[0] + "."
	}
	return fmt.Sprintf(". Still findings: %s.", words.ListUpTo(named, names))
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
	switch {
	case doc.Before.OnServer <= doc.Plan.EvenShare && !doc.Given.Even:
		return fmt.Sprintf("no server has more than its even share of %s, %s.", who, doc.Before.text())
	case doc.Given.Even:
		return fmt.Sprintf("every account is within a tenth, or a few connections, of its even spread. The most of %s on one server is %s.", who, doc.Before.text())
	}
	return fmt.Sprintf("every server is within a tenth, or a few connections, of its even share of %s: %s on one server, and an even share is %s.", who, doc.Before.text(), even)
}
