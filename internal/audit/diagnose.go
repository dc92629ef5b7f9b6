package audit

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
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
func (a *Run) diagnose(ctx context.Context, findings []checks.Finding, lists []checks.URLList) (diagnosed, error) {
	var suspects []source.Suspect
	d, from := a.Deployment, a.from
	clusters := clustersOf(findings)
	depth := depthOf(d, findings)
	if a.Request.AnyShare {
		depth = min(deepest*len(clusters), cheapQuestions)
	}
	for _, f := range findings[:min(len(findings), depth)] {
		suspects = append(suspects, source.Suspect{Account: f.Account.ID, Server: f.Server.ID, Cluster: f.Cluster})
	}
	if !a.Request.Lists.Any() && !from.Limits().Offline {
		lists = hints(a.Request.Connected, d, clusters)
	}
	out := diagnosed{lists: lists}
	var (
		wg       sync.WaitGroup
		reports  []source.Report
		failed   error
		accounts map[source.Suspect]map[string]checks.AccountOn
		recorded []*checks.Recorded
		unusable []string
	)
	wg.Go(func() { out.warnings = a.Request.Lists.Follow(ctx, d, lists) })
	wg.Go(func() { reports, accounts, failed = from.Examine(ctx, d, suspects) })
	if a.Request.History != nil {
		wg.Go(func() { recorded, unusable = a.Request.History(ctx, d, suspects) })
	}
	wg.Wait()
	out.warnings = append(out.warnings, unusable...)
	if failed != nil {
		return diagnosed{}, failed
	}
	type pair struct {
		finding checks.Finding
		found   Explained
	}
	cases := make([]cause.Case, len(findings))
	usage := map[string]*cause.Usage{}
	for i, f := range findings {
		if usage[f.Cluster] == nil {
			usage[f.Cluster] = cause.UsageOf(d, f.Cluster)
		}
		c := cause.Case{Finding: f, Deployment: d, Usage: usage[f.Cluster], Lists: lists, Gap: from.Limits().Gap, ThresholdPercent: a.Request.Parameters.For(f.Account).ThresholdPercent}
		if i < len(suspects) {
			c.Profile, c.Accounts = reports[i].Profile, accounts[suspects[i]]
			c.History = reports[i].Closed
			c.Remember = reports[i].Remember
			if i < len(recorded) {
				c.Recorded = recorded[i]
			}
		}
		cases[i] = c
	}
	neighbours, err := a.neighbours(ctx, cases[:len(suspects)])
	if err != nil {
		return diagnosed{}, err
	}
	all := make([]pair, len(findings))
	each(len(findings), func(i int) {
		c, of := cases[i], Explained{}
		if i < len(suspects) {
			c.Neighbours, of.Subscriptions = neighbours[c.Finding.Cluster], reports[i].Subscriptions
		}
		diagnosis := cause.Diagnose(c)
		of.Diagnosis, of.Advice = &diagnosis, a.advise(diagnosis)
		all[i] = pair{c.Finding, of}
	})
	if n := len(findings) - len(suspects); n > 0 {
		out.warnings = append(out.warnings, fmt.Sprintf("the connections of the %s worst findings were read; the causes of the other %s were sought without them: pass --account or --cluster for those", words.Count(len(suspects)), words.Count(n)))
	}
	diagnoses := make([]cause.Diagnosis, len(all))
	for i, p := range all {
		diagnoses[i] = *p.found.Diagnosis
	}
	for _, g := range cause.Groups(diagnoses) {
		for _, i := range g.Findings {
			all[i].found.Diagnosis.Priority = g.Priority
		}
	}
	slices.SortFunc(all, func(a, b pair) int {
		return cmp.Or(checks.ComparePriorities(a.found.Diagnosis.Priority, b.found.Diagnosis.Priority), checks.CompareFindings(a.finding, b.finding))
	})
	for _, p := range all {
		out.findings, out.explained = append(out.findings, p.finding), append(out.explained, p.found)
	}
	return out, nil
}

// depthOf is of how many findings, the worst first, the connections are read.
func depthOf(d *checks.Deployment, findings []checks.Finding) int {
	servers := map[string]int{}
	for _, s := range d.Servers {
		servers[s.Cluster]++
	}
	questions, connections := 0, 0
	for i, f := range findings[:min(len(findings), deepest)] {
		questions, connections = questions+servers[f.Cluster], connections+f.Connections
		if i >= inDepth && (questions > cheapQuestions || connections > cheapReading) {
			return i
		}
	}
	return deepest
}

// each calls do for so many, on all processors: ten thousand findings of a hundred
// servers are seconds of work.
func each(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	wg.Wait()
}

// advise returns what to do about a finding.
func (a *Run) advise(d cause.Diagnosis) remedy.Advice {
	in := remedy.Input{Diagnosis: d, Tool: "nats-balance", Flags: a.Request.Flags, Again: a.Request.Again, ListFlags: a.Request.Lists.Flags, Expect: a.Request.Expected.flag(), Resolvers: a.Request.Lists.Resolvers,
		NoSystem: a.from.Limits().NoSystem, Operator: nkeys.IsValidPublicAccountKey(d.Finding.Account.ID)}
	if a.from.Kind().OwnAccount { // its flags lead elsewhere
		in.Flags = ""
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
