package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// leaveOutPending takes connections out of $G that have not logged in, as of clients
// that come back to a server which has just started, or of whoever only looks
// whether a port is open: wherever $G has the minimums of the rule, as they can
// make a finding of it, or hide one. Where it can't be read who has, the model says
// so.
func (a *Run) leaveOutPending(ctx context.Context) error {
	p := a.parameters()
	p.All = true
	at := slices.IndexFunc(a.Deployment.Accounts, func(x checks.Account) bool { return x.ID == checks.GlobalAccount })
	if at < 0 || a.Deployment.Accounts[at].System {
		return nil
	}
	var of []source.Suspect
	for _, r := range checks.CheckConcentration(a.Deployment, p).Rows {
		if r.Account.ID == checks.GlobalAccount && r.Connections > 0 && r.Verdict != checks.TooFewConnections && r.Verdict != checks.TooFewServers {
			of = append(of, source.Suspect{Account: r.Account.ID, Server: r.Server.ID, Cluster: r.Cluster})
		}
	}
	if len(of) == 0 {
		return nil
	}
	ctx, cancel := source.ForLogins.Context(ctx)
	defer cancel()
	reports, _, err := a.from.Examine(ctx, a.Deployment, of)
	if err != nil {
		return err
	}
	for _, r := range reports {
		leaveOutPending(a.Deployment, uint32(at), r) //nolint:gosec // an index
	}
	return nil
}

// leaveOutPending lowers what servers have of $G to those that are known to have
// logged in.
func leaveOutPending(d *checks.Deployment, account uint32, r source.Report) {
	for i := range d.Servers {
		s := &d.Servers[i]
		if x := r.Doubtful[s.ID]; x > 0 {
			d.Doubtful = append(d.Doubtful, checks.Doubtful{Account: account, Server: i, Connections: x,
				Reason: fmt.Sprintf("of %s of %s it could not be read whether they have logged in", words.Plural(x, "connection"), checks.GlobalAccount)})
		}
		n, known := r.LoggedIn[s.ID]
		at := slices.IndexFunc(s.Usage, func(u checks.Usage) bool { return u.Account == account })
		if !known || at < 0 || int(s.Usage[at].Connections) <= n {
			continue
		}
		d.Note(fmt.Sprintf("%s on %s had not logged in, or left meanwhile; servers count those as of %s, this audit does not",
			words.Plural(int(s.Usage[at].Connections)-n, "connection"), s.Name, checks.GlobalAccount))
		s.Usage[at].Connections = uint32(n) //nolint:gosec // less than there was
	}
}
