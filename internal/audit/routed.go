package audit

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// routedCluster is the servers that are known of a cluster and the addresses that
// their configuration has routes to, and whose these are.
type routedCluster struct {
	name    string
	members []member
	routes  []route // in order, each once
	alone   bool    // it is one server, which has no routes
	// unjoined is to how many addresses those that have them have no route: so many
	// servers are gone that are not known to be missing.
	unjoined int
}

// member is a server that is known.
type member struct {
	name string
	port int             // where it listens for routes; 0 where not known
	at   map[string]bool // its hosts, in lower case: names and addresses
	is   map[netip.Addr]bool
}

// route is an address that a route is configured to.
type route struct {
	text, host string // host in lower case
	port       int
	ip         netip.Addr   // not valid: the host is a name
	ips        []netip.Addr // of the name, where they were looked up
}

// routedClusters are the clusters of which a server said what it has configured, each
// as often as the configurations of its servers contradict each other.
func routedClusters(d *checks.Deployment) []*routedCluster {
	lists := map[string][][]string{}
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster == "" || s.Links == nil || len(s.Links.Routes) == 0 {
			continue
		}
		var list []string
		for _, text := range s.Links.Routes[:min(len(s.Links.Routes), mostAddresses)] {
			list = append(list, strings.ToLower(text))
		}
		slices.Sort(list)
		lists[s.Cluster] = append(lists[s.Cluster], slices.Compact(list))
	}
	var out []*routedCluster
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		n := unjoined(d, name, nil)
		for _, texts := range configurations(lists[name]) {
			c := &routedCluster{name: name, members: membersOf(d, name), alone: aloneIn(d, name), unjoined: n}
			for _, text := range texts {
				if r, ok := routeOf(text); ok {
					c.routes = append(c.routes, r)
				}
			}
			out = append(out, c)
		}
	}
	return out
}

// mostConfigurations bounds how many that contradict each other are looked at.
const mostConfigurations = 8

// configurations are the addresses that the lists of a cluster's servers have, each
// list in order: all together where a list lacks its own server's at most. Otherwise
// some are of another time, with servers that were replaced since, and each speaks
// for itself.
func configurations(lists [][]string) [][]string {
	all := map[string]bool{}
	for _, list := range lists {
		for _, text := range list {
			if all[text] = true; len(all) >= mostAddresses {
				break
			}
		}
	}
	if !slices.ContainsFunc(lists, func(list []string) bool { return len(list) < len(all)-1 }) {
		return [][]string{slices.Sorted(maps.Keys(all))}
	}
	slices.SortFunc(lists, func(a, b []string) int { return cmp.Or(len(b)-len(a), slices.Compare(a, b)) })
	lists = slices.CompactFunc(lists, slices.Equal)
	return lists[:min(len(lists), mostConfigurations)]
}

// fullest leaves of each cluster the configuration by which most is lacking.
func fullest(all []*routedCluster) []*routedCluster {
	var out []*routedCluster
	for _, c := range all {
		at := slices.IndexFunc(out, func(o *routedCluster) bool { return o.name == c.name })
		switch {
		case at < 0:
			out = append(out, c)
		case c.lacking() > out[at].lacking():
			out[at] = c
		}
	}
	return out
}

// membersOf are the servers that are known of a cluster.
func membersOf(d *checks.Deployment, cluster string) []member {
	var out []member
	for i := range d.Servers {
		if d.Servers[i].Cluster == cluster {
			out = append(out, memberOf(&d.Servers[i]))
		}
	}
	for i := range d.Missing {
		if m := &d.Missing[i]; m.MayBeIn(cluster) || m.ClusterKnown && d.SameCluster(m.Cluster, cluster) {
			out = append(out, newMember(m.Name, 0, m.Host))
		}
	}
	return out
}

func memberOf(s *checks.Server) member {
	hosts, port := []string{s.Host}, 0
	if s.Links != nil {
		hosts, port = append(hosts, s.Links.Host), s.Links.Port
	}
	if s.Details != nil {
		hosts = append(hosts, s.Details.Host)
	}
	m := newMember(s.Name, port, hosts...)
	if s.Details != nil {
		for _, ip := range s.Details.Seen {
			m.is[ip] = true
		}
	}
	return m
}

func newMember(name string, port int, hosts ...string) member {
	m := member{name: strings.ToLower(name), port: port, at: map[string]bool{}, is: map[netip.Addr]bool{}}
	for _, host := range hosts {
		ip, err := netip.ParseAddr(host)
		switch {
		case host == "":
		case err != nil:
			m.at[strings.ToLower(host)] = true
		case !ip.IsUnspecified():
			m.is[ip.Unmap()] = true
		}
	}
	return m
}

func routeOf(text string) (route, bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = text, "" // without a port it is no other one
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if host == "" || port != "" && err != nil {
		return route{}, false
	}
	r := route{text: text, host: host, port: int(n)}
	if ip, err := netip.ParseAddr(host); err == nil {
		r.ip = ip.Unmap()
	}
	return r, true
}

// addresses is how many servers the routes are to, as far as is known.
func (c *routedCluster) addresses() int {
	taken, open := c.assign()
	return taken + len(open)
}

// open are the addresses that no known server has.
func (c *routedCluster) open() []route {
	_, open := c.assign()
	return open
}

// lacking is how many servers there must be beside those that are known.
func (c *routedCluster) lacking() int { return max(c.unnamed(), c.unjoined) }

