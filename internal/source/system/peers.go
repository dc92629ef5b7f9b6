package system

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// peer is what a server says of those that it has routes to.
type peer struct {
	id         string
	listens    netip.AddrPort // not valid where not known, or at all addresses
	advertises []string       // to clients
	routes     []wire.Peer
}

// unclaimed are the addresses of which peers tell clients and where none of them says
// it listens, in order; more than so many are no help.
func unclaimed(peers []peer) []string {
	listens, out := map[netip.AddrPort]bool{}, map[string]bool{}
	for _, p := range peers {
		listens[p.listens] = true
	}
	for _, p := range peers {
		for _, text := range p.advertises {
			if at, err := netip.ParseAddrPort(text); err != nil || !listens[at] {
				out[text] = true
			}
		}
	}
	all := slices.Sorted(maps.Keys(out))
	return all[:min(len(all), mostPeers)]
}

// otherSystem reports whether the routes to a server say that it has another system
// account than its peers: those that keep several routes to each other keep one for
// the system account that both have. One that hangs may lose its routes one by one,
// so that this is no proof.
func otherSystem(name, system string, peers []peer) bool {
	several := false
	for _, p := range peers {
		shared := 0
		for _, r := range p.routes {
			if r.Name != name {
				continue
			}
			if slices.Contains(r.Accounts, system) {
				return false
			}
			shared += r.Shared
		}
		several = several || shared > 1
	}
	return several && system != ""
}

// advertised reports whether the peers of a missing server still tell clients of
// it, among others that are missing too: they do until it says that it drains.
func advertised(name string, missing []string, peers []peer) checks.Answer {
	addresses, others := map[netip.Addr]bool{}, map[netip.Addr]bool{}
	listens := map[netip.AddrPort]bool{}
	told := map[string]bool{}
	for _, p := range peers {
		listens[p.listens] = true
		for _, r := range p.routes {
			switch {
			case !r.Addr.IsValid():
			case r.Name == name:
				addresses[r.Addr] = true
			default:
				others[r.Addr] = true
			}
		}
		for _, text := range p.advertises {
			told[text] = true
		}
	}
	if len(told) == 0 {
		return checks.Unknown // nobody is advertised
	}
	left := 0
	for text := range told {
		at, err := netip.ParseAddrPort(text)
		switch {
		case err != nil:
			return checks.Unknown // a name may be anyone's
		case listens[at]:
		case addresses[at.Addr()] && !others[at.Addr()]:
			return checks.Yes
		case others[at.Addr()] && !addresses[at.Addr()]:
		default:
			left++
		}
	}
	switch {
	case left == 0:
		return checks.No
	case len(missing) == 1 && left >= 1 && len(listens) == len(peers) && !listens[netip.AddrPort{}]:
		return checks.Yes // all the others are known
	}
	return checks.Unknown
}

// routed reports whether some server has a route to one of a name. A server that
// drains keeps its routes, one that hangs loses them when it answers no ping.
func routed(name string, peers []peer) bool {
	return slices.ContainsFunc(peers, func(p peer) bool {
		return slices.ContainsFunc(p.routes, func(r wire.Peer) bool { return r.Name == name })
	})
}

// mostPeers bounds who is asked of those that are missing.
const mostPeers = 32

// tellSilent asks the peers of servers that are silent why these are: one that drains
// has routes, and clients, answers nothing, and is not advertised, and so is one with
// another system account, which is advertised. That it hangs can't be told from here:
// whether it greets at its address can, so that the addresses are kept.
func tellSilent(ctx context.Context, nc *nats.Conn, d *checks.Deployment, system string) error {
	silent := map[string][]*checks.Missing{} // by cluster
	for i := range d.Missing {
		if m := &d.Missing[i]; m.Kind == checks.Silent && m.ID == "" && m.Name != "" && m.ClusterKnown && len(m.Peers) > 0 {
			silent[m.Cluster] = append(silent[m.Cluster], m)
		}
	}
	for cluster, of := range silent {
		peers, err := askPeers(ctx, nc, d, cluster)
		if err != nil {
			return err
		}
		var names []string
		for _, m := range of {
			names = append(names, m.Name)
		}
		for _, m := range of {
			if len(peers) > 0 && !routed(m.Name, peers) {
				m.Reason += ", and nobody has that route any more: it hangs, is cut off, or has stopped"
				continue
			}
			m.Advertised = unclaimed(peers)
			if otherSystem(m.Name, system, peers) {
				m.Kind, m.Reason = checks.OtherSystem, m.Reason+", and nobody has a route to it for the system account: it has another system account, or hangs"
				continue
			}
			switch advertised(m.Name, names, peers) {
			case checks.No:
				m.Kind, m.Reason = checks.Draining, m.Reason+", and no server advertises it to clients: it is draining, or never was advertised"
			case checks.Yes:
				m.Reason += ", though servers advertise it to clients: it hangs, has another system account, or its answers do not come through"
			case checks.Unknown:
				m.Reason += ": it is draining, hangs, has another system account, or its answers do not come through"
			}
		}
	}
	return nil
}

// askPeers asks the servers of a cluster that reported for their routes and for
// whom they advertise.
func askPeers(ctx context.Context, nc *nats.Conn, d *checks.Deployment, cluster string) ([]peer, error) {
	var peers []peer
	var questions []sysreq.Question
	for i := range d.Servers {
		if s := &d.Servers[i]; s.Cluster == cluster {
			peers = append(peers, peer{id: s.ID})
			questions = append(questions,
				sysreq.Question{Subject: sysreq.Varz(s.ID), Replies: 1},
				sysreq.Question{Subject: sysreq.Routez(s.ID), Replies: 1, Compressed: len(d.Servers) > sysreq.FewRows})
		}
	}
	if len(peers) > mostPeers {
		return nil, nil
	}
	c := sysreq.New(nc, nil)
	defer c.Close()
	dec := wire.NewDecoder()
	heard := make([]bool, len(questions))
	_, err := c.AskAll(ctx, questions, source.Patience(ctx), func(a sysreq.Answer) bool {
		p := &peers[a.Question/2]
		body, err := dec.Reply(a.Message)
		if err != nil {
			return true
		}
		if a.Question%2 == 1 {
			r, err := wire.DecodeRoutez(body)
			if err == nil && r.From.ID == p.id {
				p.routes, heard[a.Question] = r.Peers, true
			}
			return true
		}
		v, err := wire.DecodeVarz(body)
		if err == nil && v.From.ID == p.id && v.Config != nil {
			p.advertises, heard[a.Question] = v.Config.ConnectURLs, true
			if at, err := netip.ParseAddr(v.Config.Host); err == nil && !at.IsUnspecified() {
				p.listens = netip.AddrPortFrom(at, uint16(v.Config.Port)) //nolint:gosec // ports are checked where they are read
			}
		}
		return true
	})
	if err != nil || slices.Contains(heard, false) {
		return nil, err // not all of them say: nothing is known
	}
	return peers, nil
}
