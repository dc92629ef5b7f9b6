package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
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
	// Expected are the servers that there should be.
	Expected Expected
	// Causes says whether to look for them.
	Causes bool
	// History reads what a recorder saw; nil where there is none.
	History History
	// Gone reads which servers a recorder saw go; nil where there is none.
	Gone Gone
	// Timeout bounds the whole audit.
	Timeout time.Duration
	// Flags lead commands that are printed to the same servers, and Again those
	// that audit the same source again, without secrets and quoted for a shell.
	Flags, Again string
	// Connected are the URLs of the connection that the source asks through, as a
	// hint of what clients use; empty where there is none.
	Connected string
}

// History returns what a recorder saw of suspects until now, nil for those of which
// it can't be relied on, and warnings. It may return nil for all.
type History func(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]*checks.Recorded, []string)

// Result is what an audit found.
type Result struct {
	Deployment *checks.Deployment
	Verdict    checks.Result
	Explained  []Explained // of the verdict's findings, in their order
	Lists      []checks.URLList
	Warnings   []string
}

// Run is an audit on its way. Its steps are [Run.Gather], [Run.Details] and
// [Run.Explain], in this order and in the time of their contexts.
type Run struct {
	Request    Request
	Deployment *checks.Deployment // what was gathered; nil before
	from       source.Source
	detailed   []string // clusters whose servers were asked for details
	lists      *read    // those of the clients; nil before
	warnings   []string // of what was gathered
}

// read is what was read of the clients' lists.
type read struct {
	lists    []checks.URLList
	warnings []string
}

// New starts an audit, for those who take its steps one by one; the others call
// [Audit].
func New(from source.Source, r Request) *Run { return &Run{Request: r, from: from} }

// Audit gathers, checks, asks for details where that found something, checks
// again with them, and then examines, diagnoses and advises, all within the
// time-out.
func Audit(ctx context.Context, from source.Source, r Request) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	a := New(from, r)
	if err := a.Gather(ctx); err != nil {
		return nil, err
	}
	return a.Explain(ctx)
}

// Gather reads who is where, and finds the accounts and clusters asked for.
func (a *Run) Gather(ctx context.Context) (err error) {
	if a.Deployment, _, err = gather(ctx, a.from); err != nil {
		return err
	}
	if err := a.expect(ctx); err != nil {
		return err
	}
	p := a.Request.Parameters
	for _, account := range p.Accounts {
		if !slices.ContainsFunc(a.Deployment.Accounts, func(x checks.Account) bool { return x.ID == account || x.Name == account }) {
			if err := a.from.Knows(ctx, a.Deployment, account); err != nil {
				return err
			}
		}
	}
	if err := a.unambiguous(); err != nil {
		return err
	}
	return p.Select(a.Deployment)
}

// expect adds the servers that there should be.
func (a *Run) expect(ctx context.Context) error {
	e := a.Request.Expected
	switch {
	case a.from.Kind().OwnAccount:
		lists, _, err := a.read(ctx)
		if err != nil {
			return err
		}
		e.Clients = a.Request.Lists.signs(a.Deployment, lists)
	default:
		e.Details = a.Details
	}
	if err := e.sameDeployment(a.Deployment); err != nil {
		return err
	}
	e.DNS = a.Request.Lists.DNS
	e.Add(ctx, a.Deployment)
	a.recall(ctx)
	return nil
}

// read reads the clients' lists, once.
func (a *Run) read(ctx context.Context) (lists []checks.URLList, warnings []string, err error) {
	if a.lists == nil {
		lists, _, warnings, err := a.Request.Lists.Read(ctx)
		if err != nil {
			return nil, nil, err
		}
		a.lists = &read{lists, warnings}
	}
	return slices.Clone(a.lists.lists), slices.Clone(a.lists.warnings), nil
}

// unambiguous returns an error where a name that was given, of an account, is
// that of several. Patterns are for several.
func (a *Run) unambiguous() error {
	var names []string
	for _, l := range a.Request.Lists.Given {
		names = append(names, l.Account)
	}
	for _, p := range a.Request.Lists.Paths {
		names = append(names, p.Account)
	}
	for _, o := range a.Request.Parameters.Overrides {
		names = append(names, o.Match)
	}
	for _, x := range a.Request.Accepted {
		names = append(names, x.Account)
	}
	for _, name := range names {
		if err := a.Deployment.Unambiguous(name); err != nil {
			return err
		}
	}
	return nil
}

