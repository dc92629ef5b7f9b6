package checks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// member is a server C/name with the id of its name.
func member(name string, connections uint32, peers ...string) checks.Server {
	s := checks.Server{ID: name, Name: name, Cluster: "C", Peers: peers}
	if connections > 0 {
		s.Usage = []checks.Usage{{Account: 0, Connections: connections}}
	}
	return s
}

// alone has no routes, and says so; silent does not say.
func alone(name string, connections uint32) checks.Server {
	s := member(name, connections)
	s.Peers = []string{}
	return s
}

func TestSeparateClustersOfOneName(t *testing.T) {
	t.Parallel()
	berlin := []checks.Server{member("b1", 16, "b2", "b3"), member("b2", 0, "b1"), member("b3", 0, "b1")}
	lyon := []checks.Server{member("l1", 4, "l2", "l3"), member("l2", 4, "l1", "l3"), member("l3", 4, "l1")}
	for name, c := range map[string]struct {
		servers []checks.Server
		missing []checks.Missing
		want    string // the clusters with their servers, in order
		lost    string // who is missing, and where
	}{
		"one cluster":           {berlin, nil, "C: b1 b2 b3", ""},
		"two of one name":       {slices.Concat(lyon, berlin), nil, "C (b1, …): b1 b2 b3|C (l1, …): l1 l2 l3", ""},
		"routes of one side":    {[]checks.Server{member("b1", 1, "b2"), alone("b2", 1)}, nil, "C: b1 b2", ""},
		"no routes at all":      {[]checks.Server{alone("b1", 1), alone("b2", 1)}, nil, "C (b1): b1|C (b2): b2", ""},
		"nobody knows of any":   {[]checks.Server{member("b1", 1), member("b2", 1)}, nil, "C: b1 b2", ""},
		"one does not say":      {slices.Concat(berlin[:2], []checks.Server{member("x", 1)}), nil, "C: b1 b2 x", ""},
		"one of either":         {slices.Concat(lyon, berlin, []checks.Server{member("x", 7)}), nil, "C (b1, …): b1 b2 b3|C (l1, …): l1 l2 l3", "x, 7 at most"},
		"a missing one of one":  {slices.Concat(lyon, berlin[:2]), []checks.Missing{{Name: "b3", Cluster: "C", ClusterKnown: true, Peers: []string{"b1"}}}, "C (b1, …): b1 b2|C (l1, …): l1 l2 l3", "b3 in C (b1, …)"},
		"a missing one joins":   {[]checks.Server{member("b1", 1, "b2"), member("b3", 1, "b2")}, []checks.Missing{{ID: "b2", Name: "b2", Cluster: "C", ClusterKnown: true, Peers: []string{"b1", "b3"}}}, "C: b1 b3", "b2 in C"},
		"a missing one of any":  {slices.Concat(lyon, berlin), []checks.Missing{{Name: "x", Cluster: "C", ClusterKnown: true}}, "C (b1, …): b1 b2 b3|C (l1, …): l1 l2 l3", "x"},
		"servers without":       {[]checks.Server{{ID: "1", Name: "1", Peers: []string{}}, {ID: "2", Name: "2", Peers: []string{}}}, nil, ": 1 2", ""},
		"another name is apart": {[]checks.Server{member("b1", 1, "x"), {ID: "x", Name: "x", Cluster: "D", Peers: []string{"b1"}}}, nil, "C: b1|D: x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &checks.Deployment{Accounts: []checks.Account{{ID: "APP", Name: "APP"}}, Servers: slices.Clone(c.servers), Missing: slices.Clone(c.missing)}
			d.Separate()
			in := map[string][]string{}
			for _, s := range d.Servers {
				in[s.Cluster] = append(in[s.Cluster], s.Name)
			}
			var got, lost []string
			for cluster, names := range in {
				slices.Sort(names)
				got = append(got, cluster+": "+strings.Join(names, " "))
			}
			slices.Sort(got)
			for _, m := range d.Missing {
				text := m.Name
				if m.ClusterKnown {
					text += " in " + m.Cluster
				}
				if m.Bound != nil {
					text += fmt.Sprintf(", %d at most", *m.Bound)
				}
				lost = append(lost, text)
			}
			if strings.Join(got, "|") != c.want || strings.Join(lost, "|") != c.lost {
				t.Errorf("%q, missing %q; want %q, missing %q", got, lost, c.want, c.lost)
			}
			if split := len(d.Notes) > 0; split != strings.Contains(c.want, "(") {
				t.Errorf("notes %q", d.Notes)
			}
			for _, s := range d.Servers {
				if strings.HasPrefix(s.Cluster, "C") && d.Reported(s.Cluster) != "C" {
					t.Errorf("%s reports %s", s.Cluster, d.Reported(s.Cluster))
				}
			}
		})
	}
}

