package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/config"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/account"
	"github.com/nats-balance/nats-balance/internal/words"
)

// concentration is `audit concentration`.
type concentration struct {
	host       Host
	parameters checks.Parameters
	numbers    numbers
	lists      clientListFlags
	source     sourceFlags
	expect     expectFlags
	evidence   evidenceFlags
	noCauses   bool
	settings   settings
	accepted   []checks.Acceptance
	baseline   baseline
	output     output
}

// numbers are flags that take whole numbers, read as text so that what is
// wrong can be said in one sentence.
type numbers struct{ threshold, minServers, minConnections, review, critical string }

// AddConcentration adds the command `concentration` to a command of a host.
func AddConcentration(parent Commander, h Host) {
	a := &concentration{host: h.withDefaults(), parameters: checks.Defaults()}
	cmd := parent.Command("concentration", "Finds accounts with most of their connections on one server")
	cmd.HelpLong(`Checks every account in every cluster: a finding is one server with more than
70% of the account's client connections in its cluster, where the cluster has
at least 3 servers and the account at least 10 connections. Takes a user of the
system account; with one of another account it audits that account alone. Only
reads.

Why clients are where they are can't be seen from the servers alone: pass what
they are configured with by --client-url or --client-config. Names are looked
up, and every address that the URLs lead to is connected to, without any
credentials, to see which server answers.

Where watch records in this user's directory, or in what --history names, what it
saw is evidence: it confirms that restarts moved the clients.

Exit status: 0 no finding, 1 finding, 2 finding at or above --critical, 3 not
audited or not completely. The nats CLI turns all but 0 into 1.

Examples:

  nats-balance audit concentration --context system
  nats-balance audit concentration --account ORDERS --cluster C1 --details
  nats-balance audit concentration --client-url ORDERS=nats://nats.example:4222
  nats-balance audit concentration --client-config ORDERS=./deploy
  nats-balance audit concentration --threshold 50 --critical 90 --json
  nats-balance audit concentration --config nats-balance.yaml
  nats-balance audit concentration --format html --outfile review.html
  nats-balance audit concentration --baseline last-week.json --new-only
  nats-balance audit concentration --history monitoring
  nats-balance audit concentration --allow-partial --timeout 20s`)
	cmd.Tag("scope:system")
	cmd.Tag("impact:ro")
	d := a.parameters
	cmd.Flag("account", "Only check this account, by id or name; can be repeated").PlaceHolder("NAME").StringsVar(&a.parameters.Accounts)
	cmd.Flag("cluster", "Only check this cluster; can be repeated").PlaceHolder("NAME").StringsVar(&a.parameters.Clusters)
	cmd.Flag("threshold", fmt.Sprintf("A server with more than this percentage is a finding (default %d)", d.ThresholdPercent)).Default(fmt.Sprint(d.ThresholdPercent)).PlaceHolder("PERCENT").StringVar(&a.numbers.threshold)
	cmd.Flag("min-servers", fmt.Sprintf("Clusters with fewer servers are not checked (default %d)", d.MinServers)).Default(fmt.Sprint(d.MinServers)).PlaceHolder("N").StringVar(&a.numbers.minServers)
	cmd.Flag("min-connections", fmt.Sprintf("Accounts with fewer connections in the cluster are not checked (default %d)", d.MinConnections)).Default(fmt.Sprint(d.MinConnections)).PlaceHolder("N").StringVar(&a.numbers.minConnections)
	cmd.Flag("review", fmt.Sprintf("List accounts above this percentage that are not findings (default %d)", d.ReviewPercent)).Default(fmt.Sprint(d.ReviewPercent)).PlaceHolder("PERCENT").StringVar(&a.numbers.review)
	cmd.Flag("critical", "A finding of at least this percentage is critical (default off)").PlaceHolder("PERCENT").StringVar(&a.numbers.critical)
	for _, name := range []string{"threshold", "min-servers", "min-connections", "review", "critical"} {
		cmd.GetFlag(name).Validator(notEmpty(name, "a whole number"))
	}
	a.expect.flags(cmd)
	cmd.Flag("allow-partial", "Check the servers that reported, as if the missing ones had no connections").UnNegatableBoolVar(&a.parameters.AllowPartial)
	cmd.Flag("all", "List every account, not only findings").UnNegatableBoolVar(&a.parameters.All)
	a.lists.flags(cmd)
	a.source.flags(cmd)
	a.evidence.flags(cmd)
	cmd.Flag("no-causes", "Check only, do not look for causes").UnNegatableBoolVar(&a.noCauses)
	a.settings.flags(cmd, config.ThresholdFlags()...)
	a.baseline.flags(cmd)
	a.output.flags(cmd, report.Formats()...)
	a.output.detailsFlag(cmd)
	cmd.Action(a.host.action(end{after: a.host.twice}, a.run))
}

