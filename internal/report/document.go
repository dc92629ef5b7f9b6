package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Type is the type of the JSON document.
const Type = "nats-balance.v1.audit"

// Document is the result of an audit, in the order and with the names of its
// JSON. Every field is always present: a list may be empty, what is not known
// is null. Shares are percent with one decimal.
type Document struct {
	Type       string      `json:"type"`
	Check      Check       `json:"check"`
	Tool       Tool        `json:"tool"`
	Time       time.Time   `json:"time"`
	Source     Source      `json:"source"`
	Parameters Parameters  `json:"parameters"`
	Outcome    string      `json:"outcome"`
	Coverage   Coverage    `json:"coverage"`
	Summary    Summary     `json:"summary"`
	Clusters   []Cluster   `json:"clusters"`
	Findings   []Finding   `json:"findings"`
	Review     []Row       `json:"review"`
	Accepted   []Accepted  `json:"accepted"`
	Baseline   *Baseline   `json:"baseline"`
	Accounts   []RowOf     `json:"accounts"`
	ClientURLs []ClientURL `json:"client_urls"`
	DNS        []Name      `json:"dns"`
	Warnings   []string    `json:"warnings"`

	// For text only.
	open         []RowOf
	openClusters []string
	moreOpen     int // that are not listed
	allowPartial bool
	someAccounts bool   // only those that were asked for
	lastNotes    int    // how many of the last notes text says otherwise
	overridden   bool   // some accounts have thresholds of their own
	newOnly      bool   // the exit status is that of what is new or worse
	matrix       matrix // for CSV only
}

// Check names the check.
type Check struct {
	Code      string `json:"code"`
	Name      string `json:"name"`
	Severity  string `json:"severity"`
	Category  string `json:"category"`
	AppliesTo string `json:"applies_to"`
}

// Tool names this program.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Source says where the data came from.
type Source struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// Parameters are the thresholds that were used.
type Parameters struct {
	ThresholdPercent int  `json:"threshold_percent"`
	MinServers       int  `json:"min_servers"`
	MinConnections   int  `json:"min_connections"`
	ReviewPercent    int  `json:"review_percent"`
	CriticalPercent  *int `json:"critical_percent"`
}

// Coverage says who answered and who did not.
type Coverage struct {
	Complete        bool      `json:"complete"`
	ServersExpected int       `json:"servers_expected"`
	ServersAnswered int       `json:"servers_answered"`
	Missing         []Missing `json:"missing"`
	Notes           []string  `json:"notes"`

	kinds []checks.MissingKind // of those that are missing, each once
}

// Missing is a server that did not report; what is not known of it is null.
type Missing struct {
	Server  *string `json:"server"`
	Cluster *string `json:"cluster"`
	Reason  string  `json:"reason"`
}

// Summary counts, see [checks.Summary].
type Summary struct {
	Clusters    int     `json:"clusters"`
	Servers     int     `json:"servers"`
	Accounts    int     `json:"accounts"`
	Connections int     `json:"connections"`
	Leafnodes   int     `json:"leafnodes"`
	Evaluated   int     `json:"evaluated"`
	Findings    int     `json:"findings"`
	Review      int     `json:"review"`
	Skipped     Skipped `json:"skipped"`
}

// Skipped counts the pairs that were not evaluated, by reason.
type Skipped struct {
	TooFewConnections int `json:"too_few_connections"`
	TooFewServers     int `json:"too_few_servers"`
	SystemAccount     int `json:"system_account"`
}

// Cluster is what a cluster carries; Name is empty for a server without one.
type Cluster struct {
	Name        string   `json:"name"`
	Connections int      `json:"connections"`
	Servers     []Server `json:"servers"`
}

// Server is what a server carries; null where it did not report.
type Server struct {
	ID          *string `json:"id"`
	Name        *string `json:"name"`
	Host        *string `json:"host"`
	Connections *int    `json:"connections"`
	Accounts    *int    `json:"accounts"`
}

// Account names an account.
type Account struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ServerRef names a server.
type ServerRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Host string `json:"host"`
}

// Finding is a concentrated account with all that is known about it.
type Finding struct {
	Account      Account   `json:"account"`
	Cluster      string    `json:"cluster"`
	Server       ServerRef `json:"server"`
	Connections  int       `json:"connections"`
	OnServer     int       `json:"on_server"`
	SharePercent Percent   `json:"share_percent"`
	Leafnodes    int       `json:"leafnodes"`
	Chance       Chance    `json:"chance"`
	Priority     string    `json:"priority"`
	Distribution []Share   `json:"distribution"`
	Services     []Service `json:"services"`
	Impact       Impact    `json:"impact"`
	Causes       []Cause   `json:"causes"`
	Remedies     []Remedy  `json:"remedies"`

	// For text only.
	critical, criticalOpen bool
	stranded               *int
	leafnodesHere          int
	why                    string // it can't fail over
	forecast               string // of a restart
	label                  string // of the server
	hotspot                checks.Answer
	load                   checks.Load
	lapsed                 string // how it was accepted
	override               string // whose thresholds it was judged by
	before                 string // in the baseline
}

