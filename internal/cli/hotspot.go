package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
)

// hotspots is the audit of a measure, such as `audit hotspot`.
type hotspots struct {
	host       Host
	parameters checks.HotspotParameters
	// Numbers are read as text, so that what is wrong can be said in one
	// sentence.
	factor, minServers, minConnections string
	all                                bool
	expect                             expectFlags
	noProbe                            bool
	source                             sourceFlags
	output                             output
}

// addMeasure adds the audit of a measure, such as `audit hotspot`, which finds servers
// with too much of their cluster's connections.
func addMeasure(parent Commander, h Host, m checks.Measure) {
	a := &hotspots{host: h.withDefaults(), parameters: m.Defaults()}
	d := a.parameters
	units, flag := m.Unit+"s", "min-"+m.Noun+"s"
	cmd := parent.Command(m.Command, fmt.Sprintf("Finds servers with far more %s than their cluster's average", units))
	cmd.HelpLong(measureHelp(m))
	cmd.Tag("scope:system")
	cmd.Tag("impact:ro")
	cmd.Flag("cluster", "Only check this cluster; can be repeated").PlaceHolder("NAME").StringsVar(&a.parameters.Clusters)
	number := func(name, help, standard, placeholder string, to *string) {
		cmd.Flag(name, fmt.Sprintf("%s (default %s)", help, standard)).Default(standard).PlaceHolder(placeholder).Validator(notEmpty(name, "a number")).StringVar(to)
	}
	number("factor", "A server with more than this many times the average is a finding", report.Factor(d.FactorPercent).String(), "TIMES", &a.factor)
	number("min-servers", "Clusters with fewer servers are not checked", fmt.Sprint(d.MinServers), "N", &a.minServers)
	number(flag, fmt.Sprintf("Clusters with fewer %s are not checked", units), fmt.Sprint(d.MinConnections), "N", &a.minConnections)
	cmd.Flag("allow-partial", fmt.Sprintf("Check by the average of the servers that reported; a missing server counts only if it is down, with no %ss", m.Noun)).UnNegatableBoolVar(&a.parameters.AllowPartial)
	a.expect.serversFlag(cmd)
	cmd.Flag("no-probe", "Do not connect to the other URLs of --server or the context to see which servers are down").UnNegatableBoolVar(&a.noProbe)
	cmd.Flag("all", "List every server, not only findings").UnNegatableBoolVar(&a.all)
	a.source.flags(cmd)
	a.output.flags(cmd, report.HotspotFormats()...)
	cmd.Action(a.host.action(end{after: a.host.twice}, a.run))
}

// measureHelp is the help of a measure's audit.
func measureHelp(m checks.Measure) string {
	if !m.Clients {
		return fmt.Sprintf(`%s

Lists the accounts that have more than an even share there.

Needs a user of the system account, --archive or --monitor: an ordinary account
does not see the others. Only reads.

Exit status: 0 no finding, 1 finding, 3 not audited or not completely. The nats
CLI turns all but 0 into 1.

Examples:

  nats-balance audit %[2]s --context system
  nats-balance audit %[2]s --factor 1.5 --min-%[3]ss 100 --json`, m.Check.Rule, m.Command, m.Noun)
	}
	return `Checks every server: a finding is one with more than twice the average of client
connections of the servers of its cluster, where the cluster has at least 2
servers and 10 client connections, or one with less than a quarter of it, such
as one that joined or restarted and that no client came back to. Lists the
accounts that make it hot. This is not concentration: an account can be on one
server of an even cluster, and a server can be hot by accounts that each have a
little more than an even share there.

Needs a user of the system account, --archive or --monitor: an ordinary account
does not see the others. Only reads.

Exit status: 0 no finding, 1 finding, 3 not audited or not completely. The nats
CLI turns all but 0 into 1.

Examples:

  nats-balance audit hotspot --context system
  nats-balance audit hotspot --cluster C1 --all
  nats-balance audit hotspot --factor 1.5 --min-connections 100 --json`
}

func (a *hotspots) run(ctx context.Context) error {
	if err := a.validate(); err != nil {
		return &usageError{err: err}
	}
	from, closing, err := a.source.open(ctx, a.host, systemAccount)
	if err != nil {
		return err
	}
	defer closing()
	doc, err := a.audit(ctx, from)
	if err != nil {
		return err
	}
	if err := a.output.writeHotspots(a.host, doc); err != nil {
		return err
	}
	if outcome := checks.Outcome(doc.Outcome); outcome != checks.OutcomePass {
		return &OutcomeError{Outcome: outcome}
	}
	return nil
}