// Details adds what the servers of clusters say of themselves, once.
func (a *Run) Details(ctx context.Context, clusters []string) error {
	clusters = slices.DeleteFunc(slices.Clone(clusters), func(c string) bool { return slices.Contains(a.detailed, c) })
	if len(clusters) == 0 {
		return nil
	}
	a.detailed = append(a.detailed, clusters...)
	return a.from.Details(ctx, a.Deployment, clusters)
}

// judge judges by the rule, and by what was accepted.
func (a *Run) judge() checks.Result {
	return checks.Accept(checks.CheckConcentration(a.Deployment, a.parameters()), a.Request.Accepted, time.Now())
}

// parameters are those of the rule that is judged by.
func (a *Run) parameters() checks.Parameters {
	p := a.Request.Parameters
	if a.Request.AnyShare {
		p.ThresholdPercent, p.MinServers, p.MinConnections, p.AllowPartial = 1, 2, 1, true
	}
	p.All = p.All || a.Request.Compared
	return p
}

// Explain judges what was gathered, and finds out why and what to do.
func (a *Run) Explain(ctx context.Context) (*Result, error) {
	if err := a.leaveOutPending(ctx); err != nil {
		return nil, err
	}
	verdict := a.judge()
	if len(verdict.Findings) > 0 {
		// Only now it is known whose limits matter.
		if err := a.Details(ctx, clustersOf(verdict.Findings)); err != nil {
			return nil, err
		}
		verdict = a.judge()
	}
	lists, warnings, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	warnings = append(append(warnings, a.warnings...), a.Request.Lists.strangers(a.Deployment)...)
	if len(verdict.Findings) > 0 && a.Request.Causes && a.Request.Lists.piped() {
		a.Deployment.Notes = append(a.Deployment.Notes, "commands are printed without --client-config -, as standard input can't be read again: save it to a file, and add --client-config FILE")
	}
	tie(lists, a.Deployment)
	var explained []Explained
	causes := a.Request.Causes
	if n := answers(verdict.Findings); n > mostAnswers && !a.Request.AnyShare {
		causes = false
		warnings = append(warnings, fmt.Sprintf("causes were not looked for: there are %s findings, with the counts of %s servers, which is more than memory is there for: pass --account or --cluster", words.Count(len(verdict.Findings)), words.Count(n)))
	}
	switch {
	case len(verdict.Findings) == 0:
		warnings = append(warnings, a.Request.Lists.Follow(ctx, a.Deployment, lists)...)
		warnings = append(warnings, unread(lists)...)
	case !causes:
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
	return &Result{Deployment: a.Deployment, Verdict: verdict, Explained: explained, Lists: lists, Warnings: warnings}, nil
}

// mostAnswers is for how many servers of all findings together causes are looked
// for: each step of the funnel has an answer for each, and 3 KB in all.
const mostAnswers = 200_000

func answers(findings []checks.Finding) int {
	n := 0
	for _, f := range findings {
		n += len(f.Distribution)
	}
	return n
}

// inDepth is how many findings, the worst first, are worth more questions to
// their servers.
const inDepth = 20

// deepest is the same where all accounts of a cluster are asked for, or few servers
// and connections make it cheap: no more than so many questions of a server, and
// connections to read.
const (
	deepest        = 250
	cheapQuestions = 1_000
	cheapReading   = 50_000
)

// countSubscriptions is what is found out about findings where nobody wants to
// know their causes.
func countSubscriptions(ctx context.Context, from source.Source, findings []checks.Finding) ([]Explained, error) {
	out := make([]Explained, len(findings))
	var of []source.Held
	for _, f := range findings[:min(len(findings), inDepth)] {
		of = append(of, source.Held{Server: f.Server.ID, Account: f.Account.ID})
	}
	counts, err := from.Subscriptions(ctx, of)
	for i := range counts {
		out[i].Subscriptions = counts[i]
	}
	return out, err
}
