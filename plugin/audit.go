package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/gather"
	"github.com/nats-balance/nats-balance/internal/report"
)

// concentration is `audit concentration`.
type concentration struct {
	host       Host
	parameters checks.Parameters
	numbers    numbers
	sources    sources
	origin     origin
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
	cmd.HelpLong(`Judges every account in every cluster: a finding is one server with more than
70% of the account's client connections in its cluster, where the cluster has
at least 3 servers and the account at least 10 connections. Takes a user of the
system account; with one of another account it audits that account alone. Only
reads.

Why clients are where they are can't be seen from the servers alone: pass what
they are configured with by --client-url or --client-config. Names are looked
up, and every address that the URLs lead to is connected to, without any
credentials, to see which server answers.

Exit status: 0 no finding, 1 finding, 2 finding at or above --critical, 3 not
audited or not completely. The nats CLI turns all but 0 into 1.

Examples:

  nats-balance audit concentration --context system
  nats-balance audit concentration --account ORDERS --cluster C1
  nats-balance audit concentration --client-url ORDERS=nats://nats.example:4222
  nats-balance audit concentration --client-config ORDERS=./deploy
  nats-balance audit concentration --threshold 50 --critical 90 --json
  nats-balance audit concentration --config nats-balance.yaml
  nats-balance audit concentration --baseline last-week.json --new-only
  nats-balance audit concentration --allow-partial --timeout 20s`)
	cmd.Tag("scope:system")
	cmd.Tag("impact:ro")
	d := a.parameters
	cmd.Flag("account", "Only judge this account, by id or name; can be repeated").PlaceHolder("NAME").StringsVar(&a.parameters.Accounts)
	cmd.Flag("cluster", "Only judge this cluster; can be repeated").PlaceHolder("NAME").StringsVar(&a.parameters.Clusters)
	cmd.Flag("threshold", fmt.Sprintf("A server with more than this percentage is a finding (default %d)", d.ThresholdPercent)).Default(fmt.Sprint(d.ThresholdPercent)).PlaceHolder("PERCENT").StringVar(&a.numbers.threshold)
	cmd.Flag("min-servers", fmt.Sprintf("Clusters with fewer servers are not judged (default %d)", d.MinServers)).Default(fmt.Sprint(d.MinServers)).PlaceHolder("N").StringVar(&a.numbers.minServers)
	cmd.Flag("min-connections", fmt.Sprintf("Accounts with fewer connections in the cluster are not judged (default %d)", d.MinConnections)).Default(fmt.Sprint(d.MinConnections)).PlaceHolder("N").StringVar(&a.numbers.minConnections)
	cmd.Flag("review", fmt.Sprintf("List accounts above this percentage that are no finding (default %d)", d.ReviewPercent)).Default(fmt.Sprint(d.ReviewPercent)).PlaceHolder("PERCENT").StringVar(&a.numbers.review)
	cmd.Flag("critical", "A finding of at least this percentage is critical (default off)").PlaceHolder("PERCENT").StringVar(&a.numbers.critical)
	for _, name := range []string{"threshold", "min-servers", "min-connections", "review", "critical"} {
		cmd.GetFlag(name).Validator(func(text string) error {
			if text == "" { // which would be read as not given
				return &usageError{err: fmt.Errorf(`--%s is "": pass a whole number`, name)}
			}
			return nil
		})
	}
	cmd.Flag("allow-partial", "Judge by the servers that answered, as if the missing ones had no connections").UnNegatableBoolVar(&a.parameters.AllowPartial)
	cmd.Flag("all", "List every account, not only findings").UnNegatableBoolVar(&a.parameters.All)
	a.sources.flags(cmd)
	a.origin.flags(cmd)
	cmd.Flag("no-causes", "Only judge, do not look for causes").UnNegatableBoolVar(&a.noCauses)
	a.settings.flags(cmd, thresholdFlags()...)
	a.baseline.flags(cmd)
	a.output.flags(cmd, runbookFormats()...)
	cmd.Action(func(*fisk.ParseContext) error { return a.run(a.host.Context) })
}

func (a *concentration) run(ctx context.Context) error {
	if err := a.validate(); err != nil {
		return &usageError{err: err}
	}
	from, closing, err := a.origin.open(ctx, a.host)
	if err != nil {
		return err
	}
	defer closing()
	doc, err := a.audit(ctx, from)
	if own := ownView(from, err, a.sources.addresses()); own != nil {
		doc, err = a.audit(ctx, own)
	}
	if err != nil {
		return err
	}
	if err := a.output.write(a.host, doc); err != nil {
		return err
	}
	if outcome := a.baseline.outcome(doc); outcome != checks.OutcomePass {
		return &OutcomeError{Outcome: outcome}
	}
	return nil
}

func (a *concentration) validate() error {
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
	c, err := a.settings.read()
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
	if err := a.origin.validate(); err != nil {
		return err
	}
	if err := a.sources.validate(); err != nil {
		return err
	}
	if err := a.output.validate(); err != nil {
		return err
	}
	a.parameters.All = a.parameters.All || a.output.everyAccount()
	return a.baseline.read()
}

