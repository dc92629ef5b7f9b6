package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// hotspotsType is the type of the JSON document of a measure's check.
func hotspotsType(m checks.Measure) string { return "nats-balance.v1." + m.Command }

// Hotspots is the result of the hotspot check, in the order and with the names
// of its JSON. Every field is always present, as in [Document]. By another measure
// than connections its JSON has that one's name, see [WriteHotspots].
type Hotspots struct {
	Type       string            `json:"type"`
	Check      Check             `json:"check"`
	Tool       Tool              `json:"tool"`
	Time       time.Time         `json:"time"`
	Source     Source            `json:"source"`
	Parameters HotspotParameters `json:"parameters"`
	Outcome    string            `json:"outcome"`
	Coverage   Coverage          `json:"coverage"`
	Summary    HotspotSummary    `json:"summary"`
	Clusters   []HotspotCluster  `json:"clusters"`
	Findings   []Hotspot         `json:"findings"`
	// Empty are findings of their own kind: servers with hardly any connections.
	Empty []EmptyServer `json:"empty"`

	measure checks.Measure

	// For text only.
	all, allowPartial bool
	openElsewhere     bool
	lastNotes         int // how many of the last notes text says otherwise
}

// EmptyServer is a server with less than a quarter of its cluster's average, while
// others could give some. Start is null where not known.
type EmptyServer struct {
	Cluster     string     `json:"cluster"`
	Server      ServerRef  `json:"server"`
	Connections int        `json:"connections"`
	OnServer    int        `json:"on_server"`
	Average     Decimal    `json:"average"`
	Start       *time.Time `json:"start"`
	Commands    []string   `json:"commands"`
}

// HotspotParameters are the thresholds that were used.
type HotspotParameters struct {
	Factor         Factor `json:"factor"`
	MinServers     int    `json:"min_servers"`
	MinConnections int    `json:"min_connections"`
}

// Factor is in hundredths and prints with as many decimals as it needs.
type Factor int

// MarshalJSON writes a plain JSON number.
func (f Factor) MarshalJSON() ([]byte, error) { return []byte(f.String()), nil }

func (f Factor) String() string { return strconv.FormatFloat(float64(f)/100, 'f', -1, 64) }

// Decimal prints with one decimal.
type Decimal float64

// MarshalJSON keeps the decimal also where it is 0.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

func (d Decimal) String() string { return strconv.FormatFloat(float64(d), 'f', 1, 64) }

// ratio is a number by another, rounded half up to one decimal; 0 by 0 is 0.
func ratio(a, b int) Decimal {
	if b == 0 {
		return 0
	}
	return Decimal(math.Floor(float64(a)/float64(b)*10+0.5) / 10)
}

// multiple is how many times the average the server has.
func multiple(l checks.Load) Decimal { return ratio(l.OnServer*l.Servers, l.Connections) }

// HotspotSummary counts, see [checks.HotspotSummary].
type HotspotSummary struct {
	Clusters    int            `json:"clusters"`
	Servers     int            `json:"servers"`
	Connections int            `json:"connections"`
	Evaluated   int            `json:"evaluated"`
	Findings    int            `json:"findings"`
	Open        int            `json:"open"`
	Skipped     HotspotSkipped `json:"skipped"`
}

// HotspotSkipped counts the clusters that were not evaluated, by reason.
type HotspotSkipped struct {
	TooFewConnections int `json:"too_few_connections"`
	TooFewServers     int `json:"too_few_servers"`
}

// HotspotCluster is a cluster with the verdict on each of its servers.
type HotspotCluster struct {
	Name        string          `json:"name"`
	Connections int             `json:"connections"`
	Average     Decimal         `json:"average"`
	Verdict     string          `json:"verdict"`
	Servers     []HotspotServer `json:"servers"`
}

// HotspotServer is a server with its verdict; the numbers are null where it
// did not report.
type HotspotServer struct {
	ID           *string  `json:"id"`
	Name         *string  `json:"name"`
	Host         *string  `json:"host"`
	Connections  *int     `json:"connections"`
	SharePercent *Percent `json:"share_percent"`
	Factor       *Decimal `json:"factor"`
	Verdict      string   `json:"verdict"`

	label string
}