// unnamed is how many there must be by the number of addresses: every address is a
// server's, and a known server whose address is not known may have any. Fewer
// addresses than servers, as of seeds or of a name for all, say nothing.
func (c *routedCluster) unnamed() int {
	taken, open := c.assign()
	n := len(open) - (len(c.members) - taken)
	if c.alone && len(c.members) == 1 && n <= 0 && slices.ContainsFunc(open, func(r route) bool { return !c.members[0].mayBeAt(&r) }) {
		return 1 // it was to have a route to another one
	}
	return max(0, n)
}

// unjoined is how many servers there must be beside those that are known as servers
// that are configured alike have no route to their addresses, be they seeds. Its own
// address is among them or not: to be certain takes two such servers, or leaves one
// address out. Leads is what the names among the addresses lead to.
func unjoined(d *checks.Deployment, cluster string, leads map[string][]netip.Addr) int {
	type alike struct {
		addresses, servers int
		joined             map[string]bool
	}
	all := map[string]*alike{}
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster != cluster || s.Configured == nil || s.Links == nil || len(s.Links.Routes) == 0 || len(s.Links.Routes) > mostAddresses {
			continue
		}
		key := strings.ToLower(strings.Join(slices.Compact(slices.Sorted(slices.Values(s.Links.Routes))), " "))
		of := all[key]
		if of == nil {
			c := routedCluster{name: cluster, members: membersOf(d, cluster)}
			for text := range strings.SplitSeq(key, " ") {
				if r, ok := routeOf(text); ok {
					c.routes = append(c.routes, r)
				}
			}
			c.learn(leads)
			of = &alike{addresses: c.addresses(), joined: map[string]bool{}}
			all[key] = of
		}
		of.servers++
		for _, id := range s.Configured {
			of.joined[id] = true
		}
	}
	most := 0
	for _, of := range all {
		n := of.addresses - len(of.joined)
		if of.servers < 2 {
			n--
		}
		most = max(most, n)
	}
	for i := range d.Missing {
		if m := &d.Missing[i]; m.MayBeIn(cluster) || m.ClusterKnown && d.SameCluster(m.Cluster, cluster) {
			most--
		}
	}
	return max(0, most)
}

// aloneIn reports whether one server of a cluster is known, and has no routes.
func aloneIn(d *checks.Deployment, cluster string) bool {
	n := 0
	for i := range d.Servers {
		if s := &d.Servers[i]; s.Cluster == cluster {
			if n++; s.Peers == nil || len(s.Peers) > 0 {
				return false
			}
		}
	}
	return n == 1
}

// mayBeAt reports whether an address may be its own: it has the port on which it
// listens, and a host that it may have.
func (m *member) mayBeAt(r *route) bool {
	return m.port == 0 || r.port == 0 || m.port == r.port && (!r.ip.IsValid() || len(m.is) == 0 || m.is[r.ip])
}

// assign finds out whose the addresses are: how many known servers have one, and
// which are of none of these.
func (c *routedCluster) assign() (taken int, open []route) {
	has := map[int]bool{}
	for i := range c.routes {
		r := &c.routes[i]
		if c.forSeveral(r) {
			continue
		}
		if at := c.whose(r); at >= 0 {
			has[at] = true
			continue
		}
		if !slices.ContainsFunc(open, func(o route) bool { return o.same(r) }) {
			open = append(open, *r)
		}
	}
	return len(has), open
}

// forSeveral reports whether a host stands for several servers: a name that leads to
// several of them, or a domain in which others have their names, as a headless
// service of Kubernetes.
func (c *routedCluster) forSeveral(r *route) bool {
	return !r.ip.IsValid() && (len(c.listening(r)) > 1 ||
		slices.ContainsFunc(c.routes, func(o route) bool { return !o.ip.IsValid() && strings.HasSuffix(o.host, "."+r.host) }))
}

// listening are the known servers that listen at an address, as far as they say.
func (c *routedCluster) listening(r *route) []int {
	var out []int
	for i := range c.members {
		if c.members[i].listensAt(r) {
			out = append(out, i)
		}
	}
	return out
}

// whose is the one known server whose address it is; -1 where that is not known. A
// server's address has its host and its port, or it is named like the server.
func (c *routedCluster) whose(r *route) int {
	at := c.listening(r)
	if len(at) == 0 && !r.ip.IsValid() && !c.ambiguous(r) {
		label, _, _ := strings.Cut(r.host, ".")
		for i := range c.members {
			if name := c.members[i].name; name != "" && (name == r.host || name == label) {
				at = append(at, i)
			}
		}
	}
	if len(at) != 1 {
		return -1
	}
	return at[0]
}

// ambiguous reports whether another address begins with the same label and is of
// another host or port.
func (c *routedCluster) ambiguous(r *route) bool {
	label, _, _ := strings.Cut(r.host, ".")
	return slices.ContainsFunc(c.routes, func(o route) bool {
		other, _, _ := strings.Cut(o.host, ".")
		return !o.ip.IsValid() && other == label && !o.same(r)
	})
}

func (m *member) listensAt(r *route) bool {
	if m.port == 0 || m.port != r.port {
		return false
	}
	return m.at[r.host] || m.is[r.ip] || slices.ContainsFunc(r.ips, func(ip netip.Addr) bool { return m.is[ip] })
}

// same reports whether two addresses are of one server: they are the same, a name
// with its domain and without, or a name and what it leads to. Two names that lead to
// one address are two: it may be that of whoever answers for all names.
func (r *route) same(o *route) bool {
	switch {
	case r.port != o.port:
		return false
	case r.ip.IsValid() || o.ip.IsValid():
		return r.host == o.host || slices.Contains(r.ips, o.ip) || slices.Contains(o.ips, r.ip)
	}
	return r.host == o.host || strings.HasPrefix(r.host, o.host+".") || strings.HasPrefix(o.host, r.host+".")
}
