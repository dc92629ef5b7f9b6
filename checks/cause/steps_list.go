package cause

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// listPasses says which servers the service's lists let through at one of the
// three steps that lists have: listed, by a server's own address or name;
// resolved, by a name that may stand for several; forwarded, by an address that
// is no server's own. What is not named by its own address passes through each of
// them, as far as it is known.
func (s *Situation) listPasses(name StepName) []checks.Answer {
	out := s.all(checks.Unknown)
	if len(s.Own) == 0 || !s.Tied {
		return out
	}
	for i, server := range s.cluster() {
		out[i] = checks.No
		for _, l := range s.Own {
			if a := s.listPass(l, server, name); a != checks.No && out[i] != checks.Yes {
				out[i] = a
			}
		}
		if out[i] == checks.No && slices.ContainsFunc(s.rivals(), func(l List) bool { return s.listPass(l, server, name) != checks.No }) {
			out[i] = checks.Unknown // they may have come by that list
		}
	}
	return out
}

// listPass says whether one list lets a server through at a step.
func (s *Situation) listPass(l List, server *checks.Server, name StepName) checks.Answer {
	answer := checks.No
	bound := (l.kind == pins || l.kind == perhaps) && wayOf(l) == byAddress
	for _, e := range l.Endpoints {
		here, shared, balanced := false, false, false
		for _, a := range l.Reach.Arrivals {
			if a.URL == e.URL {
				here = here || s.Deployment.Servers[a.Server].ID == server.ID
				shared = shared || a.Own == checks.No || !a.OwnName
				balanced = balanced || a.Own == checks.No
			}
		}
		named := slices.ContainsFunc(l.Reach.Unserved, func(u Unlistened) bool { return u.URL == e.URL && s.Deployment.Servers[u.Server].ID == server.ID })
		switch {
		case named: // that nobody listens there is another step's
			return checks.Yes
		case here, name == Listed && shared && !bound, name == Resolved && balanced:
			return checks.Yes // the name, or the address, may stand for any server
		case slices.ContainsFunc(l.Reach.Open, func(o Open) bool { return o.URL == e.URL }):
			answer = checks.Unknown
		}
	}
	if answer == checks.No && (l.ByPattern || len(l.Incomplete) > 0) {
		return checks.Unknown // there may be more to the list
	}
	return answer
}

// forClients takes out of where a list leads what these clients do not come by:
// addresses of IPv6 where they do not use it, and servers that a balancer hardly
// ever leads to.
func (s *Situation) forClients(l checks.URLList, r Reach) Reach {
	usesIPv6 := s.usesIPv6()
	var out []Arrival
	for _, a := range r.Arrivals {
		literal := slices.ContainsFunc(l.Endpoints, func(e checks.Endpoint) bool { return e.URL == a.URL && (e.Literal || isLocalhost(e.Host)) })
		six := a.Address.Addr().Is6() && !a.Address.Addr().Is4In6() && !literal
		same := slices.ContainsFunc(r.Arrivals, func(b Arrival) bool { return b.Server == a.Server && b.Address.Addr().Is4() })
		switch {
		case six && !same && usesIPv6 == checks.No:
		case six && !same && usesIPv6 == checks.Unknown:
			r.Open = append(slices.Clip(r.Open), Open{URL: a.URL, Address: a.Address, Why: OpenFamily, Detail: s.Deployment.Servers[a.Server].Name})
		case a.Own == checks.No && slices.ContainsFunc(r.Arrivals, func(b Arrival) bool { return b.Address == a.Address && b.Server != a.Server && b.nearlyAlways() }):
		default:
			out = append(out, a)
		}
	}
	r.Arrivals = out
	return s.throughChooser(r)
}

// throughChooser adds the concentrated server to where a list leads, if these clients come
// to it from where what chooses at an address of the list comes from: that it led the
// auditor to others only says what it chose now, as one that counts connections does. It
// is not known where servers see another address.
func (s *Situation) throughChooser(r Reach) Reach {
	if slices.Contains(r.Servers(), s.here) || s.here < 0 {
		return r
	}
	for _, a := range r.Arrivals {
		switch {
		case a.Own != checks.No || a.Steady():
		case s.mostComeFrom(a.as):
			a.Server, a.Tries = s.here, 0
			r.Arrivals = append(slices.Clip(r.Arrivals), a)
			return r
		default:
			r.Open = append(slices.Clip(r.Open), Open{URL: a.URL, Address: a.Address, Why: OpenChooser, Detail: s.Server.Name})
			return r
		}
	}
	return r
}

// mostComeFrom reports whether servers see most of these clients come from an address.
func (s *Situation) mostComeFrom(addr netip.Addr) bool {
	if s.Profile == nil || !addr.IsValid() {
		return false
	}
	return slices.ContainsFunc(s.Profile.Sources, func(x checks.Source) bool {
		return x.Addr == addr && len(x.Counts) > 0 && x.Counts[0]*2 > s.Finding.OnServer
	})
}

// nearlyAlways reports whether an address leads to this server so often that it
// does not choose evenly between two.
func (a Arrival) nearlyAlways() bool { return leadsSteadily(a.Tries, a.AllTries) }

// Steady reports whether an address leads to this server in all tries, or nearly.
func (a Arrival) Steady() bool { return a.Tries == a.AllTries || a.nearlyAlways() }

// leadsSteadily reports whether so many tries of all that ended at one server are too
// many for an address that chooses evenly between two.
func leadsSteadily(tries, all int) bool {
	const rare = 0.01
	return all >= enoughTries && checks.Chance(all, 2, tries) <= rare
}

// usesIPv6 reports whether the clients come by IPv6: No for libraries that do not
// ask for it, as long as none has; Unknown where none has.
func (s *Situation) usesIPv6() checks.Answer {
	if s.Profile == nil {
		return checks.Unknown
	}
	for _, source := range s.Profile.Sources {
		if source.Addr.Is6() && !source.Addr.Is4In6() {
			return checks.Yes
		}
	}
	if len(s.Profile.Languages) == 0 || len(s.Profile.Sources) == 0 {
		return checks.Unknown
	}
	for _, g := range s.Profile.Languages {
		if g.Other || !strings.EqualFold(g.Key, "java") {
			return checks.Unknown
		}
	}
	return checks.No
}
