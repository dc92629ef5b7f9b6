package rebalance

import (
	"reflect"
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// A batch makes no account a finding and fills no server, even if all choose the same.
func TestBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		state *State
		from  int
		most  int // of the moves of all clients on that server
	}{
		{"13 and 17 of 30, where 21 are not a finding yet", held([][]int{{13, 17, 0, 0}}), 1, 8},
		{"at the threshold", held([][]int{{21, 9, 0}}), 1, 0},
		{"a finding may be moved from where it is", held([][]int{{30, 0, 0}}), 0, 21},
		{"too small to be a finding", held([][]int{{4, 5, 0}}), 1, 5},
		{"a server with room for four", limited(held([][]int{{20, 0, 0}}), []int{20, 6, 6}, []int{1000, 10, 1000}), 0, 4},
	} {
		var moves []Move
		for _, x := range c.state.Connections {
			if x.Server == c.from {
				moves = append(moves, Move{Connection: x})
			}
		}
		if got := c.state.bounded(moves, everywhere()); len(got) != c.most {
			t.Errorf("%s: %d of %d", c.name, len(got), len(moves))
		}
	}
}

// A run closes connections of those services only that the plan named, and says what it
// left for another.
func TestOnlyWhatThePlanNames(t *testing.T) {
	t.Parallel()
	s := held([][]int{{20, 20, 0}, {20, 20, 0}})
	goal := everywhere()
	goal.Only = []bool{true, false}
	if p := PlanMoves(s, goal); len(p.Moves) == 0 || slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Service != 0 }) {
		t.Errorf("%+v", p.Moves)
	}
	s = held([][]int{{0, 0, 9}, {30, 20, 0}})
	s.Services[1].Name, s.Accounts[1].Name = "billing-api", "BILLING"
	a := started(s, goal)
	if got := a.unnamed(goal); !slices.Equal(got, []ServiceName{{"billing-api", "BILLING"}}) {
		t.Errorf("%+v", got)
	}
	if p := PlanMoves(s, goal); len(p.Moves) > 0 || len(p.Short) != 1 || p.Short[0].Code != ShortUnnamed {
		t.Errorf("%+v", p)
	}
	all := PlanMoves(s, everywhere())
	if names := s.Names(all, Foresee(s, everywhere(), 5), everywhere()); !slices.Equal(names, []bool{false, true}) {
		t.Errorf("%v", names)
	}
}

// A server that has fewer than its even share is filled, whoever was expected elsewhere.
func TestFillsWhatIsEmpty(t *testing.T) {
	t.Parallel()
	half := gain{10, 5}
	for _, c := range []struct {
		before, now []int
		want        StopCode
	}{
		{[]int{71, 70, 0}, []int{51, 70, 20}, ""},
		{[]int{60, 0, 0}, []int{40, 20, 0}, StopFlock}, // one more such batch is too many
	} {
		s := held([][]int{c.now})
		a := started(s, everywhere())
		a.loads, a.shares = c.before, [][]int{c.before}
		got := make([]int, 3)
		for i := range got {
			got[i] = max(0, c.now[i]-c.before[i])
		}
		stop := a.harmed(Arrivals{On: got}, []gain{{}, half, half}, trial{})
		if (stop == nil) != (c.want == "") || stop != nil && stop.Code != c.want {
			t.Errorf("%v: %+v, want %q", c.now, stop, c.want)
		}
	}
}

// The server that is full is named, where another has room.
func TestFullIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limits []int
		want   FullServers
	}{
		{[]int{1000, 20, 1000}, FullServers{[]string{"n2"}, false}},
		{[]int{1000, 20, 14}, FullServers{[]string{"n2", "n3"}, true}},
	} {
		s := limited(held([][]int{{109, 18, 13}}), []int{109, 18, 13}, c.limits)
		if r, full := Full(s, everywhere()); !full || r.Code != NoneFree || !reflect.DeepEqual(r.Why, Limits{c.want, 10}) {
			t.Errorf("%v, %+v, want %+v", full, r, c.want)
		}
	}
}

// One client that was tried and came back leaves nothing likely that would have let it go.
func TestJudgedByATrial(t *testing.T) {
	t.Parallel()
	causes := []cause.Cause{{Code: cause.RestartDrift, Role: cause.Root, Verdict: cause.Likely}, {Code: cause.SingleURL, Role: cause.Root, Verdict: cause.Possible}}
	for _, c := range []struct {
		a    Arrived
		want cause.Verdict
	}{
		{Arrived{Moved: 1, Back: 1}, cause.Possible},
		{Arrived{Moved: 2, Back: 1}, cause.Likely},
		{Arrived{Moved: 8, Back: 8}, cause.RuledOut},
		{Arrived{}, cause.Likely},
	} {
		out := Judged(causes, c.a)
		if at := slices.IndexFunc(out, func(x cause.Cause) bool { return x.Code == cause.RestartDrift }); out[at].Verdict != c.want {
			t.Errorf("%+v: %s, want %s", c.a, out[at].Verdict, c.want)
		}
	}
	if out := Unmet(causes, Miss{Closes: 9, Servers: []string{"n3"}}, "x"); out[0].Verdict != cause.Possible || len(out[0].Evidence) != 1 || !reflect.DeepEqual(out[0].Evidence[0].Shown, Miss{Closes: 9, Servers: []string{"n3"}}) || len(causes[0].Evidence) != 0 {
		t.Errorf("%+v", out)
	}
}

// Clients that another cluster has more of an account than before are not missing.
func TestFoundInAnotherCluster(t *testing.T) {
	t.Parallel()
	s := held([][]int{{10, 0, 0}, {10, 0, 0}})
	s.Accounts[0].Name = "ORDERS"
	a := started(s, everywhere())
	a.scope.Cluster, a.away = "EAST", map[site]int{{0, "WEST"}: 3}
	now := Arrivals{Missing: 5, Services: map[int]Arrived{0: {Moved: 8, Missing: 4}, 1: {Moved: 2, Missing: 1}}}
	a.found(&now)
	if now.Missing != 2 || now.Services[0].Missing != 1 || now.Services[1].Missing != 1 || a.inOthers() != 3 {
		t.Errorf("%+v", now)
	}
	if want := []RunNote{InOtherClusters{3, "ORDERS", "EAST", map[string]int{"WEST": 3}}}; !reflect.DeepEqual(a.run.Notes, want) {
		t.Errorf("%+v", a.run.Notes)
	}
	a.found(&now) // these are known
	if now.Missing != 2 {
		t.Errorf("%+v", now)
	}
}
