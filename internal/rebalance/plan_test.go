package rebalance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

func number(n int) *int { return &n }

// held is a state of servers n1, n2, … with so many Go clients of each account on
// each, of one service each.
func held(counts [][]int) *State {
	s := &State{}
	for i := range counts[0] {
		s.Servers = append(s.Servers, Server{ID: fmt.Sprint("ID", i+1), Name: fmt.Sprint("n", i+1)})
	}
	for a, of := range counts {
		s.Accounts = append(s.Accounts, Account{ID: fmt.Sprint("A", a), Name: fmt.Sprint("A", a), Rule: checks.Defaults()})
		s.Services = append(s.Services, Service{Account: a, Language: "go", Protocol: "nats"})
		for i, n := range of {
			for range n {
				s.Connections = append(s.Connections, Connection{Server: i, Service: a, ID: uint64(len(s.Connections) + 1), Language: "go"})
			}
		}
	}
	return s
}

// limited gives every server so many connections of all accounts and a limit.
func limited(s *State, connections, limit []int) *State {
	for i := range s.Servers {
		s.Servers[i].Connections, s.Servers[i].Limit = number(connections[i]), number(limit[i])
	}
	return s
}

func TestPlanMoves(t *testing.T) {
	t.Parallel()
	python := func(s *State) *State { s.Services[0].Language = "python3"; return s }
	for _, c := range []struct {
		name  string
		state *State
		goal  Goal
		from  []int // by server
		need  int   // the fewest
		short int   // how many reasons why there are fewer
	}{
		{name: "all on one of three", state: held([][]int{{24, 0, 0}}), goal: everywhere(), from: []int{16, 0, 0}, need: 16},
		{name: "even already", state: held([][]int{{8, 8, 8}}), goal: everywhere(), from: []int{0, 0, 0}},
		{name: "as even as can be", state: held([][]int{{9, 8, 8}}), goal: everywhere(), from: []int{0, 0, 0}},
		{name: "one too many", state: held([][]int{{10, 8, 7}}), goal: everywhere(), from: []int{1, 0, 0}, need: 1},
		{name: "two are overfull", state: held([][]int{{20, 16, 0}}), goal: everywhere(), from: []int{8, 4, 0}, need: 12},
		{name: "two servers", state: held([][]int{{10, 0}}), goal: everywhere(), from: []int{5, 0}, need: 5},
		{name: "nobody", state: held([][]int{{0, 0, 0}}), goal: everywhere(), from: []int{0, 0, 0}},
		{name: "one server", state: held([][]int{{10}}), goal: everywhere(), from: []int{0}},
		{name: "no more than asked for", state: held([][]int{{24, 0, 0}}), goal: Goal{To: -1, MaxMoves: 4}, from: []int{4, 0, 0}, need: 16, short: 1},
		{name: "those that may return", state: python(held([][]int{{30, 0, 0}})), goal: everywhere(), from: []int{20, 0, 0}, need: 20},
		{name: "no room", state: limited(held([][]int{{60, 0, 0}}), []int{60, 85, 94}, []int{1000, 85, 94}), goal: everywhere(), from: []int{0, 0, 0}, need: 40, short: 1},
		{name: "an account above its threshold in an even cluster", state: held([][]int{{60, 0, 0}, {0, 60, 60}}), goal: everywhere(), from: []int{18, 0, 0}, need: 18},
		{name: "every account even", state: held([][]int{{60, 0, 0}, {0, 60, 60}}), goal: Goal{To: -1, Even: true}, from: []int{40, 20, 20}, need: 80},
		{name: "the loads alone", state: held([][]int{{20, 10, 0}, {10, 10, 10}}), goal: everywhere(), from: []int{10, 0, 0}, need: 10},
		{name: "several accounts on two of three", state: held([][]int{{50, 50, 0}, {50, 50, 0}}), goal: everywhere(), from: []int{33, 33, 0}, need: 66},
		{name: "only one server", state: held([][]int{{20, 20, 20, 0}}), goal: Goal{To: 3}, from: []int{5, 5, 5, 0}, need: 15},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := PlanMoves(c.state, c.goal)
			if !slices.Equal(p.From, c.from) || p.Excess != c.need || len(p.Short) != c.short {
				t.Errorf("%v moves of %d, short because of %+v; want %v of %d", p.From, p.Excess, p.Short, c.from, c.need)
			}
		})
	}
}