// Share is one server's part of the account; null where it did not report.
type Share struct {
	Server       *string  `json:"server"`
	ID           *string  `json:"id"`
	Connections  *int     `json:"connections"`
	SharePercent *Percent `json:"share_percent"`

	label string
}

// Impact is what failing of the server means.
type Impact struct {
	ConnectionsLost   int        `json:"connections_lost"`
	SubscriptionsLost *int       `json:"subscriptions_lost"`
	Survivors         []Survivor `json:"survivors"`
	CanFailOver       string     `json:"can_fail_over"`
}

// Survivor is a server that stays, with client connections of all accounts.
type Survivor struct {
	Server *string `json:"server"`
	Now    *int    `json:"now"`
	After  *int    `json:"after"`
	Limit  *int    `json:"limit"`

	label string
}

// Row is one account in one cluster.
type Row struct {
	Account      Account `json:"account"`
	Cluster      string  `json:"cluster"`
	Server       string  `json:"server"`
	Connections  int     `json:"connections"`
	OnServer     int     `json:"on_server"`
	SharePercent Percent `json:"share_percent"`
}

// RowOf is a row with its verdict.
type RowOf struct {
	Row
	Verdict string `json:"verdict"`
}

// Percent prints with one decimal.
type Percent float64

// MarshalJSON keeps the decimal also where it is 0.
func (p Percent) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', 1, 64) }

// Chance is a probability and prints with three significant digits.
type Chance float64

// MarshalJSON writes a plain JSON number.
func (c Chance) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(c), 'g', 3, 64)), nil
}

// percent of a whole, rounded half up to one decimal.
func percent(part, whole int) Percent {
	if whole == 0 {
		return 0
	}
	tenths := (2000*int64(part) + int64(whole)) / (2 * int64(whole))
	return Percent(float64(tenths) / 10)
}

// Input is what a document is made of.
type Input struct {
	Check      checks.Check
	Version    string
	Time       time.Time
	SourceKind string
	// SourceDetail must have no credentials.
	SourceDetail string
	Parameters   checks.Parameters
	Deployment   *checks.Deployment
	Result       checks.Result
	// Explained are what was found out about the findings of Result, in their
	// order; empty where nobody asked.
	Explained []Explained
	// Lists are client URL lists with what they lead to.
	Lists    []checks.URLList
	Warnings []string
	// Baseline is an earlier document to compare with, or nil. The result then
	// has all rows. NewOnly says that only what is new or worse matters.
	Baseline *Past
	NewOnly  bool
}

// Explained is what was found out about a finding, beside what the rule says.
type Explained struct {
	// Subscriptions are those of the account on the server; nil where not known.
	Subscriptions *int
	// Diagnosis is nil where nobody looked for causes, and there is no Advice then.
	Diagnosis *cause.Diagnosis
	Advice    remedy.Advice
}

// New builds the document. This is where names from outside are made harmless.
func New(in Input) *Document {
	r, d, p := in.Result, in.Deployment, in.Parameters
	doc := &Document{
		Type:   Type,
		Check:  check(in.Check),
		Tool:   Tool{Name: "nats-balance", Version: in.Version},
		Time:   in.Time.UTC().Truncate(time.Second),
		Source: Source{Kind: in.SourceKind, Detail: words.Sentence(in.SourceDetail)},
		Parameters: Parameters{ThresholdPercent: p.ThresholdPercent, MinServers: p.MinServers,
			MinConnections: p.MinConnections, ReviewPercent: p.ReviewPercent},
		Outcome:  string(r.Outcome),
		Coverage: coverage(d),
		Summary: Summary{
			Clusters: r.Summary.Clusters, Servers: r.Summary.Servers, Accounts: r.Summary.Accounts,
			Connections: r.Summary.Connections, Leafnodes: r.Summary.Leafnodes, Evaluated: r.Summary.Evaluated,
			Findings: len(r.Findings), Review: len(r.Review),
			Skipped: Skipped{TooFewConnections: r.Summary.TooFewConnections,
				TooFewServers: r.Summary.TooFewServers, SystemAccount: r.Summary.SystemAccount},
		},
		Clusters: []Cluster{}, Findings: []Finding{}, Review: []Row{}, Accepted: []Accepted{}, Accounts: []RowOf{},
		ClientURLs: clientURLs(d, in.Lists), DNS: dnsOf(in.Lists), Warnings: []string{},
		allowPartial: p.AllowPartial, someAccounts: len(p.Accounts) > 0, matrix: matrixOf(in),
		overridden: len(p.Overrides) > 0, newOnly: in.NewOnly,
	}
	if p.CriticalPercent > 0 {
		doc.Parameters.CriticalPercent = &p.CriticalPercent
	}
	for _, w := range in.Warnings {
		doc.Warnings = append(doc.Warnings, words.Sentence(w))
	}
	for _, c := range r.Clusters {
		doc.Clusters = append(doc.Clusters, cluster(c))
	}
	for i, f := range r.Findings {
		var e Explained
		if len(in.Explained) > 0 {
			e = in.Explained[i]
		}
		out := finding(f, e)
		if in.SourceKind == "account" { // which sees nothing of the others
			out.hotspot, out.load = checks.Unknown, checks.Load{}
		}
		if o := p.Override(f.Account); o != nil {
			out.override = words.Sentence(overrideText(*o))
		}
		doc.Findings = append(doc.Findings, out)
	}
	for _, row := range r.Review {
		doc.Review = append(doc.Review, rowOf(row).Row)
	}
	for _, a := range r.Accepted {
		doc.Accepted = append(doc.Accepted, accepted(a))
	}
	if p.All {
		for _, row := range r.Rows {
			doc.Accounts = append(doc.Accounts, rowOf(row))
		}
	}
	for _, row := range r.Open {
		doc.open = append(doc.open, rowOf(row))
	}
	doc.moreOpen = r.MoreOpen
	for _, name := range r.OpenClusters {
		doc.openClusters = append(doc.openClusters, words.Harmless(name))
	}
	doc.compare(in)
	doc.note(in)
	return doc
}

