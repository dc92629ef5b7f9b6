package audit

import (
	"fmt"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// besideOf is a cluster of three in which account i has counts(i) connections on each
// server, of which the first was read.
func besideOf(accounts int, counts func(i int) uint32) (*checks.Deployment, map[string]map[string]*checks.Profile) {
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "SYS", System: true}}}
	for s := range 3 {
		d.Servers = append(d.Servers, checks.Server{ID: fmt.Sprintf("N%d", s+1), Cluster: "C1", Usage: []checks.Usage{{Account: 0, Connections: 7}}})
	}
	for i := range accounts {
		d.Accounts = append(d.Accounts, checks.Account{ID: fmt.Sprintf("A%04d", i)})
		for s := range d.Servers {
			n := counts(i)
			if s == i%3 {
				n++
			}
			d.Servers[s].Usage = append(d.Servers[s].Usage, checks.Usage{Account: uint32(i + 1), Connections: n}) //nolint:gosec // small
		}
	}
	return d, map[string]map[string]*checks.Profile{"C1": {"A0000": {}}}
}

// TestBeside: further accounts are read only in clusters where an address may be the
// reason, never the system's, the largest first, and no more than is cheap.
func TestBeside(t *testing.T) {
	t.Parallel()
	ask := map[string]bool{"C1": true}
	d, read := besideOf(4, func(i int) uint32 { return uint32(i) }) //nolint:gosec // small
	of := beside(d, read, ask)
	if len(of) != 3 || of[0].Account != "A0003" || of[0].Server != "N1" || of[2].Account != "A0001" || of[2].Server != "N2" {
		t.Errorf("read are %+v", of)
	}
	if of := beside(d, read, map[string]bool{"C1": false}); len(of) > 0 {
		t.Errorf("no address may be the reason, and read are %+v", of)
	}
	for name, c := range map[string]struct {
		accounts int
		counts   func(i int) uint32
		want     int
	}{
		"many small ones":                    {1000, func(int) uint32 { return 5 }, mostBeside},
		"a large one does not keep the rest": {10, func(i int) uint32 { return []uint32{5, besideConnections}[i/9] }, 8},
		"large ones":                         {10, func(int) uint32 { return besideConnections / 15 }, 5},
	} {
		d, read := besideOf(c.accounts, c.counts)
		if of := beside(d, read, ask); len(of) != c.want {
			t.Errorf("%s: %d are read, want %d", name, len(of), c.want)
		}
	}
}
