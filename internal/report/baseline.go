package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Baseline is how the findings differ from those of an earlier document.
type Baseline struct {
	Time   time.Time `json:"time"` // of the earlier document
	New    []Row     `json:"new"`
	Worse  []Changed `json:"worse"`
	Better []Changed `json:"better"`
	// Gone and Unknown are findings of the earlier document, with its numbers,
	// that are none now, and of which that is not known.
	Gone      []Gone `json:"gone"`
	Unknown   []Gone `json:"unknown"`
	Unchanged int    `json:"unchanged"`

	critical, criticalOpen bool // one of the new and worse
}

// Changed is a finding with what it was.
type Changed struct {
	Row
	WasServer   ServerRef `json:"was_server"`
	WasOnServer int       `json:"was_on_server"`
	WasPercent  Percent   `json:"was_percent"`
}

// Gone is a finding that was, with the reason why it is none.
type Gone struct {
	Row
	Reason string `json:"reason"`
}

// Past is what is compared of an earlier document.
type Past struct {
	Time                  time.Time
	Source, Code, Outcome string
	// Account is the only one that its source saw; nil where it saw all.
	Account    *Account
	Parameters Parameters
	Findings   []Row
	Servers    []PastServer
}

// PastServer is a server of an earlier document; Host is empty where not known.
// The counts are nil where it did not report.
type PastServer struct {
	Name, Host, Cluster string
	// Reported is the name that the servers of the cluster reported.
	Reported              string
	Connections, Accounts *int
	// Unnamed is that its name is its id, which changes when it restarts.
	Unnamed bool
}

// mostPastServers bounds how many are kept.
const mostPastServers = 100_000

// Reasons of [Gone]: verdicts of the present audit and these.
const (
	noConnections = "no-connections" // of the account in the cluster
	belowIt       = "below-threshold"
	notAskedFor   = "not-asked-for"
)

// change is 1 for worse, -1 for better, 0 for unchanged.
//
// Worse is a share that is up by a percentage point or more, or a tenth or more
// connections on the server; better is the reverse of it. What is worse by one
// and better by the other is worse. Shares are those that are shown.
func change(was, now Row) int {
	points := math.Round(10 * float64(now.SharePercent-was.SharePercent)) // tenths of one
	switch {
	case points >= 10 || tenthMore(was.OnServer, now.OnServer):
		return 1
	case points <= -10 || tenthMore(now.OnServer, was.OnServer):
		return -1
	}
	return 0
}

func tenthMore(was, now int) bool { return now > was && 10*(now-was) >= was }

// place is what tells findings apart.
type place struct{ account, cluster string }

func (r Row) place() place { return place{r.Account.ID, r.Cluster} }

// compare sets what is new since the baseline, and says of each finding what it
// was.
func (doc *Document) compare(in Input) {
	past := in.Baseline
	if past == nil {
		return
	}
	b := &Baseline{Time: past.Time, New: []Row{}, Worse: []Changed{}, Better: []Changed{}, Gone: []Gone{}, Unknown: []Gone{}}
	doc.Baseline = b
	before := map[place]Row{}
	for _, row := range past.Findings {
		before[row.place()] = row
	}
	now := map[place]bool{}
	for i := range doc.Findings {
		f := &doc.Findings[i]
		row := rowOf(in.Result.Findings[i].Row).Row
		now[row.place()] = true
		was, known := before[row.place()]
		counts := false // as new or worse
		changed := Changed{Row: row, WasServer: was.Server, WasOnServer: was.OnServer, WasPercent: was.SharePercent}
		said := fmt.Sprintf("%s of %s, %s%%, in the baseline.", words.Count(was.OnServer), words.Plural(was.Connections, "connection"), was.SharePercent)
		switch c := change(was, row); {
		case !known:
			b.New, counts = append(b.New, row), true
			f.before = "New: not in the baseline."
		case c > 0:
			b.Worse, counts = append(b.Worse, changed), true
			f.before = "Worse: it was " + said
		case c < 0:
			b.Better = append(b.Better, changed)
			f.before = "Better: it was " + said
		default:
			b.Unchanged++
		}
		if known && was.Server.called() != row.Server.called() {
			f.before = strings.TrimSpace(f.before + " Most were on " + short(was.Server.called(), prose) + " then.")
		}
		b.critical = b.critical || counts && f.critical
		b.criticalOpen = b.criticalOpen || counts && f.criticalOpen
	}
	doc.lostOn = append(doc.lostOn, lostOn(past, doc.Coverage.Missing)...)
	why := doc.absence(in)
	for _, row := range past.Findings {
		if now[row.place()] {
			continue
		}
		now[row.place()] = true // once
		switch reason := why(row); reason {
		case notAskedFor, string(checks.Incomplete):
			b.Unknown = append(b.Unknown, Gone{row, reason})
		default:
			b.Gone = append(b.Gone, Gone{row, reason})
		}
	}
	doc.Warnings = append(doc.Warnings, doc.differences(past)...)
}

