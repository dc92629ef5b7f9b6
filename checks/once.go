package checks

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/internal/words"
)

// CountOnce finds the addresses of missing servers that may be those of others that
// are missing: another address of one, as IPv4 and IPv6 of a machine, or the address of
// one of which only other things are known, as a name that an earlier audit
// had. These are [Missing.Perhaps]: how many servers are missing is the larger of the
// numbers, which is the least that is certain.
//
// What may be missing stays the same: such an address leaves every cluster open that a
// server there would.
func (d *Deployment) CountOnce() {
	for i := range d.Missing {
		d.Missing[i].Perhaps, d.Missing[i].Alias = false, false
	}
	d.findAliases()
	all, in := d.noAddress()
	total, left := len(all), map[string]int{}
	for cluster, of := range in {
		left[cluster] = len(of)
	}
	for i := range d.Missing {
		if m := &d.Missing[i]; m.IsAddress() && !m.Perhaps && m.ClusterKnown && left[d.Reported(m.Cluster)] > 0 {
			m.Perhaps = true
			left[d.Reported(m.Cluster)]--
			total--
		}
	}
	free := d.free()
	for i := range d.Missing {
		if m := &d.Missing[i]; m.IsAddress() && m.mayBeAnywhere() && min(free, total) > 0 {
			m.Perhaps = true
			free, total = free-1, total-1
		}
	}
}

// free is how many servers may be anywhere, and stand for no cluster of which nobody
// is known: one does for each.
func (d *Deployment) free() int {
	n := -len(d.unknown())
	for i := range d.Missing {
		if d.Missing[i].mayBeAnywhere() {
			n++
		}
	}
	return n
}

// Absent is how many servers are missing, each counted once. See [Deployment.CountOnce].
func (d *Deployment) Absent() int {
	n := 0
	for i := range d.Missing {
		if !d.Missing[i].Perhaps {
			n++
		}
	}
	return n
}

// AbsentIn is how many of them may be servers of a cluster, at least one where any is.
func (d *Deployment) AbsentIn(cluster string) int {
	counted, perhaps := 0, newAliases()
	for i := range d.Missing {
		switch m := &d.Missing[i]; {
		case !m.MayBeIn(cluster):
		case m.Perhaps:
			perhaps.take(m)
		default:
			counted++
		}
	}
	return max(counted, perhaps.count())
}

// IsAddress reports whether only the address is known of a missing server: clients, or
// an audit, have it, and no server that reported is there.
func (m *Missing) IsAddress() bool {
	return m.Nameless() && !m.Placed && m.Kind != Configured && (m.At != "" || m.Host != "" || m.Kind == Unseen)
}

// Place takes an address for its own, where it is not known by another one only. Empty
// is one that is known to others.
func (m *Missing) Place(at string) {
	if !m.IsAddress() {
		m.Placed, m.At = true, cmp.Or(m.At, at)
	}
}

// hasNoAddress reports whether an address may be the server's of which nothing says
// whose it is. One that reported something, and goes on, listens at another.
func (m *Missing) hasNoAddress() bool {
	return !m.Placed && !m.IsAddress() && (m.Bound == nil || m.Kind == Down)
}

// noAddress are the names of the missing servers that an address may be of which
// nothing says whose it is: all of them, and those of each cluster.
func (d *Deployment) noAddress() (all []string, in map[string][]string) {
	in = map[string][]string{}
	for i := range d.Missing {
		m := &d.Missing[i]
		if !m.hasNoAddress() {
			continue
		}
		all = append(all, m.Name)
		if m.ClusterKnown {
			in[d.Reported(m.Cluster)] = append(in[d.Reported(m.Cluster)], m.Name)
		}
	}
	return all, in
}

// perhapsOne says of a missing server that is not counted which others it may be.
func (d *Deployment) perhapsOne() func(*Missing) string {
	all, in := d.noAddress()
	anyone := oneOf(all)
	var counted []string // of those with an address
	for i := range d.Missing {
		if m := &d.Missing[i]; (m.hasAlias() || m.Placed && m.At != "") && !m.Perhaps {
			counted = append(counted, cmp.Or(m.Name, m.At))
		}
	}
	return func(m *Missing) string {
		switch {
		case m.Alias && len(counted) == 0: // those are not counted either
			return "perhaps another address of one of them"
		case m.Alias:
			return "perhaps another address of " + oneOf(counted)
		case m.ClusterKnown:
			return "perhaps " + oneOf(in[d.Reported(m.Cluster)])
		}
		return "perhaps " + anyone
	}
}

// oneOf is a clause that names servers, of which some have no name.
func oneOf(names []string) string {
	const shown = 3
	named := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" })
	switch {
	case len(named) == 0:
		return "one of unknown name"
	case len(named) < len(names):
		return "one of " + words.FirstOf(shown, named) + ", or one of unknown name"
	case len(named) == 1:
		return named[0]
	}
	return "one of " + words.FirstOf(shown, named)
}
