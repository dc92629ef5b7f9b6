package checks

import "net/netip"

// findAliases finds the addresses of missing servers that may be other addresses of one
// that is counted. A server that listens on all addresses of its machine has one of
// each kind, as a rule: what counts is the kind of which there are most.
func (d *Deployment) findAliases() {
	type place struct{ cluster, kind string }
	used := map[place]int{}
	counted := map[string]int{}  // by cluster
	anywhere := map[string]int{} // by kind, of those in clusters as well
	servers, free := 0, d.free()
	for i := range d.Missing {
		switch m := &d.Missing[i]; {
		case !m.Placed || m.At == "":
		case m.ClusterKnown:
			counted[d.Reported(m.Cluster)]++
			used[place{d.Reported(m.Cluster), m.addressed()}]++
		default:
			servers++
			anywhere[m.addressed()]++
		}
	}
	for i := range d.Missing {
		m := &d.Missing[i]
		if !m.hasAlias() || !m.ClusterKnown {
			continue
		}
		at := place{d.Reported(m.Cluster), m.addressed()}
		if used[at] == counted[at.cluster] {
			counted[at.cluster]++
		} else {
			m.Perhaps, m.Alias = true, true
		}
		used[at]++
	}
	for _, n := range counted {
		servers += n
	}
	for at, n := range used {
		anywhere[at.kind] += n
	}
	for i := range d.Missing {
		m := &d.Missing[i]
		if !m.hasAlias() || !m.mayBeAnywhere() {
			continue
		}
		kind := m.addressed()
		if anywhere[kind] < servers && free > 0 {
			m.Perhaps, m.Alias = true, true
			free--
		} else {
			servers++
		}
		anywhere[kind]++
	}
}

// hasAlias reports whether it is known by an address that may be one of several.
func (m *Missing) hasAlias() bool { return m.IsAddress() && m.At != "" }

// addressed is what kind of address a server has, of those of which it has one each as a
// rule: a name, one of this machine only, and of IPv4 and of IPv6 a private and a
// public one.
func (m *Missing) addressed() string {
	at, err := netip.ParseAddrPort(m.At)
	if err != nil {
		return "name"
	}
	ip := at.Addr().Unmap()
	family := "IPv6"
	if ip.Is4() {
		family = "IPv4"
	}
	switch {
	case ip.IsLoopback():
		return "loopback"
	case ip.IsPrivate(), ip.IsLinkLocalUnicast():
		return "private " + family
	}
	return "public " + family
}