// lostOn says which findings of the baseline were on servers that are missing now.
func lostOn(past *Past, missing []Missing) []string {
	var out []string
	for _, m := range missing {
		var who []string
		for _, row := range past.Findings {
			if name := m.Server.called(); name != "" && row.Server.called() == name {
				who = append(who, fmt.Sprintf("%s (%s of %s connections)", accountName(row.Account), words.Count(row.OnServer), words.Count(row.Connections)))
			}
		}
		if len(who) > 0 && len(out) < remarks {
			out = append(out, fmt.Sprintf("On %s in the baseline: %s.", short(m.Server.called(), prose), list(who, named)))
		}
	}
	return out
}

// absence says why what was a finding is none.
func (doc *Document) absence(in Input) func(Row) string {
	verdicts := map[place]string{}
	for _, row := range in.Result.Rows {
		verdicts[rowOf(row).place()] = string(row.Verdict)
	}
	// Rows have what is accepted too, but for a caller without rows.
	for _, row := range doc.Accepted {
		verdicts[row.place()] = string(checks.AcceptedFinding)
	}
	seen := map[string]bool{}
	if in.SourceKind.OwnAccount { // sees no other
		for _, a := range in.Deployment.Accounts {
			seen[words.Harmless(a.ID)] = true
		}
	}
	asked := func(names []string, of ...string) bool {
		return len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(of, words.Harmless(name)) })
	}
	return func(row Row) string {
		verdict := verdicts[row.place()]
		if verdict != string(checks.AcceptedFinding) && in.Parameters.AllowPartial && mayHide(in.Deployment, row.Cluster) {
			return string(checks.Incomplete) // it was checked as if missing servers had nothing
		}
		switch verdict {
		case string(checks.Pass), string(checks.Review):
			return belowIt
		case "":
		default:
			return verdict
		}
		switch {
		case !asked(in.Parameters.Accounts, row.Account.ID, row.Account.Name), !asked(in.Parameters.Clusters, row.Cluster),
			in.SourceKind.OwnAccount && !seen[row.Account.ID]:
			return notAskedFor
		case !doc.Coverage.Complete: // a missing server may have all of it
			return string(checks.Incomplete)
		}
		return noConnections
	}
}

// mayHide reports whether a server of the cluster may be missing that has
// connections.
func mayHide(d *checks.Deployment, cluster string) bool {
	return slices.ContainsFunc(d.Missing, func(m checks.Missing) bool {
		in := !m.ClusterKnown && !m.Apart || m.ClusterKnown && d.SameCluster(words.Harmless(m.Cluster), cluster)
		return in && (m.Bound == nil || *m.Bound > 0)
	})
}

// differences warn of what makes a comparison lame.
func (doc *Document) differences(past *Past) []string {
	was, now := past.Parameters, doc.Parameters
	var differ []string
	for _, d := range []struct {
		name     string
		was, now string
	}{
		{"source", past.Source, doc.Source.Kind},
		{"threshold", fmt.Sprint(was.ThresholdPercent), fmt.Sprint(now.ThresholdPercent)},
		{"min-servers", fmt.Sprint(was.MinServers), fmt.Sprint(now.MinServers)},
		{"min-connections", fmt.Sprint(was.MinConnections), fmt.Sprint(now.MinConnections)},
		{"critical", orOff(was.CriticalPercent), orOff(now.CriticalPercent)},
	} {
		if d.was != d.now {
			differ = append(differ, fmt.Sprintf("%s %s, now %s", d.name, d.was, d.now))
		}
	}
	var out []string
	if len(differ) > 0 {
		out = append(out, "the baseline was made otherwise, so what differs may be due to that: "+strings.Join(differ, "; "))
	}
	switch checks.Outcome(past.Outcome) {
	case checks.OutcomeIncomplete:
		out = append(out, "the baseline is incomplete: what is new may have been there before")
	case checks.OutcomeNotJudged:
		out = append(out, "the baseline checked no cluster: what is new may have been there before")
	default: // it has all there was
	}
	if past.Time.After(doc.Time) {
		out = append(out, fmt.Sprintf("the baseline, of %s, is later than this audit", past.Time.Format(time.RFC3339)))
	}
	return out
}

