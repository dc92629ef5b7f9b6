package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Deployment makes the model of what is in the archive. A server of which counts
// are not there or there twice and differ, which has a route in the archive and nothing else, or which the
// manifest alone names, is Missing.
func (a *Source) Deployment(ctx context.Context) (*checks.Deployment, error) {
	l, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	d := &checks.Deployment{Accounts: slices.Clone(l.accounts), Gateways: l.gateway}
	uncounted := l.uncounted()
	counted, withoutVarz := false, 0
	for _, id := range slices.Sorted(maps.Keys(l.servers)) {
		s := l.servers[id]
		counted = counted || len(s.counted) > 0
		if why := l.incomplete(s, uncounted); why != "" {
			m := checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: true, Peers: s.peerIDs(), Bound: s.bound, Kind: checks.Unreadable, Reason: why}
			if s.differs != "" {
				m.Kind, m.Bound = checks.Contradiction, nil
			}
			d.Missing = append(d.Missing, m)
			continue
		}
		if !s.varz {
			withoutVarz++
		}
		d.Gateways = d.Gateways || len(s.gateways) > 0
		model := checks.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, Peers: s.peerIDs(), Configured: s.joined, Start: s.start, Links: s.links}
		for _, n := range slices.Sorted(maps.Keys(s.counted)) {
			if u := s.counted[n]; u.Connections > 0 || u.Leafnodes > 0 {
				model.Usage = append(model.Usage, u)
			}
		}
		d.Servers = append(d.Servers, model)
	}
	if !counted {
		return nil, a.wrong(errors.New("it has no account information of any server: gather it again, without --no-account-endpoints"))
	}
	a.leaveOutGatherer(d)
	a.missing(l, d)
	behind(l, d)
	d.CountOnce()
	d.Expected = len(d.Servers) + d.Absent()
	d.AddUnlisted("the archive has no routes of its servers, so that others may have gone unnoticed: gather without --no-server-endpoints")
	onlyUsed(d)
	l.addUncounted(d, uncounted)
	if withoutVarz > 0 {
		d.Note(fmt.Sprintf("the starts of %s of %s servers are unknown: the archive has no VARZ of them", words.Count(withoutVarz), words.Count(len(d.Servers))))
	}
	if l.byLists > 0 {
		d.Note(fmt.Sprintf("%s counts of an account on a server are by its list of connections, without leafnodes: the archive has no information of it", words.Count(l.byLists)))
	}
	if n := len(a.reader.Warnings); n > 0 {
		d.Note(fmt.Sprintf("%s files in the archive are not in its manifest, and were not read", words.Count(n)))
	}
	d.Separate()
	a.model = d
	return d, nil
}

// leaveOutGatherer takes off the connection of nats audit gather itself, which is
// one of the system account, where it is known on which server it was.
func (a *Source) leaveOutGatherer(d *checks.Deployment) {
	var at *checks.Server
	for i := range d.Servers {
		switch {
		case d.Servers[i].Name != a.through:
		case at != nil:
			return // two of that name
		default:
			at = &d.Servers[i]
		}
	}
	if at == nil {
		return
	}
	for i, u := range at.Usage {
		if !d.Accounts[u.Account].System || u.Connections == 0 {
			continue
		}
		if at.Usage[i].Connections--; u.Connections == 1 && u.Leafnodes == 0 {
			at.Usage = slices.Delete(at.Usage, i, i+1)
		}
		return
	}
}

// incomplete is why the counts of a server can't be used; empty where they can.
func (l *contents) incomplete(s *server, uncounted map[uint32]bool) string {
	lacks := slices.DeleteFunc(l.lacks(s), func(id string) bool { return uncounted[l.index[id]] })
	switch {
	case s.differs != "":
		return fmt.Sprintf("the archive has two counts of account %s in its name, which differ, and which of them is its own is unknown", wire.Cut(s.differs))
	case len(s.counted) == 0:
		return "the archive has no account information of it"
	case len(lacks) == 1:
		return fmt.Sprintf("the archive has no information of account %s on it", wire.Cut(lacks[0]))
	case len(lacks) > 1:
		return fmt.Sprintf("the archive has no information of account %s on it, nor of %s more", wire.Cut(lacks[0]), words.Count(len(lacks)-1))
	}
	return ""
}

// namedUncounted is how many accounts without any count have a reason of their own
// in a cluster; the others share one.
const namedUncounted = 100