// Hotspot is a server with too much of its cluster's connections.
type Hotspot struct {
	Cluster      string       `json:"cluster"`
	Server       ServerRef    `json:"server"`
	Connections  int          `json:"connections"`
	OnServer     int          `json:"on_server"`
	SharePercent Percent      `json:"share_percent"`
	Average      Decimal      `json:"average"`
	Factor       Decimal      `json:"factor"`
	Distribution []Share      `json:"distribution"`
	Accounts     []HotAccount `json:"accounts"`
	MoreAccounts int          `json:"more_accounts"`

	label, unit string
}

// HotAccount is an account with more than an even share on the server.
type HotAccount struct {
	Account      Account `json:"account"`
	Connections  int     `json:"connections"`
	OnServer     int     `json:"on_server"`
	SharePercent Percent `json:"share_percent"`
	AboveEven    Decimal `json:"above_even"`
	Concentrated string  `json:"concentrated"` // yes, no or unknown
}

// HotspotInput is what the document is made of; SourceDetail must have no
// credentials. All is for text: list every server.
type HotspotInput struct {
	Version      string
	Time         time.Time
	SourceKind   source.Kind
	SourceDetail []string
	Parameters   checks.HotspotParameters
	Deployment   *checks.Deployment
	Result       checks.HotspotResult
	Empty        []checks.EmptyServer
	All          bool
	// Flags are the connection flags to repeat in commands, quoted for a shell and
	// without secrets.
	Flags string
}

// NewHotspots builds the document. Names from outside are made harmless here.
func NewHotspots(in HotspotInput) *Hotspots {
	r, p := in.Result, in.Parameters
	doc := &Hotspots{
		Type: hotspotsType(p.Measure), Check: check(p.Measure.Check), Tool: Tool{Name: "nats-balance", Version: in.Version},
		Time: in.Time.UTC().Truncate(time.Second), Source: sourceOf(in.SourceKind, in.SourceDetail, in.Deployment),
		Parameters: HotspotParameters{Factor: Factor(p.FactorPercent), MinServers: p.MinServers, MinConnections: p.MinConnections},
		Outcome:    string(r.Outcome), Coverage: coverage(in.Deployment),
		Summary: HotspotSummary{Clusters: r.Summary.Clusters, Servers: r.Summary.Servers, Connections: r.Summary.Connections,
			Evaluated: r.Summary.Evaluated, Findings: len(r.Findings) + len(in.Empty), Open: r.Summary.Open,
			Skipped: HotspotSkipped{TooFewConnections: r.Summary.TooFewConnections, TooFewServers: r.Summary.TooFewServers}},
		Clusters: []HotspotCluster{}, Findings: []Hotspot{}, Empty: []EmptyServer{},
		measure: p.Measure, all: in.All, allowPartial: p.AllowPartial, openElsewhere: r.OpenElsewhere,
	}
	for _, c := range r.Clusters {
		doc.Clusters = append(doc.Clusters, hotspotCluster(p.Measure, c))
	}
	for _, f := range r.Findings {
		doc.Findings = append(doc.Findings, hotspot(p.Measure, f))
	}
	for _, e := range in.Empty {
		doc.addEmpty(e, in.Flags)
	}
	notes := slices.Clone(in.Deployment.Notes)
	if len(p.Clusters) > 0 {
		notes = append(notes, "only what was asked for was checked: --cluster "+strings.Join(p.Clusters, " --cluster "))
	}
	before := len(notes)
	if r.Summary.Open > 0 {
		notes = append(notes, fmt.Sprintf("open, as a missing server could overturn the verdict: %s", words.Plural(r.Summary.Open, "cluster")))
	}
	if r.OpenElsewhere {
		notes = append(notes, elsewhere)
	}
	doc.lastNotes = len(notes) - before
	for _, n := range notes {
		doc.Coverage.Notes = append(doc.Coverage.Notes, words.Sentence(n))
	}
	return doc
}

