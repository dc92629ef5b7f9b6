package cause

import (
	"net/netip"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Neighbours is what the other accounts of a cluster show beyond their counts,
// which are in the deployment.
type Neighbours struct {
	// Profiles are those that were read in this cluster, by the account's id; the
	// finding's own is among them.
	Profiles map[string]*checks.Profile
	// Shared are the source addresses that carry clients of several accounts, with
	// the accounts' ids.
	Shared map[netip.Addr][]string
}

// NewNeighbours returns what the profiles of a cluster's accounts show together.
func NewNeighbours(profiles map[string]*checks.Profile) *Neighbours {
	n := &Neighbours{Profiles: profiles, Shared: map[netip.Addr][]string{}}
	for id, p := range profiles {
		for _, source := range p.Sources {
			if source.Addr.IsValid() && !isLocal(source.Addr) {
				n.Shared[source.Addr] = append(n.Shared[source.Addr], id)
			}
		}
	}
	for addr, ids := range n.Shared {
		if len(ids) < 2 {
			delete(n.Shared, addr)
			continue
		}
		slices.Sort(ids)
	}
	return n
}

// tenants returns the accounts with clients at an address, where several have.
func (s *Situation) tenants(addr netip.Addr) []string {
	if s.Neighbours == nil {
		return nil
	}
	return s.Neighbours.Shared[addr]
}

// pooled adds up what the accounts that share an address have there, in the order
// of this profile's servers, and returns how many profiles it added up.
func (s *Situation) pooled(addr netip.Addr) (counts []int, accounts int) {
	counts = make([]int, len(s.Profile.Servers))
	for _, id := range s.tenants(addr) {
		p := s.Neighbours.Profiles[id]
		for _, source := range p.Sources {
			if source.Addr != addr {
				continue
			}
			accounts++
			for at, n := range source.Counts {
				if at >= len(p.Servers) {
					break
				}
				if to := slices.Index(s.Profile.Servers, p.Servers[at]); to >= 0 {
					counts[to] += n
				}
			}
		}
	}
	return counts, accounts
}
