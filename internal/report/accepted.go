package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Accepted is a finding that somebody accepted until a day.
type Accepted struct {
	Row
	Reason  string `json:"reason"`
	Expires string `json:"expires"` // the last day, in UTC

	critical bool
}

func accepted(a checks.Accepted) Accepted {
	return Accepted{Row: rowOf(a.Finding.Row).Row, Reason: words.Sentence(a.By.Reason), Expires: a.By.Expires.Format(time.DateOnly),
		critical: a.Finding.Verdict == checks.Critical}
}

// overrideText is what an override changes, such as "threshold 90%".
func overrideText(o checks.Override) string {
	var out []string
	add := func(name string, n *int, unit string) {
		if n != nil {
			out = append(out, fmt.Sprintf("%s %d%s", name, *n, unit))
		}
	}
	add("threshold", o.ThresholdPercent, "%")
	add("min-servers", o.MinServers, "")
	add("min-connections", o.MinConnections, "")
	add("review", o.ReviewPercent, "%")
	add("critical", o.CriticalPercent, "%")
	return fmt.Sprintf("accounts %s: %s", o.Match, strings.Join(out, ", "))
}

// overrideNotes say which thresholds are not the general ones.
func overrideNotes(p checks.Parameters) []string {
	var out []string
	for i, o := range p.Overrides {
		if i == listed && len(p.Overrides) > listed+1 {
			return append(out, fmt.Sprintf("%s of accounts have thresholds of their own", words.Plural(len(p.Overrides)-listed, "more pattern")))
		}
		out = append(out, overrideText(o))
	}
	return out
}

// unmatchedNotes name the acceptances that nothing needs any more. Where only
// some accounts, clusters or servers were looked at, the others' are not known.
func unmatchedNotes(in Input) []string {
	p := in.Parameters
	if len(p.Accounts)+len(p.Clusters) > 0 || in.SourceKind.OwnAccount || p.AllowPartial && len(in.Deployment.Missing) > 0 {
		return nil
	}
	var out []string
	all := in.Result.Unmatched
	for i, a := range all {
		if i == listed && len(all) > listed+1 {
			return append(out, fmt.Sprintf("%s match no finding either", words.Plural(len(all)-listed, "more acceptance")))
		}
		in := "in " + a.Cluster
		if a.Cluster == "*" {
			in = "in any cluster"
		}
		out = append(out, fmt.Sprintf("accepted %s %s (%s) matches no finding: remove it?", a.Account, in, a.Origin))
	}
	return out
}

// lapseText says how something was accepted but is no longer, in a clause; it is empty
// where it was not.
func lapseText(l *checks.Lapse) string {
	if l == nil {
		return ""
	}
	switch l.Why {
	case checks.Expired:
		return fmt.Sprintf("accepted until %s: expired", l.By.Expires.Format(time.DateOnly))
	case checks.AboveShare:
		return fmt.Sprintf("accepted up to %d%%: it has more", l.By.MaxSharePercent)
	}
	return ""
}

// lapsedNotes tell programs which findings were accepted once; text has it
// beside the finding.
func lapsedNotes(findings []Finding) []string {
	var out []string
	for _, f := range findings {
		if f.lapsed == "" {
			continue
		}
		if len(out) == listed {
			return append(out, "more findings were accepted, and no longer are")
		}
		out = append(out, fmt.Sprintf("%s in %s was %s", accountName(f.Account), clusterName(f.Cluster), f.lapsed))
	}
	return out
}

// limit is the share that nothing may pass.
func (doc *Document) limit() string {
	if doc.overridden {
		return "the threshold"
	}
	return fmt.Sprintf("%d%%", doc.Parameters.ThresholdPercent)
}

// critical and reviewed are the other limits.
func (doc *Document) critical() string {
	if doc.overridden || doc.Parameters.CriticalPercent == nil {
		return "the critical share"
	}
	return fmt.Sprintf("%d%%", *doc.Parameters.CriticalPercent)
}

func (doc *Document) reviewed() string {
	return doc.orTheirs(fmt.Sprintf("%d%%", doc.Parameters.ReviewPercent))
}

// orTheirs says of a general parameter that it is not that of all.
func (doc *Document) orTheirs(parameter string) string {
	if doc.overridden {
		return parameter + " (or their own)"
	}
	return parameter
}

// passes reports whether accounts were judged and none is a finding: the answer
// is then the sentence of noFinding.
func (doc *Document) passes() bool {
	return checks.Outcome(doc.Outcome) == checks.OutcomePass && doc.Summary.Evaluated > 0
}

// noFinding is the sentence that says that there is none.
func (doc *Document) noFinding(partly string) string {
	who := "none"
	head := "No finding"
	if n := len(doc.Accepted); n > 0 {
		head = fmt.Sprintf("No finding but %s accepted", words.Count(n))
		who = "no other"
	}
	return fmt.Sprintf("%s%s: %s checked, %s has more than %s on one server.",
		head, partly, accounts(doc, doc.Summary.Evaluated), who, doc.limit())
}

// accepted lists what is accepted, the critical marked.
func (p *printer) accepted(all []Accepted) {
	if len(all) == 0 {
		return
	}
	p.blank()
	for i, a := range all {
		if i == listed && len(all) > listed+1 {
			p.wrap("", fmt.Sprintf("… and %s more accepted (--json lists them)", words.Count(len(all)-listed)))
			return
		}
		critical := ""
		if a.critical {
			critical = ", critical"
		}
		p.wrap("", fmt.Sprintf("Accepted: %s in %s on %s (%s%%%s) until %s: %s", accountName(a.Account),
			clusterName(a.Cluster), short(a.Server.called(), prose), a.SharePercent, critical, a.Expires, a.Reason))
	}
}

// minimum is a minimum of the verdicts' column; where accounts have their own,
// it is none of them.
func (doc *Document) minimum(n int, what string) string {
	if doc.overridden {
		return "few " + what
	}
	return "<" + words.Count(n) + " " + what
}

// findingNotes are said below a finding's first line.
func (f Finding) findingNotes() []string {
	var out []string
	if f.override != "" {
		out = append(out, "Checked with the thresholds of "+f.override+".")
	}
	if f.lapsed != "" {
		out = append(out, words.UpperFirst(f.lapsed)+".")
	}
	if f.before != "" {
		out = append(out, f.before)
	}
	return out
}
