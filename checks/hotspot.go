package checks

import (
	"cmp"
	"fmt"
	"slices"
)

// HotspotParameters are the thresholds and the selection of the hotspot check.
type HotspotParameters struct {
	// Measure is what is counted; where this says connections, and where the
	// results do, it is that.
	Measure Measure
	// FactorPercent: a server with more than this percentage of its cluster's
	// average is a finding; 200 is twice the average. 101..10000.
	FactorPercent int
	// MinServers that a cluster must have. 2 or more.
	MinServers int
	// MinConnections that a cluster must have. 1 or more.
	MinConnections int
	// Clusters, by name, limit what is judged; empty is all.
	Clusters []string
	// AllowPartial judges without the servers that did not report: they have no
	// clients in a sum, and are in an average only if they are down.
	AllowPartial bool
}

// Defaults are the parameters of the measure's check: the factor and the minimum of
// servers of the published one, and the minimum of connections of the concentration check.
func (m Measure) Defaults() HotspotParameters {
	return HotspotParameters{Measure: m, FactorPercent: 200, MinServers: 2, MinConnections: 10}
}

// Validate reports the first parameter that is out of its range, in a sentence
// that begins with its name and says what to pass.
func (p HotspotParameters) Validate() error {
	switch {
	case p.FactorPercent <= maxPercent || p.FactorPercent > 100*maxPercent:
		return fmt.Errorf("factor is %d.%02d: pass a number over 1 and up to 100, such as 2 or 1.5", p.FactorPercent/100, p.FactorPercent%100)
	case p.MinServers < 2:
		return fmt.Errorf("min-servers is %d: pass a whole number of 2 or more", p.MinServers)
	case p.MinConnections < 1:
		return fmt.Errorf("min-%ss is %d: pass a whole number of 1 or more", p.Measure.Noun, p.MinConnections)
	}
	return nil
}

// Select reports the clusters asked for that the deployment does not have.
func (p HotspotParameters) Select(d *Deployment) error {
	return Parameters{Clusters: p.Clusters}.Select(d)
}

// HotspotResult is what the hotspot check found.
type HotspotResult struct {
	Outcome Outcome
	// Findings that the missing servers could not undo, whatever they hold;
	// the highest multiple of the average first.
	Findings []Hotspot
	// Clusters that were looked at, in order of name.
	Clusters []HotspotCluster
	// OpenElsewhere: missing servers of unknown cluster may be a cluster of
	// their own, with a hotspot.
	OpenElsewhere bool
	Summary       HotspotSummary
}

// HotspotSummary counts. What is evaluated and skipped are clusters.
type HotspotSummary struct {
	Clusters, Servers, Connections                    int
	Evaluated, Open, TooFewConnections, TooFewServers int
}

// HotspotCluster is a cluster with the verdict on each of its servers.
type HotspotCluster struct {
	Name        string
	Connections int
	// Verdict is [Incomplete] if a missing server could change one of the
	// servers', or be a hotspot itself; else [Found] if one is.
	Verdict Verdict
	Servers []HotspotServer // in order of name, those that did not report last
	// Averaged is how many servers the average is of.
	Averaged int
}

// HotspotServer is a server with its verdict; Connections are nil where it did
// not report.
type HotspotServer struct {
	Server      ServerRef
	Connections *int
	Verdict     Verdict
}

// Load is what a server carries of the clients of its cluster. Servers are all
// of the cluster, those that did not report with 0 connections; with AllowPartial
// those of them that are down.
type Load struct{ Connections, OnServer, Servers int }

// Hotspot is a server with too much of its cluster's connections.
type Hotspot struct {
	Load
	Cluster      string
	Server       ServerRef
	Distribution []Share // every server of the cluster, most first
	// Accounts make it hot: those with more than an even share on it, at most
	// ten, the one with most above that share first. MoreAccounts is how many
	// others there are.
	Accounts     []HotAccount
	MoreAccounts int
}

// HotAccount is an account with more on a server than its even share, which
// is its connections in the cluster by the number of servers.
type HotAccount struct {
	Load
	Account Account
	// Concentrated says whether the account itself is a finding of the
	// concentration check on this server, by that check's defaults. Unknown where
	// the measure is not of client connections.
	Concentrated Answer
}

