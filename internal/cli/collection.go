package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/jsm.go/api"
	"github.com/nats-io/jsm.go/audit"
	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	usecase "github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/archive"
	"github.com/nats-balance/nats-balance/internal/words"
)

// RegisterChecks adds the checks to a collection of jsm.go. Their thresholds are
// configuration items, named as the flags with an underscore for the hyphen.
//
// A finding is a warning, one at or above `critical` a failure: the severity of
// the checks is info. Every finding is an example, one of concentration with its
// first cause. Where the archive lacks a server that could overturn a verdict, a
// check is skipped, with the reason as its error, never passed.
func RegisterChecks(c *audit.CheckCollection) error {
	d := checks.Defaults()
	all := []audit.Check{
		collected(checks.Concentration(), "No server holds more than a given share of an account's client connections in its cluster", checkConcentration,
			item("threshold", "A server with more than this share of the account's client connections is a finding", audit.PercentageUnit, d.ThresholdPercent),
			item("min_servers", "Clusters with fewer servers are not checked", audit.UIntUnit, d.MinServers),
			item("min_connections", "Accounts with fewer client connections in the cluster are not checked", audit.UIntUnit, d.MinConnections),
			item("critical", "A finding of at least this share is a failure, 0 for never", audit.PercentageUnit, d.CriticalPercent)),
	}
	for _, m := range checks.Measures() {
		h := m.Defaults()
		all = append(all, collected(m.Check, fmt.Sprintf("No server has more than a given multiple of its cluster's average of %ss", m.Unit), checkMeasure(m),
			item("factor_percent", "A server with more than this percentage of the average is a finding, 200 for twice the average", audit.UIntUnit, h.FactorPercent),
			item("min_servers", "Clusters with fewer servers are not checked", audit.UIntUnit, h.MinServers),
			item("min_"+m.Noun+"s", fmt.Sprintf("Clusters with fewer %ss are not checked", m.Unit), audit.UIntUnit, h.MinConnections)))
	}
	return c.Register(all...)
}

// collected is a check for a collection, whose descriptions say what is so where
// it passes.
func collected(c checks.Check, description string, handler audit.CheckFunc, items ...*audit.CheckConfiguration) audit.Check {
	out := audit.Check{Code: c.Code, Suite: c.AppliesTo, Name: c.Name, Description: description, Handler: handler, Configuration: map[string]*audit.CheckConfiguration{}}
	for _, i := range items {
		out.Configuration[i.Key] = i
	}
	return out
}

func item(key, description string, unit audit.ConfigurationUnit, value int) *audit.CheckConfiguration {
	return &audit.CheckConfiguration{Key: key, Description: description, Unit: unit, Default: float64(value)}
}

// longestCheck bounds a check of an archive, which has no time-out to be told.
const longestCheck = 5 * time.Minute

func checkConcentration(check *audit.Check, r *jsm.Reader, examples *audit.ExamplesCollection, log api.Logger) (audit.Outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longestCheck)
	defer cancel()
	p := checks.Defaults()
	err := configured(check, map[string]*int{
		"threshold": &p.ThresholdPercent, "min_servers": &p.MinServers, "min_connections": &p.MinConnections, "critical": &p.CriticalPercent,
	}, &p)
	if err != nil {
		return audit.Skipped, err
	}
	result, err := usecase.Audit(ctx, archive.New(r), usecase.Request{Parameters: p, Causes: true, Timeout: longestCheck})
	if err != nil {
		return audit.Skipped, err
	}
	for i, f := range result.Verdict.Findings {
		// The collection's reports print names as they are.
		examples.Add("%s", words.HarmlessText(concentrated(f, result.Explained[i].Diagnosis.Causes)))
	}
	return collectedOutcome(result.Verdict.Outcome, result.Deployment, log)
}

func checkMeasure(m checks.Measure) audit.CheckFunc {
	return func(check *audit.Check, r *jsm.Reader, examples *audit.ExamplesCollection, log api.Logger) (audit.Outcome, error) {
		return checkHotspots(m, check, r, examples, log)
	}
}

