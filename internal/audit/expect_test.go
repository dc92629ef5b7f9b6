package audit

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// The operator's number settles whether a server is there that others only count,
// but not one of which more is known.
func TestExpectedNumberSettlesACount(t *testing.T) {
	t.Parallel()
	ghost := checks.Missing{Kind: checks.Counted, Reason: "n1 counts 4"}
	three := []EarlierServer{{Name: "n1", Cluster: "C1"}, {Name: "n2", Cluster: "C1"}, {Name: "n3", Cluster: "C1"}}
	for _, c := range []struct {
		name     string
		expected Expected
		missing  []checks.Missing
		complete bool
		want     int
	}{
		{"as many as answered", Expected{Count: 3}, []checks.Missing{ghost}, true, 3},
		{"two of them", Expected{Count: 3}, []checks.Missing{ghost, ghost}, true, 3},
		{"no number", Expected{}, []checks.Missing{ghost}, false, 4},
		{"more", Expected{Count: 4}, []checks.Missing{ghost}, false, 4},
		{"fewer", Expected{Count: 2}, []checks.Missing{ghost}, false, 4},
		{"one that has a name", Expected{Count: 3}, []checks.Missing{{Name: "n4", Kind: checks.Silent}}, false, 4},
		{"another that has a name", Expected{Count: 3}, []checks.Missing{{Name: "n4", Kind: checks.Silent}, ghost}, false, 5},
		{"one that an earlier audit names: it was taken away", Expected{Count: 3, Earlier: []EarlierServer{{Name: "n4", Cluster: "C1"}}}, []checks.Missing{ghost}, true, 3},
		{"names, and an earlier audit has another", Expected{Names: []string{"n1", "n2", "n3"}, Earlier: []EarlierServer{{Name: "n4", Cluster: "C1"}}}, nil, true, 3},
		{"one more, and an earlier audit has one", Expected{Count: 4, Earlier: []EarlierServer{{Name: "n4", Cluster: "C1"}}}, []checks.Missing{ghost}, false, 4},
		{"one more, and an earlier audit has two", Expected{Count: 4, Earlier: []EarlierServer{{Name: "n4", Cluster: "C1"}, {Name: "n5", Cluster: "C1"}}}, nil, false, 4},
		{"the names of all", Expected{Names: []string{"n1", "n2", "n3"}}, []checks.Missing{ghost, ghost}, true, 3},
		{"names of some", Expected{Names: []string{"n1", "n2"}}, []checks.Missing{ghost}, false, 4},
		{"names of others", Expected{Names: []string{"n1", "n2", "n4"}}, []checks.Missing{ghost}, false, 4},
		{"an earlier audit of those that answered: another may have joined since", Expected{Earlier: three}, []checks.Missing{ghost}, false, 4},
		{"the same, and the number", Expected{Count: 3, Earlier: three}, []checks.Missing{ghost}, true, 3},
		{"the same, and a larger number", Expected{Count: 4, Earlier: three}, []checks.Missing{ghost}, false, 4},
		{"a cluster without an answer", Expected{Count: 3}, []checks.Missing{{Cluster: "C2", ClusterKnown: true, Kind: checks.Silent}}, false, 4},
	} {
		d := &checks.Deployment{Missing: c.missing}
		for _, name := range []string{"n1", "n2", "n3"} {
			d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Cluster: "C1"})
		}
		d.Expected = len(d.Servers) + len(d.Missing)
		c.expected.Add(t.Context(), d)
		notes := strings.Join(d.Notes, " ")
		noted := strings.Contains(notes, " that there is none") || strings.Contains(notes, "in the baseline of 0001-01-01 00:00, but not here: n4; --expect-servers")
		if (len(d.Missing) == 0) != c.complete || d.Expected != c.want || noted != c.complete {
			t.Errorf("%s: %d expected, missing %+v, notes %q", c.name, d.Expected, d.Missing, d.Notes)
		}
	}
}

