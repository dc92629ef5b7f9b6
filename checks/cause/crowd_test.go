package cause

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// crowdOf is a cluster of some servers with accounts behind one address, each with
// counts on the first servers, that came when so many of these were up.
func crowdOf(servers, accounts int, counts []int, up int) *crowd {
	addr := netip.MustParseAddr("10.7.7.7")
	d := &checks.Deployment{}
	p := &checks.Profile{Read: make([]int, servers), Whole: true}
	for i := range servers {
		id := fmt.Sprintf("N%d", i+1)
		d.Servers = append(d.Servers, checks.Server{ID: id, Cluster: "C1", Start: started(), Details: &checks.Details{Margin: time.Millisecond}})
		p.Servers, p.StartOrder = append(p.Servers, id), append(p.StartOrder, i)
		var row []int
		if i < len(counts) && counts[i] > 0 {
			row = make([]int, servers+1)
			row[up] = counts[i]
		}
		p.Starts = append(p.Starts, row)
	}
	copy(p.Read, counts)
	p.Sources = []checks.Source{{Addr: addr, Counts: p.Read, Kinds: 2}}
	profiles := map[string]*checks.Profile{}
	for i := range accounts {
		profiles[fmt.Sprintf("A%03d", i)] = p
	}
	return NewNeighbours(d, "C1", profiles, nil).crowds[addr]
}

// TestCrowd has the arithmetic of an address: that all are on one server costs the
// choice of it once, a reason of its own for each account costs it each time.
func TestCrowd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                    string
		crowd                   *crowd
		free, up, own, together float64
		timed                   bool
	}{
		{"30 accounts on one server", crowdOf(3, 30, []int{13}, 3), -428.5, -428.5, -106.0, -7.3, true},
		{"the same, when only that was up", crowdOf(3, 30, []int{13}, 1), -428.5, -3.9, -3.9, -7.3, true},
		{"3 accounts on all", crowdOf(3, 3, []int{4, 4, 4}, 3), -39.6, -39.6, -39.6, -130.7, true},
		{"a large cluster, when all were up", crowdOf(200, 3, []int{12}, 200), -190.7, -190.7, -23.2, -8.0, true},
		{"a large cluster, when not all were", crowdOf(200, 3, []int{12}, 150), -190.7, -190.7, -23.2, -8.0, false},
	} {
		got := []float64{float64(c.crowd.free), float64(c.crowd.up), float64(c.crowd.own), float64(c.crowd.together)}
		for i, want := range []float64{c.free, c.up, c.own, c.together} {
			if got[i] < want-0.5 || got[i] > want+0.5 {
				t.Errorf("%s: free, up, own and together are %.1f, want %.1f at %d", c.name, got, want, i)
			}
		}
		if c.crowd.timed != c.timed {
			t.Errorf("%s: when they came is known: %v", c.name, c.crowd.timed)
		}
		if slices.ContainsFunc(c.crowd.accounts, func(a tenant) bool {
			return len(a.parts) != 1 || len(c.crowd.servers) > mostTimed && a.parts[0].Up != nil
		}) {
			t.Errorf("%s: a part for each account, with no numbers for each of many servers", c.name)
		}
	}
}
