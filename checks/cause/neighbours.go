package cause

import (
	"net/netip"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Neighbours is what the accounts of a cluster show together, beyond their counts,
// which are in the deployment.
type Neighbours struct {
	// Profiles are those that were read in this cluster, by the account's id; the
	// finding's own is among them.
	Profiles map[string]*checks.Profile
	// Shared are the source addresses that carry clients of several accounts, with
	// the accounts' ids.
	Shared map[netip.Addr][]string

	atAddress map[netip.Addr]*addressClients
}

// NewNeighbours returns what the profiles of a cluster's accounts show together.
// Explained are the accounts of which it was observed why their clients are where
// they are, see [Explained]: an address that they share with others is not it.
func NewNeighbours(d *checks.Deployment, cluster string, profiles map[string]*checks.Profile, explained map[string]bool) *Neighbours {
	n := &Neighbours{Profiles: profiles, Shared: SharedAddresses(profiles), atAddress: map[netip.Addr]*addressClients{}}
	servers := serversOf(d, cluster)
	ids := make([]string, 0, len(profiles))
	for id := range profiles {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		for _, p := range partsOf(id, profiles[id], servers, n.Shared) {
			c := n.atAddress[p.addr]
			if c == nil {
				c = newAddressClients(servers)
				n.atAddress[p.addr] = c
			}
			c.add(p, explained[id])
		}
	}
	for _, c := range n.atAddress {
		c.weigh()
	}
	return n
}

// SharedAddresses are the source addresses that carry clients of several accounts,
// with the accounts' ids.
func SharedAddresses(profiles map[string]*checks.Profile) map[netip.Addr][]string {
	shared := map[netip.Addr][]string{}
	for id, p := range profiles {
		for _, source := range p.Sources {
			if source.Addr.IsValid() && !isLocal(source.Addr) {
				shared[source.Addr] = append(shared[source.Addr], id)
			}
		}
	}
	for addr, ids := range shared {
		if len(ids) < 2 {
			delete(shared, addr)
			continue
		}
		slices.Sort(ids)
	}
	return shared
}

// serversOf are the servers of a cluster that reported.
func serversOf(d *checks.Deployment, cluster string) []*checks.Server {
	var out []*checks.Server
	for i := range d.Servers {
		if d.Servers[i].Cluster == cluster {
			out = append(out, &d.Servers[i])
		}
	}
	return out
}

// tenants returns the accounts with clients at an address, where several have.
func (s *Situation) tenants(addr netip.Addr) []string {
	if s.Neighbours == nil {
		return nil
	}
	return s.Neighbours.Shared[addr]
}

// MostlyOneAddress reports whether most of the clients of some service that makes the
// finding come to its server from one address: then who else comes from there shows
// whether it is the address that brings them.
func MostlyOneAddress(c Case) bool {
	p := c.Profile
	if p == nil || len(p.Read) == 0 {
		return false
	}
	mostly := func(here int, sources []checks.Source) bool {
		return here >= fewestThere && slices.ContainsFunc(sources, func(x checks.Source) bool {
			return x.Addr.IsValid() && !isLocal(x.Addr) && len(x.Counts) > 0 && x.Counts[0]*2 > here
		})
	}
	return mostly(p.Read[0], p.Sources) || slices.ContainsFunc(checks.Concentrated(p.Services, c.Exceeds), func(i int) bool {
		return mostly(p.Services[i].Here(), p.Services[i].Sources)
	})
}
