package cause

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
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
	// they lead to another server.
	Open []Open
	// Unserved are servers that URLs name by their own address, and that have no
	// listener for the protocol of the URL. They are Dead too.
	Unserved []Unlistened
	// Foreign are addresses at which another cluster's server answers.
	Foreign []string
	// Away are the other clusters of the deployment whose servers answer there.
	Away []string
}

// Unlistened is a URL with the server, an index into Deployment.Servers, that it
// names and that does not listen.
type Unlistened struct {
	Server int
	URL    string
}

// Arrival is one server that a list leads to.
type Arrival struct {
	// Server is an index into Deployment.Servers.
	Server int
	// Sure reports whether the server answered there as itself; otherwise the
	// address is tied to it by what servers say of themselves.
	Sure bool
	// Own reports whether it is the server's own address; No where something stands
	// between that forwards there, such as a load balancer.
	Own checks.Answer
	// doubt reports whether Own is No only because the server names another address,
	// which may be its client_advertise.
	doubt bool
	// forward reports whether it is a forward to this server alone, one of several.
	forward bool
	// OwnName reports whether the URL has the server's own address or name, and not a
	// name that may stand for others too.
	OwnName bool
	// Tries is how many connections to the address ended at this server, and
	// AllTries how many there were.
	Tries, AllTries int
	URL             string
	Address         netip.AddrPort
	// as is the address that the server saw the auditor come from, where something
	// between them had put its own in place of the auditor's.
	as netip.Addr
}

// notOwn is what to say of an address that belongs to no server, or seems to.
func (a Arrival) notOwn() string {
	if a.doubt {
		return "is none of the addresses that servers name as their own"
	}
	return "is not an address of any server"
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
// List together, under the empty name.
func ReachOf(d *checks.Deployment, cluster string, list checks.URLList) Reach {
	var r Reach
	for _, e := range list.Endpoints {
		before, open := len(r.Arrivals), len(r.Open)
		r.follow(d, cluster, e)
		if len(r.Arrivals) == before && len(r.Open) == open {
			r.Dead = append(r.Dead, e.URL)
		}
	}
	for _, why := range list.Incomplete {
		r.Open = append(r.Open, Open{Why: OpenIncomplete, Detail: why})
	}
	r.sharedNames(list)
	return r
}

// sharedNames takes names for what they are where several of one list lead to
// the same address: they can't all be that server's own.
func (r *Reach) sharedNames(list checks.URLList) {
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
		named := slices.ContainsFunc(list.Endpoints, func(e checks.Endpoint) bool { return e.URL == a.URL && !e.Literal && !isLocalhost(e.Host) })
		if named && len(names[a.Address]) > 1 {
			r.Arrivals[i].OwnName = false
		}
	}
}

func isLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (r *Reach) follow(d *checks.Deployment, cluster string, e checks.Endpoint) {
	if !e.Literal {
		switch n := e.Name; {
		case n == nil || n.Verdict == checks.NameUnknown:
			if len(e.Addresses) == 0 {
				r.Open = append(r.Open, Open{URL: e.URL, Why: OpenDNSUnasked})
				return
			}
		case !n.Complete && n.Verdict != checks.NameMissing:
			r.Open = append(r.Open, Open{URL: e.URL, Why: OpenDNSPartly, Detail: n.Detail})
		}
	}
	for _, a := range e.Addresses {
		r.arrive(d, cluster, e, a)
	}
}

func (r *Reach) arrive(d *checks.Deployment, cluster string, e checks.Endpoint, a checks.Address) {
	at := netip.AddrPortFrom(a.IP, uint16(a.Port)) //nolint:gosec // ports are checked where URLs are read
	c := a.Contact
	open := func(why OpenReason, detail string) {
		r.Open = append(r.Open, Open{URL: e.URL, Address: at, Literal: e.Literal, Why: why, Detail: detail})
	}
	if c.Outcome == checks.ContactServer {
		for _, g := range c.Greetings {
			server := slices.IndexFunc(d.Servers, func(s checks.Server) bool { return s.ID == g.ID })
			switch {
			case server < 0 && slices.ContainsFunc(d.Missing, func(m checks.Missing) bool {
				return m.ID == g.ID || m.Name == g.Name && d.Reported(m.Cluster) == g.Cluster
			}):
				open(OpenMissing, "")
			case server < 0 && g.Cluster == d.Reported(cluster) && cluster != "":
				open(OpenUnknown, "")
			case server < 0 || d.Servers[server].Cluster != cluster:
				r.Foreign = append(r.Foreign, at.String())
				if server >= 0 && !slices.Contains(r.Away, d.Servers[server].Cluster) {
					r.Away = append(r.Away, d.Servers[server].Cluster)
				}
			default:
				own, doubt := checks.No, false // more than one server: something chooses
				if len(c.Greetings) == 1 {
					own = ownAddress(&d.Servers[server], e.Scheme, at, g)
					if own == checks.Unknown && KubernetesService(e.Host) && at.Addr().IsPrivate() || own != checks.No && advertisedByAll(d, cluster, at) {
						own = checks.No
					}
					if own == checks.Unknown && namesAnother(&d.Servers[server], e.Scheme, at, g) {
						own, doubt = checks.No, true
					}
				}
				r.Arrivals = append(r.Arrivals, Arrival{Server: server, Sure: true, Own: own, doubt: doubt, OwnName: ownName(d, cluster, server, e),
					Tries: g.Count, AllTries: c.Tries, URL: e.URL, Address: at, as: translated(g)})
			}
		}
		return
	}
	if server := claimed(d, cluster, e.Scheme, at); server >= 0 {
		// It says itself that it listens there. That it is down or out of the
		// auditor's reach does not take it from the clients' list.
		if c.Outcome != checks.ContactRefused {
			r.Arrivals = append(r.Arrivals, Arrival{Server: server, Own: checks.Yes, OwnName: ownName(d, cluster, server, e), URL: e.URL, Address: at})
		} else {
			open(OpenRefused, d.Servers[server].Name)
		}
		return
	}
	switch c.Outcome {
	case checks.ContactRefused, checks.ContactClosed:
		if server := unlistened(d, cluster, e.Scheme, at.Addr()); server >= 0 {
			r.Unserved = append(r.Unserved, Unlistened{server, e.URL})
		}
	case checks.ContactTimeout:
		open(OpenTimeout, "")
	case checks.ContactUnroutable:
		open(OpenUnroutable, "")
	case checks.ContactUnreadable:
		open(OpenUnreadable, c.Detail)
	case checks.ContactNone, checks.ContactServer:
		open(OpenNotProbed, "")
	}
}

// translated is the address that a server saw the auditor come from, where that is
// not the auditor's own.
func translated(g checks.Greeting) netip.Addr {
	if g.ClientIP.Unmap() == g.LocalIP.Unmap() {
		return netip.Addr{}
	}
	return g.ClientIP.Unmap()
}

// unlistened is the server of the cluster whose address this is and that has no
// listener for the protocol of a scheme; -1 where none is.
func unlistened(d *checks.Deployment, cluster, scheme string, at netip.Addr) int {
	protocol := listenerOf(scheme)
	found := -1
	for i := range d.Servers {
		s := &d.Servers[i]
		if protocol == "" || protocol == checks.NATS || s.Cluster != cluster || !slices.Contains(addresses(s), at) {
			continue
		}
		if found >= 0 || s.Takes(protocol) != checks.No {
			return -1 // several on one machine, or one that listens elsewhere
		}
		found = i
	}
	return found
}
