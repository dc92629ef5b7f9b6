package cause

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// read has the connections of other accounts read: by server and by how many of the
// three, which started in this order, were up.
func read(n int, starts func(i int) [][]int) change {
	return func(s *scene) {
		profiles := map[string]*checks.Profile{"ORDERS": s.Profile}
		tenants(n, func(i int) [3]int {
			rows := starts(i)
			id := fmt.Sprintf("TEAM-%02d", i+1)
			profiles[id] = &checks.Profile{Servers: []string{"N1", "N2", "N3"}, Whole: true, StartOrder: []int{0, 1, 2}, Starts: rows,
				Read: []int{sum(rows[0]), sum(rows[1]), sum(rows[2])}}
			return [3]int{sum(rows[0]), sum(rows[1]), sum(rows[2])}
		})(s)
		s.Neighbours = &Neighbours{Profiles: profiles}
	}
}

func fourEach(int) [3]int { return [3]int{4, 4, 4} }

// movedByRestarts is an account whose clients n2 and then n3 left as they restarted.
func movedByRestarts(i int) [][]int {
	return [][]int{{0, 6 + i%2, 4 - i%2, 0}, {0, 0, 2, 0}, {0, 0, 0, 0}}
}

// leftTheLast is an account whose clients left n3 for the other two.
func leftTheLast(i int) [][]int {
	return [][]int{{0, 4, 3 + i%2, 0}, {0, 0, 6, 0}, {0, 0, 0, 0}}
}

// TestRestartAmongOthers: that the other servers started after the clients had
// connected says little by itself, as they may have been restarted since. The rest of
// the cluster says whether they were there before.
func TestRestartAmongOthers(t *testing.T) {
	t.Parallel()
	all, one := list(urlsOf(2, 1, 3)...), list(urlsOf(1)...)
	lastIsN3 := func(s *scene) { s.Deployment.Servers[2].Start = started().Add(4 * time.Hour) }
	before := func(s *scene) {
		aloneAtFirst(s)
		s.Profile.Starts[1], s.Profile.Starts[2] = []int{0, 0, 0, 0}, []int{0, 0, 0, 0}
	}
	alone := with(counts(18, 0, 0), before)
	and := func(more ...change) []change { return slices.Concat(alone, more) }
	for _, r := range []row{
		{"nobody else is there", alone, Possible, "none"},
		{"the others lean as well", and(tenants(4, func(int) [3]int { return [3]int{10, 1, 1} })), Possible, "none"},
		{"another account is there as well, and its list has all", and(read(1, leftHere), listed("TEAM-01", urlsOf(2, 1, 3)...)), Likely, RestartDrift},
		{"another account is there as well, and its list has one URL", and(read(1, leftHere), listed("TEAM-01", urlsOf(1)...)), Possible, "none"},
		{"another account is there as well, and takes its list in order", and(read(1, leftHere), written(wrote{account: "TEAM-01", ordered: checks.Yes, urls: urlsOf(1, 2, 3)})), Possible, "none"},
		{"another account was left here, and who came later is spread", and(read(1, func(int) [][]int { return [][]int{{0, 16, 0, 1}, {0, 0, 0, 2}, {0, 0, 0, 2}} })), Likely, RestartDrift},
		{"another account was left here, and who came later is here too", and(read(1, func(int) [][]int { return [][]int{{0, 16, 0, 4}, {0, 0, 0, 0}, {0, 0, 0, 1}} })), Possible, "none"},
		{"of these who came later is spread", with(counts(18, 2, 2), startsAre([]int{0, 17, 0, 1}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2})), Likely, RestartDrift},
		{"of these one came later, and is elsewhere", with(counts(18, 1, 0), startsAre([]int{0, 18, 0, 0}, []int{0, 0, 0, 1}, []int{0, 0, 0, 0})), Possible, "none"},
		{"the others are even", and(tenants(3, fourEach)), Possible, "none"},
		{"the others are even, and the list has one URL", and(tenants(3, fourEach), one), Possible, SingleURL},
		{"the others are even, and the list has all", and(tenants(3, fourEach), all), Possible, "none"},
		{"nobody else is there, and the list has all", and(all), Likely, RestartDrift},
		{"nobody else is there, the list has all, and whether others take the user is unknown", and(all, loginAs("api")), Possible, "none"},
		{"as many are even as lean", and(tenants(2, func(i int) [3]int { return [][3]int{{4, 4, 4}, {12, 0, 0}}[i] })), Possible, "none"},
		{"another one is too small to say anything", and(tenants(1, func(int) [3]int { return [3]int{1, 1, 1} })), Possible, "none"},
		{"many small ones are even together", and(tenants(9, func(i int) [3]int { return [][3]int{{2, 1, 0}, {0, 2, 1}, {1, 0, 2}}[i%3] })), Possible, "none"},
		{"the others are on another server", and(tenants(3, func(int) [3]int { return [3]int{0, 12, 0} })), Possible, "none"},
		{"the others are even, and came later", and(read(3, func(int) [][]int { return [][]int{{0, 0, 0, 4}, {0, 0, 0, 4}, {0, 0, 0, 4}} })), Possible, "none"},
		{"the others are even, and were here before", and(read(3, func(int) [][]int { return [][]int{{0, 4, 0, 0}, {0, 0, 0, 4}, {0, 0, 0, 4}} })), Possible, "none"},
		{"the restarts moved the others, and not these", and(read(3, movedByRestarts)), Possible, "none"},
		{"the restarts moved the others, and not these, whose list has another first", and(read(3, movedByRestarts), all), Possible, "none"},
		{"the restarts moved the others, and not these, who shuffle their list", and(read(3, movedByRestarts), unordered(urlsOf(2, 1, 3)...)), Likely, RestartDrift},
		{"the restarts moved others that are on two servers, and not these", and(read(3, leftTheLast), lastIsN3), Possible, "none"},
		{"the restarts moved others that are on two servers, and not these, whose list has another first", and(read(3, leftTheLast), lastIsN3, all), Possible, "none"},
		{"the restarts moved the others, and not these, who have one URL", and(read(3, movedByRestarts), one), Possible, SingleURL},
		{"the restarts moved the others, and these", with(counts(10, 2, 0), read(3, movedByRestarts), before, profile(func(p *checks.Profile) {
			p.Starts = movedByRestarts(0)
			exactly(p)
		})), Likely, RestartDrift},
		{"the others came before too", and(read(3, func(int) [][]int { return [][]int{{0, 12, 0, 0}, {0, 0, 0, 1}, {0, 0, 0, 1}} })), Possible, "none"},
		{"another service is spread, and was here before", with(withServices(startedBefore(serviceOf("orders-api", 18, 0, 0)), startedBefore(serviceOf("orders-web", 4, 4, 4))), laterStarts), Possible, "none"},
		{"another service is spread, and came later", with(withServices(startedBefore(serviceOf("orders-api", 18, 0, 0)), serviceOf("orders-web", 2, 2, 2)), laterStarts), Possible, "none"},

		{"all were up", with(counts(18, 0, 0), tenants(3, fourEach)), RuledOut, "none"},
		{"all were up, and the others lean", with(counts(18, 0, 0), tenants(3, func(int) [3]int { return [3]int{12, 0, 0} })), RuledOut, "none"},
	} {
		t.Run(r.name, func(t *testing.T) {
			causes := Diagnose(caseOf(r.changes...)).Causes
			sound(t, caseOf(r.changes...), causes)
			at := slices.IndexFunc(causes, func(c Cause) bool { return c.Code == RestartDrift })
			if causes[at].Verdict != r.want || firstRoot(causes) != r.first {
				t.Errorf("it is %s, and first comes %s; want %s and %s\n%s", causes[at].Verdict, firstRoot(causes), r.want, r.first, tell(causes))
			}
			lessIsNotMore(t, func() Case { return caseOf(r.changes...) })
		})
	}
}