func checkHotspots(m checks.Measure, check *audit.Check, r *jsm.Reader, examples *audit.ExamplesCollection, log api.Logger) (audit.Outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longestCheck)
	defer cancel()
	p := m.Defaults()
	err := configured(check, map[string]*int{
		"factor_percent": &p.FactorPercent, "min_servers": &p.MinServers, "min_" + m.Noun + "s": &p.MinConnections,
	}, &p)
	if err != nil {
		return audit.Skipped, err
	}
	run := usecase.New(archive.New(r), usecase.Request{})
	if err := run.Gather(ctx); err != nil {
		return audit.Skipped, err
	}
	d := run.Deployment
	result := checks.CheckHotspots(d, p)
	for _, f := range result.Findings {
		examples.Add("%s", words.HarmlessText(fmt.Sprintf("server %s has %s of the %s %ss in cluster %s, which has %s servers",
			f.Server.Name, words.Count(f.OnServer), words.Count(f.Connections), m.Unit, f.Cluster, words.Count(f.Servers))))
	}
	return collectedOutcome(result.Outcome, d, log)
}

// collectedOutcome is the outcome for a collection.
func collectedOutcome(o checks.Outcome, d *checks.Deployment, log api.Logger) (audit.Outcome, error) {
	for _, note := range d.Notes {
		log.Warnf("%s", words.HarmlessText(note))
	}
	switch o {
	case checks.OutcomePass:
		return audit.Pass, nil
	case checks.OutcomeFinding:
		return audit.PassWithIssues, nil
	case checks.OutcomeCritical:
		return audit.Fail, nil
	case checks.OutcomeIncomplete:
		return audit.Skipped, incomplete(d)
	case checks.OutcomeNotJudged:
		return audit.Skipped, errors.New("no cluster has the minimum of servers: configure min_servers")
	}
	return audit.Skipped, fmt.Errorf("unknown outcome %q", o)
}

// configured sets the thresholds of a check, which are whole numbers, and
// validates them.
func configured(check *audit.Check, to map[string]*int, p interface{ Validate() error }) error {
	for key, n := range to {
		v := check.Configuration[key].Value()
		if v != math.Trunc(v) || v < 0 || v > math.MaxInt32 {
			return fmt.Errorf("%s is %v: pass a whole number", key, v)
		}
		*n = int(v)
	}
	return p.Validate()
}

// concentrated is a finding with its causes in a sentence.
func concentrated(f checks.Finding, causes []cause.Cause) string {
	name := f.Account.Name
	if name != f.Account.ID {
		name += " (" + f.Account.ID + ")"
	}
	text := fmt.Sprintf("account %s has %s of its %s client connections in cluster %s on server %s (%.1f%%)",
		name, words.Count(f.OnServer), words.Count(f.Connections), f.Cluster, f.Server.Name, 100*float64(f.OnServer)/float64(f.Connections))
	if len(causes) == 0 {
		return text
	}
	c := causes[0]
	text += fmt.Sprintf("; cause %s, %s: %s", c.Code, c.Verdict, c.Title)
	switch {
	case c.Verdict == cause.NotTested:
		text += ": nats-balance audit concentration --archive says what to pass to find out"
	case len(c.Evidence) > 0:
		text += ": " + report.EvidenceText(c.Evidence[0], f.Account)
	}
	return text
}

// incomplete names a server that is missing.
func incomplete(d *checks.Deployment) error {
	switch {
	case len(d.Missing) > 0:
	case len(d.Uncounted) > 0:
		return errors.New(words.HarmlessText(d.Uncounted[0].Reason))
	default:
		return errors.New("the archive has too little to decide")
	}
	m := d.Missing[0]
	if m.Name == "" && m.ID == "" { // which server it is, or whether there is one, is not known
		return errors.New(words.HarmlessText(fmt.Sprintf("cluster %s: %s", m.Cluster, m.Reason)))
	}
	text := fmt.Sprintf("%s of %s servers are missing, which could overturn the verdict, among them %s of cluster %s: %s", words.Count(d.Absent()), words.Count(d.Expected), m.Name, m.Cluster, m.Reason)
	return errors.New(words.HarmlessText(text))
}
