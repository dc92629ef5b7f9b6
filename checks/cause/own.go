package cause

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// OwnAddress reports whether the server that greeted at an address listens there
// itself; No where something forwards there, as where several servers answer.
func OwnAddress(d *checks.Deployment, scheme string, at netip.AddrPort, c checks.Contact) checks.Answer {
	switch len(c.Greetings) {
	case 0:
		return checks.Unknown
	case 1:
	default:
		return checks.No
	}
	g := c.Greetings[0]
	for i := range d.Servers {
		if d.Servers[i].ID == g.ID {
			own := ownAddress(&d.Servers[i], scheme, at, g)
			if own != checks.No && advertisedByAll(d, d.Servers[i].Cluster, at) {
				return checks.No
			}
			return own
		}
	}
	return ownAddress(&checks.Server{ID: g.ID, Name: g.Name}, scheme, at, g)
}

// listenerOf is the protocol of the listener that a URL of a scheme is for; empty where
// that is not known.
func listenerOf(scheme string) string {
	switch scheme {
	case "nats", "tls":
		return checks.NATS
	case "ws", "wss":
		return checks.WebSocket
	case "mqtt", "mqtts":
		return checks.MQTT
	}
	return ""
}

// port is where the server listens for that scheme; 0 where not known.
func port(s *checks.Server, scheme string, g checks.Greeting) int {
	switch listener := listenerOf(scheme); {
	case s.Details == nil && (listener == checks.WebSocket || listener == checks.MQTT):
		return 0 // the greeting has the port for plain clients
	case listener == checks.WebSocket:
		return s.Details.WebSocket
	case listener == checks.MQTT:
		return s.Details.MQTT
	case s.Details != nil && s.Details.Port > 0:
		return s.Details.Port
	}
	return g.Port
}

// listensOn is the address that the server is bound to; ok is false where that
// is not known, wildcard is true for every address of its machine.
func listensOn(s *checks.Server, g checks.Greeting) (ip netip.Addr, wildcard, ok bool) {
	host := g.Host
	if s.Details != nil && s.Details.Host != "" {
		host = s.Details.Host
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ip, host == "", host == ""
	}
	return ip, ip.IsUnspecified(), true
}

// addresses are those of the server's machine as far as they are known.
func addresses(s *checks.Server) []netip.Addr {
	var out []netip.Addr
	if s.Details == nil {
		return nil
	}
	out = append(out, s.Details.Seen...)
	if ip, wildcard, ok := listensOn(s, checks.Greeting{}); ok && !wildcard {
		out = append(out, ip)
	}
	return out
}

// ownAddress reports whether the server that answered at an address listens there
// itself. What a server says that it listens on may be its client_advertise
// instead, unless that is every address, loopback, or an address that its peers
// see it at.
func ownAddress(s *checks.Server, scheme string, at netip.AddrPort, g checks.Greeting) checks.Answer {
	var seen []netip.Addr
	if s.Details != nil {
		seen = s.Details.Seen
	}
	ip, wildcard, ok := listensOn(s, g)
	bound := ok && (wildcard || slices.Contains(seen, ip))
	port := port(s, scheme, g)
	told := told(s, g)
	switch {
	case port != 0 && port != int(at.Port()) && (bound || ok && ip.IsLoopback()):
		return checks.No
	case port != 0 && port != int(at.Port()):
		return checks.Unknown
	case ok && !wildcard && ip == at.Addr():
		return checks.Yes
	case bound && !wildcard:
		return checks.No
	case wildcard && at.Addr().IsLoopback():
		return checks.Yes // this machine's, or what an operator forwards by hand
	case slices.Contains(seen, at.Addr()):
		return checks.Yes
	case wildcard && len(told) > 1 && slices.ContainsFunc(told, func(url string) bool {
		own, err := netip.ParseAddrPort(url) // its port is that for plain clients
		return err == nil && own.Addr() == at.Addr()
	}):
		return checks.Yes
	case wildcard && len(told) > 1 && at.Addr().IsPrivate():
		return checks.No // it tells of its machine's addresses, and has not this one
	}
	// A public address may be translated to the server's own, and a machine may
	// have addresses that nobody tells of.
	return checks.Unknown
}

