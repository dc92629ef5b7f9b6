package checks

import (
	"cmp"
	"slices"
)

// Result is what the concentration check found.
type Result struct {
	Outcome Outcome
	// Findings that no distribution over the missing servers could undo; with
	// [Parameters.AllowPartial] those by the servers that reported. The ones
	// to look at first come first.
	Findings []Finding
	// Review are pairs above the review share and below a finding.
	Review []Row
	// Open are pairs whose verdict a missing server could overturn.
	Open []Row
	// OpenClusters are the clusters in which even an account that no server
	// reported could be a finding on a missing server.
	OpenClusters []string
	// Rows are all pairs with a client connection, if they were asked for.
	Rows []Row
	// Clusters that were looked at, in order of name.
	Clusters []ClusterUse
	Summary  Summary
}

// Summary counts. Connections are client connections of all accounts but the
// system account in the clusters that were looked at, whatever accounts were
// asked for; evaluated and skipped are pairs (account, cluster) with at least
// one client connection.
type Summary struct {
	Clusters, Servers, Accounts, Connections, Leafnodes int
	Evaluated                                           int
	TooFewConnections, TooFewServers, SystemAccount     int
}

// ClusterUse is what a cluster carries.
type ClusterUse struct {
	Name        string
	Connections int
	Servers     []ServerUse
}

// ServerUse is what a server carries; the counts are nil where the server did
// not report.
type ServerUse struct {
	Server                ServerRef
	Connections, Accounts *int
}

// ServerRef names a server. Only ids are unique; a missing server may have no
// id, or no name.
type ServerRef struct{ ID, Name, Host string }

// Row is one account in one cluster.
type Row struct {
	Account               Account
	Cluster               string
	Server                ServerRef // with most of its connections
	Connections, OnServer int
	Verdict               Verdict
}

// Finding is an account that is concentrated on one server of a cluster.
//
// Priority is low below 50 connections; else high if 1,000 or more drop at
// once, or a survivor would pass its limit, or 50 or more can't fail over;
// else normal.
type Finding struct {
	Row
	Leafnodes int
	// Chance that with clients choosing evenly at random some server gets as
	// many or more, see [Chance].
	Chance       float64
	Priority     Priority
	Distribution []Share // every server of the cluster, most first
	Impact       Impact

	account uint32
}

// Share is what a server holds of the account; nil where it did not report.
type Share struct {
	Server      ServerRef
	Connections *int
}

// tally is what a cluster has of one account.
type tally struct {
	connections, leafnodes, top int
	server                      int // index of the server with top
}

// CheckConcentration judges every account in every cluster by the rule of
// check OPT_BALANCE_006. The parameters must be valid.
func CheckConcentration(d *Deployment, p Parameters) Result {
	var r Result
	tallies := make([]tally, len(d.Accounts))
	everywhere := make([]bool, len(d.Accounts))
	for _, c := range d.clusters() {
		if !p.wantsCluster(c.name) {
			continue
		}
		j := judge{d: d, p: p, c: c, room: missingRoom(d, c), totals: make([]int, len(c.servers))}
		touched := j.count(tallies)
		r.addCluster(j)
		first := len(r.Findings)
		for _, a := range touched {
			j.pair(&r, a, tallies[a])
			everywhere[a] = true
			r.Summary.Leafnodes += tallies[a].leafnodes
			tallies[a] = tally{}
		}
		j.distribute(r.Findings[first:])
		// An account that nobody reported may sit wholly on a missing server.
		if !p.AllowPartial && j.couldBeFinding(tally{}) {
			r.OpenClusters = append(r.OpenClusters, c.name)
		}
	}
	for a, seen := range everywhere {
		if seen && !d.Accounts[a].System {
			r.Summary.Accounts++
		}
	}
	// Servers of an unknown cluster may be a cluster of their own.
	if !p.AllowPartial && len(r.OpenClusters) == 0 && d.homeless() >= p.MinServers && len(p.Clusters) == 0 {
		r.OpenClusters = append(r.OpenClusters, "")
	}
	r.sort()
	r.Outcome = r.outcome()
	return r
}

func (r *Result) outcome() Outcome {
	switch {
	case len(r.Open) > 0 || len(r.OpenClusters) > 0:
		return OutcomeIncomplete
	case slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Verdict == Critical }):
		return OutcomeCritical
	case len(r.Findings) > 0:
		return OutcomeFinding
	}
	return OutcomePass
}

func (r *Result) addCluster(j judge) {
	use := ClusterUse{Name: j.c.name}
	for at, s := range j.c.servers {
		n := j.totals[at]
		accounts := 0
		for _, u := range j.d.Servers[s].Usage {
			if u.Connections > 0 && !j.d.Accounts[u.Account].System {
				accounts++
			}
		}
		use.Connections += n
		use.Servers = append(use.Servers, ServerUse{Server: j.ref(s), Connections: &n, Accounts: &accounts})
	}
	for _, m := range j.c.missing {
		use.Servers = append(use.Servers, ServerUse{Server: ServerRef{ID: m.ID, Name: m.Name, Host: m.Host}})
	}
	r.Clusters = append(r.Clusters, use)
	r.Summary.Clusters++
	r.Summary.Servers += len(j.c.servers) + len(j.c.missing)
	r.Summary.Connections += use.Connections
}

// judge has what is needed to judge the accounts of one cluster.
type judge struct {
	d      *Deployment
	p      Parameters
	c      cluster
	room   room
	totals []int // client connections of all accounts, by position in c.servers
}

