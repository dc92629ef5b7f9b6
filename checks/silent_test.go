package checks

import (
	"slices"
	"strings"
	"testing"
)

// Cluster B was killed whole, and servers of A have a gateway configured to it. What
// others still count, or addresses where nobody answers, may be of B, so that a server
// is counted once, and B is named all the same.
func TestClusterOfWhichNobodyAnsweredIsCountedOnce(t *testing.T) {
	t.Parallel()
	of := func(cluster string) Missing {
		return Missing{Cluster: cluster, ClusterKnown: true, Kind: Configured, Known: "a1 has a gateway configured to its cluster", Reason: "nobody"}
	}
	counted := Missing{Kind: Counted, Reason: "a1 counts 6"}
	at := Missing{Host: "10.0.0.7", Kind: Unreachable, Reason: "connection refused"}
	for _, c := range []struct {
		name   string
		before []Missing
		found  []Missing
		room   int
		after  []Missing // that may be anywhere
		want   int       // are missing
		silent string
	}{
		{name: "three are counted", before: []Missing{counted, counted, counted}, found: []Missing{of("B")}, room: 9, want: 3, silent: "B"},
		{name: "three addresses fail", before: []Missing{at, at, at}, found: []Missing{of("B")}, room: 9, want: 3, silent: "B"},
		{name: "nothing is counted any more", found: []Missing{of("B")}, room: 9, want: 1},
		{name: "and three addresses of servers fail", found: []Missing{of("B")}, room: 9, after: []Missing{at, at, at}, want: 3, silent: "B"},
		{name: "one is counted, and two clusters are silent", before: []Missing{counted}, found: []Missing{of("B"), of("C")}, room: 9, want: 2, silent: "B"},
		{name: "the same, and another address fails", before: []Missing{counted}, found: []Missing{of("B"), of("C")}, room: 9, after: []Missing{at}, want: 2, silent: "B C"},
		{name: "no more servers than these", before: []Missing{counted}, found: []Missing{of("B"), of("C")}, want: 1, silent: "B"},
		{name: "one of A is missing", before: []Missing{{Name: "a3", Cluster: "A", ClusterKnown: true}}, found: []Missing{of("B")}, room: 9, want: 2},
		{name: "one that is in none of these clusters", before: []Missing{{Name: "leaf", Apart: true}}, found: []Missing{of("B")}, room: 9, want: 2},
		{name: "one that answered something", before: []Missing{{ID: "N1", Name: "n1"}}, found: []Missing{of("B")}, room: 9, want: 2},
		{name: "one of B has a name", before: []Missing{{Name: "b1", Cluster: "B", ClusterKnown: true}}, after: []Missing{at}, want: 2},
	} {
		d := &Deployment{Servers: []Server{{ID: "A1", Name: "a1", Cluster: "A"}}, Missing: slices.Clone(c.before)}
		d.AddSilent(c.found, c.room)
		for _, m := range c.after {
			d.AddAnywhere(m)
		}
		if got := strings.Join(d.Silent, " "); len(d.Missing) != c.want || got != c.silent {
			t.Errorf("%s: %d are missing, and silent is %q; want %d and %q", c.name, len(d.Missing), got, c.want, c.silent)
		}
		if len(d.Silent) == 0 {
			continue
		}
		first := strings.Fields(c.silent)
		for i := range d.Missing {
			if m := &d.Missing[i]; m.mayBeAnywhere() && !strings.HasPrefix(d.Reasons()(m), "perhaps of "+first[0]) {
				t.Errorf("%s: %q does not say that it may be of %s", c.name, d.Reasons()(m), first[0])
			}
		}
		if len(d.Notes) != len(d.Silent) || !strings.Contains(d.Notes[0], "a1 has a gateway configured to its cluster") {
			t.Errorf("%s: notes %q", c.name, d.Notes)
		}
	}
}

// Those that may be anywhere leave both clusters open: the one that answered, and the
// one of which nobody did.
func TestSilentClusterStaysOpen(t *testing.T) {
	t.Parallel()
	d := &Deployment{Gateways: true, Accounts: []Account{{ID: "APP", Name: "APP"}}, Missing: []Missing{{Kind: Counted}}, Silent: []string{"B"}}
	for _, name := range []string{"a1", "a2", "a3"} {
		d.Servers = append(d.Servers, Server{ID: name, Name: name, Cluster: "A", Usage: []Usage{{Account: 0, Connections: 5}}})
	}
	for _, clusters := range [][]string{nil, {"A"}, {"B"}} {
		p := Defaults()
		p.Clusters = clusters
		if err := p.Select(d); err != nil {
			t.Fatal(err)
		}
		if r := CheckConcentration(d, p); r.Outcome != OutcomeIncomplete {
			t.Errorf("clusters %q: %s", clusters, r.Outcome)
		} else if want := len(clusters) == 0 || clusters[0] == "B"; slices.Contains(r.OpenClusters, "B") != want {
			t.Errorf("clusters %q: open are %q", clusters, r.OpenClusters)
		}
		h := ClientConnections().Defaults()
		h.Clusters = clusters
		if r := CheckHotspots(d, h); r.Outcome != OutcomeIncomplete {
			t.Errorf("clusters %q: hotspots are %s", clusters, r.Outcome)
		}
	}
	// Where no server of A may be among those that are missing, A is judged.
	d.Missing, d.Silent = []Missing{{Cluster: "B", ClusterKnown: true, Kind: Silent}}, nil
	p := Defaults()
	p.Clusters = []string{"A"}
	if r := CheckConcentration(d, p); r.Outcome != OutcomePass {
		t.Errorf("A alone is %s", r.Outcome)
	}
}