func TestPlanKeepsToTheLimits(t *testing.T) {
	t.Parallel()
	// Both others take 100 and keep 10: 5 and 2 are left.
	s := limited(held([][]int{{60, 0, 0}}), []int{60, 85, 88}, []int{1000, 100, 100})
	if p := PlanMoves(s, everywhere()); len(p.Moves) > 7 || len(p.Moves) < 4 || p.Excess != 40 || len(p.Short) != 1 {
		t.Errorf("%d of %d moves, %+v", len(p.Moves), p.Excess, p.Short)
	}
	if p := PlanMoves(s, Goal{To: -1, IgnoreLimits: true}); len(p.Moves) != 40 {
		t.Errorf("regardless of limits: %d moves", len(p.Moves))
	}
}

func TestPlanTakesWhatCostsLeast(t *testing.T) {
	t.Parallel()
	s := held([][]int{{6, 0}})
	for i, c := range []Connection{
		{Idle: 2 * time.Hour, Subscriptions: 1, Pending: 10}, // would lose what is pending
		{Subscriptions: 1},                         // busy
		{Idle: 25 * time.Minute, Subscriptions: 9}, // many subscriptions
		{Idle: 20 * time.Minute, Subscriptions: 1}, // as idle, by order of magnitude
		{Idle: 3 * time.Hour, Subscriptions: 100},  // idle longest
		{Idle: 20 * time.Minute, Subscriptions: 1}, // the same as 4, but newer
	} {
		x := &s.Connections[i]
		x.Idle, x.Subscriptions, x.Pending = c.Idle, c.Subscriptions, c.Pending
	}
	var order, moved []uint64
	for _, c := range slices.SortedStableFunc(slices.Values(s.Connections), cheaper) {
		order = append(order, c.ID)
	}
	if want := []uint64{5, 4, 6, 3, 2, 1}; !slices.Equal(order, want) {
		t.Errorf("the order is %v, not %v", order, want)
	}
	for _, m := range PlanMoves(s, everywhere()).Moves {
		moved = append(moved, m.ID)
	}
	if want := []uint64{5, 4, 6}; !slices.Equal(moved, want) {
		t.Errorf("moved are %v, not %v", moved, want)
	}
}

// TestPlanLeavesOut services and accounts that stay, and the last connection of an
// account on the only other server that it is on.
func TestPlanLeavesOut(t *testing.T) {
	t.Parallel()
	s := held([][]int{{12, 0, 0}, {12, 0, 0}})
	s.Services[1].Stays = WouldReturn{}
	p := PlanMoves(s, everywhere())
	if len(p.Moves) != 12 || slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Service == 1 }) || len(p.Short) != 1 {
		t.Errorf("%d moves, %+v", len(p.Moves), p.Short)
	}
	s.Accounts[0].Stays = Agreed{}
	if p := PlanMoves(s, everywhere()); len(p.Moves) != 0 {
		t.Errorf("%d moves", len(p.Moves))
	}
	// A0 has one on n1 beside those on n2, and loses it never.
	s = held([][]int{{1, 9, 0}, {20, 0, 0}})
	for _, m := range PlanMoves(s, everywhere()).Moves {
		if m.Service == 0 && m.Server == 0 {
			t.Error("the last one of A0 on n1 is to move")
		}
	}
}