// addEmpty adds an empty server, which makes a finding of what was a pass.
func (doc *Hotspots) addEmpty(e checks.EmptyServer, flags string) {
	out := EmptyServer{Cluster: words.Harmless(e.Cluster), Server: ServerRef{ID: words.Harmless(e.Server.ID), Name: words.Harmless(e.Server.Name), Host: words.Harmless(e.Server.Host)},
		Connections: e.Connections, OnServer: e.OnServer, Average: ratio(e.Connections, e.Servers)}
	if !e.Start.IsZero() {
		start := e.Start.UTC().Truncate(time.Second)
		out.Start = &start
	}
	rebalance := "nats-balance rebalance --cluster " + words.Shell(out.Cluster)
	out.Commands = []string{
		strings.TrimSpace(rebalance + " " + flags),
		strings.TrimSpace(rebalance + " --to-server " + words.Shell(out.Server.called()) + " " + flags),
	}
	doc.Empty = append(doc.Empty, out)
	for i := range doc.Clusters {
		for k := range doc.Clusters[i].Servers {
			if s := &doc.Clusters[i].Servers[k]; deref(s.ID) == out.Server.ID && out.Server.ID != "" {
				s.Verdict = "empty"
			}
		}
	}
	if doc.Outcome == string(checks.OutcomePass) {
		doc.Outcome = string(checks.OutcomeFinding)
	}
}

const elsewhere = "the missing servers may be a cluster of their own, with a hotspot"

// verdict is what people read: a server that did not report passes nothing.
func (s HotspotServer) verdict() string {
	if s.Connections == nil && s.Verdict == string(checks.Pass) {
		return "unknown"
	}
	return s.Verdict
}

// verdictBy is a verdict in the words of the measure.
func verdictBy(m checks.Measure, v checks.Verdict) string {
	if v == checks.TooFewConnections {
		return "too-few-" + m.Noun + "s"
	}
	return string(v)
}

func hotspotCluster(m checks.Measure, c checks.HotspotCluster) HotspotCluster {
	out := HotspotCluster{Name: words.Harmless(c.Name), Connections: c.Connections, Average: ratio(c.Connections, c.Averaged),
		Verdict: verdictBy(m, c.Verdict), Servers: []HotspotServer{}}
	var shares []checks.Share
	for _, s := range c.Servers {
		shares = append(shares, checks.Share{Server: s.Server})
	}
	label := labels(shares)
	for _, s := range c.Servers {
		server := HotspotServer{ID: orNull(s.Server.ID), Name: orNull(s.Server.Name), Host: orNull(s.Server.Host),
			Connections: s.Connections, Verdict: verdictBy(m, s.Verdict), label: label(s.Server)}
		if s.Connections != nil {
			share := percent(*s.Connections, c.Connections)
			factor := multiple(checks.Load{Connections: c.Connections, OnServer: *s.Connections, Servers: c.Averaged})
			server.SharePercent, server.Factor = &share, &factor
		}
		out.Servers = append(out.Servers, server)
	}
	return out
}

func hotspot(m checks.Measure, f checks.Hotspot) Hotspot {
	label := labels(f.Distribution)
	out := Hotspot{
		Cluster: words.Harmless(f.Cluster), label: label(f.Server), unit: m.Unit,
		Server:      ServerRef{ID: words.Harmless(f.Server.ID), Name: words.Harmless(f.Server.Name), Host: words.Harmless(f.Server.Host)},
		Connections: f.Connections, OnServer: f.OnServer, SharePercent: percent(f.OnServer, f.Connections),
		Average: ratio(f.Connections, f.Servers), Factor: multiple(f.Load),
		Distribution: []Share{}, Accounts: []HotAccount{}, MoreAccounts: f.MoreAccounts,
	}
	for _, s := range f.Distribution {
		out.Distribution = append(out.Distribution, shareOf(s, f.Connections, label))
	}
	for _, a := range f.Accounts {
		out.Accounts = append(out.Accounts, HotAccount{
			Account:     Account{ID: words.Harmless(a.Account.ID), Name: words.Harmless(a.Account.Name)},
			Connections: a.Connections, OnServer: a.OnServer, SharePercent: percent(a.OnServer, a.Connections),
			AboveEven: ratio(a.OnServer*a.Servers-a.Connections, a.Servers), Concentrated: string(a.Concentrated)})
	}
	return out
}
