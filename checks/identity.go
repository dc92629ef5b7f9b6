package checks

import (
	"slices"
	"strings"
	"time"
)

// Identity is what tells a deployment from others: its server processes and its
// accounts. A process has an id of its own, so that of one deployment none is left when
// all its servers were restarted. Its servers have their names and clusters still, which
// are those of another deployment as well where somebody called them n1, n2 and n3 twice.
type Identity struct {
	Servers []ServerProcess
	// Accounts are the ids of those that somebody created: not the system account,
	// and not the global one, which every server has.
	Accounts []string
	// System is the id of the system account.
	System string
	// Until is when the deployment was last seen to be made of these processes; zero
	// of one that is looked at now.
	Until time.Time
}

// ServerProcess is a process of a server. Cluster is the name that it reports, and Start
// is zero where not known.
type ServerProcess struct {
	ServerRef
	Cluster string
	Start   time.Time
}

// Kinship says whether what was seen earlier is the deployment that is looked at later.
type Kinship int

// Kinships, the least first.
const (
	// Apart: it is another one.
	Apart Kinship = iota
	// Doubted: it may be.
	Doubted
	// Alike: every process was replaced, and servers and accounts are the same.
	Alike
	// Same: a process is the same.
	Same
)

// clocksDiffer is by how much the clocks of a recorder and of servers may.
const clocksDiffer = time.Minute

// Identity is what tells the deployment from others.
func (d *Deployment) Identity() Identity {
	var out Identity
	for i := range d.Servers {
		s := &d.Servers[i]
		out.Servers = append(out.Servers, ServerProcess{ServerRef: s.Ref(), Cluster: d.Reported(s.Cluster), Start: s.Start})
	}
	for _, a := range d.Accounts {
		switch {
		case a.System:
			out.System = a.ID
		case a.ID != GlobalAccount:
			out.Accounts = append(out.Accounts, a.ID)
		}
	}
	return out
}

// And is what both have, of one deployment at two times.
func (i Identity) And(o Identity) Identity {
	known, accounts := map[string]bool{}, map[string]bool{}
	for _, s := range i.Servers {
		known[s.ID] = true
	}
	for _, a := range i.Accounts {
		accounts[a] = true
	}
	i.Servers, i.Accounts = slices.Clip(i.Servers), slices.Clip(i.Accounts) // which copies them
	for _, s := range o.Servers {
		if !known[s.ID] || s.ID == "" {
			i.Servers = append(i.Servers, s)
		}
	}
	for _, a := range o.Accounts {
		if !accounts[a] {
			i.Accounts = append(i.Accounts, a)
		}
	}
	if o.System != "" {
		i.System = o.System
	}
	if o.Until.After(i.Until) {
		i.Until = o.Until
	}
	return i
}

// Became says whether the deployment is the one that is looked at later. One process that
// both have says so. Without one, a server that has a name of before must be one that
// started since: one that ran then, and was not seen, is of another deployment. Keys of
// accounts are unique, while other names of accounts may be those of two deployments.
func (i Identity) Became(later Identity) Kinship {
	type place struct{ name, cluster string }
	ids, names := map[string]bool{}, map[place]bool{}
	for _, s := range i.Servers {
		if s.ID != "" {
			ids[s.ID] = true
		}
		if s.Name != "" && s.Name != s.ID {
			names[place{s.Name, lasting(s.Cluster)}] = true
		}
	}
	named, since := false, false
	for _, s := range later.Servers {
		switch {
		case ids[s.ID]:
			return Same
		case !names[place{s.Name, lasting(s.Cluster)}]:
		case s.Start.IsZero():
			named = true
		case s.Start.Before(i.Until.Add(-clocksDiffer)):
			return Apart
		default:
			named, since = true, true
		}
	}
	accounts := i.shares(later)
	switch {
	case accounts == Apart, !named && accounts != Same: // also another deployment has an account ORDERS
		return Apart
	case since && accounts >= Alike:
		return Alike
	}
	return Doubted
}

// shares is what the accounts alone say: Same where they have a key in common, Alike
// where another name. An account without connections may be unknown, so that none in
// common says little, but of system accounts, which are always known.
func (i Identity) shares(later Identity) Kinship {
	if isKey(i.System) && isKey(later.System) {
		if i.System == later.System {
			return Same
		}
		return Apart
	}
	have, out := map[string]bool{}, Doubted
	for _, a := range i.Accounts {
		have[a] = true
	}
	for _, a := range later.Accounts {
		switch {
		case !have[a], a == GlobalAccount:
		case isKey(a):
			return Same
		default:
			out = Alike
		}
	}
	return out
}

// isKey reports whether the id of an account is its public key, as in operator mode.
func isKey(account string) bool {
	const long = 56
	return len(account) == long && account[0] == 'A' && strings.Trim(account, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// Generated reports whether a cluster's name looks like one that servers made up, as
// none is configured. It is another one after all of them have restarted.
func Generated(cluster string) bool {
	const long = 22
	digit, upper, lower := false, false, false
	for _, r := range cluster {
		switch {
		case r >= '0' && r <= '9':
			digit = true
		case r >= 'A' && r <= 'Z':
			upper = true
		case r >= 'a' && r <= 'z':
			lower = true
		default:
			return false
		}
	}
	return len(cluster) == long && digit && upper && lower
}

// lasting is what of the name that a cluster's servers report is the same at two times:
// nothing where servers made it up.
func lasting(reported string) string {
	if Generated(reported) {
		return ""
	}
	return reported
}
