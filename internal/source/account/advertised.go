package account

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// address is where a server may be: servers of the connected server's cluster
// advertise it to clients.
type address struct {
	at string // host:port

	// checked reports whether it was connected to. What follows is what was seen.
	checked bool
	// id, name and cluster are of the server that greets there, empty where
	// none did.
	id, name, cluster string
	// hangs: something accepts connections there and does not greet, as a server
	// that hangs.
	hangs bool
}

// mostChecked bounds how many addresses are connected to.
const mostChecked = 16

// checkAddresses connects to addresses, where that tells whether a server is missing:
// once, and until [source.AskAgain] again to those where something accepts connections
// and did not greet, as a server that is busy does. It reports whether it did.
func (g *gathering) checkAddresses(ctx context.Context) bool {
	if g.check == nil {
		return false
	}
	var of []*address
	if !g.checked {
		g.checked, of = true, g.toCheck()
	} else if time.Since(g.started) < source.AskAgain.Of(g.o.Timeout) {
		for i := range g.addresses {
			if g.addresses[i].hangs {
				of = append(of, &g.addresses[i])
			}
		}
	}
	if len(of) == 0 {
		return false
	}
	g.check(ctx, of)
	return true
}

// toCheck are the addresses where it is looked who is there. Where they are many,
// that is where it matters for certain: where servers
// advertise more addresses than servers answered, or fewer, or servers of two clusters
// of one name may be mixed. Of more than are connected to,
// it takes those of the smallest networks first: an address among many of its
// network is one of a server like the others, a single one may be of a bridge.
func (g *gathering) toCheck() []*address {
	absent, unclear := g.compare()
	if len(g.addresses) > mostChecked && len(absent)+len(unclear)+len(g.claimed()) == 0 && !slices.Contains(g.mixed(), g.cluster) {
		return nil
	}
	var out []*address
	inNetwork := map[string]int{}
	for i := range g.addresses {
		a := &g.addresses[i]
		inNetwork[network(a.at)]++
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b *address) int {
		return cmp.Compare(inNetwork[network(a.at)], inNetwork[network(b.at)])
	})
	return out[:min(len(out), mostChecked)]
}

// network is the /16 or /48 of an address, and all else as it is.
func network(at string) string {
	addr, err := netip.ParseAddrPort(at)
	if err != nil {
		return at
	}
	bits := 48
	if addr.Addr().Unmap().Is4() {
		bits = 16
	}
	prefix, _ := addr.Addr().Unmap().Prefix(bits) // it is valid, and long enough
	return prefix.String()
}

// absent are the addresses where no server that answered can be: one that greets
// as another, one that hangs, and one without a greeting where every server that
// answered has a single address, another one.
//
// A server that listens on all addresses of its machine advertises all of them,
// also some that can't be reached from here. Such an address alone is no sign of
// a server.
func (g *gathering) absent() []address {
	absent, _ := g.compare()
	return absent
}

// compare finds the addresses where a server must be that did not answer, and
// those where there may be one. Of addresses that were not checked, each server
// that listens on all its addresses is taken to have one of IPv4 and one of
// IPv6; as many more count as servers that did not answer.
func (g *gathering) compare() (absent, unclear []address) {
	everywhere, hosts := g.listening()
	var unchecked [2][]address // of IPv6, of IPv4
	anywhere := g.anywhere()
	listed := map[string]bool{}
	for _, a := range g.addresses {
		host, _, _ := net.SplitHostPort(a.at) // empty where it is none
		host = strings.ToLower(host)
		switch {
		case a.id != "" && (g.servers[a.id] != nil || listed[a.id]):
		case a.id != "" || a.hangs:
			listed[a.id] = a.id != ""
			absent = append(absent, a)
		case hosts[host] > 0:
			hosts[host]--
		case anywhere && a.checked:
			unclear = append(unclear, a)
		case anywhere:
			family := 0
			if addr, err := netip.ParseAddr(host); err != nil || addr.Unmap().Is4() {
				family = 1
			}
			unchecked[family] = append(unchecked[family], a)
		default:
			absent = append(absent, a)
		}
	}
	for _, of := range unchecked {
		absent = append(absent, of[min(len(of), everywhere):]...)
	}
	if len(unclear) <= everywhere { // one address each
		unclear = nil
	}
	return absent, unclear
}

// anywhere reports whether a server that answered listens on all its addresses.
func (g *gathering) anywhere() bool {
	for _, s := range g.servers {
		if s.Cluster == g.cluster && onAll(s.Host) {
			return true
		}
	}
	return false
}

// answered reports whether a server of the cluster that answered has that host.
func (g *gathering) answered(host string) bool {
	for _, s := range g.servers {
		if s.Cluster == g.cluster && strings.EqualFold(s.Host, host) {
			return true
		}
	}
	return false
}

func onAll(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// listening counts the servers of the cluster that answered and that greeted at
// none of the addresses: those on all addresses, and those on one.
func (g *gathering) listening() (everywhere int, hosts map[string]int) {
	greets := map[string]bool{} // ids
	for _, a := range g.addresses {
		greets[a.id] = true
	}
	hosts = map[string]int{}
	for _, s := range g.servers {
		switch {
		case s.Cluster != g.cluster || greets[s.ID]:
		case onAll(s.Host):
			everywhere++
		default:
			hosts[strings.ToLower(s.Host)]++
		}
	}
	return everywhere, hosts
}

// missing are the servers that are advertised to clients and that did not answer.
func (g *gathering) missing() []checks.Missing {
	absent, unclear := g.compare()
	within := "within " + time.Since(g.started).Round(100*time.Millisecond).String()
	if g.rounds > 1 {
		within += ", asked " + words.Count(g.rounds) + " times"
	}
	var out []checks.Missing
	for _, a := range absent {
		host, _, _ := net.SplitHostPort(a.at)
		m := checks.Missing{ID: a.id, Name: cmp.Or(a.name, a.at), At: a.at, Host: host, Cluster: g.cluster, ClusterKnown: true, Kind: checks.Silent, Placed: a.id != ""}
		if a.id != "" {
			m.Cluster = a.cluster
		}
		m.Known = "servers advertise " + a.at
		m.Reason = m.Known + ", and "
		switch {
		case a.id != "":
			m.Reason += "it greets there, but it sent no account report " + within
		case a.hangs:
			m.Reason += "it accepts connections there without a word, and sent no account report " + within
		case !a.checked && (g.anywhere() || g.answered(host)):
			m.Kind = checks.NotAsked
			why := fmt.Sprintf("no more than %d are connected to", mostChecked)
			if g.o.NoProbe {
				why = "none is connected to, because of --no-probe"
			}
			m.Reason += fmt.Sprintf("more addresses are advertised than servers answered %s; which of them is a server's that did not is unknown: %s", within, why)
		default:
			m.Kind = checks.Unreachable
			m.Reason += "no server that answered is there " + within
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b checks.Missing) int { return cmp.Compare(a.Name, b.Name) })
	if len(unclear) > 0 {
		var at []string
		for _, a := range unclear {
			at = append(at, a.at)
		}
		g.notes[fmt.Sprintf("servers advertise %s, where none greets: it may be another address of a server that answered, or of one that is down", words.Few(at))] = true
	}
	return out
}