// One that is apart may be a cluster of its own with a finding, and changes
// nothing in the others.
func TestMissingApart(t *testing.T) {
	t.Parallel()
	full := []checks.Server{member("b1", 16, "b2", "b3"), member("b2", 0, "b1"), member("b3", 0, "b1")}
	even := []checks.Server{member("b1", 16, "b2", "b3"), member("b2", 16, "b1"), member("b3", 16, "b1")}
	apart := []checks.Missing{{Name: "x", Apart: true}, {Name: "y", Apart: true}, {Name: "z", Apart: true}}
	for name, c := range map[string]struct {
		servers []checks.Server
		missing []checks.Missing
		partial bool
		want    checks.Outcome
		found   int
	}{
		"a finding here":      {full, apart, false, checks.OutcomeIncomplete, 1},
		"none here":           {even, apart, false, checks.OutcomeIncomplete, 0},
		"partly":              {full, apart, true, checks.OutcomeFinding, 1},
		"too few to be found": {even, apart[:2], false, checks.OutcomePass, 0},
		"may be here":         {full, []checks.Missing{{Name: "x"}}, false, checks.OutcomeIncomplete, 0},
	} {
		p := checks.Defaults()
		p.AllowPartial = c.partial
		d := &checks.Deployment{Accounts: []checks.Account{{ID: "APP", Name: "APP"}}, Servers: c.servers, Missing: c.missing}
		// Those apart may be another cluster of the name that is asked for.
		for _, p.Clusters = range [][]string{nil, {"C"}} {
			r := checks.CheckConcentration(d, p)
			if r.Outcome != c.want || len(r.Findings) != c.found {
				t.Errorf("%s, of clusters %q: %s with %d findings, want %s with %d", name, p.Clusters, r.Outcome, len(r.Findings), c.want, c.found)
			}
			h := checks.ClientConnections().Defaults()
			h.Clusters, h.AllowPartial = p.Clusters, c.partial
			if r := checks.CheckHotspots(d, h); r.OpenElsewhere != (len(c.missing) > 2 && !c.partial) {
				t.Errorf("%s, of clusters %q: a hotspot elsewhere %v", name, p.Clusters, r.OpenElsewhere)
			}
		}
	}
}

func TestSelectOneOfSeveral(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Servers: []checks.Server{alone("b1", 1), alone("b2", 1)}}
	d.Separate()
	p := checks.Defaults()
	p.Clusters = []string{"C"}
	if err := p.Select(d); err == nil || err.Error() != `2 clusters without routes to each other are called "C"` {
		t.Error(err)
	}
	p.Clusters = []string{"C (b2)"}
	if err := p.Select(d); err != nil {
		t.Error(err)
	}
	for then, reported := range map[string]string{"C (a1, …)": "C", "E (a1)": "E", "E (a2)": "E", "prod (eu) (a1)": "prod (eu)", "prod": "prod", "prod (us)": ""} {
		d.CalledThen(then, reported)
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{"C", "C (b1)", true}, {"C (b1)", "C (b1)", true}, {"C (b1)", "C (b2)", false}, {"C", "D", false}, {"C (b1)", "D", false},
		// Names that clusters have, and that look as if one of several were told apart.
		{"prod (eu)", "prod", false}, {"prod", "prod (eu)", false}, {"prod (eu)", "prod (us)", false}, {"prod (eu)", "prod (eu)", true}, {"C (eu)", "C", false},
		// Those of an earlier time, of which a document says what their servers reported.
		{"C (a1, …)", "C", true}, {"C (a1, …)", "C (b1)", false}, {"E (a1)", "E", true}, {"E (a1)", "E (a2)", false}, {"E", "E (a2)", true}, {"prod (eu) (a1)", "prod (eu)", true},
		{"prod (eu) (a1)", "prod", false}} {
		if got := d.SameCluster(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %v", c.a, c.b, got)
		}
	}
}

// A server that went is of a cluster whose servers report the name that those of its
// cluster reported, and of no other.
func TestRecordedOfOneOfSeveral(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		now, cluster, reported string
		of, back               bool
	}{
		{"C", "C", "C", true, true},
		{"C", "C (b2)", "C", true, true},
		{"C", "C (b2)", "C (b2)", false, false},
		{"C (b2)", "C", "C", false, false},
		{"C (b2)", "C (b2)", "C (b2)", true, true},
		{"D", "C (b2)", "C", false, false},
	} {
		server := alone("b2", 1)
		server.ID, server.Cluster = "NEW", c.now
		process := checks.ServerProcess{ServerRef: checks.ServerRef{ID: "NEW", Name: "b2"}, Cluster: c.now}
		past := checks.RecordedPast{Identity: checks.Identity{Servers: []checks.ServerProcess{process}},
			Gone: []checks.RecordedGone{{Server: checks.ServerRef{ID: "OLD", Name: "b2"}, Cluster: c.cluster, Reported: c.reported, Kind: checks.Silent}}}
		d := &checks.Deployment{Servers: []checks.Server{server}}
		of, _ := past.Of(d)
		if len(of) == 1 != c.of || past.Gone[0].IsBack(d) != c.back {
			t.Errorf("%+v: of it %v, back %v", c, of, past.Gone[0].IsBack(d))
		}
	}
}
