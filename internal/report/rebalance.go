package report

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// RebalanceType is the type of the JSON document of a rebalance.
const RebalanceType = "nats-balance.v1.rebalance"

// Rebalance is a plan to move connections and what came of it. Every field is
// always present.
type Rebalance struct {
	Type    string              `json:"type"`
	Tool    Tool                `json:"tool"`
	Time    time.Time           `json:"time"`
	Source  Source              `json:"source"`
	Cluster string              `json:"cluster"`
	Given   RebalanceParameters `json:"parameters"`
	// Outcome is planned, nothing-to-do, refused, declined, started, balanced, uneven,
	// finding or stopped. What says started was written before the first move.
	Outcome  string             `json:"outcome"`
	Coverage RebalanceCoverage  `json:"coverage"`
	Refusals []Refusal          `json:"refusals"`
	Plan     RebalancePlan      `json:"plan"`
	Accounts []RebalanceAccount `json:"accounts"`
	Servers  []RebalanceServer  `json:"servers"`
	// Before, Predicted and After are of all these accounts together. After is null
	// where nothing was moved, or nobody could look afterwards.
	Before    Spread           `json:"before"`
	Predicted Spread           `json:"predicted"`
	After     *Spread          `json:"after"`
	Moves     []RebalanceMove  `json:"moves"`
	Batches   []RebalanceBatch `json:"batches"`
	// Missing are clients that were disconnected and were not back anywhere; null where
	// not all servers were read afterwards.
	Missing  *int           `json:"missing"`
	Stop     *RebalanceStop `json:"stop"`
	Notes    []string       `json:"notes"`
	Warnings []string       `json:"warnings"`

	// Some reports whether other accounts have clients in the cluster too.
	Some bool `json:"-"`
}

// RebalanceAccount is an account that is balanced, or left alone.
type RebalanceAccount struct {
	Account     Account `json:"account"`
	Connections int     `json:"connections"`
	// Moves are connections that are closed, Clients whose they are: some take several.
	Moves   int `json:"moves"`
	Clients int `json:"clients"`
	// Finding reports whether it is a finding after the run.
	Finding bool `json:"finding"`
	// NewFinding reports whether it is one and was none before the run.
	NewFinding bool `json:"new_finding"`
	// LeftOut is why it is left alone; null where it is balanced.
	LeftOut   *string            `json:"left_out"`
	Before    Spread             `json:"before"`
	Predicted Spread             `json:"predicted"`
	After     *Spread            `json:"after"`
	Services  []RebalanceService `json:"services"`
	Causes    []Cause            `json:"causes"`

	// Found are the causes before they are made fit to print.
	Found []cause.Cause `json:"-"`
}

// RebalanceService is an application of an account. Connections are those before the
// run, or at its end where it came during it. Moves and Clients are as of the account.
type RebalanceService struct {
	Name        string `json:"name"`
	User        string `json:"user"`
	Language    string `json:"language"`
	Protocol    string `json:"protocol"`
	Connections int    `json:"connections"`
	Moves       int    `json:"moves"`
	Clients     int    `json:"clients"`
	// Expected are all moves of it that a plan expects, 0 after a run. One without any, and
	// without moves, is not moved but if needed.
	Expected int `json:"expected_moves"`
	// IfNeeded reports whether a plan does not expect to move it, and names it for when it
	// takes more.
	IfNeeded bool    `json:"if_needed"`
	LeftOut  *string `json:"left_out"`
}

// RebalanceParameters are what was asked for.
type RebalanceParameters struct {
	Apply    bool    `json:"apply"`
	Force    bool    `json:"force"`
	Even     bool    `json:"even"`
	ToServer *string `json:"to_server"`
	Canary   int     `json:"canary"`
	Rate     int     `json:"rate_per_s"`
	Batch    int     `json:"batch"`
	MaxMoves int     `json:"max_moves"` // 0: all that it takes
}

// RebalanceCoverage says which servers of the cluster, or of an unknown one, did
// not report.
type RebalanceCoverage struct {
	Complete bool      `json:"complete"`
	Missing  []Missing `json:"missing"`
	Notes    []string  `json:"notes"`

	bringIn string // what may make them report, in a clause
}

