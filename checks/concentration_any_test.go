package checks

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// randomDeployment is as a live one: clusters of servers, accounts of which
// some are concentrated, zeros, leafnodes, limits, missing servers.
func randomDeployment(r *rand.Rand) *Deployment {
	d := &Deployment{}
	for a := range 1 + r.IntN(8) {
		account := Account{ID: fmt.Sprintf("ID%d", a), Name: fmt.Sprintf("name%d", r.IntN(6)), System: r.IntN(8) == 0}
		d.Accounts = append(d.Accounts, account)
	}
	clusters := []string{"", "A", "A", "A", "B", "B", "ü"}
	for i := range r.IntN(14) {
		s := Server{ID: fmt.Sprintf("S%02d", i), Name: fmt.Sprintf("n%d", r.IntN(10)), Host: "h", Cluster: clusters[r.IntN(len(clusters))]}
		if r.IntN(3) > 0 {
			limit := r.IntN(3000)
			s.MaxConnections = &limit
		}
		for a := range d.Accounts {
			u := Usage{Account: uint32(a)}
			switch r.IntN(6) {
			case 0:
				continue
			case 1:
			case 2:
				u.Connections = uint32(r.IntN(2000))
			default:
				u.Connections = uint32(r.IntN(12))
			}
			u.Leafnodes = uint32(max(0, r.IntN(8)-5))
			s.Usage = append(s.Usage, u)
		}
		d.Servers = append(d.Servers, s)
	}
	for i := range max(0, r.IntN(10)-6) {
		m := Missing{Reason: "silent"}
		if r.IntN(3) > 0 {
			m.ID, m.Name = fmt.Sprintf("M%d", i), fmt.Sprintf("m%d", r.IntN(3))
		}
		if r.IntN(4) > 0 {
			m.ClusterKnown, m.Cluster = true, clusters[r.IntN(len(clusters))]
		}
		if r.IntN(2) == 0 {
			bound := r.IntN(30)
			m.Bound = &bound
		}
		d.Missing = append(d.Missing, m)
	}
	d.Expected = len(d.Servers) + len(d.Missing)
	return d
}

func randomParameters(r *rand.Rand) Parameters {
	p := Parameters{ThresholdPercent: 1 + r.IntN(99), MinServers: 2 + r.IntN(3), MinConnections: 1 + r.IntN(20),
		ReviewPercent: 1 + r.IntN(99), All: r.IntN(2) == 0, AllowPartial: r.IntN(3) == 0}
	if r.IntN(2) == 0 {
		p.CriticalPercent = 1 + r.IntN(100)
	}
	if r.IntN(5) == 0 {
		p.Accounts = []string{"name1", "ID2"}
	}
	if r.IntN(5) == 0 {
		p.Clusters = []string{"A", "ü"}
	}
	return p
}

// shuffled is the same deployment told in another order, with other indices.
func shuffled(d *Deployment, r *rand.Rand) *Deployment {
	out := *d
	place := r.Perm(len(d.Accounts))
	out.Accounts = make([]Account, len(d.Accounts))
	for i, a := range d.Accounts {
		out.Accounts[place[i]] = a
	}
	out.Servers = slices.Clone(d.Servers)
	for i, s := range out.Servers {
		usage := slices.Clone(s.Usage)
		for n := range usage {
			usage[n].Account = uint32(place[usage[n].Account])
		}
		r.Shuffle(len(usage), func(a, b int) { usage[a], usage[b] = usage[b], usage[a] })
		out.Servers[i].Usage = usage
	}
	r.Shuffle(len(out.Servers), func(a, b int) { out.Servers[a], out.Servers[b] = out.Servers[b], out.Servers[a] })
	out.Missing = slices.Clone(d.Missing)
	r.Shuffle(len(out.Missing), func(a, b int) { out.Missing[a], out.Missing[b] = out.Missing[b], out.Missing[a] })
	return &out
}

func TestOrderOfInputDoesNotMatter(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 8))
		d, p := randomDeployment(r), randomParameters(r)
		want := CheckConcentration(d, p)
		if again := CheckConcentration(d, p); !reflect.DeepEqual(again, want) {
			t.Fatalf("seed %d: another result for the same input:\n%s\n%s", seed, show(again), show(want))
		}
		if got := CheckConcentration(shuffled(d, r), p); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: another result for another order:\n%s\ngot  %s\nwant %s", seed, describe(d), show(got), show(want))
		}
	}
}