// TestPlansHold checks what must be true of every plan on random clusters: never
// more than is too much on a server, never past a limit, nothing that stays, no
// connection twice, the same plan for the same input.
func TestPlansHold(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 400 {
		servers, accounts := 1+r.IntN(6), 1+r.IntN(5)
		counts := make([][]int, accounts)
		for a := range counts {
			counts[a] = make([]int, servers)
			for i := range counts[a] {
				counts[a][i] = r.IntN(40)
			}
		}
		s := held(counts)
		free, limits := 0, true
		loads := s.Loads()
		for i := range s.Servers {
			if limits = limits && r.IntN(4) > 0; limits {
				s.Servers[i].Connections, s.Servers[i].Limit = number(loads[i]), number(loads[i]+r.IntN(40))
				free += *s.Servers[i].Free()
			}
		}
		for i := range s.Services {
			s.Services[i].Language = []string{"go", "python3"}[r.IntN(2)]
			if r.IntN(5) == 0 {
				s.Services[i].Stays = Unexamined{}
			}
		}
		goal := Goal{To: -1, Even: r.IntN(3) == 0, MaxMoves: r.IntN(3) * r.IntN(40)}
		p := PlanMoves(s, goal)
		if again := PlanMoves(s, goal); !reflect.DeepEqual(p, again) {
			t.Fatalf("round %d: another plan for the same input", round)
		}
		seen, over := map[place]bool{}, make([]int, servers)
		for a, of := range s.Held() {
			total := 0
			for _, n := range of {
				total += n
			}
			for i, n := range of {
				over[i] += max(0, n-s.Accounts[a].ceiling(total, servers, checks.EvenShare(total, servers), goal.Even))
			}
		}
		for _, m := range p.Moves {
			if seen[place{m.Server, m.ID}] || s.Services[m.Service].Stays != nil {
				t.Fatalf("round %d: %+v", round, m)
			}
			seen[place{m.Server, m.ID}] = true
		}
		for i, n := range p.From {
			if most := max(over[i], loads[i]-s.aimOf(goal).even[i]); n > most && (!goal.Even || n > over[i]) {
				t.Fatalf("round %d: server %d gives %d of %d, too many are %d", round, i, n, loads[i], most)
			}
		}
		if limits && len(p.Moves) > 0 && float64(free) < 1 || goal.MaxMoves > 0 && len(p.Moves) > goal.MaxMoves || len(p.Moves) > p.Excess {
			t.Fatalf("round %d: %d moves with room for %d, at most %d of %d", round, len(p.Moves), free, goal.MaxMoves, p.Excess)
		}
		if len(p.Moves) < p.Excess && len(p.Short) == 0 {
			t.Fatalf("round %d: fewer moves without a reason", round)
		}
		f := Foresee(s, goal, 20)
		sum := 0
		for i, n := range f.Loads {
			sum += n
			if free := s.Servers[i].Free(); free != nil && n > loads[i]+*free+3 {
				t.Fatalf("round %d: server %d with room for %d gets %d", round, i, *free, n-loads[i])
			}
		}
		if sum != len(s.Connections) {
			t.Fatalf("round %d: %d connections are foreseen of %d", round, sum, len(s.Connections))
		}
	}
}

