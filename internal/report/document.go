package report

import (
	"math"
	"strconv"
	"time"

	"github.com/nats-balance/nats-balance/checks"
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
	Accounts   []RowOf     `json:"accounts"`
	ClientURLs []ClientURL `json:"client_urls"`
	DNS        []Name      `json:"dns"`
	Warnings   []string    `json:"warnings"`

	// For text only.
	open         []RowOf
	openClusters []string
	allowPartial bool
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
	Impact       Impact    `json:"impact"`
	Causes       []Cause   `json:"causes"`
	Remedies     []Remedy  `json:"remedies"`

	critical bool
}

// Share is one server's part of the account; null where it did not report.
type Share struct {
	Server       *string  `json:"server"`
	ID           *string  `json:"id"`
	Connections  *int     `json:"connections"`
	SharePercent *Percent `json:"share_percent"`
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
}

// Cause is a possible reason of a finding.
type Cause struct{}

// Remedy is what to do about a finding.
type Remedy struct{}

// ClientURL is a client's list of URLs.
type ClientURL struct{}

// Name is a DNS name with its answers.
type Name struct{}

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

// percent of a whole, rounded half away from zero to one decimal.
func percent(part, whole int) Percent {
	if whole == 0 {
		return 0
	}
	return Percent(math.Round(float64(part)*1000/float64(whole)) / 10)
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
	Warnings     []string
}

// New builds the document. This is where names from outside are made harmless.
func New(in Input) *Document {
	r, d, p := in.Result, in.Deployment, in.Parameters
	doc := &Document{
		Type: Type,
		Check: Check{Code: in.Check.Code, Name: in.Check.Name, Severity: in.Check.Severity,
			Category: in.Check.Category, AppliesTo: in.Check.AppliesTo},
		Tool:   Tool{Name: "nats-balance", Version: in.Version},
		Time:   in.Time.UTC().Truncate(time.Second),
		Source: Source{Kind: in.SourceKind, Detail: Harmless(in.SourceDetail)},
		Parameters: Parameters{ThresholdPercent: p.ThresholdPercent, MinServers: p.MinServers,
			MinConnections: p.MinConnections, ReviewPercent: p.ReviewPercent},
		Outcome: string(r.Outcome),
		Coverage: Coverage{Complete: len(d.Missing) == 0, ServersExpected: d.Expected,
			ServersAnswered: len(d.Servers), Missing: []Missing{}, Notes: []string{}},
		Summary: Summary{
			Clusters: r.Summary.Clusters, Servers: r.Summary.Servers, Accounts: r.Summary.Accounts,
			Connections: r.Summary.Connections, Leafnodes: r.Summary.Leafnodes, Evaluated: r.Summary.Evaluated,
			Findings: len(r.Findings), Review: len(r.Review),
			Skipped: Skipped{TooFewConnections: r.Summary.TooFewConnections,
				TooFewServers: r.Summary.TooFewServers, SystemAccount: r.Summary.SystemAccount},
		},
		Clusters: []Cluster{}, Findings: []Finding{}, Review: []Row{}, Accounts: []RowOf{},
		ClientURLs: []ClientURL{}, DNS: []Name{}, Warnings: []string{},
		allowPartial: p.AllowPartial,
	}
	if p.CriticalPercent > 0 {
		doc.Parameters.CriticalPercent = &p.CriticalPercent
	}
	for _, m := range d.Missing {
		out := Missing{Server: orNull(m.Name), Reason: Harmless(m.Reason)}
		if m.Name == "" {
			out.Server = orNull(m.ID)
		}
		if m.ClusterKnown {
			name := Harmless(m.Cluster)
			out.Cluster = &name
		}
		doc.Coverage.Missing = append(doc.Coverage.Missing, out)
	}
	for _, n := range d.Notes {
		doc.Coverage.Notes = append(doc.Coverage.Notes, Harmless(n))
	}
	for _, w := range in.Warnings {
		doc.Warnings = append(doc.Warnings, Harmless(w))
	}
	for _, c := range r.Clusters {
		doc.Clusters = append(doc.Clusters, cluster(c))
	}
	for _, f := range r.Findings {
		doc.Findings = append(doc.Findings, finding(f))
	}
	for _, row := range r.Review {
		doc.Review = append(doc.Review, rowOf(row).Row)
	}
	for _, row := range r.Rows {
		doc.Accounts = append(doc.Accounts, rowOf(row))
	}
	for _, row := range r.Open {
		doc.open = append(doc.open, rowOf(row))
	}
	for _, name := range r.OpenClusters {
		doc.openClusters = append(doc.openClusters, Harmless(name))
	}
	return doc
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	s = Harmless(s)
	return &s
}

func cluster(c checks.ClusterUse) Cluster {
	out := Cluster{Name: Harmless(c.Name), Connections: c.Connections, Servers: []Server{}}
	for _, s := range c.Servers {
		out.Servers = append(out.Servers, Server{ID: orNull(s.Server.ID), Name: orNull(s.Server.Name),
			Host: orNull(s.Server.Host), Connections: s.Connections, Accounts: s.Accounts})
	}
	return out
}

func finding(f checks.Finding) Finding {
	out := Finding{
		Account: Account{ID: Harmless(f.Account.ID), Name: Harmless(f.Account.Name)},
		Cluster: Harmless(f.Cluster),
		Server:  ServerRef{ID: Harmless(f.Server.ID), Name: Harmless(f.Server.Name), Host: Harmless(f.Server.Host)},

		Connections: f.Connections, OnServer: f.OnServer, SharePercent: percent(f.OnServer, f.Connections),
		Leafnodes: f.Leafnodes, Chance: Chance(f.Chance), Priority: string(f.Priority),
		Distribution: []Share{}, Causes: []Cause{}, Remedies: []Remedy{},
		Impact: Impact{ConnectionsLost: f.Impact.ConnectionsLost, SubscriptionsLost: f.Impact.SubscriptionsLost,
			Survivors: []Survivor{}, CanFailOver: string(f.Impact.CanFailOver)},
		critical: f.Verdict == checks.Critical,
	}
	for _, s := range f.Distribution {
		share := Share{Server: orNull(s.Server.Name), ID: orNull(s.Server.ID), Connections: s.Connections}
		if s.Connections != nil {
			p := percent(*s.Connections, f.Connections)
			share.SharePercent = &p
		}
		out.Distribution = append(out.Distribution, share)
	}
	for _, s := range f.Impact.Survivors {
		out.Impact.Survivors = append(out.Impact.Survivors,
			Survivor{Server: orNull(s.Server.Name), Now: s.Now, After: s.After, Limit: s.Limit})
	}
	return out
}

func rowOf(r checks.Row) RowOf {
	return RowOf{Verdict: string(r.Verdict), Row: Row{
		Account: Account{ID: Harmless(r.Account.ID), Name: Harmless(r.Account.Name)}, Cluster: Harmless(r.Cluster),
		Server: Harmless(r.Server.Name), Connections: r.Connections, OnServer: r.OnServer,
		SharePercent: percent(r.OnServer, r.Connections)}}
}
