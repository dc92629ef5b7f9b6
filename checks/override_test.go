package checks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"ORDERS", "ORDERS", true}, {"ORDERS", "ORDERS2", false}, {"orders", "ORDERS", false}, {"", "", true}, {"", "A", false},
		{"*", "", true}, {"*", "A/B.c", true}, {"**", "A", true}, {"BATCH-*", "BATCH-", true}, {"BATCH-*", "BATCH-1/2", true},
		{"BATCH-*", "BATCH", false}, {"*-1", "A-1", true}, {"*-1", "A-12", false}, {"A*A", "A", false}, {"A*A", "AA", true},
		{"A*B*C", "AxBxC", true}, {"A*B*C", "ABC", true}, {"A*B*C", "ACB", false}, {"*B*B*", "AB", false}, {"*B*B*", "ABxB", true},
		{"A*bc*c", "Abc", false}, {"A*bc*c", "Abcc", true}, {"*a*", "bab", true}, {"[A]?", "[A]?", true}, {"[A]?", "AB", false}, {`\*`, `\x`, true},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("matches(%q, %q) is %v", c.pattern, c.name, got)
		}
	}
	// It takes no longer than it has to.
	if matches(strings.Repeat("*a", 5000)+"b", strings.Repeat("a", 200_000)) {
		t.Error("a pattern with b at its end fits a name without")
	}
}

func percentOf(n int) *int { return &n }

func TestFirstOverrideThatMatchesCounts(t *testing.T) {
	p := Defaults()
	p.Overrides = []Override{
		{Match: "ABCD", CriticalPercent: percentOf(95)},
		{Match: "B*", ThresholdPercent: percentOf(90), MinConnections: percentOf(20)},
		{Match: "BATCH", ThresholdPercent: percentOf(10), MinServers: percentOf(2), ReviewPercent: percentOf(5)},
	}
	for _, c := range []struct {
		account                                   Account
		threshold, servers, connections, critical int
	}{
		{Account{ID: "BATCH", Name: "BATCH"}, 90, 3, 20, 0},
		{Account{ID: "ABCD", Name: "BATCH"}, 70, 3, 10, 95},
		{Account{ID: "X", Name: "B1"}, 90, 3, 20, 0},
		{Account{ID: "X", Name: "b1"}, 70, 3, 10, 0},
	} {
		got := p.For(c.account)
		if got.ThresholdPercent != c.threshold || got.MinServers != c.servers || got.MinConnections != c.connections || got.CriticalPercent != c.critical {
			t.Errorf("%v has %+v", c.account, got)
		}
	}
}

// An account with thresholds of its own is judged as if all had these, whatever
// is missing; and a cluster is open if it is by the thresholds of any account
// that may be there.
func TestOverridesJudgeAsGeneralParametersDo(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	open, found, silent := 0, 0, 0
	for n := range 4000 {
		d := sparseDeployment(r)
		p := Parameters{ThresholdPercent: 40 + r.IntN(59), MinServers: 2 + r.IntN(3), MinConnections: 1 + r.IntN(12), ReviewPercent: 30, All: true,
			CriticalPercent: r.IntN(100), AllowPartial: r.IntN(8) == 0}
		for i := range r.IntN(4) {
			o := Override{Match: []string{"A0", "A*", "*1", "*", "A2"}[r.IntN(5)]}
			if r.IntN(3) > 0 {
				o.ThresholdPercent = percentOf(1 + r.IntN(99))
			}
			if r.IntN(3) > 0 {
				o.MinConnections = percentOf(1 + r.IntN(40))
			}
			if i == 0 {
				o.MinServers, o.ReviewPercent, o.CriticalPercent = percentOf(2+r.IntN(4)), percentOf(1+r.IntN(99)), percentOf(1+r.IntN(100))
			}
			p.Overrides = append(p.Overrides, o)
		}
		if r.IntN(3) == 0 {
			p.Accounts = []string{"A1", "A2"}
		}
		got := CheckConcentration(d, p)
		opened := map[string]bool{}
		possible := slices.Clone(d.Accounts)
		if len(p.Accounts) == 0 { // one that nobody reported, of any name
			possible = append(possible, Account{ID: "other"}, Account{ID: "A other"}, Account{ID: "other 1"}, Account{ID: "A other 1"}, Account{ID: "A too"}, Account{ID: "o1", Name: "A0"}, Account{ID: "o2", Name: "A2"})
		}
		for _, a := range possible {
			if a.System || !p.wantsAccount(a) {
				continue
			}
			alone := p.For(a)
			alone.Overrides, alone.Accounts = nil, []string{a.ID}
			world := *d
			if !slices.Contains(d.Accounts, a) {
				world.Accounts = append(slices.Clone(d.Accounts), a)
			}
			want := CheckConcentration(&world, alone)
			for _, name := range want.OpenClusters {
				opened[name] = true
			}
			mine := slices.DeleteFunc(slices.Clone(got.Rows), func(row Row) bool { return row.Account != a })
			if fmt.Sprint(mine) != fmt.Sprint(want.Rows) {
				t.Fatalf("%d: %v is judged\n%v, but with its thresholds for all\n%v\n%+v", n, a, mine, want.Rows, alone)
			}
			found += len(want.Findings)
		}
		silent += len(got.Rows) - len(got.Findings)
		for _, name := range got.OpenClusters {
			open++
			if !opened[name] {
				t.Fatalf("%d: cluster %q is open, but by nobody's thresholds", n, name)
			}
			delete(opened, name)
		}
		for name := range opened {
			t.Fatalf("%d: cluster %q is not open: %+v", n, name, p)
		}
	}
	if open < 500 || found < 500 || silent < 500 {
		t.Errorf("only %d open, %d findings, %d silent", open, found, silent)
	}
}

// sparseDeployment has accounts A0 to A2 in a cluster or two, of which servers
// may be missing.
func sparseDeployment(r *rand.Rand) *Deployment {
	d := &Deployment{Accounts: []Account{{ID: "A0", Name: "A0"}, {ID: "A1", Name: "A1"}, {ID: "A2", Name: "A2"}, {ID: "S", Name: "S", System: true}}}
	for c := range 1 + r.IntN(2) {
		name := fmt.Sprintf("C%d", c+1)
		for s := range 1 + r.IntN(4) {
			server := Server{ID: fmt.Sprintf("%s-%d", name, s), Name: fmt.Sprintf("%s-%d", name, s), Cluster: name}
			for a := range d.Accounts {
				if r.IntN(3) > 0 {
					server.Usage = append(server.Usage, Usage{Account: uint32(a), Connections: uint32(r.IntN(1 + r.IntN(40)))})
				}
			}
			d.Servers = append(d.Servers, server)
		}
		for range r.IntN(2) {
			bound := r.IntN(20)
			m := Missing{ID: name + "-gone", Name: name + "-gone", Cluster: name, ClusterKnown: r.IntN(4) > 0}
			if r.IntN(2) == 0 {
				m.Bound = &bound
			}
			d.Missing = append(d.Missing, m)
		}
	}
	return d
}
