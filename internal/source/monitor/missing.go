package monitor

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// other is a server, or with neither id nor address all servers of a cluster,
// that others tell of and that was not read.
type other struct {
	id, name, cluster string
	from              []string   // ids of servers that have routes to it
	addr              netip.Addr // not valid where not known
	how, not          string     // how it is known, and why it was not read, in a clause each
}

// notGiven are the servers that were not read: those behind URLs that failed,
// and those that others tell of. Silent are those of them that stand for a cluster.
//
// One may be both: its monitoring port can't be reached, but its routes stand.
// It is counted once where that is clear: where the URL has the address that
// one server, and no other of these, has routes from; where there is but one
// cluster to be in; and where it may be of a cluster of which nobody is known, see
// [checks.Deployment.AddSilent]. A server too many makes a verdict incomplete, one too
// few makes it wrong.
func notGiven(servers map[string]*monitored, failed []*monitored) (out, silent []checks.Missing) {
	others := notReadOf(servers)
	single := oneCluster(servers, others)
	pairs := map[netip.Addr]*monitored{}
	add := func(s other, kind checks.MissingKind, reason string) {
		m := checks.Missing{ID: s.id, Name: s.name, Cluster: s.cluster, ClusterKnown: true, Peers: s.from, Kind: kind, Known: s.how, Reason: reason,
			Placed: single || pairs[s.addr] != nil} // a URL that failed is its own
		if s.id == "" && !s.addr.IsValid() {
			silent = append(silent, m)
			return
		}
		out = append(out, m)
	}
	known, tried := map[netip.Addr]int{}, map[netip.Addr]int{}
	for _, s := range others {
		known[s.addr]++
	}
	for _, r := range failed {
		tried[r.at.addr()]++
	}
	failed = slices.DeleteFunc(slices.Clone(failed), func(r *monitored) bool {
		addr := r.at.addr()
		clear := addr.IsValid() && known[addr] == 1 && tried[addr] == 1
		if clear {
			pairs[addr] = r
		}
		return clear
	})
	spare := 0 // of the failed URLs, those that are taken to be one of the others
	unless := ""
	switch {
	case !single || len(failed) == 0:
	case len(failed) == 1:
		unless = fmt.Sprintf(", unless it is the one at %s: %v", failed[0].at, failed[0].failed)
	default:
		unless = fmt.Sprintf(", unless it is one of those at the %s URLs that failed, as %s: %v", words.Count(len(failed)), failed[0].at, failed[0].failed)
	}
	for _, s := range others {
		if r := pairs[s.addr]; r != nil {
			add(s, checks.Silent, fmt.Sprintf("%s, but %s: %v", s.how, r.at, r.failed))
			continue
		}
		spare++
		add(s, checks.NotAsked, s.how+", but "+s.not+unless)
	}
	if !single {
		spare = 0
	}
	for _, r := range failed[min(spare, len(failed)):] {
		out = append(out, checks.Missing{Host: r.at.base.Hostname(), Kind: checks.Unreachable, Reason: fmt.Sprintf("%s: %v", r.at, r.failed)})
	}
	return out, silent
}

// oneCluster reports whether all that is known of is in one cluster.
func oneCluster(servers map[string]*monitored, others []other) bool {
	names := map[string]bool{}
	for _, r := range servers {
		names[r.Cluster] = true
	}
	for _, s := range others {
		names[s.cluster] = true
	}
	return len(names) == 1 && !names[""]
}

// addr is the address of a URL that has one rather than a name.
func (t *target) addr() netip.Addr {
	addr, _ := netip.ParseAddr(t.base.Hostname()) // not valid: a name
	return addr.Unmap().WithZone("")
}

// notReadOf are the servers that others tell of and that were not read, in
// order. A server that nobody tells of is not known to be.
func notReadOf(servers map[string]*monitored) []other {
	found := map[string]other{}
	look := func(key string, s other) {
		before, ok := found[key]
		s.from = append(before.from, s.from...)
		if ok && before.how <= s.how {
			before.from = s.from
			s = before
		}
		if ok || len(found) < wire.MostServers {
			found[key] = s
		}
	}
	clusters, routes := map[string]bool{}, map[string]bool{}
	for _, r := range servers {
		clusters[r.Cluster] = true
		routes[r.Cluster] = routes[r.Cluster] || len(r.peers) > 0
		for _, p := range r.peers {
			if servers[p.ID] == nil {
				look("id "+p.ID, other{id: p.ID, name: p.Name, cluster: r.Cluster, addr: p.Addr, from: []string{r.ID}, how: r.Called() + " has a route to it", not: "it is not in --monitor"})
			}
		}
	}
	listening := listenersOf(servers)
	for _, r := range servers {
		if r.noRoutes != nil && !routes[r.Cluster] {
			for _, at := range r.advertised(listening[r.Cluster]) {
				look("at "+at.String(), other{cluster: r.Cluster, addr: at.Addr(),
					how: fmt.Sprintf("%s advertises %s", r.Called(), at), not: "no server in --monitor listens there"})
			}
		}
		for _, name := range r.gateways {
			if !clusters[name] {
				look("cluster "+name, other{cluster: name, how: r.Called() + " has a gateway to its cluster", not: "no server of it is in --monitor"})
			}
		}
	}
	out := make([]other, 0, len(found))
	for _, s := range found {
		slices.Sort(s.from)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b other) int {
		return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id), cmp.Compare(a.how, b.how))
	})
	return out
}

// advertised are the addresses of other servers that a server tells clients, as
// far as they are surely of none that was read. That is what is left where no
// routes are known; a server may have several addresses.
func (r *monitored) advertised(own *listeners) []netip.AddrPort {
	if r.details == nil {
		return nil
	}
	var out []netip.AddrPort
	for _, text := range r.details.ConnectURLs {
		if at, err := netip.ParseAddrPort(text); err == nil && !own.mayBeAt(at) {
			out = append(out, at)
		}
	}
	return out
}

// listeners are where the servers of a cluster that were read listen for clients.
type listeners struct {
	at       map[netip.AddrPort]bool
	anywhere map[uint16]bool // ports, at all addresses or at ones that are not known
	unknown  bool            // one did not say
}

// listenersOf are those of each cluster.
func listenersOf(servers map[string]*monitored) map[string]*listeners {
	out := map[string]*listeners{}
	for _, r := range servers {
		l := out[r.Cluster]
		if l == nil {
			l = &listeners{at: map[netip.AddrPort]bool{}, anywhere: map[uint16]bool{}}
			out[r.Cluster] = l
		}
		l.add(r.details)
	}
	return out
}

func (l *listeners) add(d *checks.Details) {
	if d == nil {
		l.unknown = true
		return
	}
	at, err := netip.ParseAddrPort(net.JoinHostPort(d.Host, strconv.Itoa(d.Port)))
	if err != nil || at.Addr().IsUnspecified() { // a name, or all addresses
		l.anywhere[uint16(d.Port)] = true
		return
	}
	l.at[at] = true
}

// mayBeAt reports whether one of the servers may listen there.
func (l *listeners) mayBeAt(at netip.AddrPort) bool {
	return l.unknown || l.at[at] || l.anywhere[at.Port()]
}
