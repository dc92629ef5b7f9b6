package checks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

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
