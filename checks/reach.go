package checks

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// Reach is the servers of one cluster that a client with this URL list can
// arrive at, through DNS and whatever stands between. That a server is full or
// lacks the account does not matter here.
type Reach struct {
	// Arrivals are the servers, each once, in the order in which a client that
	// takes its URLs and addresses in order tries them.
	Arrivals []Arrival
	// Dead are URLs that lead nowhere: nobody listens, the name does not exist,
	// or only servers of other clusters are there.
	Dead []string
	// Open are URLs, or addresses of them, of which it is not known whether
	// they lead to another server, each with why.
	Open []string
	// Foreign are addresses at which another cluster's server answers.
	Foreign []string
}

// Arrival is one server that a list leads to.
type Arrival struct {
	// Server is an index into Deployment.Servers.
	Server int
	// Sure is whether the server answered there as itself; otherwise the
	// address is tied to it by what servers say of themselves.
	Sure bool
	// Own is whether it is the server's own address; No where something stands
	// between that forwards there, such as a load balancer.
	Own Answer
	// Doubt is whether Own is No only because the server names another address,
	// which may be its client_advertise.
	Doubt bool
	// OwnName is whether the URL has the server's own address or name, and not a
	// name that may stand for others too.
	OwnName bool
	// Tries is how many connections to the address ended at this server, and
	// AllTries how many there were.
	Tries, AllTries int
	URL             string
	Address         netip.AddrPort
}

// Servers are the indexes of the servers that are reached.
func (r Reach) Servers() []int {
	var out []int
	for _, a := range r.Arrivals {
		if !slices.Contains(out, a.Server) {
			out = append(out, a.Server)
		}
	}
	return out
}

// ReachOf follows a list into a cluster. The servers without a cluster are
// followed together, under the empty name.
func ReachOf(d *Deployment, cluster string, list URLList) Reach {
	var r Reach
	for _, e := range list.Endpoints {
		before, open := len(r.Arrivals), len(r.Open)
		r.follow(d, cluster, e)
		if len(r.Arrivals) == before && len(r.Open) == open {
			r.Dead = append(r.Dead, e.URL)
		}
	}
	for _, why := range list.Incomplete {
		r.Open = append(r.Open, "the rest of the list, which "+why)
	}
	r.sharedNames(list)
	return r
}

// sharedNames takes names for what they are where several of one list lead to
// the same address: they can't all be that server's own.
func (r *Reach) sharedNames(list URLList) {
	names := map[netip.AddrPort]map[string]bool{}
	for _, a := range r.Arrivals {
		for _, e := range list.Endpoints {
			if e.URL == a.URL && !e.Literal && !isLocalhost(e.Host) {
				if names[a.Address] == nil {
					names[a.Address] = map[string]bool{}
				}
				names[a.Address][strings.ToLower(e.Host)] = true
			}
		}
	}
	for i, a := range r.Arrivals {
		named := slices.ContainsFunc(list.Endpoints, func(e Endpoint) bool { return e.URL == a.URL && !e.Literal && !isLocalhost(e.Host) })
		if named && len(names[a.Address]) > 1 {
			r.Arrivals[i].OwnName = false
		}
	}
}

func isLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (r *Reach) follow(d *Deployment, cluster string, e Endpoint) {
	if !e.Literal {
		switch n := e.Name; {
		case n == nil || n.Verdict == NameUnknown:
			if len(e.Addresses) == 0 {
				r.Open = append(r.Open, e.URL+": DNS was not asked")
				return
			}
		case !n.Complete && n.Verdict != NameMissing:
			r.Open = append(r.Open, e.URL+": "+cmp.Or(strings.TrimSuffix(n.Detail, "."), "DNS did not answer in full"))
		}
	}
	for _, a := range e.Addresses {
		r.arrive(d, cluster, e, a)
	}
}