// maxHotAccounts is how many accounts a hotspot lists.
const maxHotAccounts = 10

// CheckHotspots judges every server of every cluster by the rule of check
// OPT_BALANCE_002, by the measure of the parameters, which must be valid.
func CheckHotspots(d *Deployment, p HotspotParameters) HotspotResult {
	var r HotspotResult
	d = p.Measure.bounded(d)
	unplaced := ofUnknownCluster(d, false)
	perAccount := make([]int, len(d.Accounts))
	judged := false // a cluster has the minimum of servers
	for _, c := range d.clusters() {
		if len(p.Clusters) > 0 && !slices.Contains(p.Clusters, c.name) {
			continue
		}
		h := clusterLoad{p: p, d: d, c: c, missing: missingIn(c, unplaced), members: len(c.servers) + len(c.missing)}
		judged = judged || h.members >= p.MinServers && h.possible()
		h.totals = p.Measure.totals(d, c)
		for _, n := range h.totals {
			h.total += n
		}
		r.judge(h, perAccount)
	}
	// Servers of an unknown cluster may be a cluster of their own.
	own := clusterLoad{p: p, d: d, missing: elsewhere(d, p.Clusters)}
	r.OpenElsewhere = !p.AllowPartial && own.missingCouldBeHot(own.missing.largest)
	slices.SortFunc(r.Findings, func(a, b Hotspot) int {
		return cmp.Or(
			compareProducts(times(b.OnServer, b.Servers), a.Connections, times(a.OnServer, a.Servers), b.Connections),
			cmp.Compare(b.OnServer, a.OnServer), cmp.Compare(a.Cluster, b.Cluster), CompareServers(a.Server, b.Server))
	})
	switch {
	case r.OpenElsewhere || r.Summary.Open > 0 || len(d.Servers) == 0 && len(d.Missing) > 0,
		len(r.Findings) == 0 && p.lacks(d):
		r.Outcome = OutcomeIncomplete
	case len(r.Findings) > 0:
		r.Outcome = OutcomeFinding
	case !judged && len(r.Clusters) > 0:
		r.Outcome = OutcomeNotJudged
	default:
		r.Outcome = OutcomePass
	}
	return r
}

// lacks reports whether a server of the clusters that were asked for is down. It
// has no connection, so what is found is certain; that nothing is found is no pass,
// as its clients may be anywhere, or nowhere yet.
func (p HotspotParameters) lacks(d *Deployment) bool {
	return !p.AllowPartial && slices.ContainsFunc(d.Missing, func(m Missing) bool {
		return m.Kind == Down && (!m.ClusterKnown || len(p.Clusters) == 0 || slices.Contains(p.Clusters, m.Cluster))
	})
}

// totals counts what all accounts but the system account have on each server of
// the cluster that reported.
func (m Measure) totals(d *Deployment, c cluster) []int {
	totals := make([]int, len(c.servers))
	for at, s := range c.servers {
		for _, u := range d.Servers[s].Usage {
			if !d.Accounts[u.Account].System {
				totals[at] += m.Of(u)
			}
		}
	}
	return totals
}

// judge adds a cluster; perAccount is scratch space, a number for each account.
func (r *HotspotResult) judge(h clusterLoad, perAccount []int) {
	out := HotspotCluster{Name: h.c.name, Connections: h.total, Verdict: Pass, Averaged: h.averaged()}
	switch {
	case h.total < h.p.MinConnections:
		out.Verdict = TooFewConnections
		r.Summary.TooFewConnections++
	case h.members < h.p.MinServers, !h.possible():
		out.Verdict = TooFewServers
		r.Summary.TooFewServers++
	default:
		r.Summary.Evaluated++
	}
	usual, found := out.Verdict, false
	open := !h.p.AllowPartial && h.missingCouldBeHot(h.missing.largest)
	for at, s := range h.c.servers {
		n := h.totals[at]
		server := HotspotServer{Server: h.d.Servers[s].Ref(), Connections: &n, Verdict: usual}
		switch h.answer(n) {
		case Yes:
			server.Verdict, found = Found, true
		case Unknown:
			server.Verdict, open = Incomplete, true
		case No:
		}
		out.Servers = append(out.Servers, server)
	}
	for _, m := range h.c.missing {
		server := HotspotServer{Server: m.Ref(), Verdict: usual}
		bound := unbounded
		if m.Bound != nil && h.missing.unplaced < unbounded {
			bound = max(0, *m.Bound)
		}
		if !h.p.AllowPartial && h.missingCouldBeHot(bound) {
			server.Verdict = Incomplete
		}
		out.Servers = append(out.Servers, server)
	}
	// Those without a name are told apart by their verdicts only.
	slices.SortStableFunc(out.Servers[len(h.c.servers):], func(a, b HotspotServer) int {
		return cmp.Or(CompareServers(a.Server, b.Server), cmp.Compare(a.Verdict, b.Verdict))
	})
	switch {
	case open:
		out.Verdict = Incomplete
		r.Summary.Open++
	case found:
		out.Verdict = Found
	}
	if found {
		r.Findings = append(r.Findings, h.findings(out, perAccount)...)
	}
	r.Clusters = append(r.Clusters, out)
	r.Summary.Clusters++
	r.Summary.Servers += h.members
	r.Summary.Connections += h.total
}