// What servers made up themselves is another after a restart: the name of a cluster,
// and that of a server, which is its id then.
func TestAnEarlierAuditBeforeARestart(t *testing.T) {
	t.Parallel()
	const before, now = "yzQMpL0vXb3DqkE7sWnTfa", "yzQMpL0vXb3DqkE7sWnU3c"
	named := []EarlierServer{{Name: "n1", Cluster: before}, {Name: "n2", Cluster: before}, {Name: "n3", Cluster: before}}
	for _, c := range []struct {
		name     string
		cluster  string
		expected Expected
		servers  []string // names; "" is none of its own
		missing  int
	}{
		{"the cluster's name was made up", now, Expected{Earlier: named}, []string{"n1", "n2", "n3"}, 0},
		{"and one is missing", now, Expected{Earlier: named}, []string{"n1", "n2"}, 1},
		{"names of another cluster that was given one", "C1", Expected{Earlier: []EarlierServer{{Name: "n1", Cluster: "C2"}}}, []string{"n1"}, 1},
		{"no server had a name", "C1", Expected{EarlierUnnamed: 3}, []string{"", "", ""}, 0},
		{"no server had a name, and one is missing", "C1", Expected{EarlierUnnamed: 3}, []string{"", ""}, 1},
	} {
		d := &checks.Deployment{}
		for i, name := range c.servers {
			id := "N" + string(rune('A'+i))
			if name == "" {
				name = id
			}
			d.Servers = append(d.Servers, checks.Server{ID: id, Name: name, Cluster: c.cluster})
		}
		c.expected.Add(t.Context(), d)
		if len(d.Missing) != c.missing || d.Expected != len(c.servers)+c.missing {
			t.Errorf("%s: %d expected, missing %+v", c.name, d.Expected, d.Missing)
		}
	}
}

// A number of servers says nothing of their cluster where there may be another,
// and is told once.
func TestExpectedNumberAndClusters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		gateways bool
		clusters []string
		known    bool
	}{
		{"one cluster", false, []string{"GA", "GA", "GA"}, true},
		{"one that has gateways", true, []string{"GA", "GA", "GA"}, false},
		{"two", false, []string{"GA", "GA", "GB"}, false},
	} {
		d := &checks.Deployment{Gateways: c.gateways}
		for i, cluster := range c.clusters {
			name := string(rune('a' + i))
			d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Cluster: cluster})
		}
		Expected{Count: 5}.Add(t.Context(), d)
		if len(d.Missing) != 2 || d.Missing[0].Reason != d.Missing[1].Reason || d.Missing[0].ClusterKnown != c.known || d.Missing[1].ClusterKnown != c.known {
			t.Errorf("%s: %+v", c.name, d.Missing)
		}
	}
}

// Whether the operator says that those that reported are all, and whom he denies then.
func TestOperatorSaysThatTheseAreAll(t *testing.T) {
	t.Parallel()
	ghost := []checks.Missing{{Kind: checks.Counted, Reason: "n1 counts 4"}}
	for _, c := range []struct {
		expected    Expected
		all, denies bool
	}{
		{Expected{}, false, false},
		{Expected{Count: 3}, true, true},
		{Expected{Count: 2}, true, false}, // a number that is wrong denies nobody
		{Expected{Count: 4}, false, false},
		{Expected{Names: []string{"n1", "n2", "n3"}}, true, true},
		{Expected{Names: []string{"n1", "n2", "n3", "n4"}}, true, false},
		{Expected{Names: []string{"n1", "n2"}}, false, false},
	} {
		d := &checks.Deployment{Missing: slices.Clone(ghost)}
		for _, name := range []string{"n1", "n2", "n3"} {
			d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Cluster: "C1"})
		}
		c.expected.Add(t.Context(), d)
		if d.All != c.all || len(d.Denied) > 0 != c.denies || d.CountsNameless("C1") != (len(c.expected.Names) != 4) { // which is n4 then
			t.Errorf("%+v: all %v, denied %+v, missing %+v", c.expected, d.All, d.Denied, d.Missing)
		}
	}
}
