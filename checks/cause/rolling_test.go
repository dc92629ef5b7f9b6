package cause

import (
	"math"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestRolled: all accounts together show a rolling restart, whatever one of them
// looks like.
func TestRolled(t *testing.T) {
	t.Parallel()
	walked := func(i int) [3]int { return [3]int{8 + i%4, 4 - i%4, 0} }
	onlyFirst := func(int) [3]int { return [3]int{12, 0, 0} }
	for _, r := range []struct {
		name    string
		changes []change
		want    bool
	}{
		{"20 accounts, none of them on the last", with(counts(11, 1, 0), restartedInTurn, tenants(19, walked)), true},
		{"one of them is on the last with few", with(counts(11, 1, 0), restartedInTurn, tenants(19, walked), tenants(1, func(int) [3]int { return [3]int{4, 4, 4} })), true},

		{"20 accounts, all on the first, whose list has all", with(counts(12, 0, 0), restartedInTurn, list(urlsOf(1, 2, 3)...), tenants(19, onlyFirst)), true},

		{"20 accounts, all on the first, which may know no other", with(counts(12, 0, 0), restartedInTurn, tenants(19, onlyFirst)), false},
		{"too many of this account for a walk", with(counts(40, 0, 0), restartedInTurn, tenants(19, walked)), false},
		{"this account alone", with(counts(11, 1, 0), restartedInTurn), false},
		{"the others are spread", with(counts(11, 1, 0), restartedInTurn, tenants(19, func(int) [3]int { return [3]int{4, 4, 4} })), false},
		{"this account is on the last", with(counts(11, 1, 6), restartedInTurn, tenants(19, walked)), false},
		{"the others lean to the last", with(counts(11, 1, 0), restartedInTurn, tenants(19, func(int) [3]int { return [3]int{0, 4, 8} })), false},
		{"the others are too small to say anything", with(counts(11, 1, 0), restartedInTurn, tenants(19, func(int) [3]int { return [3]int{1, 1, 0} })), false},
		{"when one server started is not known", with(counts(11, 1, 0), restartedInTurn, tenants(19, walked), on(func(s *checks.Server) {
			s.Start = s.Start.AddDate(-4000, 0, 0)
			*s = checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: s.Usage, Details: s.Details, MaxConnections: s.MaxConnections}
		}, 2)), false},
		{"a server did not report", with(counts(11, 1, 0), restartedInTurn, tenants(19, walked), missing("n4")), false},
	} {
		if got, e := newSituation(caseOf(r.changes...)).rolled(); got != r.want || got && wording(e.Text) != "" {
			t.Errorf("%s: %v, want %v (%s)", r.name, got, r.want, e.Text)
		}
	}
}

// TestDoubtedRollingRestart: where nearly all accounts have left the server that started
// last, a restart is not ruled out because they may each know one server alone.
func TestDoubtedRollingRestart(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string][]change{
		"all on the first, which may know no other": with(counts(12, 0, 0), restartedInTurn, tenants(19, func(int) [3]int { return [3]int{12, 0, 0} })),
		"too many of this account for a walk":       with(counts(40, 0, 0), restartedInTurn, tenants(19, func(i int) [3]int { return [3]int{8 + i%4, 4 - i%4, 0} })),
	} {
		d := Diagnose(caseOf(changes...))
		c := d.Cause(RestartDrift)
		if rolled, _ := newSituation(caseOf(changes...)).rolled(); rolled || c.Verdict != Possible || len(c.Evidence) < 2 {
			t.Errorf("%s: rolled %t\n%s", name, rolled, tell(d.Causes))
		}
	}
}

// TestAsMany: of 15 clients that a rolling restart moved, 14 are on the first server
// in 2 of 100 accounts, and all of them in 1 of 400.
func TestAsMany(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, m int
		want float64
	}{{15, 0, 1}, {15, 10, 0.618}, {15, 14, 0.0194}, {15, 15, 0.0023}, {1, 1, 0.6667}} {
		if got := asMany(c.n, c.m, 2.0/3); math.Abs(got-c.want) > 0.0005 {
			t.Errorf("%d or more of %d: %.4f, want %.4f", c.m, c.n, got, c.want)
		}
	}
}
