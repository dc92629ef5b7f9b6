package gather

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Told is an address that servers of the connected server's cluster tell clients
// of, and what is known of who is there.
type Told struct {
	Address string // host:port
	// ID, Name and Cluster are of the server that greets there, empty where
	// none did.
	ID, Name, Cluster string
	// Passed: the operator named it, and servers need not tell of it. It may be
	// anything's, so only who greets there or hangs counts.
	Passed bool
	// Silent: something accepts connections there and does not greet, as a
	// server that hangs.
	Silent bool
}

// absent are those of told where no server that answered can be: one that
// greets as another, one that hangs, and one without a greeting where every
// server that answered has a single address, another one.
//
// A server that listens on all addresses of its machine tells clients of all of
// them, also of some that can't be reached from here. Such an address alone is
// no sign of a server.
func (g *own) absent() []Told {
	open, _ := g.sort()
	return open
}

// sort tells the told addresses where a server must be that did not answer from
// those that may be anyone's.
func (g *own) sort() (absent, unclear []Told) {
	greets := map[string]bool{} // ids
	for _, t := range g.told {
		greets[t.ID] = true
	}
	anywhere := false                  // a server listens on all addresses
	wild, hosts := 0, map[string]int{} // those that did not greet: on all addresses, on one
	for _, s := range g.servers {
		if s.Cluster != g.cluster {
			continue
		}
		ip, err := netip.ParseAddr(s.Host)
		everywhere := s.Host == "" || err == nil && ip.IsUnspecified()
		anywhere = anywhere || everywhere
		switch {
		case greets[s.ID]:
		case everywhere:
			wild++
		default:
			hosts[strings.ToLower(s.Host)]++
		}
	}
	listed := map[string]bool{}
	for _, t := range g.told {
		host, _, _ := net.SplitHostPort(t.Address) // empty where it is none
		host = strings.ToLower(host)
		switch {
		case t.ID != "" && (g.servers[t.ID] != nil || listed[t.ID]):
		case t.Passed && !t.Silent && !g.knows(t.Cluster):
		case t.ID != "" || t.Silent:
			listed[t.ID] = t.ID != ""
			absent = append(absent, t)
		case hosts[host] > 0:
			hosts[host]--
		case anywhere:
			unclear = append(unclear, t)
		default:
			absent = append(absent, t)
		}
	}
	if len(unclear) <= wild { // one address each
		unclear = nil
	}
	return absent, unclear
}

// knows is whether a server of a cluster answered; no name is none.
func (g *own) knows(cluster string) bool {
	for _, s := range g.servers {
		if cluster != "" && s.Cluster == cluster {
			return true
		}
	}
	return false
}

// lacking are the servers that clients are told of and that did not answer.
func (g *own) lacking() []checks.Missing {
	absent, unclear := g.sort()
	within := "within " + time.Since(g.started).Round(100*time.Millisecond).String()
	if g.rounds > 1 {
		within += fmt.Sprintf(", asked %d times", g.rounds)
	}
	var out []checks.Missing
	for _, t := range absent {
		host, _, _ := net.SplitHostPort(t.Address)
		m := checks.Missing{ID: t.ID, Name: cmp.Or(t.Name, t.Address), Host: host, Cluster: g.cluster, ClusterKnown: true}
		if t.ID != "" {
			m.Cluster = t.Cluster
		}
		m.Reason = "servers tell clients of " + t.Address + ", and "
		if t.Passed {
			m.Reason = t.Address + " was passed, and "
		}
		switch {
		case t.ID != "":
			m.Reason += "it greets there, but it sent no account report " + within
		case t.Silent:
			m.Reason += "it accepts connections there without a word, and sent no account report " + within
		default:
			m.Reason += "no server that answered is there " + within
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b checks.Missing) int { return cmp.Compare(a.Name, b.Name) })
	if len(unclear) > 0 {
		var at []string
		for _, t := range unclear {
			at = append(at, t.Address)
		}
		g.notes[fmt.Sprintf("servers tell clients of %s, where none greets: it may be another address of a server that answered, or of one that is down", few(at))] = true
	}
	return out
}
