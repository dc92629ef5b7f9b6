package cli

import (
	"context"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/gather"
)

// Request is what to audit, and how. All of it is validated.
type Request struct {
	// Parameters are the rule, and the accounts and clusters to judge by it.
	Parameters checks.Parameters
	// AnyShare takes for a finding what an account has on its largest server,
	// whatever the rule says, so that its causes are found.
	AnyShare bool
	// Compared says that the result is to be compared with an earlier one, which
	// takes every pair of account and cluster.
	Compared bool
	// Accepted are findings that are known and accepted.
	Accepted []checks.Acceptance
	// Lists are the URL lists of clients.
	Lists ClientLists
	// Causes says whether to look for them.
	Causes bool
	// Timeout bounds the whole audit.
	Timeout time.Duration
	// Flags lead commands that are printed to the same servers, without secrets.
	Flags string
}

// Result is what an audit found.
type Result struct {
	Deployment *checks.Deployment
	Verdict    checks.Result
	Explained  []Explained // of the verdict's findings, in their order
	Lists      []checks.URLList
	Warnings   []string
}

// auditRun is an audit on its way: what it has gathered so far.
type auditRun struct {
	request    Request
	from       source
	deployment *checks.Deployment
	detailed   []string // clusters whose servers were asked for details
}

// runAudit gathers, checks, asks for details where that found something, checks
// again with them, and then examines, diagnoses and advises, all within the
// time-out.
func runAudit(ctx context.Context, from source, r Request) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	a := &auditRun{request: r, from: from}
	if err := a.gather(ctx); err != nil {
		return nil, err
	}
	return a.explain(ctx)
}

// gather reads who is where, and finds the accounts and clusters asked for.
func (a *auditRun) gather(ctx context.Context) (err error) {
	if a.deployment, err = a.from.deployment(ctx); err != nil {
		return err
	}
	p := a.request.Parameters
	for _, account := range p.Accounts {
		if !slices.ContainsFunc(a.deployment.Accounts, func(x checks.Account) bool { return x.ID == account || x.Name == account }) {
			if err := a.from.knows(ctx, a.deployment, account); err != nil {
				return err
			}
		}
	}
	return p.Select(a.deployment)
}

// details adds what the servers of clusters say of themselves, once.
func (a *auditRun) details(ctx context.Context, clusters []string) error {
	clusters = slices.DeleteFunc(slices.Clone(clusters), func(c string) bool { return slices.Contains(a.detailed, c) })
	if len(clusters) == 0 {
		return nil
	}
	a.detailed = append(a.detailed, clusters...)
	return a.from.details(ctx, a.deployment, clusters)
}

// judge judges by the rule, and by what was accepted.
func (a *auditRun) judge() checks.Result {
	p := a.request.Parameters
	if a.request.AnyShare {
		p.ThresholdPercent, p.MinServers, p.MinConnections, p.AllowPartial = 1, 2, 1, true
	}
	p.All = p.All || a.request.Compared
	return checks.Accept(checks.CheckConcentration(a.deployment, p), a.request.Accepted, time.Now())
}

// explain judges what was gathered, and finds out why and what to do.
func (a *auditRun) explain(ctx context.Context) (*Result, error) {
	verdict := a.judge()
	if len(verdict.Findings) > 0 {
		// Only now it is known whose limits matter.
		if err := a.details(ctx, clustersOf(verdict.Findings)); err != nil {
			return nil, err
		}
		verdict = a.judge()
	}
	lists, warnings, err := a.request.Lists.read(ctx)
	if err != nil {
		return nil, err
	}
	tie(lists, a.deployment, a.request.Parameters.Accounts)
	var explained []Explained
	switch {
	case len(verdict.Findings) == 0:
		warnings = append(warnings, a.request.Lists.follow(ctx, a.deployment, lists)...)
		warnings = append(warnings, unread(lists)...)
	case !a.request.Causes:
		lists = nil
		explained, err = countSubscriptions(ctx, a.from, verdict.Findings)
	default:
		var found diagnosed
		found, err = a.diagnose(ctx, verdict.Findings, lists)
		verdict.Findings, explained, lists = found.findings, found.explained, found.lists
		warnings = append(warnings, found.warnings...)
	}
	if err != nil {
		return nil, err
	}
	return &Result{Deployment: a.deployment, Verdict: verdict, Explained: explained, Lists: lists, Warnings: warnings}, nil
}

// inDepth is how many findings, the worst first, are worth more questions to
// their servers.
const inDepth = 20

// countSubscriptions is what is found out about findings where nobody wants to
// know their causes.
func countSubscriptions(ctx context.Context, from source, findings []checks.Finding) ([]Explained, error) {
	out := make([]Explained, len(findings))
	var of []gather.Held
	for _, f := range findings[:min(len(findings), inDepth)] {
		of = append(of, gather.Held{Server: f.Server.ID, Account: f.Account.ID})
	}
	counts, err := from.subscriptions(ctx, of)
	for i := range counts {
		out[i].Subscriptions = counts[i]
	}
	return out, err
}