// findings are those of the servers that were found.
func (h clusterLoad) findings(c HotspotCluster, perAccount []int) []Hotspot {
	clear(perAccount)
	for _, s := range h.c.servers {
		for _, u := range h.d.Servers[s].Usage {
			perAccount[u.Account] += h.p.Measure.Of(u)
		}
	}
	var shares []Share
	for _, s := range c.Servers {
		shares = append(shares, Share{Server: s.Server, Connections: s.Connections})
	}
	// Those that did not report are last already.
	slices.SortStableFunc(shares[:len(h.c.servers)], func(a, b Share) int { return cmp.Compare(*b.Connections, *a.Connections) })
	var out []Hotspot
	for at, s := range h.c.servers {
		if c.Servers[at].Verdict != Found {
			continue
		}
		f := Hotspot{Load: Load{Connections: h.total, OnServer: h.totals[at], Servers: h.averaged()},
			Cluster: h.c.name, Server: c.Servers[at].Server, Distribution: slices.Clone(shares)}
		f.Accounts, f.MoreAccounts = h.accounts(&h.d.Servers[s], perAccount)
		out = append(out, f)
	}
	return out
}

// accounts are those with more than an even share on the server.
func (h clusterLoad) accounts(s *Server, perAccount []int) (top []HotAccount, more int) {
	j := judge{d: h.d, p: Defaults(), c: h.c, missing: h.missing}
	j.p.AllowPartial = h.p.AllowPartial
	for _, u := range s.Usage {
		l := Load{Connections: perAccount[u.Account], OnServer: h.p.Measure.Of(u), Servers: h.averaged()}
		if h.d.Accounts[u.Account].System || l.above() <= 0 {
			continue
		}
		a := HotAccount{Load: l, Account: h.d.Accounts[u.Account], Concentrated: Unknown}
		if h.p.Measure.Clients {
			a.Concentrated = j.concentrated(l)
		}
		top = append(top, a)
	}
	slices.SortFunc(top, func(a, b HotAccount) int {
		return cmp.Or(cmp.Compare(b.above(), a.above()), cmp.Compare(a.Account.Name, b.Account.Name), cmp.Compare(a.Account.ID, b.Account.ID))
	})
	listed := min(len(top), maxHotAccounts)
	return top[:listed], len(top) - listed
}

// above is how much more than an even share the server has, times the number
// of servers.
func (l Load) above() int { return times(l.OnServer, l.Servers) - l.Connections }

// concentrated reports whether an account is a finding on the server that has
// these of its connections.
func (j judge) concentrated(l Load) Answer {
	t := tally{connections: l.Connections, top: l.OnServer}
	finding := j.isFinding(t)
	switch {
	case finding && (j.p.AllowPartial || j.staysFinding(t)):
		return Yes
	case finding && !j.p.AllowPartial:
		return Unknown
	case !j.p.AllowPartial && plus(j.members(), j.missing.unplaced) >= j.p.MinServers &&
		plus(t.connections, j.missing.total) >= j.p.MinConnections && j.p.Exceeds(t.top, max(t.connections, j.p.MinConnections)):
		return Unknown
	}
	return No
}
