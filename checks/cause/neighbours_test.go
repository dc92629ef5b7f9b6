package cause

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestNeighbours: an address that several accounts use is nobody's process, and
// what they have there adds up by server.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	shared, own := netip.MustParseAddr("10.7.7.7"), netip.MustParseAddr("10.7.7.8")
	profile := func(servers []string, sources ...checks.Source) *checks.Profile {
		return &checks.Profile{Servers: servers, Sources: sources}
	}
	d := caseOf().Deployment
	n := NewNeighbours(d, "C1", map[string]*checks.Profile{
		"A": profile([]string{"N1", "N2", "N3"}, checks.Source{Addr: shared, Counts: []int{5, 0, 1}}, checks.Source{Addr: own, Counts: []int{2, 2, 2}}),
		"B": profile([]string{"N3", "N1", "N2"}, checks.Source{Addr: shared, Counts: []int{7, 0, 0}}),
		"C": profile([]string{"N1", "N2"}, checks.Source{Addr: netip.MustParseAddr("127.0.0.1"), Counts: []int{1, 0}}, checks.Source{Counts: []int{1, 0}}),
		"D": profile([]string{"N1", "N2"}, checks.Source{Addr: netip.MustParseAddr("127.0.0.1"), Counts: []int{1, 0}}, checks.Source{Counts: []int{1, 0}}),
	}, nil)
	if len(n.Shared) != 1 || !slices.Equal(n.Shared[shared], []string{"A", "B"}) {
		t.Errorf("shared are %v", n.Shared)
	}
	if c := n.atAddress[shared]; c == nil || len(c.accounts) != 2 || !slices.Equal(c.counts, []int{5, 0, 8}) {
		t.Errorf("they have %+v there", c)
	}
	if n.atAddress[own] != nil {
		t.Error("an address of one account is shared")
	}
}
