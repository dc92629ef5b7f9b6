package checks

import (
	"cmp"
	"slices"
	"strings"
)

// Result is what the concentration check found.
type Result struct {
	Outcome Outcome
	// Findings that no distribution over the missing servers could undo; with
	// [Parameters.AllowPartial] those by the servers that reported. Their
	// numbers are always those of the servers that reported. The ones to look
	// at first come first.
	Findings []Finding
	// Accepted are findings that somebody accepted, see [Accept], and Unmatched
	// the acceptances that no finding needs, nor a pair that is open.
	Accepted  []Accepted
	Unmatched []Acceptance
	// Review are pairs above the review share, by the servers that reported,
	// that are no finding however the missing ones are used.
	Review []Row
	// Highest has the largest share of those judged that are neither a finding nor
	// open; it has no connections where there is none.
	Highest Row
	// LargestFew has the most connections of those with too few; none, where there
	// is no such account.
	LargestFew Row
	// Open are pairs whose verdict a missing server could overturn. Of those of
	// which no count is known some are listed, and MoreOpen is how many are not.
	Open     []Row
	MoreOpen int
	// OpenClusters are the clusters in which even an account that no server
	// reported could be a finding on a missing server. An empty name is one of
	// which no server reported, made of missing servers alone.
	OpenClusters []string
	// Rows are all pairs with a client connection, if they were asked for.
	Rows []Row
	// Clusters that were looked at, in order of name.
	Clusters []ClusterUse
	Summary  Summary

	noneReported bool // no server reported
	judged       bool // a cluster met the minimum of servers
	unseen       bool // servers are missing, which was accepted, that could overturn a verdict
}

// Summary counts. Accounts, with at least one client or leafnode, Connections,
// of clients, and Leafnodes are those of all accounts but the system account
// in the clusters that were looked at, whatever accounts were asked for.
// Evaluated and the skipped are pairs (account, cluster) with at least one
// client connection, of the accounts that were asked for: the system account
// is one of them where none was named.
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
	unplaced := ofUnknownCluster(d, false)
	thresholds := p.settings(d)
	for _, c := range d.clusters() {
		if !p.wantsCluster(c.name) {
			continue
		}
		j := judge{d: d, p: p, c: c, missing: missingIn(c, unplaced), totals: make([]int, len(c.servers)), failures: map[int]failure{}}
		r.judged = r.judged || j.members() >= thresholds.fewestServers()
		touched := j.count(tallies)
		r.addCluster(j)
		var found []uint32
		pairs := make([]int, len(thresholds.all))
		for _, a := range touched {
			t := tallies[a]
			tallies[a] = tally{}
			if d.Accounts[a].System {
				if t.connections > 0 && len(p.Accounts) == 0 {
					r.Summary.SystemAccount++
				}
				continue
			}
			everywhere[a] = true
			r.Summary.Leafnodes += t.leafnodes
			if t.connections == 0 || !p.wantsAccount(d.Accounts[a]) {
				continue
			}
			pairs[thresholds.at(a)]++
			j.p = thresholds.all[thresholds.at(a)]
			if j.pair(&r, d.Accounts[a], t) {
				found = append(found, a)
			}
		}
		j.distribute(found, r.Findings[len(r.Findings)-len(found):])
		for _, u := range d.Uncounted {
			for _, a := range u.Accounts {
				if j.p = thresholds.all[thresholds.at(a)]; u.Cluster == c.name {
					j.uncounted(&r, d.Accounts[a])
				}
			}
		}
		// An account that nobody reported may sit wholly on a missing server.
		if thresholds.unseen(j, pairs) {
			r.OpenClusters = append(r.OpenClusters, c.name)
		}
	}
	// Servers of an unknown cluster may be a cluster of their own.
	if thresholds.unseen(judge{missing: elsewhere(d, p.Clusters)}, make([]int, len(thresholds.all))) {
		r.OpenClusters = append(r.OpenClusters, "")
	}
	if p.AllowPartial {
		r.unseen, r.OpenClusters = r.unseen || len(r.OpenClusters) > 0, nil
	}
	for _, seen := range everywhere {
		if seen {
			r.Summary.Accounts++
		}
	}
	if !p.AllowPartial && len(r.Findings) == 0 {
		r.openDown(d, p)
	}
	r.noneReported = len(d.Servers) == 0 && len(d.Missing) > 0
	r.sort()
	r.Outcome = r.outcome()
	return r
}

// openDown leaves clusters open that have a server which is down. That it has no
// connection makes what is found certain; that nothing is found is no pass, as its
// clients may be anywhere, or nowhere yet.
func (r *Result) openDown(d *Deployment, p Parameters) {
	for _, m := range d.Missing {
		if m.Kind == Down && (!m.ClusterKnown || p.wantsCluster(m.Cluster)) && !slices.Contains(r.OpenClusters, m.Cluster) {
			r.OpenClusters = append(r.OpenClusters, m.Cluster)
		}
	}
}

