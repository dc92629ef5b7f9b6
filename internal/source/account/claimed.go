package account

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// claimed are the servers of the connected server's cluster that are known by
// nothing but an answer in their name, which every user of the account can give,
// though servers advertise their addresses: there are fewer of these than servers
// answered. Which of the servers that greet at none of them has one is unknown,
// unless their hosts show it. There is nothing to compare with without any address,
// where they advertise a name that is not the host of a server, and for other
// clusters.
func (g *gathering) claimed() []*seen {
	if len(g.addresses) == 0 || slices.Contains(g.mixed(), g.cluster) {
		return nil
	}
	greets := map[string]bool{} // ids
	passed := map[string]bool{} // ids of those that greet at an address of the connection's own
	for _, a := range g.passed {
		passed[a.id] = true
	}
	free := map[string]int{} // addresses where none greets, by host
	left := 0                // the same together
	var families [2]int      // addresses of IPv6, of IPv4; names are of both
	for _, a := range g.addresses {
		host, _, _ := net.SplitHostPort(a.at)
		host = strings.ToLower(host)
		if a.id == "" && !a.hangs {
			free[host]++
			left++
		}
		greets[a.id] = true
		addr, err := netip.ParseAddr(host)
		switch {
		case err == nil && addr.Unmap().Is4():
			families[1]++
		case err == nil:
			families[0]++
		case !g.answered(host):
			return nil // all servers may advertise that name
		default:
			families[0], families[1] = families[0]+1, families[1]+1
		}
	}
	all, byHost := 0, map[string][]*seen{}
	for _, s := range g.servers {
		if s.Cluster != g.cluster {
			continue
		}
		all++
		host := strings.ToLower(s.Host)
		switch {
		case greets[s.ID]:
		case s.ID == g.self.server, passed[s.ID]: // it is no mere claim, and may have one of them
			free[host]--
			left--
		default:
			byHost[host] = append(byHost[host], s)
		}
	}
	var out []*seen
	for host, of := range byHost {
		if !onAll(host) && len(of) <= free[host] {
			left -= len(of)
			continue
		}
		out = append(out, of...)
	}
	if len(out) <= left && all <= max(families[0], families[1]) {
		return nil
	}
	slices.SortFunc(out, func(a, b *seen) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// refresh takes in addresses that the connection has heard of meanwhile, as of a
// server that has just joined, where servers are known by their answers alone.
func (g *gathering) refresh() {
	if len(g.claimed()) > 0 {
		g.addresses = addAddresses(g.addresses, sysreq.Told(g.nc))
	}
}

// checkPassed connects to the addresses that the connection was configured with, where
// servers are known by their answers alone: one that greets there is no mere claim, and
// none of its peers need advertise it. It reports whether it did.
func (g *gathering) checkPassed(ctx context.Context) bool {
	if g.check == nil || len(g.passed) == 0 || g.passed[0].checked || len(g.claimed()) == 0 {
		return false
	}
	var of []*address
	for i := range g.passed {
		of = append(of, &g.passed[i])
	}
	g.check(ctx, of)
	return true
}

// passedTo are the addresses of URLs that a connection was configured with, of names
// those that they lead to.
func passedTo(ctx context.Context, nc *nats.Conn) (out []address) {
	ctx, cancel := context.WithTimeout(ctx, source.LongestServer)
	defer cancel()
	var at []string
	learnt := nc.DiscoveredServers()
	for _, text := range nc.Servers() {
		u, err := url.Parse(sysreq.Passed(nc, text))
		if err != nil || slices.Contains(learnt, text) {
			continue
		}
		ips := []string{u.Hostname()}
		if _, err := netip.ParseAddr(u.Hostname()); err != nil {
			if ips, err = net.DefaultResolver.LookupHost(ctx, u.Hostname()); err != nil {
				continue
			}
		}
		for _, ip := range ips {
			at = append(at, net.JoinHostPort(ip, cmp.Or(u.Port(), "4222")))
		}
	}
	out = addAddresses(nil, at)
	return out[:min(len(out), mostChecked)]
}

// disbelieve takes the answers of servers that are only claimed for what they are.
func (g *gathering) disbelieve(claimed []*seen) (out []checks.Missing) {
	kind, why := checks.Contradiction, "it answered, but fewer addresses are advertised than servers answered, and none of these is known to be its own: any user of the account can answer in the name of a server; pass its own URL as well, where it has no_advertise"
	if g.check == nil {
		kind, why = checks.Unseen, "it answered, but fewer addresses are advertised than servers answered, and whose they are is unknown because of --no-probe"
	}
	for _, s := range claimed {
		out = append(out, checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: true, Kind: kind, Reason: why})
	}
	return out
}
