package checks

import (
	"fmt"
	"slices"
)

// world is one way in which missing servers belong to a cluster and hold
// connections of an account.
type world struct {
	members int   // of the cluster, those that reported included
	counts  []int // of the account, on all of them
}

// plainRule is §1 of the specification for one account in one cluster of which
// everything is known.
func plainRule(w world, p Parameters) (finding, critical bool) {
	sum, most := 0, 0
	for _, n := range w.counts {
		sum += n
		most = max(most, n)
	}
	finding = sum >= p.MinConnections && w.members >= p.MinServers && most*100 > p.ThresholdPercent*sum
	return finding, finding && p.CriticalPercent > 0 && most*100 >= p.CriticalPercent*sum
}

// holdings are the numbers of connections that a missing server may hold:
// all up to its bound, and where nothing limits it all small ones and a huge
// one. What is dense reaches beyond all numbers of the test's accounts, where
// a verdict can turn; the huge one beyond 99 times these.
func holdings(m Missing) []int {
	last := smallWorld
	if m.Bound != nil {
		last = *m.Bound
	}
	var out []int
	for n := 0; n <= last; n++ {
		out = append(out, n)
	}
	if m.Bound == nil {
		out = append(out, 200*smallWorld)
	}
	return out
}

// smallWorld is the most connections that an account has in these tests, and
// the largest minimum.
const smallWorld = 8

// eachWorld calls visit for every way to spread connections of an account over
// the missing servers of a cluster, of which the unplaced may be members.
func eachWorld(reported []int, members, unplaced []Missing, visit func(world)) {
	w := world{members: len(reported) + len(members), counts: slices.Clone(reported)}
	var spread func(left []Missing)
	spread = func(left []Missing) {
		if len(left) == 0 {
			visit(w)
			return
		}
		for _, n := range holdings(left[0]) {
			w.counts = append(w.counts, n)
			spread(left[1:])
			w.counts = w.counts[:len(w.counts)-1]
		}
	}
	for subset := range 1 << len(unplaced) {
		there := slices.Clone(members)
		for i, m := range unplaced {
			if subset>>i&1 == 1 {
				there = append(there, m)
			}
		}
		w.members = len(reported) + len(there)
		spread(there)
	}
}

// truth is what all worlds together say of an account in a cluster.
type truth struct{ always, sometimes, alwaysCritical, sometimesCritical bool }

func truthOf(reported []int, members, unplaced []Missing, p Parameters) truth {
	t := truth{always: true, alwaysCritical: true}
	eachWorld(reported, members, unplaced, func(w world) {
		finding, critical := plainRule(w, p)
		t.always = t.always && finding
		t.sometimes = t.sometimes || finding
		t.alwaysCritical = t.alwaysCritical && critical
		t.sometimesCritical = t.sometimesCritical || critical
	})
	return t
}

// foundOrCritical is a finding that a missing server could make critical.
const foundOrCritical Verdict = "finding or critical"

