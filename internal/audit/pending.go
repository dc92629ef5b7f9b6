package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// globalAccount is the account that servers count connections as of before their
// clients have logged in.
const globalAccount = "$G"

// leaveOutPending takes connections out of findings of $G that have not logged in
// yet, as of clients that come back to a server which has just started. It
// reports whether there were any. Where no other account has connections, these
// are of $G in any case.
func (a *Run) leaveOutPending(ctx context.Context, findings []checks.Finding) (bool, error) {
	if !severalAccounts(a.Deployment) {
		return false, nil
	}
	var of []source.Suspect
	for _, f := range findings {
		if f.Account.ID == globalAccount {
			of = append(of, source.Suspect{Account: f.Account.ID, Server: f.Server.ID, Cluster: f.Cluster})
		}
	}
	if len(of) == 0 {
		return false, nil
	}
	reports, _, err := a.from.Examine(ctx, a.Deployment, of)
	if err != nil {
		return false, err
	}
	taken := false
	for _, r := range reports {
		taken = leaveOutPending(a.Deployment, r.LoggedIn) || taken
	}
	return taken, nil
}

// severalAccounts reports whether others than $G and system accounts have clients.
func severalAccounts(d *checks.Deployment) bool {
	for i := range d.Servers {
		if slices.ContainsFunc(d.Servers[i].Usage, func(u checks.Usage) bool {
			return u.Connections > 0 && !d.Accounts[u.Account].System && d.Accounts[u.Account].ID != globalAccount
		}) {
			return true
		}
	}
	return false
}

// leaveOutPending lowers what servers have of $G to those that are known to have
// logged in.
func leaveOutPending(d *checks.Deployment, loggedIn map[string]int) bool {
	taken := false
	for i := range d.Servers {
		s := &d.Servers[i]
		n, known := loggedIn[s.ID]
		at := slices.IndexFunc(s.Usage, func(u checks.Usage) bool { return d.Accounts[u.Account].ID == globalAccount })
		if !known || at < 0 || int(s.Usage[at].Connections) <= n {
			continue
		}
		taken = true
		source.Note(d, fmt.Sprintf("%s on %s had not logged in yet, or left meanwhile; servers count those as of %s, this audit does not",
			words.Plural(int(s.Usage[at].Connections)-n, "connection"), s.Name, globalAccount))
		s.Usage[at].Connections = uint32(n) //nolint:gosec // less than there was
	}
	return taken
}