func (r *Reach) arrive(d *Deployment, cluster string, e Endpoint, a Address) {
	at := netip.AddrPortFrom(a.IP, uint16(a.Port)) //nolint:gosec // ports are checked where URLs are read
	c := a.Contact
	if c.Outcome == ContactServer {
		for _, g := range c.Greetings {
			server := slices.IndexFunc(d.Servers, func(s Server) bool { return s.ID == g.ID })
			switch {
			case server < 0 && slices.ContainsFunc(d.Missing, func(m Missing) bool { return m.ID == g.ID || m.Name == g.Name && m.Cluster == g.Cluster }):
				r.Open = append(r.Open, e.at(at)+" is a server that did not report")
			case server < 0 && g.Cluster == cluster && cluster != "":
				r.Open = append(r.Open, e.at(at)+" is a server of this cluster that the audit does not know")
			case server < 0 || d.Servers[server].Cluster != cluster:
				r.Foreign = append(r.Foreign, at.String())
			default:
				own, doubt := No, false // more than one server: something chooses
				if len(c.Greetings) == 1 {
					own = ownAddress(&d.Servers[server], e.Scheme, at, g)
					if own == Unknown && isService(e.Host) && at.Addr().IsPrivate() || own != No && advertisedByAll(d, cluster, at) {
						own = No
					}
					if own == Unknown && d.Servers[server].namesAnother(e.Scheme, at, g) {
						own, doubt = No, true
					}
				}
				r.Arrivals = append(r.Arrivals, Arrival{Server: server, Sure: true, Own: own, Doubt: doubt, OwnName: ownName(d, cluster, server, e),
					Tries: g.Count, AllTries: c.Tries, URL: e.URL, Address: at})
			}
		}
		return
	}
	if server := claimed(d, cluster, e.Scheme, at); server >= 0 {
		// It says itself that it listens there. That it is down or out of the
		// auditor's reach does not take it from the clients' list.
		if c.Outcome != ContactRefused {
			r.Arrivals = append(r.Arrivals, Arrival{Server: server, Own: Yes, OwnName: ownName(d, cluster, server, e), URL: e.URL, Address: at})
		} else {
			r.Open = append(r.Open, e.at(at)+" is an address of "+d.Servers[server].Name+", but refused the connection")
		}
		return
	}
	switch c.Outcome {
	case ContactRefused, ContactClosed:
	case ContactTimeout:
		r.Open = append(r.Open, e.at(at)+" did not answer here, but may answer the clients")
	case ContactUnroutable:
		r.Open = append(r.Open, e.URL+": this machine can't get to "+at.String())
	case ContactUnreadable:
		r.Open = append(r.Open, e.at(at)+": "+cmp.Or(strings.TrimSuffix(c.Detail, "."), "it can't be told what is there"))
	case ContactNone, ContactServer:
		r.Open = append(r.Open, e.at(at)+" was not probed, and no server says that it is there")
	}
}

// OwnAddress is whether the server that greeted at an address listens there
// itself; No where something forwards there, as where several servers answer.
func OwnAddress(d *Deployment, scheme string, at netip.AddrPort, c Contact) Answer {
	switch len(c.Greetings) {
	case 0:
		return Unknown
	case 1:
	default:
		return No
	}
	g := c.Greetings[0]
	for i := range d.Servers {
		if d.Servers[i].ID == g.ID {
			return ownAddress(&d.Servers[i], scheme, at, g)
		}
	}
	return ownAddress(&Server{ID: g.ID, Name: g.Name}, scheme, at, g)
}

// port is where the server listens for that scheme; 0 where not known.
func (s *Server) port(scheme string, g Greeting) int {
	switch {
	case (scheme == "ws" || scheme == "wss") && s.Details != nil:
		return s.Details.WebSocket
	case scheme == "ws" || scheme == "wss":
		return 0 // the greeting has the port for plain clients
	case (scheme == "mqtt" || scheme == "mqtts") && s.Details != nil:
		return s.Details.MQTT
	case scheme == "mqtt" || scheme == "mqtts":
		return 0
	case s.Details != nil && s.Details.Port > 0:
		return s.Details.Port
	}
	return g.Port
}

