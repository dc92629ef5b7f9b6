package checks

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Recorded is what a recorder saw of one account in one cluster, from From until
// now, with nothing missing between. Times are those of the recorder's clock: they
// are compared with each other alone. Source: a history of watch.
type Recorded struct {
	From time.Time
	// Spreads are how the account was spread when that changed enough to be written
	// down, the oldest first.
	Spreads []RecordedSpread
	// Events are what happened to servers of the cluster, in order.
	Events []RecordedEvent
	// Moves are what came and left in the minute or two before changes of the
	// spread; the same ones may be in several.
	Moves []RecordedMove
	// Kicked are connections of the account that servers closed since somebody asked them
	// to, of all services together.
	Kicked []RecordedMove
}

// RecordedSpread is how an account was spread.
type RecordedSpread struct {
	Time        time.Time
	Connections int
	// Servers are those that had connections, the most first; a few of very many
	// may be left out.
	Servers []RecordedShare
	// Ended is how many connections ended since the spread before, without those that
	// servers closed as they stopped or were asked to; nil where not known.
	Ended *int
}

// RecordedShare is what a server had.
type RecordedShare struct {
	Server      ServerRef
	Connections int
}

// RecordedEvent is something that happened to a server.
type RecordedEvent struct {
	Time   time.Time
	Server ServerRef
	// Started is that it was seen to run for the first time; else it stopped,
	// drained, or was no longer heard of.
	Started bool
	// Answers is that the same process, which was no longer heard of, is again.
	Answers bool
}

// RecordedMove is connections of one service that came to a server or left it.
type RecordedMove struct {
	Time    time.Time
	Left    bool
	Service string // the stem of their names; empty where they have none
	Server  ServerRef
	Reason  Reason // why they left
	// Connections is how many there were.
	Connections int
}

// On is how many connections a server of a name had.
func (s RecordedSpread) On(name string) int {
	n := 0
	for _, x := range s.Servers {
		if x.Server.Name == name {
			n += x.Connections
		}
	}
	return n
}

// MayHang is how long a server that fell silent without saying that it shuts down
// counts as one that may hang: others forget it after minutes, and whether its clients
// are on it still nobody knows.
const MayHang = 24 * time.Hour

// StillCounted is how long peers count a server that stopped without a goodbye, at most:
// orphMax and chkOrph of nats-server.
const StillCounted = 4 * time.Minute

// RecordedGone is a server that a recorder saw go, and has not seen since.
type RecordedGone struct {
	Server  ServerRef
	Cluster string
	// Reported is the name that the servers of the cluster reported: another one where
	// several clusters did.
	Reported string
	// At is when it began to go, by the recorder's clock, and Kind how: Draining, Down,
	// or Silent, where At is when that was noticed.
	At   time.Time
	Kind MissingKind
	// Known reports whether it is known who was on it. Connections are those of clients
	// that it had, of so many Accounts; Of are the accounts with most, in order.
	Known                 bool
	Connections, Accounts int
	Of                    []RecordedOn
	// Lacked are the places of servers that were missing while it was there: it is none of
	// these. See [Places].
	Lacked []string
}

// RecordedPast is what a recorder kept of the servers of the deployment that it recorded
// last.
type RecordedPast struct {
	Identity
	// Gone are the servers that went, and Doubted those of a time before, of which it
	// is not known whether they were of this deployment or of one that is like it.
	Gone, Doubted []RecordedGone
	// Former are processes that ended without a goodbye, whose servers run again as others:
	// peers count them for a while.
	Former []RecordedGone
}

// Of are those of its servers that went and are of a deployment, and how it is known
// that this is the one that was recorded. Of a cluster of which nobody reported nothing
// is said.
func (p *RecordedPast) Of(d *Deployment) ([]RecordedGone, Kinship) {
	p.introduce(d)
	kin := p.Became(d.Identity())
	if kin < Alike {
		return nil, kin
	}
	return amid(d, p.Gone), kin
}