func (r *Result) outcome() Outcome {
	if r.noneReported {
		return OutcomeIncomplete
	}
	has := func(f func(Finding) bool) bool { return slices.ContainsFunc(r.Findings, f) }
	switch {
	case len(r.Open) > 0 || len(r.OpenClusters) > 0:
		return OutcomeIncomplete
	case has(func(f Finding) bool { return f.Verdict == Critical }):
		return OutcomeCritical
	case has(func(f Finding) bool { return f.CriticalOpen }):
		return OutcomeIncomplete
	case len(r.Findings) > 0:
		return OutcomeFinding
	case r.unseen && r.Summary.Evaluated == 0: // nothing was judged, and nothing is certain
		return OutcomeNotJudged
	case !r.judged && len(r.Clusters) > 0, r.Summary.Evaluated == 0 && r.Summary.TooFewServers > 0:
		return OutcomeNotJudged
	}
	return OutcomePass
}

func (r *Result) addCluster(j judge) {
	use := ClusterUse{Name: j.c.name}
	for at, s := range j.c.servers {
		n := j.totals[at]
		accounts := 0
		for _, u := range j.d.Servers[s].Usage {
			if (u.Connections > 0 || u.Leafnodes > 0) && !j.d.Accounts[u.Account].System {
				accounts++
			}
		}
		use.Connections += n
		use.Servers = append(use.Servers, ServerUse{Server: j.d.Servers[s].Ref(), Connections: &n, Accounts: &accounts})
	}
	for _, m := range j.c.missing {
		use.Servers = append(use.Servers, ServerUse{Server: m.Ref()})
	}
	r.Clusters = append(r.Clusters, use)
	r.Summary.Clusters++
	r.Summary.Servers += len(j.c.servers) + len(j.c.missing)
	r.Summary.Connections += use.Connections
}

// judge has what is needed to judge the accounts of one cluster.
type judge struct {
	d       *Deployment
	p       Parameters
	c       cluster
	missing capacity
	totals  []int // client connections of all accounts, by position in c.servers

	failures map[int]failure // by server, as far as they were worked out; nil keeps none
}

// count adds up the accounts of the cluster and returns those it touched.
func (j judge) count(tallies []tally) []uint32 {
	var touched []uint32
	for at, s := range j.c.servers {
		for _, u := range j.d.Servers[s].Usage {
			if u.Connections == 0 && u.Leafnodes == 0 {
				continue
			}
			t := &tallies[u.Account]
			if t.connections == 0 && t.leafnodes == 0 {
				touched = append(touched, u.Account)
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

// isFinding is the rule, by the servers that reported.
func (j judge) isFinding(t tally) bool {
	return t.connections >= j.p.MinConnections && j.members() >= j.p.MinServers && j.p.Exceeds(t.top, t.connections)
}

// pair judges an account with connections in the cluster, and says whether it
// is a finding.
func (j judge) pair(r *Result, a Account, t tally) (found bool) {
	row := Row{Account: a, Cluster: j.c.name, Server: j.d.Servers[t.server].Ref(), Connections: t.connections, OnServer: t.top}
	finding := j.isFinding(t)
	open := finding && !j.staysFinding(t) || !finding && j.couldBeFinding(t) || len(j.d.Doubtful) > 0 && j.doubtOverturns(a, finding)
	if j.p.AllowPartial {
		r.unseen, open = r.unseen || open, false
	}
	open = open || !finding && slices.Contains(j.d.Mixed, j.c.name) && j.couldBeFindingApart(a)
	switch {
	case !open && t.connections < j.p.MinConnections:
		row.Verdict = TooFewConnections
		r.Summary.TooFewConnections++
		if cmp.Or(t.connections-r.LargestFew.Connections, strings.Compare(r.LargestFew.Account.ID, a.ID)) > 0 {
			r.LargestFew = row
		}
	case !open && j.members() < j.p.MinServers:
		row.Verdict = TooFewServers
		r.Summary.TooFewServers++
	default:
		row.Verdict = Pass
		r.Summary.Evaluated++
	}
	switch {
	case finding && !open:
		found = true
		row.Verdict = Found
		if j.p.critical(t.top, t.connections) && (j.p.AllowPartial || j.staysCritical(t)) {
			row.Verdict = Critical
		}
		r.Findings = append(r.Findings, j.finding(row, t))
	case open:
		row.Verdict = Incomplete
		r.Open = append(r.Open, row)
	case row.Verdict == Pass:
		if compareProducts(t.top, max(1, r.Highest.Connections), r.Highest.OnServer, t.connections) > 0 {
			r.Highest = row
		}
		if compareProducts(t.top, maxPercent, j.p.ReviewPercent, t.connections) > 0 {
			row.Verdict = Review
			r.Review = append(r.Review, row)
		}
	}
	if j.p.All {
		r.Rows = append(r.Rows, row)
	}
	return found
}

// mostOpen bounds how many accounts without any count are listed.
const mostOpen = 10_000

// uncounted adds an account of which no count is known: it may be a finding.
func (j judge) uncounted(r *Result, a Account) {
	if a.System || j.p.AllowPartial || !j.p.wantsAccount(a) || j.members() < j.p.MinServers {
		return
	}
	if len(r.Open) >= mostOpen {
		r.MoreOpen++
		return
	}
	row := Row{Account: a, Cluster: j.c.name, Verdict: Incomplete}
	r.Open = append(r.Open, row)
	if j.p.All {
		r.Rows = append(r.Rows, row)
	}
}
