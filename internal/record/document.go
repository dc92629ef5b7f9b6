package record

import (
	"cmp"
	"math"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// DocumentType is the type of a change as JSON.
const DocumentType = "nats-balance.v1.change"

// Document is a change as JSON: a line of watch, an entry of the history, an event
// that is published. What is not known, or is not of this kind of change, is null.
type Document struct {
	Type        string           `json:"type"`
	Change      Kind             `json:"change"`
	Time        time.Time        `json:"time"`
	Cluster     *string          `json:"cluster"`
	Reported    *string          `json:"reported_cluster"`
	Account     *DocumentAccount `json:"account"`
	Server      *DocumentServer  `json:"server"`
	Since       *time.Time       `json:"since"`
	Finding     *bool            `json:"finding"`
	AtStart     *bool            `json:"at_start"`
	NotBefore   *time.Time       `json:"not_before"`
	LeansTo     *DocumentServer  `json:"leans_to"`
	MovedFrom   *DocumentLeft    `json:"moved_from"`
	Unknown     *float64         `json:"unknown_seconds"`
	Spread      *DocumentSpread  `json:"spread"`
	Before      *DocumentSpread  `json:"before"`
	Moves       []DocumentMove   `json:"moves"`
	MoreMoves   int              `json:"more_moves"`
	MovesMissed bool             `json:"moves_missed"`
	Unannounced *Unannounced     `json:"unannounced"`
	Reason      *string          `json:"reason"`
	DependsOn   []string         `json:"depends_on"`
	Count       *int             `json:"count"`
	Least       *int             `json:"min_servers"`
	Connections *int             `json:"connections"`
	Watched     *DocumentWatched `json:"watched"`
	Had         *DocumentHad     `json:"had"`
	Beside      []DocumentServer `json:"beside"`
	Who         *DocumentWho     `json:"deployment"`
	Doubt       *DocumentDoubt   `json:"doubt"`
}

// DocumentLeft is the lean to another server that ended as one to this server began.
type DocumentLeft struct {
	Server  DocumentServer `json:"server"`
	Since   time.Time      `json:"since"`
	Finding bool           `json:"finding"`
}

// DocumentWho is what tells a deployment from others: its server processes, and its
// accounts without the global one; system is the id of the system account. Of very many
// some are left out.
type DocumentWho struct {
	Servers  []DocumentProcess `json:"servers"`
	Accounts []string          `json:"account_ids"`
	System   string            `json:"system_account_id"`
}

// DocumentProcess is a process of a server.
type DocumentProcess struct {
	Server  DocumentServer `json:"server"`
	Cluster string         `json:"cluster"`
	Started *time.Time     `json:"started"`
}

// DocumentHad is who was on a server when it began to drain, stopped or fell silent.
// Of are the accounts with most, in order. Lacked are the addresses of servers that should
// have been there and were missing then, so that it is none of them; empty where only their
// number is known.
type DocumentHad struct {
	Connections int                `json:"connections"`
	Accounts    int                `json:"accounts"`
	Of          []DocumentHadShare `json:"of"`
	Lacked      []string           `json:"lacked"`
}

// DocumentHadShare is what an account had there, and on the other servers of the cluster
// then. Of a server that fell silent, others is when it was last heard of, and came is what
// came to them until that was noticed: its clients, or others. Both are null where that was
// Unseen: all that they have may have come.
type DocumentHadShare struct {
	Account     DocumentAccount `json:"account"`
	Connections int             `json:"connections"`
	Others      *int            `json:"others"`
	Came        *int            `json:"came"`
	Unseen      bool            `json:"unseen"`
}

// DocumentAccount is an account, as everywhere in this project's JSON.
type DocumentAccount struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// DocumentServer is a server, as everywhere in this project's JSON.
type DocumentServer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Host string `json:"host"`
}

// DocumentSpread is how an account is spread over a cluster. Servers are those with
// most, in order; ServersUp is how many there are. Ended is how many connections ended
// since the spread before, without those that servers closed as they stopped or were
// asked to; null where that is unknown.
type DocumentSpread struct {
	Time         time.Time       `json:"time"`
	Verdict      checks.Verdict  `json:"verdict"`
	Connections  int             `json:"connections"`
	OnServer     int             `json:"on_server"`
	SharePercent float64         `json:"share_percent"`
	ServersUp    int             `json:"servers_up"`
	Servers      []DocumentShare `json:"servers"`
	Ended        *int            `json:"ended"`
}

// DocumentShare is what a server has.
type DocumentShare struct {
	Server      DocumentServer `json:"server"`
	Connections int            `json:"connections"`
}

// DocumentMove is connections of a service that came to a server or left it.
type DocumentMove struct {
	Left        bool           `json:"left"`
	Service     string         `json:"service"`
	Server      DocumentServer `json:"server"`
	Reason      string         `json:"reason"`
	Connections int            `json:"connections"`
}

// DocumentWatched is what is watched.
type DocumentWatched struct {
	Clusters    int `json:"clusters"`
	Servers     int `json:"servers"`
	Missing     int `json:"missing"`
	Accounts    int `json:"accounts"`
	Connections int `json:"connections"`
}

// mostServersTold is how many servers of a spread a document has.
const mostServersTold = 64

