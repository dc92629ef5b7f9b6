package audit

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// stated are the addresses at which a server listens, as it says: where that is all
// of its machine, those at which others see it.
func stated(s *checks.Server) (out []string) {
	x := s.Details
	if x == nil {
		return nil
	}
	out = listens(x.Host, x.Port, x.Seen)
	if x.WebSocket > 0 {
		out = append(out, listens(x.Host, x.WebSocket, x.Seen)...)
	}
	return out
}

func listens(host string, port int, seen []netip.Addr) (out []string) {
	ip, err := netip.ParseAddr(host)
	if host != "" && (err != nil || !ip.IsUnspecified()) {
		return []string{net.JoinHostPort(strings.ToLower(host), strconv.Itoa(port))}
	}
	for _, ip := range seen {
		out = append(out, net.JoinHostPort(ip.String(), strconv.Itoa(port)))
	}
	return out
}

// is reports whether it is one of these addresses.
func (s *sight) is(of func(text string) bool) bool {
	return of(s.shown) || of(net.JoinHostPort(strings.ToLower(s.host), strconv.Itoa(int(s.at.Port())))) || s.at.IsValid() && of(s.at.String())
}

// unexplained leaves out the addresses that servers that reported say are theirs,
// or tell clients of: these servers are known, and reported or are missing. That others
// go on to tell of one that hangs explains nothing.
func unexplained(d *checks.Deployment, all, left []sight) []sight {
	told, advertised := map[string]bool{}, map[string]bool{}
	for _, s := range all {
		for _, g := range s.contact.Greetings {
			if reportedIn(d, []checks.Greeting{g}) {
				for _, text := range listens(g.Host, g.Port, nil) {
					told[text] = true
				}
				for _, u := range g.ConnectURLs {
					advertised[strings.ToLower(u)] = true
				}
			}
		}
	}
	for i := range d.Servers {
		for _, text := range stated(&d.Servers[i]) {
			told[text] = true
		}
		if x := d.Servers[i].Details; x != nil {
			for _, u := range x.ConnectURLs {
				advertised[strings.ToLower(u)] = true
			}
		}
	}
	in := func(set map[string]bool) func(string) bool { return func(text string) bool { return set[text] } }
	return slices.DeleteFunc(slices.Clone(left), func(s sight) bool {
		return s.is(in(told)) || !s.contact.Hangs && s.is(in(advertised))
	})
}

// mayBeTheirs reports whether servers that reported may be at all the addresses that
// nobody connected to. What a server says of itself need not be what it is
// reached at from here: it has another address for clients (client_advertise), listens
// on all of its machine, or is behind NAT. Where no server says that it is at an
// address of a family, they may be at any of these, each at one. Free is how many
// servers there are that may be at one.
func (e Expected) mayBeTheirs(d *checks.Deployment, all, unseen []sight) (free int, may bool) {
	speaks := map[bool]bool{} // families, by whether it is IPv4
	connected := false
	for i := range d.Servers {
		at := stated(&d.Servers[i])
		placed := false
		for k := range all {
			s := &all[k]
			if s.of == ofServer && s.is(func(text string) bool { return slices.Contains(at, text) }) {
				placed, speaks[s.at.Addr().Is4()] = true, true
				connected = connected || e.carries(s)
			}
		}
		if !placed {
			free++
		}
	}
	if !connected {
		free-- // the one that the audit goes through is at its own address
	}
	return free, len(unseen) > 0 && len(unseen) <= free && !slices.ContainsFunc(unseen, func(s sight) bool {
		return s.unresolved != "" || speaks[s.at.Addr().Is4()]
	})
}

// carries reports whether the audit goes through an address.
func (e Expected) carries(s *sight) bool {
	return s.at.IsValid() && s.at.String() == e.ConnectedAddress || e.isConnected(s)
}

// located are the addresses of --server at which servers that reported say they are, and
// that which carries the audit.
func (e Expected) located(d *checks.Deployment, all []sight) (out []netip.AddrPort) {
	theirs := map[string]bool{}
	for i := range d.Servers {
		for _, text := range stated(&d.Servers[i]) {
			theirs[text] = true
		}
	}
	for k := range all {
		if s := &all[k]; s.of == ofServer && s.at.IsValid() && (s.is(func(text string) bool { return theirs[text] }) || e.carries(s)) {
			out = append(out, s.at)
		}
	}
	return out
}