// InDoubt are the servers that would be missing if they are of a deployment, and nobody
// knows whether they are: those that fell silent, of late, and are not there now.
func (p *RecordedPast) InDoubt(d *Deployment, now time.Time) []RecordedGone {
	p.introduce(d)
	doubted := p.Doubted
	switch p.Became(d.Identity()) { //nolint:exhaustive // where it is known, the others count
	case Apart:
		return nil
	case Doubted:
		doubted = slices.Concat(p.Gone, p.Doubted)
	}
	return slices.DeleteFunc(amid(d, doubted), func(g RecordedGone) bool {
		same := func(name, cluster string) bool { return name == g.Server.Name && d.SameCluster(g.Cluster, cluster) }
		return g.Kind != Silent || now.Sub(g.At) >= MayHang || g.IsBack(d) ||
			slices.ContainsFunc(d.Missing, func(m Missing) bool { return same(m.Name, m.Cluster) })
	})
}

// introduce has a deployment know by what name the clusters went then.
func (p *RecordedPast) introduce(d *Deployment) {
	for _, all := range [][]RecordedGone{p.Gone, p.Doubted, p.Former} {
		for _, g := range all {
			d.CalledThen(g.Cluster, g.Reported)
		}
	}
}

// CountsNameless reports whether servers that answered count one that is missing, may be
// of a cluster, and has no name.
func (d *Deployment) CountsNameless(cluster string) bool {
	return slices.ContainsFunc(slices.Concat(d.Missing, d.Denied), func(m Missing) bool { return m.Kind == Counted && m.Nameless() && m.MayBeIn(cluster) })
}

// amid are those in whose cluster a server reported, or of whose cluster nobody says
// which one it is now. One that was known only by the address that others have a route
// configured to is left to those that have it still: who is there now they know better, and
// what is at the address may have been found under its name.
func amid(d *Deployment, gone []RecordedGone) []RecordedGone {
	return slices.DeleteFunc(slices.Clone(gone), func(g RecordedGone) bool {
		in := func(s Server) bool { return lasting(cmp.Or(g.Reported, g.Cluster)) == lasting(d.Reported(s.Cluster)) }
		return !slices.ContainsFunc(d.Servers, in) ||
			g.Server.ID == "" && slices.ContainsFunc(d.Servers, func(s Server) bool { return in(s) && s.Links.routeTo(g.Server) })
	})
}

// routeTo reports whether a route is configured to what is called by its address.
func (l *Links) routeTo(s ServerRef) bool {
	return l != nil && slices.ContainsFunc(l.Routes, func(at string) bool { return strings.EqualFold(at, s.Name) })
}

// IsBack reports whether a server of its name is there, in its cluster.
func (g *RecordedGone) IsBack(d *Deployment) bool {
	return slices.ContainsFunc(d.Servers, func(s Server) bool {
		return s.Name == g.Server.Name && (d.SameCluster(g.Cluster, s.Cluster) || Generated(g.Cluster) && Generated(s.Cluster))
	})
}

// RecordedOn is what an account had on such a server, and on the others of the cluster
// then. Of one that was found silent, Others is when it was last heard of, and Came what
// came to them until then: its clients, or others.
type RecordedOn struct {
	Account                   Account
	Connections, Others, Came int
	// Unseen is that nobody saw who came: Others and Came are not known, and all that the
	// others have may have come.
	Unseen bool
}

// Back is how many of those that were on the server the others may have, of so many that
// these have now: at the least and at the most. Nobody knows who is who: who came since
// counts as one of them.
func (o RecordedOn) Back(now int) (least, most int) {
	most = min(o.Connections, max(0, now-o.Others))
	if o.Unseen {
		return 0, most
	}
	return max(0, min(most, now-o.Others-o.Came)), most
}

// Connections are those that the servers of a cluster that reported have of an account.
func (d *Deployment) Connections(account, cluster string) (n int) {
	for k := range d.Servers {
		if !d.SameCluster(cluster, d.Servers[k].Cluster) {
			continue
		}
		for _, u := range d.Servers[k].Usage {
			if d.Accounts[u.Account].ID == account {
				n += int(u.Connections)
			}
		}
	}
	return n
}
