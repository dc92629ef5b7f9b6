package audit

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// missingAt takes in addresses of servers that did not report. That of a missing
// server is told by its host or its name, never by who is left. Where it may be
// one of the missing servers a note says so; else it is one more, which
// [checks.Deployment.CountOnce] may count as one of the others. Nothing of this
// says how many connections it has: a server that drains closes its listener
// first, and its clients later.
func (e Expected) missingAt(d *checks.Deployment, left, all []sight, greetings []checks.Greeting) {
	var unknown []sight
	placed := map[int]bool{}
	for _, s := range left {
		at, listed := whose(d, &s, left)
		switch {
		case listed:
		case at >= 0:
			placed[at] = true
			d.Missing[at].Place(s.shown)
			s.describe(&d.Missing[at])
		default:
			unknown = append(unknown, s)
		}
	}
	for i := range d.Missing {
		if m := &d.Missing[i]; slices.ContainsFunc(greetings, func(g checks.Greeting) bool { return greetsAs(d, g, m) }) {
			placed[i] = true
			m.Place("")
		}
	}
	var anywhere []int // missing servers that may be at any address, and leave as much open
	unseenAt := 0      // those that may be at one that nobody looked at
	for i := range d.Missing {
		m := &d.Missing[i]
		if placed[i] || m.Placed || m.IsAddress() || m.Bound != nil || m.Apart {
			continue
		}
		if !m.ClusterKnown || oneKnown(d) {
			unseenAt++
		}
		if !m.ClusterKnown || oneKnown(d) && !d.Gateways {
			anywhere = append(anywhere, i)
		}
	}
	var unseen, seen []sight
	for _, s := range unknown {
		if !s.looked && s.unresolved == "" {
			unseen = append(unseen, s)
		} else {
			seen = append(seen, s)
		}
	}
	if tell(d, anywhere, seen) {
		seen, unseenAt = nil, max(0, unseenAt-len(anywhere))
	}
	var known []netip.AddrPort // of missing servers
	for i := range d.Missing {
		if m := &d.Missing[i]; m.Placed && m.At != "" {
			at, _ := m.Address()
			known = append(known, at)
		}
	}
	by := ""
	if len(d.Missing) == 0 {
		by = e.all(d)
	}
	for _, s := range seen {
		if by != "" && s.kind() != checks.Hanging { // nobody is seen there, and nobody counts one
			d.Note(fmt.Sprintf("%s: %s (%s); %s that all servers are here", s.shown, s.said(), s.of, by))
			continue
		}
		said := s.said() + " (" + s.of + "); which server that is, is unknown"
		before := checks.LeastAt(known)
		known = append(known, s.at)
		if len(anywhere) > 0 && checks.LeastAt(known) > before {
			d.Missing[anywhere[0]].Place(s.shown)
			anywhere, unseenAt = anywhere[1:], unseenAt-1
			d.Notes = slices.Insert(d.Notes, 0, s.shown+": "+said)
			continue
		}
		d.AddAnywhere(checks.Missing{Name: s.shown, At: s.shown, Addr: s.at, Kind: s.kind(), Reason: said})
	}
	free, may := e.mayBeTheirs(d, all, unseen)
	if may {
		d.Note(fmt.Sprintf("not checked %s: %s (of --server); the servers that answered may be there, as there are no more addresses than servers", e.unchecked(), words.Few(shownOf(unseen))))
		return
	}
	e.unseen(d, unseen, e.located(d, all), unseenAt, free)
}

// unseen takes in addresses that were not connected to, and of which no server that
// reported says that it is there. Some may be theirs all the same: other addresses of those
// that are located, or of as many others as free, and of as many missing servers as
// anywhere, which may be at any address. That as many servers reported as the operator
// says there are settles it.
func (e Expected) unseen(d *checks.Deployment, unseen []sight, located []netip.AddrPort, anywhere, free int) {
	if len(unseen) == 0 {
		return
	}
	said := "not checked " + e.unchecked() + ": " + words.Few(shownOf(unseen)) + " (of --server), where no server that answered says it is"
	at := slices.Clone(located)
	for _, s := range unseen {
		at = append(at, s.at)
	}
	n := len(d.Servers)
	least := checks.LeastAt(at) - checks.LeastAt(located) - max(0, free) - anywhere
	switch {
	case e.Count == n:
		d.Note(fmt.Sprintf("%s; --expect-servers %d says that all are here", said, n))
		return
	case anywhere > 0 && least <= 0:
		d.Notes = slices.Insert(d.Notes, 0, said)
		return
	}
	least = max(1, least)
	more := max(0, len(unseen)-least)
	for range least {
		d.AddAnywhere(checks.Missing{Kind: checks.Unseen, More: more, Reason: fmt.Sprintf("%s: pass --expect-servers %d if %s all", said, n, theseAre(n))})
		more = 0
	}
}