// addUncounted adds the accounts without any count, in the clusters of servers
// that list them.
func (l *contents) addUncounted(d *checks.Deployment, uncounted map[uint32]bool) {
	in := map[string][]uint32{} // by cluster, in the order of the accounts
	for _, n := range slices.Sorted(maps.Keys(uncounted)) {
		at := uint32(len(d.Accounts)) //nolint:gosec // no more than there were
		d.Accounts = append(d.Accounts, l.accounts[n])
		clusters := map[string]bool{}
		for _, s := range l.servers {
			if s.accounts[n] && !clusters[s.Cluster] {
				clusters[s.Cluster] = true
				in[s.Cluster] = append(in[s.Cluster], at)
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(in)) {
		accounts := in[c]
		for _, at := range accounts[:min(len(accounts), namedUncounted)] {
			d.Uncounted = append(d.Uncounted, checks.Uncounted{Accounts: []uint32{at}, Cluster: c,
				Reason: fmt.Sprintf("the archive has no count of account %s on any server: audit servers for it", wire.Cut(d.Accounts[at].ID))})
		}
		if more := accounts[min(len(accounts), namedUncounted):]; len(more) > 0 {
			d.Uncounted = append(d.Uncounted, checks.Uncounted{Accounts: more, Cluster: c,
				Reason: fmt.Sprintf("the archive has no count of %s more accounts on any server: audit servers for them", words.Count(len(more)))})
		}
	}
}

// place is a server by name in a cluster, or with an empty name any of them.
type place struct{ cluster, name string }

// missing adds the servers and clusters that the archive knows of, but has no
// data from.
func (a *Source) missing(l *contents, d *checks.Deployment) {
	present := map[place]bool{}
	named := map[string]bool{}
	for _, s := range l.servers {
		present[place{cluster: s.Cluster, name: s.Name}] = true
		present[place{cluster: s.Cluster}] = true
		named[s.Name] = true
	}
	added := map[string]int{} // by id, in d.Missing
	add := func(m checks.Missing) {
		p := place{cluster: m.Cluster, name: cmp.Or(m.Name, m.ID)}
		if at, again := added[m.ID]; again && m.ID != "" {
			d.Missing[at].Peers = append(d.Missing[at].Peers, m.Peers...)
			return
		}
		// Another server that has its name may be there.
		if (!present[p] || m.ID != "") && len(d.Missing) < wire.MostServers {
			present[p], added[m.ID] = true, len(d.Missing)
			d.Missing = append(d.Missing, m)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.servers)) {
		s := l.servers[id]
		for _, peer := range slices.Sorted(maps.Keys(s.peers)) {
			if l.servers[peer] == nil {
				add(checks.Missing{ID: peer, Name: s.peers[peer], Cluster: s.Cluster, ClusterKnown: true, Peers: []string{id}, Kind: checks.Silent,
					Reason: s.Called() + " has a route to it, but the archive has nothing from it"})
			}
		}
		for _, cluster := range slices.Sorted(maps.Keys(s.gateways)) {
			known := s.Called() + " has a gateway to its cluster"
			add(checks.Missing{Cluster: cluster, ClusterKnown: true, Kind: checks.NotAsked, Known: known,
				Reason: known + ", but the archive has no server of it: pass --cluster if that was not to be gathered"})
		}
	}
	for _, tag := range a.reader.ClusterNames() {
		cluster := tag
		if tag == jsm.TagNoCluster().Value {
			cluster = ""
		}
		for _, name := range a.reader.ClusterServerNames(tag) {
			// Streams without replicas are filed under no cluster, wherever
			// their server is.
			if cluster != "" || !named[name] {
				const known = "the archive has data of it"
				add(checks.Missing{Name: name, Cluster: cluster, ClusterKnown: true, Kind: checks.Unreadable,
					Known: known, Reason: known + ", but nothing that says who is connected"})
			}
		}
	}
	slices.SortFunc(d.Missing, func(a, b checks.Missing) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// peerIDs are those of the servers that it has routes to; nil where not known.
func (s *server) peerIDs() []string {
	if !s.routes {
		return nil
	}
	return slices.AppendSeq([]string{}, maps.Keys(s.peers))
}

// onlyUsed leaves out of the model the accounts that nobody has a connection of.
func onlyUsed(d *checks.Deployment) {
	number := map[uint32]uint32{}
	var accounts []checks.Account
	for i := range d.Servers {
		usage := d.Servers[i].Usage
		for k := range usage {
			n, ok := number[usage[k].Account]
			if !ok {
				n = uint32(len(accounts)) //nolint:gosec // no more than there were
				number[usage[k].Account] = n
				accounts = append(accounts, d.Accounts[usage[k].Account])
			}
			usage[k].Account = n
		}
	}
	d.Accounts = accounts
}

// Knows adds an account by this id or name to the model if any server of the
// archive knows it, connected or not.
func (a *Source) Knows(ctx context.Context, d *checks.Deployment, account string) error {
	l, err := a.load(ctx)
	if err != nil {
		return err
	}
	for _, known := range l.accounts {
		if known.ID == account || known.Name == account {
			d.Accounts = append(d.Accounts, known)
		}
	}
	return nil
}
