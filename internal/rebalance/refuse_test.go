package rebalance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestUncovered refuses where it is not known who has what, or has room.
func TestUncovered(t *testing.T) {
	t.Parallel()
	n := 5
	d := &checks.Deployment{Missing: []checks.Missing{{Name: "n4", Cluster: "C1", ClusterKnown: true}, {Name: "e1", Cluster: "C2", ClusterKnown: true}, {ID: "N5"}, {}}}
	got := Uncovered(d, "C1", []Member{{Connections: &n}, {}, {}})
	want := []Refusal{
		{Coverage, "3 servers did not report (n4, N5 and a server without a name), so it is not known how the connections are spread."},
		{Coverage, "It is not known how many connections 2 of 3 servers have and take, so whether there is room."},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Uncovered(&checks.Deployment{}, "C1", []Member{{Connections: &n}}); len(got) > 0 {
		t.Errorf("%q", got)
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
	for cluster, want := range map[string]string{"C1": "1:0 2:7 3:0", "": "4:2", "C2": ""} {
		var got []string
		for _, m := range Members(d, cluster, "A") {
			got = append(got, fmt.Sprintf("%s:%d", m.ID, m.Held))
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
	in := PlanInput{Servers: []Member{{ID: "1", Held: 8, Connections: &ten, Limit: &hundred}, {ID: "2", Connections: &ten, Limit: &ten}}, IgnoreRoom: true}
	if _, full := Full(in); full {
		t.Error("refused without a candidate")
	}
	in.Candidates = []Candidate{{Server: "1", ID: 1}}
	if r, full := Full(in); !full || r.Code != NoRoom {
		t.Errorf("%+v, %v", r, full)
	}
	in.Servers[1].Limit = &hundred
	if _, full := Full(in); full {
		t.Error("refused although there is room")
	}
}
