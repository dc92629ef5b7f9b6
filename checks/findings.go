package checks

import (
	"cmp"
	"slices"
)

// Finding is an account that is concentrated on one server of a cluster, as the
// rule sees it. What is found out about it later stands beside it: why it is so
// is a cause.Diagnosis of package checks/cause.
type Finding struct {
	Row
	// Leafnodes are its leafnode connections in the cluster, LeafnodesHere those
	// on the server. They count for nothing.
	Leafnodes, LeafnodesHere int
	// Chance that with clients choosing evenly at random some server gets as
	// many or more, see [Chance].
	Chance float64
	// Priority is by the limits alone, see [Finding.PriorityWith].
	Priority     Priority
	Distribution []Share // every server of the cluster, most first
	Impact       Impact
	// CriticalOpen: a missing server decides whether it is critical too. The
	// verdict is then [Found].
	CriticalOpen bool
	// Lapsed is how it was accepted but is no longer; nil where it was not, see
	// [Accept].
	Lapsed *Lapse
	// Hotspot says whether the server is one as well, by the defaults of the
	// hotspot check, see [CheckHotspots]; Load is what it carries of the
	// clients of all accounts.
	Hotspot Answer
	Load    Load
}

// Share is what a server holds of the account; nil where it did not report.
type Share struct {
	Server      ServerRef
	Connections *int
}

func (j judge) finding(row Row, t tally) Finding {
	f := Finding{
		Row: row, Leafnodes: t.leafnodes, Impact: j.impact(t),
		Chance:       roundSignificant(Chance(t.connections, len(j.c.servers), t.top), 3),
		CriticalOpen: !j.p.AllowPartial && row.Verdict != Critical && j.couldBeCritical(t),
	}
	f.Hotspot, f.Load = j.hotspot(t.server)
	f.Priority = f.PriorityWith(f.Impact.FailOver)
	return f
}

// hotspot returns whether a server that reported is a hotspot, and what it carries.
func (j judge) hotspot(server int) (Answer, Load) {
	h := clusterLoad{p: ClientConnections().Defaults(), d: j.d, c: j.c, missing: j.missing, members: j.members()}
	h.p.AllowPartial = j.p.AllowPartial
	for _, n := range j.totals {
		h.total += n
	}
	n := j.totals[slices.Index(j.c.servers, server)]
	return h.answer(n), Load{Connections: h.total, OnServer: n, Servers: h.averaged()}
}

// distribute fills in what every server of the cluster has of the accounts
// found, in one pass over the reports.
func (j judge) distribute(found []uint32, findings []Finding) {
	if len(found) == 0 {
		return
	}
	at := make(map[uint32]int, len(found))
	for i, account := range found {
		at[account] = i
	}
	counts := make([]int, len(findings)*len(j.c.servers))
	for n, s := range j.c.servers {
		for _, u := range j.d.Servers[s].Usage {
			if i, ok := at[u.Account]; ok {
				counts[i*len(j.c.servers)+n] = int(u.Connections)
				if j.d.Servers[s].ID == findings[i].Server.ID {
					findings[i].LeafnodesHere = int(u.Leafnodes)
				}
			}
		}
	}
	for i := range findings {
		f := &findings[i]
		f.Distribution = make([]Share, 0, j.members())
		for n, s := range j.c.servers {
			f.Distribution = append(f.Distribution, Share{Server: j.d.Servers[s].Ref(), Connections: &counts[i*len(j.c.servers)+n]})
		}
		slices.SortStableFunc(f.Distribution, func(a, b Share) int { return cmp.Compare(*b.Connections, *a.Connections) })
		for _, m := range j.c.missing {
			f.Distribution = append(f.Distribution, Share{Server: m.Ref()})
		}
	}
}

// ComparePriorities orders the higher one first.
func ComparePriorities(a, b Priority) int { return cmp.Compare(rank(a), rank(b)) }

// CompareFindings orders findings of the same priority: those with most on one
// server first.
func CompareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(b.OnServer, a.OnServer),
		compareProducts(b.OnServer, a.Connections, a.OnServer, b.Connections),
		compareRows(a.Row, b.Row),
	)
}

func (r *Result) sort() {
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(ComparePriorities(a.Priority, b.Priority), CompareFindings(a, b))
	})
	byShare := func(a, b Row) int {
		return cmp.Or(compareProducts(b.OnServer, a.Connections, a.OnServer, b.Connections),
			cmp.Compare(b.Connections, a.Connections), compareRows(a, b))
	}
	slices.SortFunc(r.Review, byShare)
	slices.SortFunc(r.Open, byShare)
	slices.SortFunc(r.Rows, compareRows)
}

func rank(p Priority) int { return slices.Index([]Priority{High, Normal, Low}, p) }

func compareRows(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Account.Name, b.Account.Name),
		cmp.Compare(a.Account.ID, b.Account.ID), cmp.Compare(a.Server.ID, b.Server.ID))
}