func orOff(n *int) string {
	if n == nil {
		return "off"
	}
	return fmt.Sprint(*n)
}

// NewOutcome is the outcome by what is new or worse than the baseline alone.
// What is incomplete stays so.
func (doc *Document) NewOutcome() checks.Outcome {
	b := doc.Baseline
	switch outcome := checks.Outcome(doc.Outcome); {
	case b == nil, outcome == checks.OutcomeIncomplete, outcome == checks.OutcomeNotJudged:
		return outcome
	case b.critical:
		return checks.OutcomeCritical
	case b.criticalOpen:
		return checks.OutcomeIncomplete
	case len(b.New)+len(b.Worse) > 0:
		return checks.OutcomeFinding
	case b.hidden() > 0: // it may be worse
		return checks.OutcomeIncomplete
	}
	return checks.OutcomePass
}

// hidden is of how many findings of the earlier document nobody knows what became of
// them, as servers did not report.
func (b *Baseline) hidden() (n int) {
	for _, g := range b.Unknown {
		if g.Reason == string(checks.Incomplete) {
			n++
		}
	}
	return n
}

// sinceBaseline begins the first line where only the new and worse matter.
func (doc *Document) sinceBaseline() string {
	if doc.Baseline == nil || !doc.newOnly {
		return ""
	}
	hidden := ""
	if n := doc.Baseline.hidden(); n > 0 && checks.Outcome(doc.Outcome) != checks.OutcomeIncomplete { // which says so itself
		hidden = fmt.Sprintf(", unknown of %s of the baseline", words.Count(n))
	}
	return fmt.Sprintf("%s new or worse of %s%s. ", words.Count(len(doc.Baseline.New)+len(doc.Baseline.Worse)), words.Plural(len(doc.Findings), "finding"), hidden)
}

// changes are the findings that are not as they were, with how they differ.
func (b *Baseline) changes() []RowOf {
	var rows []RowOf
	for _, r := range b.New {
		rows = append(rows, RowOf{r, "new"})
	}
	for _, r := range b.Worse {
		rows = append(rows, RowOf{r.Row, fmt.Sprintf("worse, was %s%%", r.WasPercent)})
	}
	for _, r := range b.Better {
		rows = append(rows, RowOf{r.Row, fmt.Sprintf("better, was %s%%", r.WasPercent)})
	}
	return rows
}

// baseline lists what is not as it was.
func (p *printer) baseline(doc *Document) {
	b := doc.Baseline
	if b == nil {
		return
	}
	p.blank()
	p.wrap("", b.counts())
	rows := b.changes()
	for _, r := range slices.Concat(b.Gone, b.Unknown) {
		rows = append(rows, RowOf{r.Row, goneChange(r.Reason)})
	}
	if len(rows) == 0 {
		return
	}
	p.someRows(rows, "CHANGE", func(r RowOf) string { return r.Verdict })
}

// counts says how many findings differ, and how.
func (b *Baseline) counts() string {
	counts := fmt.Sprintf("%s new, %s worse, %s better, %s gone, %s unchanged", words.Count(len(b.New)), words.Count(len(b.Worse)),
		words.Count(len(b.Better)), words.Count(len(b.Gone)), words.Count(b.Unchanged))
	if n := len(b.Unknown); n > 0 {
		counts += fmt.Sprintf(", %s unknown", words.Count(n))
	}
	return fmt.Sprintf("Since the baseline of %s: %s.", b.Time.Format(timeLayout), counts)
}

// goneChange is [goneReason] in a list of all changes.
func goneChange(reason string) string {
	short := goneReason(reason)
	if slices.Contains([]string{notAskedFor, string(checks.Incomplete)}, reason) {
		return short
	}
	return "gone, " + short
}

// goneReason says in a few words why what was a finding is none.
func goneReason(reason string) string {
	reasons := map[string]string{
		belowIt: "lower share", noConnections: "no clients", string(checks.AcceptedFinding): "accepted",
		string(checks.TooFewConnections): "few clients", string(checks.TooFewServers): "few servers",
		notAskedFor: "not asked for", string(checks.Incomplete): "open",
	}
	return cmp.Or(reasons[reason], reason)
}
