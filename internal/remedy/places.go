package remedy

import (
	"cmp"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

const (
	defaultPort = 4222
	// mostURLs bounds a list in code: a client that knows so many servers is
	// told of the rest.
	mostURLs = 12
)

// place is where clients reach a server, as far as it is known.
type place struct {
	server *checks.Server
	// label names the server where code is written.
	label string
	// host is an address or a name, empty where it is not known.
	host string
	port int
	// ip is its address, not valid where it is not known.
	ip netip.Addr
	// routed reports whether the address is that of its routes, which clients need
	// not reach.
	routed bool
}

// findPlaces finds out where clients reach the members: by the lists that lead
// there, by what the servers listen on and advertise, and by where the routes of
// their peers go.
func (x *facts) findPlaces() []place {
	advertised := x.advertised()
	inLists := x.listedPlaces()
	var out []place
	for _, s := range x.members {
		found := slices.Concat(inLists[s.ID], ownPlaces(s, advertised))
		p := place{server: s, port: defaultPort}
		// An address of the same machine is of use only where there is no other.
		at := max(0, slices.IndexFunc(found, func(f place) bool { return !f.ip.IsLoopback() && f.host != "localhost" }))
		if len(found) > 0 {
			p = found[at]
		}
		for _, f := range found {
			if !p.ip.IsValid() && !f.ip.IsLoopback() {
				p.ip = f.ip
			}
		}
		if s.Details != nil && validPort(s.Details.Port) && p.host == "" {
			p.port = s.Details.Port
		}
		p.label = x.label(s)
		out = append(out, p)
	}
	return out
}

// listedPlaces are servers' own addresses in the lists, by server id.
func (x *facts) listedPlaces() map[string][]place {
	out := map[string][]place{}
	for _, l := range x.lists {
		for _, a := range l.Reach.Arrivals {
			s := &x.d.Servers[a.Server]
			if a.Own != checks.Yes || !a.Sure {
				continue
			}
			p := place{server: s, host: a.Address.Addr().Unmap().String(), port: int(a.Address.Port()), ip: a.Address.Addr().Unmap()}
			for _, e := range l.Endpoints {
				other := e.Scheme != "nats" && e.Scheme != "tls" // a listener with a port of its own
				switch {
				case e.URL != a.URL:
				case other && s.Details != nil && validPort(s.Details.Port):
					p.port = s.Details.Port
				case other:
					p.port = defaultPort
				case a.OwnName && !e.Literal:
					p.host = e.Host
				}
			}
			if validHost(p.host) && validPort(p.port) {
				out[s.ID] = append(out[s.ID], p)
			}
		}
	}
	return out
}

// advertised are the addresses that the members tell clients of, host:port, by
// the first part of the host name; those of IP addresses by the whole.
func (x *facts) advertised() map[string][]string {
	out, seen := map[string][]string{}, map[string]bool{}
	for _, s := range x.members {
		if s.Details == nil {
			continue
		}
		for _, u := range s.Details.ConnectURLs {
			if seen[u] {
				continue
			}
			seen[u] = true
			host, _, ok := hostPort(u)
			if !ok {
				continue
			}
			key := u
			if _, err := netip.ParseAddr(host); err != nil {
				key = firstPart(host)
			}
			out[key] = append(out[key], u)
		}
	}
	return out
}

// firstPart is a host name up to its first dot.
func firstPart(host string) string {
	part, _, _ := strings.Cut(strings.ToLower(host), ".")
	return part
}

// ownPlaces are what a server and its peers say of where it is, the surest
// first.
func ownPlaces(s *checks.Server, advertised map[string][]string) []place {
	d := s.Details
	if d == nil || !validPort(d.Port) {
		return nil
	}
	var out, rest []place
	if validHost(d.Host) {
		ip, _ := netip.ParseAddr(d.Host)
		out = append(out, place{server: s, host: d.Host, port: d.Port, ip: ip.Unmap()})
	}
	seen := slices.SortedFunc(slices.Values(d.Seen), func(a, b netip.Addr) int { return a.Unmap().Compare(b.Unmap()) })
	for _, ip := range seen {
		p := place{server: s, host: ip.Unmap().String(), port: d.Port, ip: ip.Unmap()}
		switch {
		case !validHost(p.host):
		case len(advertised[net.JoinHostPort(p.host, strconv.Itoa(p.port))]) > 0:
			out = append(out, p)
		default:
			p.routed = true
			rest = append(rest, p)
		}
	}
	for _, name := range []string{s.Name, s.Host} {
		part := firstPart(name)
		if part == "" {
			continue
		}
		for _, u := range slices.Sorted(slices.Values(advertised[part])) {
			host, port, _ := hostPort(u)
			out = append(out, place{server: s, host: host, port: port})
		}
	}
	return append(out, rest...)
}

// at is host:port, with a placeholder where the host is not known.
func (p place) at() string {
	if p.host == "" {
		return "<" + p.label + "'s address>:" + strconv.Itoa(p.port)
	}
	return net.JoinHostPort(p.host, strconv.Itoa(p.port))
}

func (p place) url() string {
	scheme := "nats"
	if p.server.Details != nil && p.server.Details.TLS {
		scheme = "tls"
	}
	return scheme + "://" + p.at()
}

// urls are those of the cluster's servers for a client; whole is false where
// there are more, and open is true where one has a placeholder. For WebSocket clients they are those of servers that have the
// listener, or of all where these have to get it first.
func (x *facts) urls() (urls []string, whole, open bool) {
	websocket, first := x.mostly(checks.WebSocket), x.listenerFirst()
	for _, p := range x.places {
		u := p.url()
		if websocket {
			if p.server.Takes(checks.WebSocket) == checks.No && !first {
				continue
			}
			p.port = cmp.Or(webSocketPort(p.server), webSocketPort(x.Server), 443)
			u = x.webSocketScheme() + "://" + p.at()
		}
		if len(urls) == mostURLs {
			return urls, false, open
		}
		open = open || p.host == ""
		if !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return urls, true, open
}

// listenerFirst reports whether these are WebSocket clients, and other servers have to
// get that listener before their URLs are of use.
func (x *facts) listenerFirst() bool {
	lacks := func(s *checks.Server) bool { return s.Takes(checks.WebSocket) == checks.No }
	return x.mostly(checks.WebSocket) && len(x.Others) > 0 &&
		(x.strong(cause.ListenerGap) && slices.ContainsFunc(x.Others, lacks) || !slices.ContainsFunc(x.Others, func(s *checks.Server) bool { return !lacks(s) }))
}

// webSocketScheme is wss, unless the server or a list says that there is no TLS.
func (x *facts) webSocketScheme() string {
	if x.Server.Details != nil && x.Server.Details.WebSocketPlain {
		return "ws"
	}
	for _, l := range x.lists {
		for _, e := range l.Endpoints {
			if e.Scheme == "ws" {
				return "ws"
			}
		}
	}
	return "wss"
}

func webSocketPort(s *checks.Server) int {
	if s.Details != nil && validPort(s.Details.WebSocket) {
		return s.Details.WebSocket
	}
	return 0
}

// addresses says what is to be known of the servers' addresses, in sentences to
// put behind others.
func (x *facts) addresses() string {
	var unknown, routed []*checks.Server
	tls, literal := false, false
	for _, p := range x.places {
		if p.host == "" {
			unknown = append(unknown, p.server)
		}
		if p.routed {
			routed = append(routed, p.server)
		}
		if _, err := netip.ParseAddr(p.host); err == nil {
			literal = true
		}
		tls = tls || p.server.Details != nil && p.server.Details.TLS
	}
	out := ""
	if len(unknown) > 0 {
		out += " The addresses of " + on(unknown) + " for clients are unknown: fill them in."
	}
	if len(routed) > 0 {
		out += " For " + on(routed) + " the addresses are those of routes: see that clients reach them."
	}
	if x.Missing > 0 {
		out += " Add the servers that are missing from this audit."
	}
	if tls && literal {
		out += " With TLS, use names that are in the servers' certificates."
	}
	return out
}

var (
	podName    = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?)-([0-9]+)$`)
	clusterDNS = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?)\.([a-z0-9]([a-z0-9-]*[a-z0-9])?)\.svc(\.[a-z0-9.-]+)?\.?$`)
)