// listensOn is the address that the server is bound to; ok is false where that
// is not known, wild is true for every address of its machine.
func (s *Server) listensOn(g Greeting) (ip netip.Addr, wild, ok bool) {
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
func (s *Server) addresses() []netip.Addr {
	var out []netip.Addr
	if s.Details == nil {
		return nil
	}
	out = append(out, s.Details.Seen...)
	if ip, wild, ok := s.listensOn(Greeting{}); ok && !wild {
		out = append(out, ip)
	}
	return out
}

// ownAddress is whether the server that answered at an address listens there
// itself. What a server says that it listens on may be its client_advertise
// instead, unless that is every address, loopback, or an address that its peers
// see it at.
func ownAddress(s *Server, scheme string, at netip.AddrPort, g Greeting) Answer {
	var seen []netip.Addr
	if s.Details != nil {
		seen = s.Details.Seen
	}
	ip, wild, ok := s.listensOn(g)
	bound := ok && (wild || slices.Contains(seen, ip))
	port := s.port(scheme, g)
	told := s.told(g)
	switch {
	case port != 0 && port != int(at.Port()) && (bound || ok && ip.IsLoopback()):
		return No
	case port != 0 && port != int(at.Port()):
		return Unknown
	case ok && !wild && ip == at.Addr():
		return Yes
	case bound && !wild:
		return No
	case wild && at.Addr().IsLoopback():
		return Yes // this machine's, or what an operator forwards by hand
	case slices.Contains(seen, at.Addr()):
		return Yes
	case wild && len(told) > 1 && slices.ContainsFunc(told, func(url string) bool {
		own, err := netip.ParseAddrPort(url) // its port is that for plain clients
		return err == nil && own.Addr() == at.Addr()
	}):
		return Yes
	case wild && len(told) > 1 && at.Addr().IsPrivate():
		return No // it tells of its machine's addresses, and has not this one
	}
	// A public address may be translated to the server's own, and a machine may
	// have addresses that nobody tells of.
	return Unknown
}

// namesAnother is whether a server says that it is at another address with the
// same port.
func (s *Server) namesAnother(scheme string, at netip.AddrPort, g Greeting) bool {
	ip, wild, ok := s.listensOn(g)
	return ok && !wild && ip != at.Addr() && s.port(scheme, g) == int(at.Port())
}

// advertisedByAll is whether several servers tell clients of this address and
// no other: that of a balancer before them.
func advertisedByAll(d *Deployment, cluster string, at netip.AddrPort) bool {
	n := 0
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster != cluster || s.Details == nil {
			continue
		}
		ip, wild, ok := s.listensOn(Greeting{})
		own := ok && !wild && ip == at.Addr() && s.Details.Port == int(at.Port())
		if told := s.told(Greeting{}); own || len(told) == 1 && told[0] == at.String() && !slices.Contains(s.Details.Seen, at.Addr()) {
			n++
		}
	}
	return n > 1
}

// isService is whether a host name is that of a Kubernetes service, whose
// private address is none of a pod.
func isService(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasSuffix(host, ".svc") || strings.Contains(host, ".svc.")
}

// told are the addresses that a server tells clients of, each once. They are
// those of all servers: a single one may be a load balancer's that all advertise.
func (s *Server) told(g Greeting) []string {
	urls := slices.Clone(g.ConnectURLs)
	if s.Details != nil {
		urls = append(urls, s.Details.ConnectURLs...)
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

func yesNo(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

// claimed is the server of the cluster that says of itself, or of which its
// peers say, that this address is its own; -1 where none or several do.
func claimed(d *Deployment, cluster, scheme string, at netip.AddrPort) int {
	found := -1
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster != cluster || s.Details == nil || s.port(scheme, Greeting{}) != int(at.Port()) {
			continue
		}
		ip, wild, ok := s.listensOn(Greeting{})
		if !ok || !wild && ip != at.Addr() || wild && !slices.Contains(s.Details.Seen, at.Addr()) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// ownName is whether a URL has the server's own address or name: the name that
// it goes by or alone advertises, or one that has what tells its name from the
// others' names, as n1.example has of C1-n1.
func ownName(d *Deployment, cluster string, server int, e Endpoint) bool {
	if e.Literal {
		return true
	}
	host := strings.ToLower(strings.TrimSuffix(e.Host, "."))
	s := &d.Servers[server]
	if isLocalhost(host) {
		return true
	}
	if s.advertises(host, e.Port) {
		for i := range d.Servers {
			if i != server && d.Servers[i].Cluster == cluster && d.Servers[i].advertises(host, e.Port) {
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

// advertises is whether a host name is the server's client_advertise.
func (s *Server) advertises(host string, port int) bool {
	return s.Details != nil && strings.EqualFold(s.Details.Host, host) && s.Details.Port == port
}

// at names one of the host's addresses.
func (e Endpoint) at(a netip.AddrPort) string {
	if e.Literal {
		return e.URL
	}
	return e.URL + ": " + a.String()
}

func parts(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '.' || r == '_' })
}
