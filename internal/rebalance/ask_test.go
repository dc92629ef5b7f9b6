package rebalance

import (
	"testing"
)

func TestSuffering(t *testing.T) {
	t.Parallel()
	fine := health{connections: 50, limit: 100, slow: 3, cpu: 20}
	for _, c := range []struct {
		name        string
		before, now health
		want        StopReason
	}{
		{"nothing changed", fine, fine, nil},
		{"more connections", fine, health{connections: 95, limit: 100, slow: 3}, nil},
		{"nearly full", fine, health{connections: 96, limit: 100, slow: 3}, NearLimit{"n1", 96, 100}},
		{"full all along", health{connections: 99, limit: 100}, health{connections: 99, limit: 100}, nil},
		{"no limit", fine, health{connections: 1e6, slow: 3}, nil},
		{"slow consumers", fine, health{connections: 50, limit: 100, slow: 5}, SlowConsumers{"n1", 2}},
		{"a busy processor", fine, health{connections: 50, limit: 100, slow: 3, cpu: 91}, Busy{"n1", 91, 20}},
		{"as busy as before", health{cpu: 97}, health{cpu: 98}, nil},
		{"busier, but not very", fine, health{connections: 50, limit: 100, slow: 3, cpu: 89}, nil},
	} {
		a := applying{pace: Pace{MostCPU: 90}, now: &State{Servers: []Server{{ID: "A", Name: "n1"}}}, before: map[string]health{"A": c.before}}
		stop := a.suffering(map[string]health{"A": c.now})
		if c.want == nil && stop != nil || c.want != nil && (stop == nil || stop.Code != StopSuffering || stop.Why != c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, stop, c.want)
		}
	}
}