// FuzzConcentration also runs its seeds as a test.
func FuzzConcentration(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed, uint32(0), 0)
	}
	f.Add(uint64(1), uint32(math.MaxUint32), math.MaxInt)
	f.Add(uint64(2), uint32(math.MaxUint32), math.MinInt)
	f.Fuzz(func(t *testing.T, seed uint64, connections uint32, bound int) {
		r := rand.New(rand.NewPCG(seed, 9))
		d, p := randomDeployment(r), randomParameters(r)
		if len(d.Servers) > 0 && len(d.Servers[0].Usage) > 0 {
			d.Servers[0].Usage[0].Connections = connections
			d.Servers[0].MaxConnections = &bound
		}
		if len(d.Missing) > 0 {
			d.Missing[0].Bound = &bound
		}
		before := shuffled(d, rand.New(rand.NewPCG(0, 0)))
		result := CheckConcentration(d, p)
		checkInvariants(t, d, p, result)
		if after := shuffled(d, rand.New(rand.NewPCG(0, 0))); !reflect.DeepEqual(before, after) {
			t.Error("the deployment was changed")
		}
	})
}

// checkInvariants holds what is so of every result.
func checkInvariants(t testing.TB, d *Deployment, p Parameters, r Result) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s\n%s\nparameters %+v\n%s", fmt.Sprintf(format, args...), describe(d), p, show(r))
	}
	// The totals, counted another way.
	type key struct {
		cluster, alone string
		account        uint32
	}
	pairs := map[key]int{}
	clusters := map[[2]string]bool{}
	accounts := map[uint32]bool{}
	connections, leafnodes := 0, 0
	for _, s := range d.Servers {
		if len(p.Clusters) > 0 && !slices.Contains(p.Clusters, s.Cluster) {
			continue
		}
		alone := ""
		if s.Cluster == "" {
			alone = s.ID
		}
		clusters[[2]string{s.Cluster, alone}] = true
		for _, u := range s.Usage {
			if u.Connections > 0 {
				pairs[key{s.Cluster, alone, u.Account}] += int(u.Connections)
			}
			if a := d.Accounts[u.Account]; !a.System {
				connections += int(u.Connections)
				leafnodes += int(u.Leafnodes)
				if u.Connections > 0 || u.Leafnodes > 0 {
					accounts[u.Account] = true
				}
			}
		}
	}
	counted, system := 0, 0
	for k := range pairs {
		a := d.Accounts[k.account]
		switch {
		case a.System && len(p.Accounts) == 0:
			system++
		case !a.System && p.wantsAccount(a):
			counted++
		}
	}
	s := r.Summary
	if s.Evaluated+s.TooFewConnections+s.TooFewServers != counted || s.SystemAccount != system {
		fail("summary %+v: want %d pairs and %d of the system account", s, counted, system)
	}
	if s.Connections != connections || s.Leafnodes != leafnodes || s.Accounts != len(accounts) {
		fail("summary %+v: want %d connections, %d leafnodes, %d accounts", s, connections, leafnodes, len(accounts))
	}
	servers, carried := 0, 0
	for _, c := range r.Clusters {
		sum := 0
		for _, x := range c.Servers {
			servers++
			if (x.Connections == nil) != (x.Accounts == nil) {
				fail("server %+v has half of its counts", x)
			}
			if x.Connections != nil {
				sum += *x.Connections
			}
		}
		if sum != c.Connections {
			fail("cluster %s has %d connections, its servers %d", c.Name, c.Connections, sum)
		}
		carried += sum
	}
	if s.Clusters != len(r.Clusters) || s.Clusters < len(clusters) || s.Servers != servers || s.Connections != carried {
		fail("summary %+v, but %d clusters of %d servers with %d connections", s, len(r.Clusters), servers, carried)
	}
	if blind := len(d.Servers) == 0 && len(d.Missing) > 0; blind && r.Outcome != OutcomeIncomplete {
		fail("outcome %s, though no server reported", r.Outcome)
	}
	if p.AllowPartial && (len(r.Open) > 0 || len(r.OpenClusters) > 0) || len(d.Missing) == 0 && r.Outcome == OutcomeIncomplete {
		fail("incomplete where nothing is missing, or it is allowed")
	}
	for _, x := range r.Open {
		if x.Verdict != Incomplete {
			fail("open row %+v", x)
		}
	}
	for _, x := range r.Review {
		if x.Verdict != Review || x.OnServer*100 <= p.ReviewPercent*x.Connections || x.OnServer*100 > p.ThresholdPercent*x.Connections {
			fail("review row %+v", x)
		}
	}
	if p.All && len(r.Rows) != counted || !p.All && r.Rows != nil {
		fail("%d rows, want %d", len(r.Rows), counted)
	}
	for _, f := range r.Findings {
		checkFinding(fail, p, f)
	}
	ranks := []Priority{High, Normal, Low}
	for i := 1; i < len(r.Findings); i++ {
		a, b := r.Findings[i-1], r.Findings[i]
		if slices.Index(ranks, a.Priority) > slices.Index(ranks, b.Priority) || a.Priority == b.Priority && a.OnServer < b.OnServer {
			fail("finding %d is out of order", i)
		}
	}
}

