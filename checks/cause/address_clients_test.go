package cause

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// clientsAt is a cluster of some servers with accounts behind one address, each with
// counts on the first servers, that came when so many of these were up.
func clientsAt(servers, accounts int, counts []int, up int) *addressClients {
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
	return NewNeighbours(d, "C1", profiles, nil).atAddress[addr]
}

// TestCrowd has the arithmetic of an address: that all are on one server costs the
// choice of it once, a reason of its own for each account costs it each time.
func TestCrowd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                    string
		clients                 *addressClients
		free, up, own, together float64
		timed                   bool
	}{
		{"30 accounts on one server", clientsAt(3, 30, []int{13}, 3), -428.5, -428.5, -106.0, -7.3, true},
		{"the same, when only that was up", clientsAt(3, 30, []int{13}, 1), -428.5, -3.9, -3.9, -7.3, true},
		{"3 accounts on all", clientsAt(3, 3, []int{4, 4, 4}, 3), -39.6, -39.6, -39.6, -130.7, true},
		{"a large cluster, when all were up", clientsAt(200, 3, []int{12}, 200), -190.7, -190.7, -23.2, -8.0, true},
		{"a large cluster, when not all were", clientsAt(200, 3, []int{12}, 150), -190.7, -190.7, -23.2, -8.0, false},
	} {
		got := []float64{float64(c.clients.free), float64(c.clients.up), float64(c.clients.own), float64(c.clients.together)}
		for i, want := range []float64{c.free, c.up, c.own, c.together} {
			if got[i] < want-0.5 || got[i] > want+0.5 {
				t.Errorf("%s: free, up, own and together are %.1f, want %.1f at %d", c.name, got, want, i)
			}
		}
		if c.clients.timed != c.timed {
			t.Errorf("%s: when they came is known: %v", c.name, c.clients.timed)
		}
		if slices.ContainsFunc(c.clients.accounts, func(a tenant) bool {
			return len(a.parts) != 1 || len(c.clients.servers) > mostTimed && a.parts[0].Up != nil
		}) {
			t.Errorf("%s: a part for each account, with no numbers for each of many servers", c.name)
		}
	}
}
