package rebalance

import (
	"strings"
	"testing"
)

func TestSuffering(t *testing.T) {
	t.Parallel()
	fine := health{connections: 50, limit: 100, slow: 3, cpu: 20}
	for _, c := range []struct {
		name        string
		before, now health
		want        string
	}{
		{"nothing changed", fine, fine, ""},
		{"more connections", fine, health{connections: 95, limit: 100, slow: 3}, ""},
		{"hardly room", fine, health{connections: 96, limit: 100, slow: 3}, "96 connections of the 100"},
		{"full all along", health{connections: 99, limit: 100}, health{connections: 99, limit: 100}, ""},
		{"no limit", fine, health{connections: 1e6, slow: 3}, ""},
		{"slow consumers", fine, health{connections: 50, limit: 100, slow: 5}, "2 slow consumers"},
		{"a busy processor", fine, health{connections: 50, limit: 100, slow: 3, cpu: 91}, "91% of its processors, from 20%"},
		{"as busy as before", health{cpu: 97}, health{cpu: 98}, ""},
		{"busier, but not very", fine, health{connections: 50, limit: 100, slow: 3, cpu: 89}, ""},
	} {
		a := applying{pace: Pace{MostCPU: 90}, now: &State{Servers: []Server{{ID: "A", Name: "n1"}}}, before: map[string]health{"A": c.before}}
		stop := a.suffering(map[string]health{"A": c.now})
		if c.want == "" && stop != nil || c.want != "" && (stop == nil || stop.Code != StopSuffering || !strings.Contains(stop.Text, c.want)) {
			t.Errorf("%s: %+v, want %q", c.name, stop, c.want)
		}
	}
}