// audit gathers, judges and builds the document, all within the time-out.
func (a *concentration) audit(ctx context.Context, from source) (*report.Document, error) {
	ctx, cancel := context.WithTimeout(ctx, a.host.Timeout())
	defer cancel()
	d, err := from.deployment(ctx)
	if err != nil {
		return nil, err
	}
	for _, account := range a.parameters.Accounts {
		if !slices.ContainsFunc(d.Accounts, func(x checks.Account) bool { return x.ID == account || x.Name == account }) {
			if err := from.knows(ctx, d, account); err != nil {
				return nil, err
			}
		}
	}
	if err := a.parameters.Select(d); err != nil {
		return nil, explainSelection(err)
	}
	result := a.judge(d)
	if len(result.Findings) > 0 {
		// Only now it is known whose limits matter.
		if err := from.details(ctx, d, clustersOf(result.Findings)); err != nil {
			return nil, err
		}
		result = a.judge(d)
	}
	lists, warnings, err := a.sources.lists(ctx)
	if err != nil {
		return nil, err
	}
	tie(lists, d, a.parameters.Accounts)
	var explained []report.Explained
	switch {
	case len(result.Findings) == 0:
		warnings = append(warnings, a.sources.follow(ctx, d, lists)...)
		warnings = append(warnings, unread(lists)...)
	case a.noCauses:
		lists = nil
		explained, err = countSubscriptions(ctx, from, result.Findings)
	default:
		var found diagnosed
		found, err = a.diagnose(ctx, from, d, result.Findings, lists)
		result.Findings, explained, lists = found.findings, found.explained, found.lists
		warnings = append(warnings, found.warnings...)
	}
	if err != nil {
		return nil, err
	}
	return report.New(report.Input{
		Check: checks.Concentration(), Version: Version(), Time: time.Now(),
		SourceKind: from.kind(), SourceDetail: from.detail(),
		Parameters: a.parameters, Deployment: d, Result: result, Explained: explained, Lists: lists, Warnings: warnings,
		Baseline: a.baseline.past, NewOnly: a.baseline.newOnly,
	}), nil
}

// inDepth is how many findings, the worst first, are worth more questions to
// their servers.
const inDepth = 20

// countSubscriptions is what is found out about findings where nobody wants to
// know their causes.
func countSubscriptions(ctx context.Context, from source, findings []checks.Finding) ([]report.Explained, error) {
	out := make([]report.Explained, len(findings))
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

// explainSelection adds to an error of a selection what to pass.
func explainSelection(err error) error {
	var cluster *checks.UnknownClusterError
	var account *checks.UnknownAccountError
	switch {
	case errors.As(err, &cluster) && len(cluster.Known) == 0:
		return fmt.Errorf("%w, or any other: leave out --cluster", err)
	case errors.As(err, &cluster):
		return fmt.Errorf("%w: pass --cluster one of %s", err, list(cluster.Known))
	case errors.As(err, &account) && account.System:
		return fmt.Errorf("%w: pass --account an ordinary account", err)
	case errors.As(err, &account):
		return fmt.Errorf("%w: pass --account the id or the name of an account, they are case-sensitive, and with JWTs one that nobody has used yet is not known", err)
	}
	return err
}

// explainGather adds to an error of gathering what to pass.
func explainGather(err error, nc *nats.Conn) error {
	var other *gather.NotSystemAccountError
	var forbidden *gather.PermissionError
	var silent *gather.SilentError
	url := shownURL(nc.ConnectedUrl())
	if servers := nc.Servers(); url == "" && len(servers) > 0 { // it was closed
		url = shownURL(servers[0])
	}
	switch {
	case errors.As(err, &other):
		return fmt.Errorf("%s: %w, which this audit needs: pass --context or --creds of a user of the system account", url, err)
	case errors.As(err, &forbidden) && strings.Contains(strings.ToLower(err.Error()), "subscription"):
		return fmt.Errorf("%s: %w: pass --inbox-prefix with one that the user may subscribe to, or another user of the system account", url, err)
	case errors.As(err, &forbidden):
		return fmt.Errorf("%s: %w: allow the user to publish to $SYS.REQ.>, or pass another user of the system account", url, err)
	case errors.As(err, &silent):
		return fmt.Errorf("%w: pass a longer --timeout, or --server of another server", err)
	case errors.Is(err, context.Canceled):
		return err
	case slices.ContainsFunc([]error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired},
		func(refused error) bool { return errors.Is(err, refused) }):
		return fmt.Errorf("%s: %w: its user was revoked, expired or changed meanwhile: pass credentials that are valid", url, err)
	}
	return fmt.Errorf("%s: %w", url, err)
}

// wholeNumber reads a flag; an empty text leaves the default.
func wholeNumber(flag, text string, to *int) error {
	if text == "" {
		return nil
	}
	n := 0
	for _, r := range text {
		if r < '0' || r > '9' || n > 1_000_000_000 {
			return fmt.Errorf("--%s is %q: pass a whole number", flag, text)
		}
		n = n*10 + int(r-'0')
	}
	*to = n
	return nil
}
