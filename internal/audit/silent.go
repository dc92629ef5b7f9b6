package audit

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// silentAt describes the servers that are silent by the addresses of which others tell
// clients: where there are no more of these servers than servers must be at those where
// nobody greets, and the same was seen at all of these, it is they. Where servers that
// reported greet at every address nobody tells of those that are silent.
func silentAt(d *checks.Deployment, all []sight) {
	silent := map[string][]*checks.Missing{} // by cluster
	for i := range d.Missing {
		if m := &d.Missing[i]; m.ID == "" && len(m.Advertised) > 0 {
			silent[m.Cluster] = append(silent[m.Cluster], m)
		}
	}
	for _, of := range silent {
		told, ok := sightsAt(all, of[0].Advertised) // the same for all
		if !ok || severalOfAFamily(told) {
			continue
		}
		greets := func(s *sight) bool { return s.contact.Outcome == checks.ContactServer }
		left := slices.DeleteFunc(slices.Clone(told), greets)
		if len(left) == 0 && !slices.ContainsFunc(told, func(s *sight) bool { return !reportedIn(d, s.contact.Greetings) }) {
			for _, m := range of {
				if m.Kind == checks.Silent {
					m.Kind, m.Reason = checks.Draining, cmp.Or(m.Known, m.Reason)+", it did not answer, and no server advertises it to clients: it is draining, or never was advertised"
				}
			}
			continue
		}
		// Nobody can be seen from here in a family in which nobody greets or refuses.
		left = slices.DeleteFunc(left, func(s *sight) bool {
			return s.kind() == checks.Unreachable && !slices.ContainsFunc(told, func(o *sight) bool {
				return o.at.Addr().Is4() == s.at.Addr().Is4() && (greets(o) || o.kind() != checks.Unreachable)
			})
		})
		if len(left) > 0 && fewest(left) == len(of) && describeAll(of, left) {
			for i, m := range of {
				m.Place(left[i].shown)
			}
		}
	}
}

// sightsAt are the sights of addresses, those of IPv4 first; not ok where one is a name,
// or was not looked at.
func sightsAt(all []sight, at []string) (out []*sight, ok bool) {
	for _, text := range at {
		i := slices.IndexFunc(all, func(s sight) bool { return s.looked && s.at.IsValid() && s.at.String() == text })
		if i < 0 {
			return nil, false
		}
		out = append(out, &all[i])
	}
	slices.SortStableFunc(out, func(a, b *sight) int { return a.at.Addr().BitLen() - b.at.Addr().BitLen() })
	return out, true
}

// severalOfAFamily reports whether a server is seen at two addresses of IPv4, or of
// IPv6: then so may any other be, and how many servers addresses are is unknown.
func severalOfAFamily(of []*sight) bool {
	type place struct {
		id string
		v4 bool
	}
	seen := map[place]bool{}
	for _, s := range of {
		for _, g := range s.contact.Greetings {
			p := place{g.ID, s.at.Addr().Is4()}
			if seen[p] {
				return true
			}
			seen[p] = true
		}
	}
	return false
}

// fewest is how many servers there must be at addresses: a server that listens on all of
// its machine has one of IPv4 and one of IPv6, of one port.
func fewest(of []*sight) int {
	families := map[uint16][2]int{}
	for _, s := range of {
		n := families[s.at.Port()]
		if s.at.Addr().Is4() {
			n[0]++
		} else {
			n[1]++
		}
		families[s.at.Port()] = n
	}
	total := 0
	for _, n := range families {
		total += max(n[0], n[1])
	}
	return total
}

// describeAll adds to servers that are silent what was seen at their addresses, where
// that is the same at all. It reports whether it is.
func describeAll(of []*checks.Missing, at []*sight) bool {
	kind := at[0].kind()
	if kind != checks.Hanging && kind != checks.Refusing || slices.ContainsFunc(at, func(s *sight) bool { return s.kind() != kind }) {
		return false
	}
	if len(of) == 1 {
		at[0].describe(of[0])
		return true
	}
	var shown []string
	for _, s := range at {
		shown = append(shown, s.shown)
	}
	for _, m := range of {
		known := cmp.Or(m.Known, m.Reason)
		switch kind {
		case checks.Hanging:
			m.Kind, m.Reason = kind, known+", and whoever is at "+words.Few(shown)+" accepts connections but says nothing: they hang"
		default:
			m.Kind, m.Reason = checks.Draining, known+", nobody listens at "+words.Few(shown)+", and other servers have routes to them: they are draining, or listen elsewhere"
		}
	}
	return true
}

// tell describes servers that are silent, and run, by addresses of which nothing else
// says whose they are: where these are just as many, and the same was seen at all. Else
// it leaves open whether they drain, where one that hangs may be any of them.
func tell(d *checks.Deployment, anywhere []int, at []sight) bool {
	var of []*checks.Missing
	for _, i := range anywhere {
		of = append(of, &d.Missing[i])
	}
	var seen []*sight
	for i := range at {
		seen = append(seen, &at[i])
	}
	if len(of) > 0 && len(of) == len(seen) && tied(of, seen) {
		for i, m := range of {
			m.Place(seen[i].shown)
		}
		return true
	}
	if slices.ContainsFunc(seen, func(s *sight) bool { return s.kind() == checks.Hanging && s.unresolved == "" }) {
		for _, m := range of {
			if m.Kind == checks.Draining && !m.Announced && m.ID == "" {
				m.Kind, m.Reason = checks.Silent, cmp.Or(m.Known, m.Reason)+", but it did not answer: it hangs, or is draining"
			}
		}
	}
	return false
}

// tied describes servers by as many addresses, if these can be theirs.
func tied(of []*checks.Missing, at []*sight) bool {
	known := 0 // servers of which an address is known, and what is there
	for _, m := range of {
		host, err := netip.ParseAddr(m.Host)
		if m.ID != "" || m.Announced || len(m.Peers) == 0 || err == nil && !host.IsUnspecified() {
			return false
		}
		if m.At != "" {
			known++
		}
	}
	if slices.ContainsFunc(at, func(s *sight) bool { return s.unresolved != "" }) {
		return false
	}
	if known > 0 { // these are other addresses of the same, if it is the same there
		return known == len(of) && !slices.ContainsFunc(at, func(s *sight) bool { return s.kind() != of[0].Kind })
	}
	return describeAll(of, at)
}