func check(c checks.Check) Check {
	return Check{Code: c.Code, Name: c.Name, Severity: c.Severity, Category: c.Category, AppliesTo: c.AppliesTo}
}

// coverage is who answered and who did not, without notes.
func coverage(d *checks.Deployment) Coverage {
	c := Coverage{Complete: len(d.Missing)+len(d.Uncounted) == 0 && len(d.Servers) >= d.Expected, ServersExpected: d.Expected,
		ServersAnswered: len(d.Servers), Missing: []Missing{}, Notes: []string{}}
	total := len(d.Missing) + len(d.Uncounted)
	listed := d.Missing[:min(len(d.Missing), mostMissing)]
	uncounted := d.Uncounted[:min(len(d.Uncounted), mostMissing-len(listed))]
	for _, m := range listed {
		out := Missing{Server: orNull(cmp.Or(m.Name, m.ID)), Reason: words.Sentence(m.Reason)}
		if m.ClusterKnown {
			name := words.Harmless(m.Cluster)
			out.Cluster = &name
		}
		c.Missing = append(c.Missing, out)
	}
	for _, m := range d.Missing {
		if !slices.Contains(c.kinds, m.Kind) {
			c.kinds = append(c.kinds, m.Kind)
		}
	}
	for _, u := range uncounted {
		cluster := words.Harmless(u.Cluster)
		c.Missing = append(c.Missing, Missing{Cluster: &cluster, Reason: words.Sentence(u.Reason)})
	}
	if n := len(c.Missing); n < total {
		c.Notes = append(c.Notes, fmt.Sprintf("what is missing is listed up to %s entries, %s more are not", words.Count(n), words.Count(total-n)))
	}
	return c
}

// mostMissing is how much of what is missing is listed; the rest is counted.
const mostMissing = 1000

// note says of the coverage what the document has no other place for.
func (doc *Document) note(in Input) {
	notes := slices.Clone(in.Deployment.Notes)
	if names := in.Parameters.Accounts; len(names) > 0 {
		notes = append(notes, "only what was asked for was judged: --account "+strings.Join(names, " --account "))
	}
	if names := in.Parameters.Clusters; len(names) > 0 {
		notes = append(notes, "only what was asked for was judged: --cluster "+strings.Join(names, " --cluster "))
	}
	notes = slices.Concat(notes, overrideNotes(in.Parameters), unmatchedNotes(in), lostNotes(in), leafnodeNotes(in))
	before := len(notes)
	notes = append(notes, lapsedNotes(doc.Findings)...)
	if n := len(doc.open) + doc.moreOpen; n > 0 {
		notes = append(notes, fmt.Sprintf("open, as a missing server could overturn the verdict: %s; --all lists them", words.Plural(n, "account-cluster pair")))
	}
	notes = append(notes, doc.openSentences()...)
	if slices.ContainsFunc(doc.Findings, func(f Finding) bool { return f.criticalOpen }) {
		notes = append(notes, "a missing server decides whether a finding is critical")
	}
	doc.lastNotes = len(notes) - before
	for _, n := range notes {
		doc.Coverage.Notes = append(doc.Coverage.Notes, words.Sentence(n))
	}
}

