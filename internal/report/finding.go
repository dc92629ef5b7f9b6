package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Finding is a concentrated account with all that is known about it.
type Finding struct {
	Account      Account   `json:"account"`
	Cluster      string    `json:"cluster"`
	Server       ServerRef `json:"server"`
	Group        int       `json:"group"` // index of groups
	Connections  int       `json:"connections"`
	OnServer     int       `json:"on_server"`
	SharePercent Percent   `json:"share_percent"`
	Leafnodes    int       `json:"leafnodes"`
	Chance       Chance    `json:"chance"`
	Priority     string    `json:"priority"`
	Distribution []Share   `json:"distribution"`
	Services     []Service `json:"services"`
	Funnel       []Step    `json:"funnel"`
	Impact       Impact    `json:"impact"`
	Causes       []Cause   `json:"causes"`
	Remedies     []Remedy  `json:"remedies"`

	// For text only.
	critical, criticalOpen bool
	ownOnly                bool // an ordinary account audited, which sees no other
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
	Server       ServerRef `json:"server"`
	Connections  *int      `json:"connections"`
	SharePercent *Percent  `json:"share_percent"`

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
	Server ServerRef `json:"server"`
	Now    *int      `json:"now"`
	After  *int      `json:"after"`
	Limit  *int      `json:"limit"`

	label string
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
		Server:  serverRef(f.Server),

		Connections: f.Connections, OnServer: f.OnServer, SharePercent: percent(f.OnServer, f.Connections),
		Leafnodes: f.Leafnodes, Chance: Chance(f.Chance), Priority: string(priority),
		Distribution: []Share{}, Services: services(f, e.Diagnosis), Funnel: funnel(e.Diagnosis), Causes: causes(all, f.Account, e.Advice.ByCause), Remedies: remedies(e.Advice.Remedies), forecast: words.Sentence(e.Advice.Forecast),
		Impact: Impact{ConnectionsLost: f.Impact.ConnectionsLost, SubscriptionsLost: e.Subscriptions,
			CanFailOver: string(over.CanFailOver)},
		critical: f.Verdict == checks.Critical, criticalOpen: f.CriticalOpen, stranded: over.Stranded, why: obstacleText(over.Why),
		hotspot: f.Hotspot, load: f.Load, leafnodesHere: f.LeafnodesHere, lapsed: lapseText(f.Lapsed),
	}
	out.Distribution = slices.Grow(out.Distribution, len(f.Distribution))
	for _, s := range f.Distribution {
		out.Distribution = append(out.Distribution, shareOf(s, f.Connections, label))
	}
	return out
}

// survivors are those of a finding. It takes those of an earlier one that shares them,
// as findings on the same server do.
func survivors(f checks.Finding, shared map[*checks.Survivor][]Survivor) []Survivor {
	all := f.Impact.Survivors
	if len(all) == 0 {
		return []Survivor{}
	}
	if out, done := shared[&all[0]]; done {
		return out
	}
	label := labels(f.Distribution)
	out := make([]Survivor, 0, len(all))
	for _, s := range all {
		out = append(out, Survivor{Server: serverRef(s.Server), Now: s.Now, After: s.After, Limit: s.Limit, label: label(s.Server)})
	}
	shared[&all[0]] = out
	return out
}

func shareOf(s checks.Share, connections int, label func(checks.ServerRef) string) Share {
	out := Share{Server: serverRef(s.Server), Connections: s.Connections, label: label(s.Server)}
	if s.Connections != nil {
		p := percent(*s.Connections, connections)
		out.SharePercent = &p
	}
	return out
}

// obstacleText says why clients find no place elsewhere, or why that is unknown, in a
// clause; it is empty where that can't be named.
func obstacleText(o checks.Obstacle) string {
	if o == nil {
		return ""
	}
	return words.Sentence(o.Clause())
}
