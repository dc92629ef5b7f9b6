package report

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// judged are the rows that the rule applies to, those to look at first at the
// front: findings, then what is accepted, open, to review, and the others by share. The
// others are known only where every account was asked for.
func (doc *Document) judged() []RowOf {
	var out []RowOf
	for _, f := range doc.Findings {
		verdict := checks.Found
		if f.critical {
			verdict = checks.Critical
		}
		out = append(out, RowOf{Verdict: string(verdict), Row: f.row()})
	}
	for _, a := range doc.Accepted {
		out = append(out, RowOf{Verdict: string(checks.AcceptedFinding), Row: a.Row})
	}
	out = append(out, doc.open...)
	out = append(out, doc.toReview()...)
	passed := len(out)
	for _, r := range doc.Accounts {
		if r.Verdict == string(checks.Pass) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out[passed:], func(a, b RowOf) int { return cmp.Compare(b.share(), a.share()) })
	return out
}

// toReview are the rows to review.
func (doc *Document) toReview() []RowOf {
	out := make([]RowOf, 0, len(doc.Review))
	for _, r := range doc.Review {
		out = append(out, RowOf{Verdict: string(checks.Review), Row: r})
	}
	return out
}

func (f Finding) row() Row {
	return Row{Account: f.Account, Cluster: f.Cluster, Server: f.Server,
		Connections: f.Connections, OnServer: f.OnServer, SharePercent: f.SharePercent}
}

// share is the part of the largest server, from 0 to 1.
func (r Row) share() float64 { return float64(r.OnServer) / float64(max(1, r.Connections)) }

// largest is the row with the largest share; false where there is none.
func largest(rows []RowOf) (RowOf, bool) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r RowOf) bool { return r.Connections == 0 })
	if len(rows) == 0 {
		return RowOf{}, false
	}
	return slices.MaxFunc(rows, func(a, b RowOf) int { return cmp.Compare(a.share(), b.share()) }), true
}

// Row is one account in one cluster.
type Row struct {
	Account      Account   `json:"account"`
	Cluster      string    `json:"cluster"`
	Server       ServerRef `json:"server"`
	Connections  int       `json:"connections"`
	OnServer     int       `json:"on_server"`
	SharePercent Percent   `json:"share_percent"`
}

// RowOf is a row with its verdict.
type RowOf struct {
	Row
	Verdict string `json:"verdict"`
}

func rowOf(r checks.Row) RowOf {
	return RowOf{Verdict: string(r.Verdict), Row: Row{
		Account: Account{ID: words.Harmless(r.Account.ID), Name: words.Harmless(r.Account.Name)}, Cluster: words.Harmless(r.Cluster),
		Server: serverRef(r.Server), Connections: r.Connections, OnServer: r.OnServer,
		SharePercent: percent(r.OnServer, r.Connections)}}
}
