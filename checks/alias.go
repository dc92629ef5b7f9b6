package checks

import (
	"net/netip"
	"slices"
)

// A server that listens on all addresses of its machine has one of each kind, as a rule,
// and one port for all of them: of addresses with one port there are at least as many
// servers as there are addresses of the kind that has most. A name that does not resolve
// may be that of any of them, as what a server has its clients told need not be what it
// listens at.

// aliases counts the servers that must be at addresses.
type aliases struct {
	servers map[uint16]int                     // by port
	taken   map[uint16]map[string][]netip.Addr // by port and kind
	names   int                                // of names that do not resolve
	named   int                                // of them, those that no address stands for
}

func newAliases() *aliases {
	return &aliases{servers: map[uint16]int{}, taken: map[uint16]map[string][]netip.Addr{}}
}

// address takes an address in, and reports whether it may be one of a server that is
// counted already.
func (a *aliases) address(at netip.AddrPort) (again bool) {
	ip, port := at.Addr().Unmap().WithZone(""), at.Port()
	kind := kindOfAddress(ip)
	if a.taken[port] == nil {
		a.taken[port] = map[string][]netip.Addr{}
	}
	of := a.taken[port][kind]
	if slices.Contains(of, ip) {
		return true
	}
	a.taken[port][kind] = append(of, ip)
	switch {
	case len(of) < a.servers[port]:
		return true
	case a.named > 0:
		a.named--
		a.servers[port]++
		return true
	}
	a.servers[port]++
	return false
}

// name does so for a name that does not resolve.
func (a *aliases) name() (again bool) {
	a.names++
	if a.names <= a.count() {
		return true
	}
	a.named++
	return false
}

// count is how many servers there are at least.
func (a *aliases) count() int {
	n := a.named
	for _, servers := range a.servers {
		n += servers
	}
	return n
}

// kindOfAddress is what kind of address it is, of those of which a server has one each as a
// rule.
func kindOfAddress(ip netip.Addr) string {
	family := "IPv6"
	if ip.Is4() {
		family = "IPv4"
	}
	switch {
	case ip.IsLoopback():
		return "loopback " + family
	case ip.IsPrivate(), ip.IsLinkLocalUnicast():
		return "private " + family
	}
	return "public " + family
}

// take takes a missing server in by its address.
func (a *aliases) take(m *Missing) (again bool) {
	if at, ok := m.Address(); ok {
		return a.address(at)
	}
	return a.name()
}

// Address is its address, or what its name resolves to; ok is false where it is known by
// neither.
func (m *Missing) Address() (at netip.AddrPort, ok bool) {
	if at, err := netip.ParseAddrPort(m.At); err == nil {
		return at, true
	}
	return m.Addr, m.Addr.IsValid()
}

// LeastAt is how many servers there are at least where only addresses are known: those
// of a machine in both families, and by several names, are one server's. A zero value is a
// name that does not resolve.
func LeastAt(all []netip.AddrPort) int {
	a := newAliases()
	for _, at := range all {
		if at.IsValid() {
			a.address(at)
		}
	}
	for _, at := range all {
		if !at.IsValid() {
			a.name()
		}
	}
	return a.count()
}

// findAliases finds the addresses of missing servers that may be other addresses of one
// that is counted.
func (d *Deployment) findAliases() {
	in := map[string]*aliases{} // by cluster
	of := func(cluster string) *aliases {
		if in[cluster] == nil {
			in[cluster] = newAliases()
		}
		return in[cluster]
	}
	free := d.free()
	// Addresses go before names, and what is known to be a server's before both.
	order := []func(*Missing) bool{
		func(m *Missing) bool { return m.Placed && m.At != "" },
		func(m *Missing) bool { _, ok := m.Address(); return m.hasAlias() && ok },
		func(m *Missing) bool { _, ok := m.Address(); return m.hasAlias() && !ok },
	}
	for _, which := range order {
		for i := range d.Missing {
			if m := &d.Missing[i]; m.ClusterKnown && which(m) && of(d.Reported(m.Cluster)).take(m) && !m.Placed {
				m.Perhaps, m.Alias = true, true
			}
		}
	}
	everywhere := newAliases()
	for _, a := range in {
		everywhere.add(a)
	}
	for _, which := range order {
		for i := range d.Missing {
			m := &d.Missing[i]
			if m.ClusterKnown || !which(m) || !m.Placed && !m.mayBeAnywhere() {
				continue
			}
			if again := everywhere.take(m); again && !m.Placed && free > 0 {
				m.Perhaps, m.Alias = true, true
				free--
			}
		}
	}
}

// add takes in those of one more cluster, which are other servers.
func (a *aliases) add(o *aliases) {
	a.names, a.named = a.names+o.names, a.named+o.named
	for port, n := range o.servers {
		a.servers[port] += n
	}
	for port, kinds := range o.taken {
		if a.taken[port] == nil {
			a.taken[port] = map[string][]netip.Addr{}
		}
		for kind, of := range kinds {
			a.taken[port][kind] = append(a.taken[port][kind], of...)
		}
	}
}

// hasAlias reports whether it is known by an address that may be one of several.
func (m *Missing) hasAlias() bool { return m.IsAddress() && m.At != "" }
