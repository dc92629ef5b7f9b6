package report

import (
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/source"
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
	Groups     []Group     `json:"groups"`
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
	highest      *Row   // the largest share of what is no finding
	largestFew   *Row   // the most connections of what has too few
	screenNotes  []string
	lostOn       []string // who was on missing servers
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
	// Account is the only one that the source sees; nil where it sees all.
	Account *Account `json:"account"`

	of    source.Kind
	parts []string // of Detail, what matters most first
}

// SourceOf is where data came from of which no account is the only one, with what is said
// of that, what matters most first.
func SourceOf(kind source.Kind, detail []string) Source {
	s := Source{Kind: kind.Name, Detail: words.Sentence(strings.Join(detail, ", ")), of: kind}
	for _, part := range detail {
		s.parts = append(s.parts, words.Sentence(part))
	}
	return s
}

// sourceOf is where a deployment came from.
func sourceOf(kind source.Kind, detail []string, d *checks.Deployment) Source {
	s := SourceOf(kind, detail)
	if kind.OwnAccount && len(d.Accounts) == 1 {
		s.Account = &Account{ID: words.Harmless(d.Accounts[0].ID), Name: words.Harmless(d.Accounts[0].Name)}
	}
	return s
}

// Parameters are the thresholds that were used.
type Parameters struct {
	ThresholdPercent int  `json:"threshold_percent"`
	MinServers       int  `json:"min_servers"`
	MinConnections   int  `json:"min_connections"`
	ReviewPercent    int  `json:"review_percent"`
	CriticalPercent  *int `json:"critical_percent"`
}

// Input is what a document is made of.
type Input struct {
	Check      checks.Check
	Version    string
	Time       time.Time
	SourceKind source.Kind
	// SourceDetail must have no credentials.
	SourceDetail []string
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
		Source: sourceOf(in.SourceKind, in.SourceDetail, d),
		Parameters: Parameters{ThresholdPercent: p.ThresholdPercent, MinServers: p.MinServers,
			MinConnections: p.MinConnections, ReviewPercent: p.ReviewPercent},
		Outcome:  string(r.Outcome),
		Coverage: coverage(d),
		Summary: Summary{
			Clusters: r.Summary.Clusters, Servers: r.Summary.Servers, Accounts: r.Summary.Accounts,
			Connections: r.Summary.Connections, Leafnodes: r.Summary.Leafnodes, Evaluated: r.Summary.Evaluated,
			Findings: len(r.Findings), Review: len(r.Review), Accepted: len(r.Accepted),
			Skipped: Skipped{TooFewConnections: r.Summary.TooFewConnections,
				TooFewServers: r.Summary.TooFewServers, SystemAccount: r.Summary.SystemAccount},
		},
		Clusters: []Cluster{}, Groups: []Group{}, Findings: []Finding{}, Review: []Row{}, Accepted: []Accepted{}, Accounts: []RowOf{},
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
		doc.Clusters = append(doc.Clusters, cluster(c, d.Reported(c.Name)))
	}
	shared := map[*checks.Survivor][]Survivor{}
	for i, f := range r.Findings {
		var e Explained
		if len(in.Explained) > 0 {
			e = in.Explained[i]
		}
		out := finding(f, e)
		out.Impact.Survivors = survivors(f, shared)
		if in.SourceKind.OwnAccount { // which sees nothing of the others
			out.hotspot, out.load, out.ownOnly = checks.Unknown, checks.Load{}, true
		}
		if o := p.Override(f.Account); o != nil {
			out.override = words.Sentence(overrideText(*o))
		}
		doc.Findings = append(doc.Findings, out)
	}
	doc.group(in)
	doc.Review = slices.Grow(doc.Review, len(r.Review)) // there may be a million
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
	doc.open = slices.Grow(doc.open, len(r.Open))
	for _, row := range r.Open {
		doc.open = append(doc.open, rowOf(row))
	}
	doc.moreOpen = r.MoreOpen
	for _, name := range r.OpenClusters {
		doc.openClusters = append(doc.openClusters, words.Harmless(name))
	}
	if r.Highest.Connections > 0 {
		row := rowOf(r.Highest).Row
		doc.highest = &row
	}
	if r.LargestFew.Connections > 0 {
		row := rowOf(r.LargestFew).Row
		doc.largestFew = &row
	}
	doc.compare(in)
	doc.note(in)
	return doc
}

func check(c checks.Check) Check {
	return Check{Code: c.Code, Name: c.Name, Severity: c.Severity, Category: c.Category, AppliesTo: c.AppliesTo}
}
