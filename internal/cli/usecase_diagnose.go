package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/gather"
	"github.com/nats-balance/nats-balance/internal/remedy"
)

// Explained is what was found out about a finding, beside what the rule says.
type Explained struct {
	// Subscriptions are those of the account on the server; nil where not known.
	Subscriptions *int
	// Diagnosis is nil where nobody looked for causes, and there is no Advice then.
	Diagnosis *cause.Diagnosis
	Advice    remedy.Advice
}

// diagnosed are findings with what was found out about each, those to look at
// first first, and the lists that were followed for it.
type diagnosed struct {
	findings  []checks.Finding
	explained []Explained
	lists     []checks.URLList
	warnings  []string
}

// diagnose finds out why, for the worst findings in depth, and what to do.
func (a *auditRun) diagnose(ctx context.Context, findings []checks.Finding, lists []checks.URLList) (diagnosed, error) {
	var suspects []gather.Suspect
	d, from := a.deployment, a.from
	clusters := clustersOf(findings)
	for _, f := range findings[:min(len(findings), inDepth)] {
		suspects = append(suspects, gather.Suspect{Account: f.Account.ID, Server: f.Server.ID, Cluster: f.Cluster})
	}
	if !a.request.Lists.any() && from.kind() != "archive" { // which is to be read without a network
		lists = hints(from.url(), d, clusters)
	}
	out := diagnosed{lists: lists}
	var (
		wg       sync.WaitGroup
		reports  []gather.Report
		failed   error
		accounts map[gather.Suspect]map[string]checks.AccountOn
	)
	wg.Go(func() { out.warnings = a.request.Lists.follow(ctx, d, lists) })
	wg.Go(func() { reports, accounts, failed = from.examine(ctx, d, suspects) })
	wg.Wait()
	if failed != nil {
		return diagnosed{}, failed
	}
	type pair struct {
		finding checks.Finding
		found   Explained
	}
	var all []pair
	for i, f := range findings {
		c := cause.Case{Finding: f, Deployment: d, Lists: lists, Gap: from.gap(), ThresholdPercent: a.request.Parameters.For(f.Account).ThresholdPercent}
		var subscriptions *int
		if i < len(suspects) {
			c.Profile, c.Accounts = reports[i].Profile, accounts[suspects[i]]
			subscriptions = reports[i].Subscriptions
		}
		diagnosis := cause.Diagnose(c)
		all = append(all, pair{f, Explained{Subscriptions: subscriptions, Diagnosis: &diagnosis, Advice: a.advise(diagnosis)}})
	}
	if n := len(findings) - len(suspects); n > 0 {
		out.warnings = append(out.warnings, fmt.Sprintf("the connections of the %d worst findings were read; the causes of the other %d are judged without them: pass --account or --cluster for those", len(suspects), n))
	}
	slices.SortFunc(all, func(a, b pair) int {
		return cmp.Or(checks.ComparePriorities(a.found.Diagnosis.Priority, b.found.Diagnosis.Priority), checks.CompareFindings(a.finding, b.finding))
	})
	for _, p := range all {
		out.findings, out.explained = append(out.findings, p.finding), append(out.explained, p.found)
	}
	return out, nil
}

// advise returns what to do about a finding.
func (a *auditRun) advise(d cause.Diagnosis) remedy.Advice {
	in := remedy.Input{Diagnosis: d, Tool: "nats-balance", Flags: a.request.Flags, Again: a.from.again(), Sources: a.request.Lists.Flags, Operator: nkeys.IsValidPublicAccountKey(d.Finding.Account.ID)}
	switch a.from.(type) {
	case systemAccount:
	case *ownAccount: // whose flags lead elsewhere
		in.Flags, in.NoSystem = "", true
	default:
		in.NoSystem = true
	}
	return remedy.For(in)
}

func clustersOf(findings []checks.Finding) []string {
	var out []string
	for _, f := range findings {
		if !slices.Contains(out, f.Cluster) {
			out = append(out, f.Cluster)
		}
	}
	return out
}