// kube is what is known of Kubernetes.
type kube struct {
	found bool
	// set is the StatefulSet, service and namespace are those of a host name;
	// domain is the cluster's, "svc.cluster.local". Empty where not known.
	set, service, namespace, domain string
}

// kubernetes reports whether it looks as if the servers ran there: a StatefulSet's
// pods are numbered from 0, and the names of services end in svc.
func (x *facts) kubernetes() kube {
	var k kube
	zero := false
	for i, s := range x.members {
		m := podName.FindStringSubmatch(s.Name)
		if m == nil || i > 0 && m[1] != k.set {
			k.set = ""
			zero = false
			break
		}
		k.set = m[1]
		zero = zero || m[3] == "0"
	}
	if !zero {
		k.set = ""
	}
	k.found = k.set != ""
	for _, l := range x.Lists {
		for _, e := range l.Endpoints {
			host := strings.ToLower(e.Host)
			if m := clusterDNS.FindStringSubmatch(host); m != nil && k.service == "" && validHost(host) {
				k.found, k.service, k.namespace, k.domain = true, m[1], m[3], "svc"+strings.TrimSuffix(m[5], ".")
			}
			k.found = k.found || strings.HasSuffix(strings.TrimSuffix(host, "."), ".cluster.local")
		}
	}
	return k
}

// option is -n with the namespace, with a space before it.
func (k kube) option() string {
	if k.namespace == "" {
		return ""
	}
	return " -n " + k.namespace
}
