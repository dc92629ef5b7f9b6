package cause

import (
	"math"
	"testing"
)

func TestRollingRestart(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]float64{
		1: {1}, 2: {1, 0}, 3: {2. / 3, 1. / 3, 0},
	} {
		for server, row := range rollingRestart(n) {
			if got := total(row); math.Abs(got-want[server]) > 1e-9 {
				t.Errorf("%d servers: %.4f of the clients on server %d, want %.4f", n, got, server, want[server])
			}
		}
	}
	for n := 2; n <= mostWalked; n++ {
		all := 0.0
		for server, row := range rollingRestart(n) {
			all += total(row)
			for k, share := range row {
				if share > 0 && k <= server && k > 0 && server < n-1 && k < server {
					t.Errorf("%d servers: clients of server %d came before it had restarted", n, server)
				}
			}
		}
		if last := total(rollingRestart(n)[n-1]); last != 0 || math.Abs(all-1) > 1e-9 {
			t.Errorf("%d servers: %.4f on the last one, %.4f together", n, last, all)
		}
	}
	if rollingRestart(mostWalked+1) != nil || rollingRestart(0) != nil {
		t.Error("no bound")
	}
}

func total(row []float64) float64 {
	sum := 0.0
	for _, share := range row {
		sum += share
	}
	return sum
}