func checkFinding(fail func(string, ...any), p Parameters, f Finding) {
	switch {
	case f.Verdict != Found && f.Verdict != Critical, f.Account.System:
		fail("finding %+v", f)
	case f.OnServer*100 <= p.ThresholdPercent*f.Connections, f.Connections < p.MinConnections, len(f.Distribution) < p.MinServers:
		fail("finding by no rule: %+v", f)
	case f.Verdict == Critical && (p.CriticalPercent == 0 || f.OnServer*100 < p.CriticalPercent*f.Connections):
		fail("critical by no rule: %+v", f)
	case f.CriticalOpen && (p.AllowPartial || f.Verdict == Critical || p.CriticalPercent == 0):
		fail("critical can't be open: %+v", f)
	case !(f.Chance >= 0 && f.Chance <= 1):
		fail("chance %v", f.Chance)
	}
	sum, last := 0, math.MaxInt
	reported := 0
	for i, s := range f.Distribution {
		if s.Connections == nil {
			last = -1
			continue
		}
		reported++
		if *s.Connections > last || i == 0 && (*s.Connections != f.OnServer || s.Server != f.Server) {
			fail("distribution is not by most first: %+v", f)
		}
		last = *s.Connections
		sum += last
	}
	if sum != f.Connections {
		fail("distribution of %d, not %d: %+v", sum, f.Connections, f)
	}
	checkImpact(fail, f, reported)
}

func checkImpact(fail func(string, ...any), f Finding, reported int) {
	i := f.Impact
	if i.ConnectionsLost != f.OnServer || len(i.Survivors) != len(f.Distribution)-1 {
		fail("impact %+v", i)
	}
	known, moved, fewest, most, over := 0, 0, math.MaxInt, 0, false
	for _, s := range i.Survivors {
		if (s.Now == nil) != (s.After == nil) {
			fail("survivor %+v", s)
		}
		if s.Now == nil {
			continue
		}
		known++
		step := *s.After - *s.Now
		moved += step
		fewest, most = min(fewest, step), max(most, step)
		over = over || s.Limit != nil && *s.After > *s.Limit
	}
	if known != reported-1 || known > 0 && (most-fewest > 1 || moved < i.ConnectionsLost) {
		fail("impact moves %d, of %d to %d each: %+v", moved, fewest, most, i)
	}
	if i.Stranded != nil && (*i.Stranded < 0 || *i.Stranded > i.ConnectionsLost) || (i.CanFailOver == No) != (i.Stranded != nil && *i.Stranded > 0) || i.CanFailOver == Yes {
		fail("impact %+v", i)
	}
	want := Normal
	switch {
	case f.Connections < 50:
		want = Low
	case f.OnServer >= 1000 || over || i.Stranded != nil && *i.Stranded >= 50:
		want = High
	}
	if f.Priority != want {
		fail("priority %s, want %s: %+v", f.Priority, want, f)
	}
}

// BenchmarkLargeFleet judges 1,000 servers of 40 clusters with 2,500 accounts
// on each, with and without findings.
func BenchmarkLargeFleet(b *testing.B) {
	d := &Deployment{}
	for a := range 2500 {
		d.Accounts = append(d.Accounts, Account{ID: fmt.Sprint("A", a), Name: fmt.Sprint("a", a)})
	}
	for i := range 1000 {
		s := Server{ID: fmt.Sprintf("%04d", i), Name: fmt.Sprintf("n%04d", i), Cluster: fmt.Sprint("C", i%40)}
		for a := range d.Accounts {
			n := uint32(1)
			if i/40 == a%25 && a < 500 {
				n = 90
			}
			s.Usage = append(s.Usage, Usage{Account: uint32(a), Connections: n})
		}
		d.Servers = append(d.Servers, s)
	}
	for _, missing := range []int{0, 3000} {
		d.Missing = make([]Missing, missing)
		b.Run(fmt.Sprint(missing, "-missing"), func(b *testing.B) {
			for b.Loop() {
				CheckConcentration(d, Defaults())
			}
		})
	}
}
