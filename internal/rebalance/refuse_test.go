package rebalance

import (
	"reflect"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestUncovered refuses where it is not known who has what, and may take how many more.
func TestUncovered(t *testing.T) {
	t.Parallel()
	n := 5
	d := &checks.Deployment{Missing: []checks.Missing{{Name: "n4", Cluster: "C1", ClusterKnown: true}, {Name: "e1", Cluster: "C2", ClusterKnown: true}, {ID: "N5"}, {}, {}, {Name: "n6", Cluster: "C1", ClusterKnown: true, Kind: checks.Refusing}}}
	got := Uncovered(d, "C1", []Server{{Connections: &n}, {}, {}})
	want := []Refusal{
		{Coverage, NotReported{[]string{"n4", "N5", "n6"}, 2}},
		{Coverage, FreeUnknown{2, 3}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := Uncovered(&checks.Deployment{}, "C1", []Server{{Connections: &n}}); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// TestMembers has a server without a cluster share nothing with another.
func TestMembers(t *testing.T) {
	t.Parallel()
	use := func(n uint32) []checks.Usage { return []checks.Usage{{Account: 0, Connections: n}} }
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "A"}}, Servers: []checks.Server{
		{ID: "3", Name: "n2", Cluster: "C1"}, {ID: "2", Name: "n1", Cluster: "C1", Usage: use(7)}, {ID: "1", Name: "n1", Cluster: "C1"},
		{ID: "4", Usage: use(2)}, {ID: "5", Usage: use(3)}, {ID: "6"},
	}}
	for cluster, want := range map[string]string{"C1": "1 2 3", "": "4", "C2": ""} {
		var got []string
		for _, m := range Members(d, cluster, []string{"A"}) {
			got = append(got, m.ID)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("cluster %q has %s, want %s", cluster, s, want)
		}
	}
}

// TestFull refuses only where there would be something to move.
func TestFull(t *testing.T) {
	t.Parallel()
	ten, hundred := 10, 100
	s := held([][]int{{8, 0}})
	s.Servers[0].Connections, s.Servers[0].Limit = &ten, &hundred
	s.Servers[1].Connections, s.Servers[1].Limit = &ten, &ten
	if r, full := Full(s, Goal{To: -1, IgnoreLimits: true}); !full || r.Code != NoneFree {
		t.Errorf("%+v, %v", r, full)
	}
	s.Servers[1].Limit = &hundred
	if _, full := Full(s, everywhere()); full {
		t.Error("refused although there is room")
	}
	if _, full := Full(held([][]int{{4, 4}}), everywhere()); full {
		t.Error("refused where there is nothing to move")
	}
}

// That a spread is what chance makes of it is said of what the plan moves, and of the
// emptiest server as of the fullest.
func TestOrdinary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		held [][]int
		even bool
		want bool
	}{
		{[][]int{{26, 18, 16}}, false, true},
		{[][]int{{30, 0, 0}, {0, 31, 29}}, true, false}, // 30, 31 and 29 together
		{[][]int{{31, 29, 0}}, false, false},
		{[][]int{{25, 18, 17}, {12, 0, 0}}, true, false},
		{[][]int{{15, 14, 1}}, true, false}, // the fullest is not out of the ordinary
	} {
		s, goal := held(c.held), everywhere()
		goal.Even = c.even
		p := PlanMoves(s, goal)
		if got := p.ordinary(s); got != c.want || len(p.Moves) == 0 {
			t.Errorf("%v: %v with %d moves, want %v", c.held, got, len(p.Moves), c.want)
		}
	}
}