// openSentences tell of accounts that only missing servers may have.
func (doc *Document) openSentences() []string {
	who := "an account that no server reported"
	if doc.someAccounts {
		who = "an account that was asked for"
	}
	clusters := slices.DeleteFunc(slices.Clone(doc.openClusters), func(name string) bool { return name == "" })
	var out []string
	if n := len(clusters); n > 0 {
		in := "cluster " + clusterName(clusters[0])
		if n > 1 {
			in = fmt.Sprintf("%s (%s)", words.Plural(n, "cluster"), list(clusters, named))
		}
		out = append(out, fmt.Sprintf("in %s, %s may sit on a missing server", in, who))
	}
	if len(clusters) < len(doc.openClusters) {
		out = append(out, fmt.Sprintf("the missing servers may be a cluster of their own, with %s", who))
	}
	return out
}

// labels name the servers of a finding for people: by name, and with the id
// where two have the same.
func labels(all []checks.Share) func(checks.ServerRef) string {
	used := map[string]int{}
	for _, s := range all {
		used[s.Server.Name]++
	}
	return func(s checks.ServerRef) string {
		name, id := words.Harmless(s.Name), words.Harmless(s.ID)
		if name != "" && id != "" && used[s.Name] > 1 {
			return fmt.Sprintf("%s (%s…)", short(name, prose-11), text.Trim(id, 8))
		}
		return short(cmp.Or(name, id, "a server without a name"), prose)
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	s = words.Harmless(s)
	return &s
}

func cluster(c checks.ClusterUse) Cluster {
	out := Cluster{Name: words.Harmless(c.Name), Connections: c.Connections, Servers: []Server{}}
	for _, s := range c.Servers {
		out.Servers = append(out.Servers, Server{ID: orNull(s.Server.ID), Name: orNull(s.Server.Name),
			Host: orNull(s.Server.Host), Connections: s.Connections, Accounts: s.Accounts})
	}
	return out
}

func finding(f checks.Finding, e Explained) Finding {
	label := labels(f.Distribution)
	priority, over := f.Priority, f.Impact.FailOver
	var all []cause.Cause
	if d := e.Diagnosis; d != nil {
		priority, over, all = d.Priority, d.FailOver, d.Causes
	}
	out := Finding{
		label:   label(f.Server),
		Account: Account{ID: words.Harmless(f.Account.ID), Name: words.Harmless(f.Account.Name)},
		Cluster: words.Harmless(f.Cluster),
		Server:  ServerRef{ID: words.Harmless(f.Server.ID), Name: words.Harmless(f.Server.Name), Host: words.Harmless(f.Server.Host)},

		Connections: f.Connections, OnServer: f.OnServer, SharePercent: percent(f.OnServer, f.Connections),
		Leafnodes: f.Leafnodes, Chance: Chance(f.Chance), Priority: string(priority),
		Distribution: []Share{}, Services: services(f, e.Diagnosis), Causes: causes(all, f.Account, e.Advice.ByCause), Remedies: remedies(e.Advice.Remedies), forecast: words.Sentence(e.Advice.Forecast),
		Impact: Impact{ConnectionsLost: f.Impact.ConnectionsLost, SubscriptionsLost: e.Subscriptions,
			Survivors: []Survivor{}, CanFailOver: string(over.CanFailOver)},
		critical: f.Verdict == checks.Critical, criticalOpen: f.CriticalOpen, stranded: over.Stranded, why: words.Sentence(over.Why),
		hotspot: f.Hotspot, load: f.Load, leafnodesHere: f.LeafnodesHere, lapsed: words.Sentence(f.Lapsed),
	}
	for _, s := range f.Distribution {
		out.Distribution = append(out.Distribution, shareOf(s, f.Connections, label))
	}
	for _, s := range f.Impact.Survivors {
		out.Impact.Survivors = append(out.Impact.Survivors,
			Survivor{Server: orNull(cmp.Or(s.Server.Name, s.Server.ID)), Now: s.Now, After: s.After, Limit: s.Limit, label: label(s.Server)})
	}
	return out
}

func shareOf(s checks.Share, connections int, label func(checks.ServerRef) string) Share {
	out := Share{Server: orNull(s.Server.Name), ID: orNull(s.Server.ID), Connections: s.Connections, label: label(s.Server)}
	if s.Connections != nil {
		p := percent(*s.Connections, connections)
		out.SharePercent = &p
	}
	return out
}

func rowOf(r checks.Row) RowOf {
	return RowOf{Verdict: string(r.Verdict), Row: Row{
		Account: Account{ID: words.Harmless(r.Account.ID), Name: words.Harmless(r.Account.Name)}, Cluster: words.Harmless(r.Cluster),
		Server: words.Harmless(cmp.Or(r.Server.Name, r.Server.ID)), Connections: r.Connections, OnServer: r.OnServer,
		SharePercent: percent(r.OnServer, r.Connections)}}
}
