package rebalance

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// behind is a state in which the clients of the accounts, but for the last, come by a
// balancer that leads to n1 and n2.
func behind(counts ...[]int) *State {
	s := held(counts)
	for i := range s.Services[:len(counts)-1] {
		s.Services[i].ByName, s.Services[i].Unreached = true, []bool{false, false, true}
	}
	return s
}

// TestShares: what is even is so by where the clients get to. Others make up for those
// that get to few servers, as far as that does not lead them above what they had.
func TestShares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		state *State
		even  []int
		most  []int // of each account
	}{
		{"all get everywhere", held([][]int{{12, 0, 0}, {12, 0, 0}, {6, 7, 2}}), []int{13, 13, 13}, []int{8, 8, 7}},
		{"one account gets to two servers, alone", func() *State {
			s := held([][]int{{12, 0, 0}})
			s.Services[0].Unreached = []bool{false, false, true}
			return s
		}(), []int{6, 6, 0}, []int{8}},
		{"two get to two, the third everywhere", behind([]int{12, 0, 0}, []int{12, 0, 0}, []int{6, 7, 2}), []int{16, 16, 7}, []int{8, 8, 7}},
		{"the third was all on n3, and stays below its threshold", behind([]int{12, 0, 0}, []int{12, 0, 0}, []int{0, 0, 15}), []int{15, 15, 10}, []int{8, 8, 10}},
		{"those that stay are no share of others", func() *State {
			s := behind([]int{12, 0, 0}, []int{12, 0, 0}, []int{6, 7, 2})
			s.Services[0].Stays, s.Accounts[1].Stays = Unexamined{}, Unexamined{}
			return s
		}(), []int{25, 7, 7}, []int{8, 8, 7}},
		{"those that move make up for those that stay", func() *State {
			s := held([][]int{{30, 0, 0}, {21, 17, 22}})
			s.Accounts[0].Stays = Unexamined{}
			return s
		}(), []int{44, 23, 23}, []int{21, 23}},
		{"those that stay where no server has too much", func() *State {
			s := held([][]int{{10, 0, 0}, {40, 0, 40}})
			s.Services[0].Stays = Unexamined{}
			return s
		}(), []int{30, 30, 30}, []int{7, 40}},
	} {
		aim := c.state.aimOf(everywhere())
		most, _ := c.state.ceilings(everywhere())
		if !slices.Equal(aim.even, c.even) || !slices.Equal(most, c.most) {
			t.Errorf("%s: %v, at most %v of each account; want %v and %v", c.name, aim.even, most, c.even, c.most)
		}
	}
}