func (a *concentration) run(ctx context.Context) error {
	request, err := a.request(ctx)
	if err != nil {
		return &usageError{err: err}
	}
	from, closing, err := a.source.open(ctx, a.host, func(nc *nats.Conn, o source.Options) source.Source {
		o.NoProbe = !request.Lists.Probe
		if a.expect.system {
			return systemAccount(nc, o)
		}
		return account.OrSystem(nc, o)
	})
	if err != nil {
		return err
	}
	defer closing()
	request.Again, request.Connected = from.again, from.urls
	request.Expected = a.expect.expected(from, a.baseline.past, request.Lists.Probe)
	p := newProgress(a.host.Err)
	request.Lists.Progress = p.read
	result, err := audit.Audit(ctx, from, request)
	p.clear()
	if err == nil && a.baseline.past != nil {
		err = a.baseline.comparable(from.Kind(), result.Deployment, request.Parameters.Accounts)
	}
	if err != nil {
		return explainSelection(a.baseline.explain(err))
	}
	explained := make([]report.Explained, len(result.Explained))
	for i, e := range result.Explained {
		explained[i] = report.Explained(e)
	}
	doc := report.New(report.Input{
		Check: checks.Concentration(), Version: Version(), Time: time.Now(),
		SourceKind: from.Kind(), SourceDetail: from.Detail(),
		Parameters: request.Parameters, Deployment: result.Deployment, Result: result.Verdict, Explained: explained, Lists: result.Lists, Warnings: result.Warnings,
		Baseline: a.baseline.past, NewOnly: a.baseline.newOnly,
	})
	if err := a.output.write(a.host, doc); err != nil {
		return err
	}
	if outcome := a.baseline.outcome(doc); outcome != checks.OutcomePass {
		return &OutcomeError{Outcome: outcome}
	}
	return nil
}

// request validates the flags, and returns what they ask for.
func (a *concentration) request(ctx context.Context) (r audit.Request, err error) {
	if err := a.validate(ctx); err != nil {
		return r, err
	}
	if r.Lists, err = a.lists.lists(ctx, a.host); err != nil {
		return r, err
	}
	if err := a.output.validate(); err != nil {
		return r, err
	}
	a.parameters.All = a.parameters.All || report.EveryAccount(a.output.format)
	if err := a.baseline.read(ctx, a.host); err != nil {
		return r, err
	}
	r.Parameters, r.Accepted, r.Compared = a.parameters, a.accepted, a.baseline.past != nil
	r.Causes, r.Timeout, r.Flags = !a.noCauses, a.host.Timeout(), a.host.Flags()
	r.History, r.Gone = a.evidence.reader(a.host, a.source), a.evidence.gone(a.host, a.source)
	return r, nil
}

// validate validates what the rule and the source are made of.
func (a *concentration) validate(ctx context.Context) error {
	if err := a.host.checkTimeout(); err != nil {
		return err
	}
	for _, n := range []struct {
		flag, text string
		to         *int
	}{
		{"threshold", a.numbers.threshold, &a.parameters.ThresholdPercent},
		{"min-servers", a.numbers.minServers, &a.parameters.MinServers},
		{"min-connections", a.numbers.minConnections, &a.parameters.MinConnections},
		{"review", a.numbers.review, &a.parameters.ReviewPercent},
		{"critical", a.numbers.critical, &a.parameters.CriticalPercent},
	} {
		if err := wholeNumber(n.flag, n.text, n.to); err != nil {
			return err
		}
	}
	c, err := a.settings.read(ctx, a.host)
	if err != nil {
		return err
	}
	a.adopt(c)
	if a.numbers.critical != "" && a.parameters.CriticalPercent == 0 {
		return errors.New("--critical is 0: pass a whole number from 1 to 100, or leave it out")
	}
	if err := a.parameters.Validate(); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if slices.Contains(a.parameters.Accounts, "") || slices.Contains(a.parameters.Clusters, "") {
		return errors.New("--account or --cluster is empty: pass a name")
	}
	if err := a.expect.validate(); err != nil {
		return err
	}
	if _, _, flagged := a.source.chosen(); a.expect.system && flagged {
		var flags []string
		for _, s := range flaggedSources() {
			flags = append(flags, "--"+s.flag)
		}
		return errors.New("--require-system is for a connection: leave out " + words.List(flags))
	}
	if err := a.evidence.validate(a.source); err != nil {
		return err
	}
	return a.source.validate()
}

// explainSelection adds to an error of a selection what to pass.
func explainSelection(err error) error {
	var cluster *checks.UnknownClusterError
	var account *checks.UnknownAccountError
	var ambiguous *checks.AmbiguousAccountError
	var several *checks.AmbiguousClusterError
	switch {
	case errors.As(err, &cluster) && len(cluster.Known) == 0:
		return fmt.Errorf("%w, or any other: leave out --cluster", err)
	case errors.As(err, &cluster):
		return fmt.Errorf("%w: pass --cluster one of %s", err, words.FirstOf(8, cluster.Known))
	case errors.As(err, &several):
		quoted := make([]string, len(several.Known))
		for i, name := range several.Known {
			quoted[i] = words.Shell(name)
		}
		return fmt.Errorf("%w: pass --cluster one of %s", err, words.FirstOf(8, quoted))
	case errors.As(err, &ambiguous):
		return fmt.Errorf("%w: pass the id of one of them: %s", err, words.FirstOf(8, ambiguous.IDs))
	case errors.As(err, &account) && account.System:
		return fmt.Errorf("%w: pass --account an ordinary account", err)
	case errors.As(err, &account) && account.Missing > 0:
		return fmt.Errorf("%w, and %s did not report and may know it: leave out --account to see which and why", err, words.Plural(account.Missing, "server"))
	case errors.As(err, &account):
		return fmt.Errorf("%w: pass --account the id or the name of an account, they are case-sensitive, and with JWTs one that nobody has used yet is unknown", err)
	}
	return err
}