func (a *hotspots) validate() error {
	if err := a.host.checkTimeout(); err != nil {
		return err
	}
	if err := parseFactor(a.factor, &a.parameters.FactorPercent); err != nil {
		return err
	}
	if err := wholeNumber("min-servers", a.minServers, &a.parameters.MinServers); err != nil {
		return err
	}
	if err := wholeNumber("min-"+a.parameters.Measure.Noun+"s", a.minConnections, &a.parameters.MinConnections); err != nil {
		return err
	}
	if err := a.parameters.Validate(); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if slices.Contains(a.parameters.Clusters, "") {
		return errors.New("--cluster is empty: pass a name")
	}
	if err := a.expect.validate(); err != nil {
		return err
	}
	if err := a.source.validate(); err != nil {
		return err
	}
	return a.output.validate()
}

// audit gathers, judges and builds the document, all within the time-out. An
// ordinary account's own view is no source for it: what the others have on a
// server can't be seen from there.
func (a *hotspots) audit(ctx context.Context, from *origin) (*report.Hotspots, error) {
	ctx, cancel := context.WithTimeout(ctx, a.host.Timeout())
	defer cancel()
	run := audit.New(from, audit.Request{Parameters: checks.Parameters{Clusters: a.parameters.Clusters}, Expected: a.expect.expected(from, nil, !a.noProbe)})
	err := run.Gather(ctx)
	if err != nil {
		return nil, explainSelection(err)
	}
	d := run.Deployment
	var empty []checks.EmptyServer
	if a.parameters.Measure.Clients {
		empty = looksEmpty(d, a.parameters)
	}
	if len(empty) > 0 { // only now it matters what they listen on
		var clusters []string
		for _, e := range empty {
			if !slices.Contains(clusters, e.Cluster) {
				clusters = append(clusters, e.Cluster)
			}
		}
		if err = run.Details(ctx, clusters); err != nil {
			return nil, err
		}
		if empty, err = emptied(ctx, run, a.parameters, empty); err != nil {
			return nil, err
		}
	}
	return report.NewHotspots(report.HotspotInput{
		Version: Version(), Time: time.Now(), SourceKind: from.Kind(), SourceDetail: from.Detail(),
		Parameters: a.parameters, Deployment: d, Result: checks.CheckHotspots(d, a.parameters), Empty: empty, All: a.all, Flags: commandFlags(a.host),
	}), nil
}

// looksEmpty are the servers with hardly any connections, whatever they say of themselves:
// some sources have that from the start.
func looksEmpty(d *checks.Deployment, p checks.HotspotParameters) []checks.EmptyServer {
	silent := *d
	silent.Servers = slices.Clone(d.Servers)
	for i := range silent.Servers {
		silent.Servers[i].Details = nil
	}
	return checks.EmptyServers(&silent, p, nil)
}

// emptied are those of the servers that look empty which are, by what they listen on.
// Where one has no listener that all others have, it asks who needs that.
func emptied(ctx context.Context, run *audit.Run, p checks.HotspotParameters, looks []checks.EmptyServer) ([]checks.EmptyServer, error) {
	d := run.Deployment
	empty := checks.EmptyServers(d, p, nil)
	spoken := checks.Spoken{}
	for _, e := range looks {
		at := slices.IndexFunc(d.Servers, func(s checks.Server) bool { return s.ID == e.Server.ID })
		if spoken[e.Cluster] != nil || at < 0 || d.Servers[at].KeepsAway() || slices.ContainsFunc(empty, func(o checks.EmptyServer) bool { return o.Server.ID == e.Server.ID }) {
			continue
		}
		profiles, err := run.Present(ctx, e.Cluster, largestFirst(d, e.Cluster))
		if err != nil && errors.Is(ctx.Err(), context.Canceled) {
			return nil, err
		}
		// Who could not be read may need the listener: then it is not said to be empty.
		spoken[e.Cluster] = map[string]int{}
		for _, profile := range profiles {
			spoken.Add(e.Cluster, profile)
		}
	}
	return checks.EmptyServers(d, p, spoken), nil
}

// largestFirst are the accounts of a cluster by id, those with most clients first.
func largestFirst(d *checks.Deployment, cluster string) []string {
	has := clientsIn(d, cluster)
	var of []int
	for i, n := range has {
		if n > 0 {
			of = append(of, i)
		}
	}
	slices.SortStableFunc(of, func(a, b int) int { return has[b] - has[a] })
	out := make([]string, len(of))
	for i, at := range of {
		out[i] = d.Accounts[at].ID
	}
	return out
}

// parseFactor reads a number with at most two decimals as hundredths; an empty
// text leaves the default.
func parseFactor(text string, to *int) error {
	if text == "" {
		return nil
	}
	whole, decimals, point := strings.Cut(text, ".")
	n := 0
	if point && (decimals == "" || len(decimals) > 2) || whole == "" || wholeNumber("factor", whole+(decimals + "00")[:2], &n) != nil {
		return fmt.Errorf("--factor is %q: pass a number over 1 such as 2 or 1.5, with at most two decimals", text)
	}
	*to = n
	return nil
}