// count adds up the accounts of the cluster and returns those it touched.
func (j judge) count(tallies []tally) []uint32 {
	var touched []uint32
	for at, s := range j.c.servers {
		for _, u := range j.d.Servers[s].Usage {
			t := &tallies[u.Account]
			if t.connections == 0 && t.leafnodes == 0 {
				touched = append(touched, u.Account)
				t.server = -1
			}
			t.leafnodes += int(u.Leafnodes)
			t.connections += int(u.Connections)
			if int(u.Connections) > t.top {
				t.top, t.server = int(u.Connections), s
			}
			if !j.d.Accounts[u.Account].System {
				j.totals[at] += int(u.Connections)
			}
		}
	}
	return touched
}

// members is the number of servers that the cluster is known to have.
func (j judge) members() int { return len(j.c.servers) + len(j.c.missing) }

// over is the rule's comparison, in integers: more than the threshold.
func (j judge) over(onServer, connections int) bool {
	return onServer*100 > j.p.ThresholdPercent*connections
}

func (j judge) isFinding(t tally) bool {
	return t.connections >= j.p.MinConnections && j.members() >= j.p.MinServers && j.over(t.top, t.connections)
}

// staysFinding: no distribution over the missing servers undoes it. They can
// only lower the share, by as much as they can hold.
func (j judge) staysFinding(t tally) bool {
	return j.room.total != unbounded && j.over(t.top, t.connections+j.room.total)
}

// couldBeFinding: some distribution over the missing servers makes it one.
func (j judge) couldBeFinding(t tally) bool {
	if j.members()+j.room.homeless < j.p.MinServers || (j.room.total == 0 && j.room.homeless == 0) {
		return false
	}
	if j.room.total != unbounded && t.connections+j.room.total < j.p.MinConnections {
		return false
	}
	// The server that leads now does it if others add just enough to reach
	// the minimum, a missing one if it holds all that it can.
	if t.top > 0 && j.over(t.top, max(t.connections, j.p.MinConnections)) {
		return true
	}
	return j.room.largest == unbounded ||
		j.over(j.room.largest, max(t.connections+j.room.largest, j.p.MinConnections))
}

func (j judge) pair(r *Result, account uint32, t tally) {
	a := j.d.Accounts[account]
	if t.connections == 0 {
		return
	}
	if a.System {
		r.Summary.SystemAccount++
		return
	}
	if !j.p.wantsAccount(a) {
		return
	}
	row := Row{Account: a, Cluster: j.c.name, Server: j.ref(t.server), Connections: t.connections, OnServer: t.top}
	switch {
	case t.connections < j.p.MinConnections:
		row.Verdict = TooFewConnections
		r.Summary.TooFewConnections++
	case j.members() < j.p.MinServers:
		row.Verdict = TooFewServers
		r.Summary.TooFewServers++
	default:
		row.Verdict = Pass
		r.Summary.Evaluated++
	}
	switch finding := j.isFinding(t); {
	case finding && (j.p.AllowPartial || j.staysFinding(t)):
		row.Verdict = Found
		if j.p.CriticalPercent > 0 && t.top*100 >= j.p.CriticalPercent*t.connections {
			row.Verdict = Critical
		}
		r.Findings = append(r.Findings, j.finding(row, account, t))
	case !j.p.AllowPartial && (finding || j.couldBeFinding(t)):
		row.Verdict = Incomplete
		r.Open = append(r.Open, row)
	case row.Verdict == Pass && t.top*100 > j.p.ReviewPercent*t.connections:
		row.Verdict = Review
		r.Review = append(r.Review, row)
	}
	if j.p.All {
		r.Rows = append(r.Rows, row)
	}
}

func (j judge) finding(row Row, account uint32, t tally) Finding {
	f := Finding{
		Row: row, Leafnodes: t.leafnodes, account: account, Impact: j.impact(t),
		Chance: roundSignificant(Chance(t.connections, len(j.c.servers), t.top), 3),
	}
	f.Priority = priority(f)
	return f
}

// distribute fills in what every server of the cluster has of the findings'
// accounts, in one pass over the reports.
func (j judge) distribute(findings []Finding) {
	if len(findings) == 0 {
		return
	}
	at := make(map[uint32]int, len(findings))
	for i := range findings {
		at[findings[i].account] = i
	}
	counts := make([]int, len(findings)*len(j.c.servers))
	for n, s := range j.c.servers {
		for _, u := range j.d.Servers[s].Usage {
			if i, ok := at[u.Account]; ok {
				counts[i*len(j.c.servers)+n] = int(u.Connections)
			}
		}
	}
	for i := range findings {
		f := &findings[i]
		for n, s := range j.c.servers {
			f.Distribution = append(f.Distribution, Share{Server: j.ref(s), Connections: &counts[i*len(j.c.servers)+n]})
		}
		slices.SortStableFunc(f.Distribution, func(a, b Share) int { return cmp.Compare(*b.Connections, *a.Connections) })
		for _, m := range j.c.missing {
			f.Distribution = append(f.Distribution, Share{Server: ServerRef{ID: m.ID, Name: m.Name, Host: m.Host}})
		}
	}
}

func (j judge) ref(server int) ServerRef {
	if server < 0 {
		return ServerRef{}
	}
	s := j.d.Servers[server]
	return ServerRef{ID: s.ID, Name: s.Name, Host: s.Host}
}

func (r *Result) sort() {
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(rank(a.Priority), rank(b.Priority)),
			cmp.Compare(b.OnServer, a.OnServer),
			cmp.Compare(b.OnServer*a.Connections, a.OnServer*b.Connections),
			compareRows(a.Row, b.Row),
		)
	})
	byShare := func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.OnServer*a.Connections, a.OnServer*b.Connections),
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