// Refusal is a reason not to move anything; overridden by --force or not.
type Refusal struct {
	Code       string `json:"code"`
	Text       string `json:"text"`
	Overridden bool   `json:"overridden"`
}

// RebalancePlan is the plan in numbers.
type RebalancePlan struct {
	Connections int `json:"connections"`
	EvenShare   int `json:"even_share"` // the most on a server when spread evenly
	Excess      int `json:"excess"`     // the fewest moves that it takes
	Moves       int `json:"moves"`      // those that are listed
	// Expected are all moves that it takes where clients choose where they go.
	Expected  int      `json:"expected_moves"`
	Rounds    int      `json:"expected_rounds"`
	DurationS float64  `json:"duration_s"` // about
	LimitedBy []string `json:"limited_by"`
}

// RebalanceServer is a server of the cluster. Predicted is an expectation;
// After is null as [Rebalance.After] is.
type RebalanceServer struct {
	Server      string `json:"server"`
	ID          string `json:"id"`
	Connections *int   `json:"connections"` // of all accounts
	Limit       *int   `json:"limit"`
	Free        *int   `json:"room"`
	Before      int    `json:"before"`
	Moves       int    `json:"moves"`
	Predicted   int    `json:"predicted"`
	After       *int   `json:"after"`
	// Unreached reports whether no client that may be moved is known to get there.
	Unreached bool `json:"unreached"`
}

// Spread is the server with most of the connections.
type Spread struct {
	Server       string  `json:"server"`
	OnServer     int     `json:"on_server"`
	Connections  int     `json:"connections"`
	SharePercent Percent `json:"share_percent"`
}

// RebalanceMove is a connection that was, or would be, closed so that its client
// connects elsewhere. Outcome is planned, kicked, gone, refused, no-answer
// or not-tried.
type RebalanceMove struct {
	Account       string     `json:"account"` // id
	Server        string     `json:"server"`
	ServerID      string     `json:"server_id"`
	CID           uint64     `json:"cid"`
	Name          string     `json:"name"`
	Language      string     `json:"language"`
	Protocol      string     `json:"protocol"`
	Start         *time.Time `json:"start"`
	IdleS         float64    `json:"idle_s"`
	Subscriptions int        `json:"subscriptions"`
	PendingBytes  int64      `json:"pending_bytes"`
	MayReturn     bool       `json:"may_return"`
	Batch         *int       `json:"batch"`
	Outcome       string     `json:"outcome"`
	Why           *string    `json:"why"`
}

// RebalanceBatch is what was seen after a batch. Returned are clients that came back
// to the server that they were moved from; Late is how many of the clients that were
// disconnected since the start were not back anywhere.
type RebalanceBatch struct {
	Kicked           int     `json:"kicked"`
	Gone             int     `json:"gone"`
	Failed           int     `json:"failed"`
	Returned         int     `json:"returned"`
	ExpectedReturned float64 `json:"expected_returned"`
	Late             int     `json:"late"`
	TookS            float64 `json:"took_s"`
}