// greetsAs reports whether a missing server is the one that greets, by its id, or by
// its name where no id is known.
func greetsAs(d *checks.Deployment, g checks.Greeting, m *checks.Missing) bool {
	if m.ID != "" {
		return m.ID == g.ID
	}
	return m.Name != "" && m.Name == g.Name && mayBeOne(d, m, g.Cluster, g.Cluster != "")
}

// unchecked is why addresses were not connected to.
func (e Expected) unchecked() string {
	if e.NoProbe {
		return "because of --no-probe"
	}
	return "as not even the server that answered can be connected to from here"
}

func shownOf(all []sight) (out []string) {
	for _, s := range all {
		out = append(out, s.shown)
	}
	return out
}

func theseAre(n int) string {
	if n == 1 {
		return "that is"
	}
	return "these are"
}

// oneKnown reports whether all that is known of is in one cluster. There may be others
// all the same where there are gateways.
func oneKnown(d *checks.Deployment) bool {
	only := clustersIn(d)
	return len(only) == 1 && !slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.ClusterKnown && m.Cluster != only[0] })
}

// whose is the missing server that an address is of, by its host, which no other
// server and no other address has, or by its name in the URL; -1 where there is
// none. An address that is listed already is of nobody else.
func whose(d *checks.Deployment, s *sight, left []sight) (at int, listed bool) {
	label, _, _ := strings.Cut(s.host, ".")
	has := func(name, host string) (byName, byHost bool) {
		ip, err := netip.ParseAddr(host)
		return name != "" && s.named && (strings.EqualFold(name, s.host) || strings.EqualFold(name, label)), err == nil && ip.Unmap() == s.at.Addr()
	}
	of := map[bool][]int{} // whether by name
	for i := range d.Missing {
		m := &d.Missing[i]
		if m.Name == s.shown || m.At == s.shown {
			return i, true
		}
		if byName, byHost := has(m.Name, m.Host); byName || byHost {
			of[byName] = append(of[byName], i)
		}
	}
	alone := func(byName bool) bool {
		return len(of[byName]) == 1 && !slices.ContainsFunc(d.Servers, func(x checks.Server) bool {
			n, h := has(x.Name, x.Host)
			return byName && n || !byName && h
		})
	}
	twice := slices.ContainsFunc(left, func(o sight) bool { return o.shown != s.shown && o.at.Addr() == s.at.Addr() })
	switch {
	case alone(true):
		return of[true][0], false
	case alone(false) && !twice:
		return of[false][0], false
	}
	return -1, false
}

// describe adds to a missing server what was seen at its address.
func (s *sight) describe(m *checks.Missing) {
	if m.ID != "" || !s.looked && s.unresolved == "" {
		return // it answered something, or nothing is known
	}
	before := cmp.Or(m.Known, m.Reason)
	switch kind := s.kind(); {
	case kind == checks.Refusing && len(m.Peers) > 0:
		m.Kind, m.Reason = checks.Draining, before+", nobody listens at "+s.shown+", and other servers have routes to it: it is draining, or listens elsewhere"
	case kind == checks.Refusing:
		m.Kind, m.Reason = kind, before+", and nobody listens at "+s.shown+": it is stopped, or draining"
	case kind == checks.Hanging:
		m.Kind, m.Reason = kind, before+", and it accepts connections at "+s.shown+" but says nothing: it hangs"
	default:
		m.Kind, m.Reason = kind, before+", and of "+s.shown+" is known: "+s.said()
	}
}