// namesAnother reports whether a server says that it is at another address with the
// same port.
func namesAnother(s *checks.Server, scheme string, at netip.AddrPort, g checks.Greeting) bool {
	ip, wildcard, ok := listensOn(s, g)
	return ok && !wildcard && ip != at.Addr() && port(s, scheme, g) == int(at.Port())
}

// advertisedByAll reports whether several servers advertise this address and
// no other: that of a balancer before them.
func advertisedByAll(d *checks.Deployment, cluster string, at netip.AddrPort) bool {
	n := 0
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster != cluster || s.Details == nil {
			continue
		}
		ip, wildcard, ok := listensOn(s, checks.Greeting{})
		own := ok && !wildcard && ip == at.Addr() && s.Details.Port == int(at.Port())
		if told := told(s, checks.Greeting{}); own || len(told) == 1 && told[0] == at.String() && !slices.Contains(s.Details.Seen, at.Addr()) {
			n++
		}
	}
	return n > 1
}

// KubernetesService reports whether a host name is that of a Kubernetes service, whose
// private address is none of a pod.
func KubernetesService(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasSuffix(host, ".svc") || strings.Contains(host, ".svc.")
}

// told are the addresses that a server tells clients of, each once. They are
// those of all servers: a single one may be a load balancer's that all advertise.
func told(s *checks.Server, g checks.Greeting) []string {
	urls := slices.Clone(g.ConnectURLs)
	if s.Details != nil {
		urls = append(urls, s.Details.ConnectURLs...)
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// claimed is the server of the cluster that says of itself, or of which its
// peers say, that this address is its own; -1 where none or several do.
func claimed(d *checks.Deployment, cluster, scheme string, at netip.AddrPort) int {
	found := -1
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster != cluster || s.Details == nil || port(s, scheme, checks.Greeting{}) != int(at.Port()) {
			continue
		}
		ip, wildcard, ok := listensOn(s, checks.Greeting{})
		if !ok || !wildcard && ip != at.Addr() || wildcard && !slices.Contains(s.Details.Seen, at.Addr()) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// ownName reports whether a URL has the server's own address or name: the name that
// it goes by or alone advertises, or one that has what tells its name from the
// others' names, as n1.example has of C1-n1.
func ownName(d *checks.Deployment, cluster string, server int, e checks.Endpoint) bool {
	if e.Literal {
		return true
	}
	host := strings.ToLower(strings.TrimSuffix(e.Host, "."))
	s := &d.Servers[server]
	if isLocalhost(host) {
		return true
	}
	if advertises(s, host, e.Port) {
		for i := range d.Servers {
			if i != server && d.Servers[i].Cluster == cluster && advertises(&d.Servers[i], host, e.Port) {
				return false // such as that of a balancer before all of them
			}
		}
		return true
	}
	label, _, _ := strings.Cut(host, ".")
	for _, name := range []string{s.Name, s.Host} {
		name = strings.ToLower(name)
		if _, err := netip.ParseAddr(name); err == nil || name == "" {
			continue
		}
		first, _, _ := strings.Cut(name, ".")
		if host == name || label == first {
			return true
		}
	}
	others := map[string]bool{}
	for i := range d.Servers {
		if i != server && d.Servers[i].Cluster == cluster {
			for _, part := range parts(d.Servers[i].Name) {
				others[part] = true
			}
		}
	}
	return slices.ContainsFunc(parts(s.Name), func(part string) bool { return part == label && !others[part] })
}

// advertises reports whether a host name is the server's client_advertise.
func advertises(s *checks.Server, host string, port int) bool {
	return s.Details != nil && strings.EqualFold(s.Details.Host, host) && s.Details.Port == port
}

func parts(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '.' || r == '_' })
}
