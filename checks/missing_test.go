package checks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
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

// smallDeployment has up to four servers in up to two clusters, a few accounts
// with few connections, and up to three missing servers.
func smallDeployment(r *rand.Rand) *Deployment {
	d := &Deployment{Accounts: []Account{{ID: "SYS", Name: "SYS", System: true}, {ID: "X", Name: "x"}, {ID: "Y", Name: "y"}, {ID: "Z", Name: "z"}}}
	clusters := []string{"A", "A", "A", "B", ""}
	room := map[string]int{}
	for i := range 1 + r.IntN(4) {
		s := Server{ID: fmt.Sprintf("id%d", i), Name: fmt.Sprintf("n%d", r.IntN(8)), Cluster: clusters[r.IntN(len(clusters))]}
		for a := range d.Accounts {
			key := s.Cluster + "/" + d.Accounts[a].ID
			left := smallWorld - room[key]
			n := 0
			if r.IntN(3) > 0 {
				n = r.IntN(left + 1)
			}
			room[key] += n
			if n > 0 || r.IntN(4) == 0 {
				s.Usage = append(s.Usage, Usage{Account: uint32(a), Connections: uint32(n), Leafnodes: uint32(r.IntN(2))})
			}
		}
		d.Servers = append(d.Servers, s)
	}
	for i := range r.IntN(4) {
		m := Missing{Name: fmt.Sprintf("m%d", i), Reason: "silent"}
		if r.IntN(3) > 0 {
			m.ClusterKnown = true
			m.Cluster = []string{"A", "A", "B", "C", ""}[r.IntN(5)]
			if r.IntN(5) == 0 {
				m.Name = ""
			}
		} else {
			m.Apart = r.IntN(3) == 0
			m.Perhaps = !m.Apart && r.IntN(3) == 0 // it leaves open what it would otherwise
		}
		if r.IntN(3) > 0 {
			bound := r.IntN(8)
			m.Bound = &bound
		}
		d.Missing = append(d.Missing, m)
	}
	nobodyOf := func(name string) bool {
		return !slices.ContainsFunc(d.Servers, func(s Server) bool { return s.Cluster == name }) &&
			!slices.ContainsFunc(d.Missing, func(m Missing) bool { return m.ClusterKnown && m.Cluster == name })
	}
	if slices.ContainsFunc(d.Missing, func(m Missing) bool { return m.MayBeIn("B") && !m.ClusterKnown }) && nobodyOf("B") && r.IntN(2) == 0 {
		d.Silent = []string{"B"}
	}
	d.Expected = len(d.Servers) + len(d.Missing)
	return d
}

func smallParameters(r *rand.Rand) Parameters {
	p := Parameters{ThresholdPercent: 1 + r.IntN(99), MinServers: 2 + r.IntN(3), MinConnections: 1 + r.IntN(smallWorld), ReviewPercent: 50, All: true}
	if r.IntN(3) == 0 {
		p.ThresholdPercent = 70
	}
	if r.IntN(2) == 0 {
		p.CriticalPercent = min(1+r.IntN(120), 100)
	}
	if r.IntN(4) == 0 {
		p.Accounts = []string{"X"}
	}
	if r.IntN(6) == 0 {
		p.Clusters = []string{"A"}
	}
	return p
}