// bruteForce says what CheckConcentration should, by going through all worlds:
// verdicts by cluster and account, and the clusters open for an account that
// nobody reported.
func bruteForce(d *Deployment, p Parameters) (verdicts map[[2]string]Verdict, openClusters []string, outcome Outcome) {
	verdicts = map[[2]string]Verdict{}
	d = withSilent(d)
	var unplaced, apart []Missing
	names := map[string]bool{}
	for _, s := range d.Servers {
		names[s.Cluster] = true
	}
	for _, m := range d.Missing {
		switch {
		case m.ClusterKnown:
			names[m.Cluster] = true
		case m.Apart:
			apart = append(apart, m)
		default:
			unplaced = append(unplaced, m)
		}
	}
	critical, criticalOpen, found := false, false, false
	open := false
	// A server without a cluster is none of minServers or more.
	for name := range names {
		if name == "" || len(p.Clusters) > 0 && !slices.Contains(p.Clusters, name) {
			continue
		}
		var members []Missing
		for _, m := range d.Missing {
			if m.ClusterKnown && m.Cluster == name {
				members = append(members, m)
			}
		}
		reporters := slices.ContainsFunc(d.Servers, func(s Server) bool { return s.Cluster == name })
		silent := !reporters && !p.AllowPartial // however few of it are known
		unseen := false
		for a := range len(d.Accounts) + 1 { // the last one is an account that nobody reported
			account := Account{ID: "nobody"}
			if a < len(d.Accounts) {
				account = d.Accounts[a]
			}
			if account.System || len(p.Accounts) > 0 && !slices.Contains(p.Accounts, account.ID) && !slices.Contains(p.Accounts, account.Name) {
				continue
			}
			var reported []int
			sum := 0
			for _, s := range d.Servers {
				if s.Cluster != name {
					continue
				}
				n := 0
				for _, u := range s.Usage {
					if int(u.Account) == a {
						n = int(u.Connections)
					}
				}
				reported = append(reported, n)
				sum += n
			}
			t := truthOf(reported, members, unplaced, p)
			switch {
			case sum == 0:
				unseen = unseen || t.sometimes || silent
			case t.alwaysCritical:
				verdicts[[2]string{name, account.ID}], critical, found = Critical, true, true
			case t.always && t.sometimesCritical:
				verdicts[[2]string{name, account.ID}], found, criticalOpen = foundOrCritical, true, true
			case t.always:
				verdicts[[2]string{name, account.ID}], found = Found, true
			case t.sometimes:
				verdicts[[2]string{name, account.ID}], open = Incomplete, true
			}
		}
		if unseen {
			openClusters = append(openClusters, name)
		}
	}
	anyone := len(p.Accounts) == 0 || slices.ContainsFunc(d.Accounts, func(a Account) bool {
		return !a.System && slices.Contains(p.Accounts, a.ID)
	})
	// Those apart may be another cluster of the name that was asked for.
	if anyone && (len(p.Clusters) == 0 || len(apart) > 0) && truthOf(nil, nil, append(apart, unplaced...), p).sometimes {
		openClusters = append(openClusters, "")
	}
	slices.Sort(openClusters)
	switch {
	case open || len(openClusters) > 0:
		outcome = OutcomeIncomplete
	case critical:
		outcome = OutcomeCritical
	case criticalOpen:
		outcome = OutcomeIncomplete
	case found:
		outcome = OutcomeFinding
	case !anyJudged(d, p):
		outcome = OutcomeNotJudged
	default:
		outcome = OutcomePass
	}
	return verdicts, openClusters, outcome
}

// withSilent has a server more in each cluster that is Silent: one of them all.
func withSilent(d *Deployment) *Deployment {
	out := *d
	out.Silent, out.Missing = nil, slices.Clone(d.Missing)
	for _, name := range d.Silent {
		out.Missing = append(out.Missing, Missing{Cluster: name, ClusterKnown: true})
	}
	return &out
}

// anyJudged reports whether something was judged, or there was nothing to judge:
// a cluster that was asked for has the minimum of servers, or there is none, and
// not all accounts with enough connections are in those that have not.
func anyJudged(d *Deployment, p Parameters) bool {
	d = withSilent(d)
	asked := func(cluster string) bool { return len(p.Clusters) == 0 || slices.Contains(p.Clusters, cluster) }
	members, connections := map[string]int{}, map[string]map[uint32]int{}
	for i, s := range d.Servers {
		if !asked(s.Cluster) {
			continue
		}
		name := s.Cluster
		if name == "" {
			name = fmt.Sprint("alone ", i)
		}
		members[name]++
		if connections[name] == nil {
			connections[name] = map[uint32]int{}
		}
		for _, u := range s.Usage {
			if a := d.Accounts[u.Account]; !a.System && p.wantsAccount(a) {
				connections[name][u.Account] += int(u.Connections)
			}
		}
	}
	for i, m := range d.Missing {
		switch {
		case !m.ClusterKnown || !asked(m.Cluster):
		case m.Cluster == "":
			members[fmt.Sprint("missing ", i)]++
		default:
			members[m.Cluster]++
		}
	}
	large, judged, small := false, false, false
	for name, n := range members {
		large = large || n >= p.MinServers
		for _, c := range connections[name] {
			judged = judged || c >= p.MinConnections && n >= p.MinServers
			small = small || c >= p.MinConnections && n < p.MinServers
		}
	}
	return len(members) == 0 || large && (judged || !small)
}
