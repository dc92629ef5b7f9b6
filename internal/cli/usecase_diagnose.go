package cli

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/gather"
	"github.com/nats-balance/nats-balance/internal/remedy"
)

// diagnose finds out why, for the worst findings in depth, and sets what
// follows from it.
func (a *auditRun) diagnose(ctx context.Context, findings []checks.Finding, lists []checks.URLList) ([]checks.URLList, []string, error) {
	var suspects []gather.Suspect
	d, from := a.deployment, a.from
	clusters := clustersOf(findings)
	for _, f := range findings[:min(len(findings), inDepth)] {
		suspects = append(suspects, gather.Suspect{Account: f.Account.ID, Server: f.Server.ID, Cluster: f.Cluster})
	}
	if !a.request.Lists.any() && from.kind() != "archive" { // which is to be read without a network
		lists = hints(from.url(), d, clusters)
	}
	var (
		wg       sync.WaitGroup
		warnings []string
		reports  []gather.Report
		failed   error
		accounts map[gather.Suspect]map[string]checks.AccountOn
	)
	wg.Go(func() { warnings = a.request.Lists.follow(ctx, d, lists) })
	wg.Go(func() { reports, accounts, failed = from.examine(ctx, d, suspects) })
	wg.Wait()
	if failed != nil {
		return nil, nil, failed
	}
	for i := range findings {
		f := &findings[i]
		c := checks.Case{Finding: *f, Deployment: d, Lists: lists, ToTell: toTell(from), ThresholdPercent: a.request.Parameters.For(f.Account).ThresholdPercent}
		if i < len(suspects) {
			c.Profile, c.Accounts = reports[i].Profile, accounts[suspects[i]]
			f.Impact.SubscriptionsLost = reports[i].Subscriptions
			c.Finding = *f
		}
		f.Causes = checks.Diagnose(c)
		f.Impact, f.Priority = checks.FailOver(c, f.Causes)
		c.Finding = *f
		a.advise(f, c)
	}
	if n := len(findings) - len(suspects); n > 0 {
		warnings = append(warnings, fmt.Sprintf("the connections of the %d worst findings were read; the causes of the other %d are judged without them: pass --account or --cluster for those", len(suspects), n))
	}
	checks.SortFindings(findings)
	return lists, warnings, nil
}

// toTell is what to do so that servers tell of themselves, by the source.
func toTell(from source) string {
	switch from.(type) {
	case *ownAccount:
		return "audit with a user of the system account"
	case *archived:
		return "gather without --no-server-endpoints"
	case *monitoring:
		return "pass a longer --timeout"
	}
	return ""
}

// advise sets what to do about a finding.
func (a *auditRun) advise(f *checks.Finding, c checks.Case) {
	in := remedy.Input{Case: c, Tool: "nats-balance", Flags: a.request.Flags, Again: a.from.again(), Sources: a.request.Lists.Flags, Operator: nkeys.IsValidPublicAccountKey(f.Account.ID)}
	switch a.from.(type) {
	case systemAccount:
	case *ownAccount: // whose flags lead elsewhere
		in.Flags, in.NoSystem = "", true
	default:
		in.NoSystem = true
	}
	var byCause map[string][]string
	f.Remedies, byCause, f.Forecast = remedy.For(in)
	for i := range f.Causes {
		f.Causes[i].Remedies = byCause[f.Causes[i].Code]
	}
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