func TestWalkOfTheLibraries(t *testing.T) {
	t.Parallel()
	for language, may := range map[string]bool{"go": false, "C": false, "java": false, ".NET": false, "nats.js": false,
		"c#": false, "csharp": false, "dotnet": false, "typescript": false, "nats.ws": false, "nats.deno": false, "node": false,
		"python3": true, "rust": true, "": true, "elixir": true, "ruby": true} {
		if got := mayReturn(language, "nats"); got != may {
			t.Errorf("%q may return: %v", language, got)
		}
	}
	if !mayReturn("go", "mqtt") {
		t.Error("an MQTT client knows one address at most")
	}
	s := held([][]int{{1, 0, 0, 0}})
	third, quarter := 1.0/3, 0.25
	for _, c := range []struct {
		name      string
		trail     trail
		language  string
		unreached []bool
		full      []bool
		want      []float64
	}{
		{name: "nothing known", language: "go", want: []float64{0, third, third, third}},
		{name: "it came from n2", trail: trail("").then(1), language: "go", want: []float64{0, 0, 0.5, 0.5}},
		{name: "it was at all", trail: trail("").then(2).then(1).then(3), language: "go", want: []float64{0, 0, 1, 0}},
		{name: "it shuffles anew", trail: trail("").then(1), language: "rust", want: []float64{quarter, quarter, quarter, quarter}},
		{name: "n4 is full", language: "go", full: []bool{false, false, false, true}, want: []float64{0, 0.5, 0.5, 0}},
		{name: "its list has n1 and n2", language: "go", unreached: []bool{false, false, true, true}, want: []float64{0, 1, 0, 0}},
		{name: "its list has n1", language: "go", unreached: []bool{false, true, true, true}, want: []float64{1, 0, 0, 0}},
	} {
		s.Services[0].Language, s.Services[0].Unreached = c.language, c.unreached
		if got := s.walk(cohort{trail: c.trail}, c.full); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	if got := Takes(100, 8, 10, 125*time.Millisecond); got != 14*time.Second {
		t.Errorf("100 moves take %s", got)
	}
	if got := Takes(0, 10, 20, time.Second); got != 0 {
		t.Errorf("no moves take %s", got)
	}
}

// TestWhenClientsComeBack: chance alone does not stop a run, clients that all
// come back do.
func TestWhenClientsComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tally
		want bool
	}{
		{tally{kicked: 20}, false},
		{tally{kicked: 20, returned: 10}, false},
		{tally{kicked: 20, returned: 11}, true},
		{tally{kicked: 3, returned: 3}, false}, // too few to tell
		{tally{kicked: 4, returned: 4}, true},
		{tally{kicked: 20, returned: 14, expected: gain{6.7, 4.4}}, false},
		{tally{kicked: 20, returned: 19, expected: gain{6.7, 4.4}}, true},
		{tally{kicked: 4, returned: 4, expected: gain{2, 1}}, false}, // one in sixteen
		{tally{kicked: 20, returned: 20, expected: gain{10, 5}}, true},
		{tally{}, false},
	} {
		if got := c.bad(); got != c.want {
			t.Errorf("%+v is bad: %v", c.tally, got)
		}
	}
}

func TestTooManyMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		missing, kicked int
		want            bool
	}{{2, 20, false}, {3, 20, true}, {3, 100, false}, {10, 100, true}, {0, 0, false}} {
		if got := tooManyMissing(c.missing, c.kicked); got != c.want {
			t.Errorf("%d of %d: %v", c.missing, c.kicked, got)
		}
	}
	// Of as many bits as an int has, which are 32 on some.
	if most(math.MaxInt, reservePercent) < math.MaxInt/100*89 || most(math.MaxInt32, reservePercent) < math.MaxInt32/100*89 || most(101, reservePercent) != 90 {
		t.Error("the reserve of a large limit")
	}
}

// Where no server reported there is nothing to plan.
func TestPlanOfNobody(t *testing.T) {
	t.Parallel()
	if p := PlanMoves(&State{Accounts: []Account{{ID: "A"}}}, Goal{To: -1}); p.Excess != 0 || len(p.Moves) > 0 {
		t.Errorf("%+v", p)
	}
}

// Why there are fewer moves than it takes names what is there: connections of an account
// above its ceiling, on a server that has no more than its share, are left out.
func TestWhyAnAccountStaysAbove(t *testing.T) {
	t.Parallel()
	s := &State{Servers: make([]Server, 3), Accounts: []Account{{Name: "LEGACY", Rule: checks.Defaults()}, {Name: "ORDERS", Rule: checks.Defaults()}},
		Services: []Service{{Stays: WouldReturn{}}, {Account: 1}}}
	for server, n := range [][2]int{{24, 0}, {0, 24}, {0, 24}} {
		for service, n := range n {
			for range n {
				s.Connections = append(s.Connections, Connection{Server: server, Service: service, ID: uint64(len(s.Connections))})
			}
		}
	}
	if p := PlanMoves(s, everywhere()); p.Excess == 0 || len(p.Moves) > 0 || len(p.Short) != 1 || p.Short[0].Code != ShortStays || p.Short[0].N != 24 {
		t.Errorf("%+v", p)
	}
}