// What CheckConcentration says of missing servers is what going through every
// way to spread connections over them says: incomplete exactly where they
// could change the verdict.
func TestMissingServersAgainstBruteForce(t *testing.T) {
	cases := 4000
	if testing.Short() {
		cases = 400
	}
	seenVerdicts := map[Verdict]int{}
	seenOutcomes := map[Outcome]int{}
	criticalOpen, openOnly := 0, 0
	for seed := range uint64(cases) {
		r := rand.New(rand.NewPCG(seed, 6))
		d, p := smallDeployment(r), smallParameters(r)
		want, wantOpen, wantOutcome := bruteForce(d, p)
		result := CheckConcentration(d, p)
		got := map[[2]string]Verdict{}
		for _, row := range result.Rows {
			if slices.Contains([]Verdict{Found, Critical, Incomplete}, row.Verdict) {
				got[[2]string{row.Cluster, row.Account.ID}] = row.Verdict
				seenVerdicts[row.Verdict]++
			}
		}
		for _, f := range result.Findings {
			if f.CriticalOpen {
				got[[2]string{f.Cluster, f.Account.ID}] = foundOrCritical
				criticalOpen++
			}
		}
		gotOpen := slices.Sorted(slices.Values(result.OpenClusters))
		if fmt.Sprint(got) != fmt.Sprint(want) || !slices.Equal(gotOpen, wantOpen) || result.Outcome != wantOutcome {
			t.Fatalf("seed %d:\n%+v\nparameters %+v\ngot  %v, open clusters %q, %s\nwant %v, open clusters %q, %s",
				seed, describe(d), p, got, gotOpen, result.Outcome, want, wantOpen, wantOutcome)
		}
		seenOutcomes[result.Outcome]++
		if len(result.Open) == 0 && len(gotOpen) > 0 {
			openOnly++
		}
		checkInvariants(t, d, p, result)
	}
	t.Logf("verdicts %v, outcomes %v, critical open %d, open by clusters only %d", seenVerdicts, seenOutcomes, criticalOpen, openOnly)
	for _, v := range []Verdict{Found, Critical, Incomplete} {
		if seenVerdicts[v] < cases/100 {
			t.Errorf("only %d verdicts %q: the cases are too tame", seenVerdicts[v], v)
		}
	}
	for _, o := range []Outcome{OutcomePass, OutcomeFinding, OutcomeCritical, OutcomeIncomplete, OutcomeNotJudged} {
		if seenOutcomes[o] < cases/100 {
			t.Errorf("only %d outcomes %q: the cases are too tame", seenOutcomes[o], o)
		}
	}
	if criticalOpen == 0 {
		t.Error("no finding that may be critical: the cases are too tame")
	}
}

// With AllowPartial the verdicts are those of the plain rule with nothing on
// the missing servers, which are members of their cluster still. That no account was
// checked is not a pass where servers are missing.
func TestAllowPartialAgainstPlainRule(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 7))
		d, p := smallDeployment(r), smallParameters(r)
		p.AllowPartial = true
		empty := *d
		empty.Missing = nil
		zero := 0
		for _, m := range d.Missing {
			if m.ClusterKnown {
				m.Name, m.Bound = "m", &zero
				empty.Missing = append(empty.Missing, m)
			}
		}
		want, _, wantOutcome := bruteForce(&empty, p)
		result := CheckConcentration(d, p)
		whole := p
		whole.AllowPartial = false
		if wantOutcome == OutcomePass && result.Summary.Evaluated == 0 && CheckConcentration(d, whole).Outcome == OutcomeIncomplete {
			wantOutcome = OutcomeNotJudged // it is open, and nothing was checked
		}
		got := map[[2]string]Verdict{}
		for _, row := range result.Rows {
			if row.Verdict == Found || row.Verdict == Critical {
				got[[2]string{row.Cluster, row.Account.ID}] = row.Verdict
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || len(result.Open)+len(result.OpenClusters) > 0 || result.Outcome != wantOutcome {
			t.Fatalf("seed %d:\n%s\nparameters %+v\ngot  %v, %s\nwant %v, %s", seed, describe(d), p, got, result.Outcome, want, wantOutcome)
		}
		checkInvariants(t, d, p, result)
	}
}

// describe is a deployment for a failing test to print.
func describe(d *Deployment) string {
	s := ""
	for _, x := range d.Servers {
		s += fmt.Sprintf("%s %s in %q: %+v\n", x.Name, x.ID, x.Cluster, x.Usage)
	}
	for _, m := range d.Missing {
		bound := "unbounded"
		if m.Bound != nil {
			bound = fmt.Sprint("up to ", *m.Bound)
		}
		s += fmt.Sprintf("missing %s in %q (known: %v), %s\n", m.Name, m.Cluster, m.ClusterKnown, bound)
	}
	return s
}
