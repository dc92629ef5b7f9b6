package rebalance

import (
	"reflect"
	"slices"
	"testing"
)

// What was shown of a server is taken back once one of the clients is there.
func TestReachedAfterAll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		on     [][]int
		misses []int // services
	}{
		{[][]int{{8, 8, 0}, {8, 8, 0}}, []int{0, 1}},
		{[][]int{{8, 7, 1}, {8, 8, 0}}, []int{1}},
		{[][]int{{8, 7, 1}, {8, 7, 1}}, nil},
	} {
		a := &applying{now: held(c.on), missed: []Missed{{Server: 2, Services: []int{0, 1}, Moved: 9, Last: 3}}}
		a.now.leave(a.missed[0])
		a.scope.Services = slices.Clone(a.now.Services)
		a.reached()
		var misses []int
		for i := range a.now.Services {
			if !a.now.reaches(i, 2) {
				misses = append(misses, i)
			}
			if a.scope.Services[i].Unreached[2] == a.now.reaches(i, 2) {
				t.Errorf("%v: the next look knows another thing of %d", c.on, i)
			}
		}
		if !slices.Equal(misses, c.misses) || (len(a.missed) > 0) != (len(c.misses) > 0) {
			t.Errorf("%v: %v, %+v; want %v", c.on, misses, a.missed, c.misses)
		}
	}
}

// A run that ends before it is shown whether clients get to a server says that this is not
// known, and no more.
func TestUnsettled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		on   []int
		been []int
		want []RunNote
	}{
		{[]int{8, 8, 0}, nil, []RunNote{Unsettled{4, []string{"app"}, "n3"}}},
		{[]int{8, 7, 1}, nil, nil},
		{[]int{8, 8, 0}, []int{1}, []RunNote{Miss{Closes: 4, Services: []string{"app"}, Servers: []string{"n3"}, Last: 4}}},
	} {
		a := &applying{now: held([][]int{c.on}), ways: passages{}}
		a.now.Services[0].Name = "app"
		a.scope.Services = slices.Clone(a.now.Services)
		a.loads, a.unlearnt = a.now.Loads(), make([]flock, 3)
		for _, w := range []gone{{0, 1, 0, nil, nil}, {0, 0, 4, []int{1}, c.been}} {
			p := a.ways.of(way{0, w.from}, 3)
			for range w.n {
				a.now.goes(p, w.cohort(), a.now.walk(w.cohort(), nil), nil)
			}
		}
		a.miss()
		stop := a.unreached()
		said := a.run.Notes
		if stop != nil {
			for _, miss := range stop.Why.(Unreached).Misses {
				miss.Expected = 0 // which chance says nothing of here
				said = append(said, miss)
			}
		}
		if !reflect.DeepEqual(said, c.want) || (stop != nil) != (len(c.been) > 0) {
			t.Errorf("%v: %+v, want %+v", c.on, said, c.want)
		}
	}
}

// Clients that go through a list are expected where those of other services went that were
// on the same servers at the same time; others by their own library alone.
func TestLearnsFromOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		language  string
		unreached []bool
		least     float64 // of the chance of n2
	}{
		{"go", nil, 0.75},
		{"python3", nil, 0.3},
		{"go", []bool{false, true, false}, 0},
	} {
		before := held([][]int{{8, 8, 0}, {8, 8, 0}})
		before.Services[1].Language, before.Services[1].Unreached = c.language, c.unreached
		after := held([][]int{{8, 8, 0}, {8, 8, 0}})
		var moves []Move
		for i := range 5 { // of the first service, from n1 to n2
			moves = append(moves, Move{Connection: before.Connections[i]})
			after.Connections[i].Server, after.Connections[i].ID = 1, uint64(1000+i)
		}
		after.Services = before.Services
		after.Learn(before, moves)
		got := after.chances(cohort{service: 1}, nil)
		if got[1] < c.least || got[1] > c.least+0.1 {
			t.Errorf("%s: %v, want %v and a little more", c.language, got, c.least)
		}
	}
}

// The plan says how many moves it takes where clients have the empty server last.
func TestSaysWhatTheLastServerTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		on   []int
		want *LastInLists
	}{
		{[]int{24, 24, 0}, &LastInLists{[]string{"n3"}, 2, 32}},
		{[]int{48, 0, 0}, nil},
		{[]int{30, 12, 6}, nil},
	} {
		s := held([][]int{c.on})
		if got := s.lastOf(PlanMoves(s, everywhere())); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %+v, want %+v", c.on, got, c.want)
		}
	}
}