// TestPlanLeadsNobodyWhereHeDoesNotGet: a balancer leads two accounts to n1 and n2. A
// third that spreads over all is not moved off these in their stead.
func TestPlanLeadsNobodyWhereHeDoesNotGet(t *testing.T) {
	t.Parallel()
	s := behind([]int{12, 0, 0}, []int{12, 0, 0}, []int{6, 7, 2})
	f := Foresee(s, everywhere(), 20)
	if third := f.Held[2]; slices.Max(third) > 7 {
		t.Errorf("the third account had 6, 7 and 2, and %v are foreseen", third)
	}
	if f.Held[0][2]+f.Held[1][2] > 0 || f.Loads[0] > 19 || f.Loads[0] < 13 || f.Moves > 40 {
		t.Errorf("%+v", f)
	}
	p := PlanMoves(s, everywhere())
	if p.Even != 16 || p.Excess != 14 {
		t.Errorf("%d is even, %d are too many", p.Even, p.Excess)
	}
	to := []string{"n3"}
	if got, want := p.Remarks(s, f).Confines, []Confine{{ServiceName{"", "A0"}, true, to, ""}, {ServiceName{"", "A1"}, true, to, ""}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if s.Reached(2) != true || len(PlanMoves(s, Goal{To: 2}).Moves) == 0 {
		t.Error("the third account can fill n3")
	}
	for _, m := range PlanMoves(s, Goal{To: 2}).Moves {
		if m.Service != 2 {
			t.Errorf("a client of %s is moved to fill n3", s.Accounts[m.Service].Name)
		}
	}
	s.Accounts[2].Stays = Unexamined{}
	if s.Reached(2) || len(PlanMoves(s, Goal{To: 2}).Moves) > 0 {
		t.Error("nobody who moves gets to n3")
	}
}

// TestNobodyIsMovedAgainAndAgain: clients go by chance to two of three servers, known
// or not, and none is moved more than twice.
func TestNobodyIsMovedAgainAndAgain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		for _, known := range []bool{true, false} {
			r := rand.New(rand.NewPCG(seed, 8))
			now := behind([]int{12, 0, 0}, []int{12, 0, 0}, []int{6, 7, 2})
			if !known {
				for i := range now.Services {
					now.Services[i].Unreached = nil
				}
			}
			kicks := map[int]int{} // by connection, which keeps its place in the list
			for range 100 {
				moves := nextBatch(PlanMoves(now, everywhere()), 20)
				if len(moves) == 0 || now.Level(everywhere()) {
					break
				}
				after := *now
				after.Connections = slices.Clone(now.Connections)
				for _, m := range moves {
					at := slices.IndexFunc(now.Connections, func(c Connection) bool { return c.Server == m.Server && c.ID == m.ID })
					kicks[at]++
					to := r.IntN(2)
					if m.Service == 2 { // it has all three in its list
						to = (m.Server + 1 + r.IntN(2)) % 3
					}
					after.Connections[at] = Connection{Server: to, Service: m.Service, ID: m.ID + 1000, Language: "go"}
				}
				after.Learn(now, moves)
				now = &after
			}
			for at, n := range kicks {
				if n > mostTries {
					t.Errorf("seed %d, known %v: client %d was moved %d times", seed, known, at, n)
				}
			}
			if known && !now.Level(everywhere()) {
				t.Logf("seed %d: %v is not even", seed, now.Held())
			}
		}
	}
}

// TestRemarkOfServices: where services of an account get to different servers, each is
// named with those that it does not get to.
func TestRemarkOfServices(t *testing.T) {
	t.Parallel()
	s := held([][]int{{18, 0, 0, 0}, {0, 0, 3, 1}})
	s.Services[1].Account = 0
	s.Services[0].Name, s.Services[0].Unreached = "front", []bool{false, false, true, true}
	s.Services[1].Name, s.Services[1].Unreached = "back", []bool{true, true, false, false}
	front, back := ServiceName{"front", "A0"}, ServiceName{"back", "A0"}
	first, last := []string{"n1", "n2"}, []string{"n3", "n4"}
	for _, want := range [][]Confine{
		{{front, false, last, ""}, {back, false, first, ""}},
		{{front, false, last, ""}},
		{{front, true, last, ""}, {back, true, last, ""}},
	} {
		if got := s.Confines(); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if s.Services[1].Unreached == nil {
			s.Services[1].Unreached = s.Services[0].Unreached
		} else {
			s.Services[1].Unreached = nil
		}
	}
}

// Whether the servers are even at the end is judged by the connections that there are
// then: clients come and go during a run.
func TestEvenAtTheEnd(t *testing.T) {
	t.Parallel()
	of := func(unreached []bool, counts ...int) *State {
		s := &State{Servers: make([]Server, len(counts)), Accounts: make([]Account, 1), Services: []Service{{Unreached: unreached}}}
		for i, n := range counts {
			for range n {
				s.Connections = append(s.Connections, Connection{Server: i})
			}
		}
		return s
	}
	for _, c := range []struct {
		before, after *State
		even          bool
	}{
		{of(nil, 64, 18, 18), of(nil, 27, 27, 26), true},  // 20 went
		{of(nil, 64, 18, 18), of(nil, 44, 44, 42), true},  // 30 came
		{of(nil, 64, 18, 18), of(nil, 36, 32, 12), false}, // 20 went, and one server has too few
		{of([]bool{false, false, true}, 60, 40, 0), of(nil, 50, 50, 0), true},
		{of([]bool{false, false, true}, 60, 40, 0), of(nil, 34, 33, 33), false},
	} {
		c.after.AimAs(c.before, everywhere())
		if got := c.after.Level(everywhere()); got != c.even {
			t.Errorf("%v after %v: even %v", c.after.Loads(), c.before.Loads(), got)
		}
	}
}