// DocumentOf is a change as JSON.
func DocumentOf(c Change) Document {
	d := Document{Type: DocumentType, Change: c.Kind, Time: c.Time.UTC(), Moves: []DocumentMove{}, Beside: []DocumentServer{}, Spread: documentSpread(c.Spread), Before: documentSpread(c.Before)}
	if c.Kind != Corrected && c.Kind != Lost && c.Kind != Watching && !c.Everywhere {
		reported := cmp.Or(c.Reported, c.Cluster)
		d.Cluster, d.Reported = &c.Cluster, &reported
	}
	if c.Spread != nil {
		d.Account = &DocumentAccount{c.Spread.Account.ID, c.Spread.Account.Name}
		d.Finding = &c.Finding
	}
	if c.Account.ID != "" {
		d.Account = &DocumentAccount{c.Account.ID, c.Account.Name}
	}
	if c.Kind == Crossed || c.LeansTo != (checks.ServerRef{}) {
		d.AtStart = &c.AtStart
	}
	if c.LeansTo != (checks.ServerRef{}) {
		to, unknown := documentServer(c.LeansTo), c.Unknown.Seconds()
		d.LeansTo, d.Unknown = &to, &unknown
	}
	if c.Left != nil {
		d.MovedFrom = &DocumentLeft{documentServer(c.Left.Server), c.Left.Since.UTC(), c.Left.Finding}
	}
	if !c.NotBefore.IsZero() {
		t := c.NotBefore.UTC()
		d.NotBefore = &t
	}
	if c.Server != (checks.ServerRef{}) {
		s := documentServer(c.Server)
		d.Server = &s
	}
	switch {
	case !c.Since.IsZero():
		t := c.Since.UTC()
		d.Since = &t
	case (c.Kind == Started || c.Kind == Answering) && !c.Start.IsZero():
		t := c.Start.UTC()
		d.Since = &t
	}
	d.MoreMoves, d.MovesMissed = c.MoreMoves, c.MovesMissed
	for _, m := range c.Moves {
		d.Moves = append(d.Moves, DocumentMove{m.Left, m.Service, documentServer(m.Server), string(m.Reason), m.Count})
	}
	for _, s := range c.Beside {
		d.Beside = append(d.Beside, documentServer(s))
	}
	d.Who, d.Doubt = documentWho(c.Who), documentDoubt(c.Doubt)
	d.DependsOn = append([]string{}, c.DependsOn...)
	if c.Unannounced != "" {
		d.Unannounced = &c.Unannounced
	}
	if c.Reason != "" {
		d.Reason = &c.Reason
	}
	if c.Kind == Corrected || c.Kind == Lost || c.Kind == Refused || c.Kind == Kicked || (c.Kind == Undecided || c.Kind == Decided) && !c.Everywhere || c.Kind == Unchecked || c.Kind == Checked {
		d.Count = &c.Count
	}
	if c.Least > 0 {
		d.Least = &c.Least
	}
	if c.Kind == Corrected {
		d.Connections = &c.Connections
	}
	if c.Had != nil {
		d.Had = &DocumentHad{c.Had.Connections, c.Had.Accounts, []DocumentHadShare{}, append([]string{}, c.Had.Lacked...)}
		for _, x := range c.Had.Of {
			share := DocumentHadShare{Account: DocumentAccount{x.Account.ID, x.Account.Name}, Connections: x.Connections, Unseen: x.Unseen}
			if !x.Unseen {
				share.Others, share.Came = &x.Others, &x.Came
			}
			d.Had.Of = append(d.Had.Of, share)
		}
	}
	if c.Of != nil {
		d.Watched = &DocumentWatched{c.Of.Clusters, c.Of.Servers, c.Of.Missing, c.Of.Accounts, c.Of.Connections}
	}
	return d
}

// ReportedCluster is the name that the servers of its cluster reported; empty where it is of
// none.
func (d *Document) ReportedCluster() string {
	if d.Reported == nil {
		return ""
	}
	return *d.Reported
}

func documentServer(s checks.ServerRef) DocumentServer { return DocumentServer{s.ID, s.Name, s.Host} }

func documentSpread(s *Spread) *DocumentSpread {
	if s == nil {
		return nil
	}
	top := s.Top()
	d := &DocumentSpread{Time: s.Time.UTC(), Verdict: s.Verdict, Ended: s.Ended, Connections: s.Connections, OnServer: top.Connections, ServersUp: s.Of, Servers: []DocumentShare{},
		SharePercent: math.Round(1000*float64(top.Connections)/float64(max(1, s.Connections))) / 10}
	for _, x := range s.Servers[:min(len(s.Servers), mostServersTold)] {
		d.Servers = append(d.Servers, DocumentShare{documentServer(x.Server), x.Connections})
	}
	return d
}

// SpreadOf is the spread that a document has, as [Watch.Known] takes it; nil where it
// has none.
func (d Document) SpreadOf() *Spread {
	if d.Spread == nil || d.Account == nil || d.Cluster == nil {
		return nil
	}
	s := &Spread{Time: d.Spread.Time, Account: checks.Account{ID: d.Account.ID, Name: d.Account.Name}, Cluster: *d.Cluster,
		Connections: d.Spread.Connections, Of: d.Spread.ServersUp, Verdict: d.Spread.Verdict}
	for _, x := range d.Spread.Servers {
		s.Servers = append(s.Servers, Share{checks.ServerRef(x.Server), x.Connections})
	}
	return s
}

// LeanOf is how the account leans; Since is zero where it does not.
func (d *Document) LeanOf() (l Lean) {
	if d.Since == nil || d.Account == nil || d.Change == Back {
		return l
	}
	l.Since, l.Finding, l.AtStart = *d.Since, d.Finding != nil && *d.Finding, d.AtStart != nil && *d.AtStart
	if d.NotBefore != nil {
		l.NotBefore = *d.NotBefore
	}
	switch {
	case d.LeansTo != nil:
		l.To = checks.ServerRef(*d.LeansTo)
	case d.Spread != nil && len(d.Spread.Servers) > 0:
		l.To = checks.ServerRef(d.Spread.Servers[0].Server)
	}
	return l
}