// RebalanceStop is why it stopped early.
type RebalanceStop struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// FinishRebalance makes a document ready to be written, in place: names and
// sentences harmless, lists present.
func FinishRebalance(doc *Rebalance, d *checks.Deployment) {
	doc.Type = RebalanceType
	doc.Time = doc.Time.UTC().Truncate(time.Second)
	doc.finishAccounts()
	doc.Coverage.Missing = []Missing{}
	reason, from := d.Reasons(), Coverage{ServersAnswered: len(d.Servers)}
	for _, m := range d.Missing {
		if !m.MayBeIn(doc.Cluster) {
			continue
		}
		from.kinds = append(from.kinds, m.Kind)
		missing := Missing{Server: serverRef(m.Ref()), Reason: words.Sentence(reason(&m))}
		if m.ClusterKnown {
			missing.Cluster = orNull(m.Cluster)
		}
		doc.Coverage.Missing = append(doc.Coverage.Missing, missing)
	}
	doc.Coverage.Complete = len(doc.Coverage.Missing) == 0
	doc.Coverage.bringIn = from.bringIn(doc.Source.of)
	doc.Coverage.Notes = sentences(d.Notes)
	doc.Cluster = words.Harmless(doc.Cluster)
	doc.Plan.LimitedBy, doc.Notes, doc.Warnings = sentences(doc.Plan.LimitedBy), sentences(doc.Notes), sentences(doc.Warnings)
	doc.Refusals = append([]Refusal{}, doc.Refusals...)
	for i := range doc.Refusals {
		doc.Refusals[i].Text = words.Sentence(doc.Refusals[i].Text)
	}
	doc.Servers = append([]RebalanceServer{}, doc.Servers...)
	for i := range doc.Servers {
		s := &doc.Servers[i]
		s.Server, s.ID = words.Harmless(s.Server), words.Harmless(s.ID)
	}
	finishSpreads(&doc.Before, &doc.Predicted, &doc.After)
	if doc.Given.ToServer != nil {
		name := words.Harmless(*doc.Given.ToServer)
		doc.Given.ToServer = &name
	}
	doc.Moves = append([]RebalanceMove{}, doc.Moves...)
	for i := range doc.Moves {
		m := &doc.Moves[i]
		m.Account = words.Harmless(m.Account)
		m.Server, m.ServerID, m.Name = words.Harmless(m.Server), words.Harmless(m.ServerID), words.Harmless(m.Name)
		m.Language, m.Protocol = words.Harmless(m.Language), words.Harmless(m.Protocol)
		if m.Why != nil {
			why := words.Sentence(*m.Why)
			m.Why = &why
		}
	}
	doc.finishMissing()
	doc.Batches = append([]RebalanceBatch{}, doc.Batches...)
	if doc.Stop != nil {
		doc.Stop.Text = words.Sentence(doc.Stop.Text)
	}
}

func (doc *Rebalance) finishAccounts() {
	doc.Accounts = append([]RebalanceAccount{}, doc.Accounts...)
	for i := range doc.Accounts {
		a := &doc.Accounts[i]
		a.Causes = causes(a.Found, checks.Account{ID: a.Account.ID, Name: a.Account.Name}, nil)
		a.Account = Account{ID: words.Harmless(a.Account.ID), Name: words.Harmless(a.Account.Name)}
		a.LeftOut = sentenceOrNull(a.LeftOut)
		finishSpreads(&a.Before, &a.Predicted, &a.After)
		a.Services = append([]RebalanceService{}, a.Services...)
		for k := range a.Services {
			s := &a.Services[k]
			s.Name, s.User = words.Harmless(s.Name), words.Harmless(s.User)
			s.Language, s.Protocol, s.LeftOut = words.Harmless(s.Language), words.Harmless(s.Protocol), sentenceOrNull(s.LeftOut)
		}
	}
}

// finishMissing says that nobody is missing where nobody was disconnected.
func (doc *Rebalance) finishMissing() {
	closed := slices.ContainsFunc(doc.Moves, func(m RebalanceMove) bool { return m.Outcome == "kicked" || m.Outcome == "no-answer" })
	if doc.Missing == nil && !closed && doc.Outcome != "started" {
		doc.Missing = new(int)
	}
}

func sentenceOrNull(s *string) *string {
	if s == nil {
		return nil
	}
	out := words.Sentence(*s)
	return &out
}

func finishSpreads(before, predicted *Spread, after **Spread) {
	before.Server, predicted.Server = words.Harmless(before.Server), words.Harmless(predicted.Server)
	if *after != nil {
		a := **after
		a.Server = words.Harmless(a.Server)
		*after = &a
	}
}

// SpreadOf is what a server with so many of all connections is.
func SpreadOf(server string, onServer, connections int) Spread {
	return Spread{Server: server, OnServer: onServer, Connections: connections, SharePercent: percent(onServer, connections)}
}

func sentences(all []string) []string {
	out := []string{}
	for _, s := range all {
		out = append(out, words.Sentence(s))
	}
	return out
}