// leftHere is an account whose clients came before n2 and n3 started.
func leftHere(int) [][]int { return [][]int{{0, 16, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}} }

// listed is the list of another account.
func listed(account string, urls ...string) change {
	return written(wrote{account: account, ordered: checks.Unknown, urls: urls})
}

// startsAre has n2 and n3 started after n1, and clients that came meanwhile.
func startsAre(rows ...[]int) change {
	return func(s *scene) {
		aloneAtFirst(s)
		s.Profile.Starts = rows
		exactly(s.Profile)
	}
}

// startedBefore has the connections of a service on n1 begin before the others started.
func startedBefore(x checks.Service) checks.Service {
	x.Starts = [][]int{{0, x.Counts[0], 0, 0}, {0, 0, 0, x.Counts[1]}, {0, 0, 0, x.Counts[2]}}
	x.SurelyUp = []int{x.Counts[0], 0, 0}
	return x
}

// laterStarts has n2 and n3 started after the clients of n1 had connected.
func laterStarts(s *scene) {
	for i := range 2 {
		s.Deployment.Servers[i+1].Start = started().Add(3 * 3600e9)
	}
}

// TestRestartConfirmsNothing: what the rest of the cluster contradicts stands in no
// other cause's way, and what it does not contradict does.
func TestRestartConfirmsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		changes []change
		want    Verdict
	}{
		{"the others are even", with(counts(18, 0, 0), aloneAtFirst, tenants(3, fourEach), list(urlsOf(1)...)), Confirmed},
		{"the others lean too", with(counts(18, 0, 0), aloneAtFirst, tenants(3, func(int) [3]int { return [3]int{11, 1, 0} }), list(urlsOf(1)...)), Likely},
	} {
		if got := Diagnose(caseOf(c.changes...)).Cause(SingleURL).Verdict; got != c.want {
			t.Errorf("%s: single-url is %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLeansTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		counts []int
		want   float64
	}{
		{[]int{12, 0, 0}, 9.73}, {[]int{10, 2, 0}, 6.15}, {[]int{8, 4, 0}, 2.56}, {[]int{7, 5, 0}, 0.77}, {[]int{4, 4, 4}, -4.60}, {[]int{2, 2, 2}, -2.30}, {[]int{5}, 0},
	} {
		if got := leansTo(c.counts); math.Abs(float64(got)-c.want) > 0.01 {
			t.Errorf("%v: %.2f, want %.2f", c.counts, got, c.want)
		}
	}
}

// TestAsFew: of 18 clients of which restarts move two of five, none was moved in 1 of
// 10,000 cases.
func TestAsFew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, m    int
		p, want float64
	}{{18, 0, 0.4, 0.0001}, {10, 4, 0.4, 0.633}, {10, 10, 0.4, 1}, {10, 0, 0, 1}} {
		if got := asFew(c.n, c.m, c.p); math.Abs(got-c.want) > 0.0005 {
			t.Errorf("%d or fewer of %d: %.4f, want %.4f", c.m, c.n, got, c.want)
		}
	}
}
