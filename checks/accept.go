package checks

import (
	"slices"
	"time"
)

// Acceptance says that somebody knows of a finding and leaves it for now.
type Acceptance struct {
	// Account is an id or a name, in which a * stands for any characters.
	Account string
	// Cluster is a name, or * for all.
	Cluster string
	Reason  string
	// Expires is the last day on which it holds, to its end in UTC.
	Expires time.Time
	// MaxSharePercent: a finding with more than this share is not accepted.
	// 1..100, or 0 for any.
	MaxSharePercent int
	// Origin says where it is written, such as a file and a line.
	Origin string
}

// Accepted is a finding with the acceptance that covers it.
type Accepted struct {
	Finding Finding
	By      Acceptance
}

// Lapse is an acceptance that is for a pair of account and cluster and no longer holds.
type Lapse struct {
	By  Acceptance
	Why LapseReason
}

// LapseReason says why an acceptance no longer holds.
type LapseReason int

const (
	// Expired means that its last day is over.
	Expired LapseReason = iota
	// AboveShare means that the share is above [Acceptance.MaxSharePercent].
	AboveShare
)

// Holds reports whether the acceptance is for a pair of account and cluster, finding or
// not. Where it is and no longer holds, lapsed says why; else it is nil.
func (a Acceptance) Holds(row Row, now time.Time) (holds bool, lapsed *Lapse) {
	if !a.covers(row) {
		return false, nil
	}
	lapsed = a.lapsed(row, now)
	return lapsed == nil, lapsed
}

// Accept takes the findings that an acceptance covers out of a result and lists
// them as accepted; the outcome is then that of the others. Critical ones are
// accepted too, up to their [Acceptance.MaxSharePercent]. One that is covered
// only by what no longer holds stays a finding and says so.
//
// A pair that is open stays open: whether it would be accepted, its share
// decides, which is not known.
func Accept(r Result, list []Acceptance, now time.Time) Result {
	if len(list) == 0 {
		return r
	}
	type pair struct{ account, cluster, server string }
	accepted := map[pair]bool{}
	used := make([]bool, len(list))
	findings := r.Findings
	r.Findings, r.Rows = nil, slices.Clone(r.Rows)
	for _, f := range findings {
		by := -1
		f.Lapsed = nil
		for i, a := range list {
			if !a.covers(f.Row) {
				continue
			}
			used[i] = true
			switch lapsed := a.lapsed(f.Row, now); {
			case by >= 0:
			case lapsed == nil:
				by = i
			case f.Lapsed == nil:
				f.Lapsed = lapsed
			}
		}
		if by < 0 {
			r.Findings = append(r.Findings, f)
			continue
		}
		f.Lapsed = nil
		r.Accepted = append(r.Accepted, Accepted{Finding: f, By: list[by]})
		accepted[pair{f.Account.ID, f.Cluster, f.Server.ID}] = true
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; accepted[pair{row.Account.ID, row.Cluster, row.Server.ID}] {
			row.Verdict = AcceptedFinding
		}
	}
	for i, a := range list {
		if !used[i] && !a.pending(r) {
			r.Unmatched = append(r.Unmatched, a)
		}
	}
	r.Outcome = r.outcome()
	return r
}

func (a Acceptance) covers(row Row) bool {
	return a.coversCluster(row.Cluster) && row.Account.fits(a.Account)
}

func (a Acceptance) coversCluster(name string) bool { return a.Cluster == "*" || a.Cluster == name }

// lapsed returns why the acceptance does not hold for what it covers, nil where it does.
func (a Acceptance) lapsed(row Row, now time.Time) *Lapse {
	switch {
	case !now.Before(a.Expires.AddDate(0, 0, 1)):
		return &Lapse{By: a, Why: Expired}
	case a.MaxSharePercent > 0 && compareProducts(row.OnServer, maxPercent, a.MaxSharePercent, row.Connections) > 0:
		return &Lapse{By: a, Why: AboveShare}
	}
	return nil
}

// pending reports whether what is open may be what it is for.
func (a Acceptance) pending(r Result) bool {
	return slices.ContainsFunc(r.Open, a.covers) ||
		slices.ContainsFunc(r.OpenClusters, func(name string) bool { return name == "" || a.coversCluster(name) })
}
