package checks

import (
	"slices"
	"testing"
)

func TestAddUnlisted(t *testing.T) {
	t.Parallel()
	at := func(id, cluster string, peers []string) Server { return Server{ID: id, Cluster: cluster, Peers: peers} }
	for name, c := range map[string]struct {
		d    Deployment
		want []string
	}{
		"nobody says":                 {Deployment{Servers: []Server{at("1", "A", nil), at("2", "A", nil)}}, []string{"A"}},
		"one says it has none":        {Deployment{Servers: []Server{at("1", "A", []string{}), at("2", "A", nil)}}, nil},
		"one that did not report":     {Deployment{Servers: []Server{at("1", "A", nil)}, Missing: []Missing{{ID: "2", Cluster: "A", ClusterKnown: true, Peers: []string{"1"}}}}, nil},
		"one that says nothing":       {Deployment{Missing: []Missing{{ID: "2", Cluster: "A", ClusterKnown: true}}}, []string{"A"}},
		"a cluster known by gateways": {Deployment{Missing: []Missing{{Cluster: "A", ClusterKnown: true, Kind: NotAsked, Known: "B has a gateway"}}}, nil},
		"no cluster":                  {Deployment{Servers: []Server{at("1", "", nil)}}, nil},
		"two clusters":                {Deployment{Servers: []Server{at("1", "B", nil), at("2", "A", nil), at("3", "C", []string{})}}, []string{"A", "B"}},
	} {
		c.d.AddUnlisted("nobody says")
		c.d.AddUnlisted("again")
		var got []string
		for i := range c.d.Missing {
			if m := &c.d.Missing[i]; m.Unlisted() {
				got = append(got, m.Cluster)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
