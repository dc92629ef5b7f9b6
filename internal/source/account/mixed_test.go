package account

import (
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// Which clusters may be several of one name, by what an account is told.
func TestClustersOfOneName(t *testing.T) {
	t.Parallel()
	type server struct {
		cluster      string
		leafs, times int
	}
	hub := server{"HUB", 4, 1}
	two := []server{{"EDGE", 1, 2}, {"EDGE", 1, 2}}
	for _, c := range []struct {
		name    string
		own     string
		listed  int // addresses that the own cluster advertises
		servers []server
		want    []string
	}{
		{"two sites of two", "HUB", 1, slices.Concat([]server{hub}, two, two), []string{"EDGE"}},
		{"one site of two", "HUB", 1, slices.Concat([]server{{"HUB", 2, 1}}, two), nil},
		{"two sites of one each", "HUB", 1, []server{{"HUB", 2, 1}, {"EDGE", 1, 1}, {"EDGE", 1, 1}}, []string{"EDGE"}},
		{"a site with one leafnode for both", "HUB", 1, []server{{"HUB", 1, 1}, {"EDGE", 1, 1}, {"EDGE", 0, 1}}, nil},
		{"no leafnodes at all, as between gateways", "HUB", 1, []server{{"HUB", 0, 1}, {"C", 0, 1}, {"C", 0, 1}}, nil},
		{"the own cluster, with a leaf site", "HUB", 2, slices.Concat([]server{{"HUB", 1, 1}, {"HUB", 1, 1}}, two), nil},
		{"from inside a site", "EDGE", 2, []server{hub, {"EDGE", 1, 1}, {"EDGE", 1, 2}, {"EDGE", 1, 1}, {"EDGE", 1, 1}}, []string{"EDGE"}},
		{"from inside the only one", "EDGE", 2, []server{{"HUB", 2, 2}, {"EDGE", 1, 1}, {"EDGE", 1, 2}}, nil},
	} {
		g := &gathering{cluster: c.own, servers: map[string]*seen{}, addresses: addresses([]string{"h:1", "h:2", "h:3"}[:c.listed]...)}
		for i, s := range c.servers {
			id := string(rune('A' + i))
			g.servers[id] = &seen{Server: wire.Server{ID: id, Host: "10.0.0.1", Cluster: s.cluster}, whole: true, times: s.times,
				rows: []wire.Row{{ID: "APP", Leafnodes: uint32(s.leafs)}}}
		}
		if got := g.mixed(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
