package archive

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// leafz reads the leafnode connections of the system account: they lead to servers
// that are audited with it.
func (l *contents) leafz(body []byte) error {
	s := l.servers[wire.Sender(body)]
	if s == nil {
		return nil // it is Missing
	}
	system := s.system
	for _, a := range l.accounts {
		if system == "" && a.System {
			system = a.ID // that of another server
		}
	}
	z, err := wire.DecodeLeafz(body, system)
	if err != nil {
		return err
	}
	s.leafs = &z
	return nil
}

// behind adds the servers at the other ends of leafnode connections that the
// archive has nothing of, as of a leaf cluster that has the name of the one in which
// it was gathered: between these nats-server passes no answers on. Both ends of a
// connection list it, with the other's name, which several servers may have.
func behind(l *contents, d *checks.Deployment) {
	open, by := map[string]int{}, map[string]string{} // how many connections are of servers not there, and whose leafnode one is
	named := map[string]bool{}
	ids := slices.Sorted(maps.Keys(l.servers))
	for _, id := range ids {
		s := l.servers[id]
		named[s.Name] = true
		if s.leafs == nil {
			open[s.Name]-- // it has one at most
			continue
		}
		for name, n := range s.leafs.Leafs {
			open[name] += n
			if by[name] == "" {
				by[name] = s.Called()
			}
		}
		for _, n := range s.leafs.Hubs {
			open[s.Name] -= n
		}
	}
	for _, m := range d.Missing {
		if m.Name != "" && !named[m.Name] {
			named[m.Name] = true
			open[m.Name]--
		}
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		for range open[name] {
			if len(d.Missing) >= wire.MostServers {
				return
			}
			named[name] = true
			d.Missing = append(d.Missing, checks.Missing{Name: name, Kind: checks.Behind, Apart: true, Reason: fmt.Sprintf(
				"it is behind a leafnode of %s, but the archive has nothing from it: gather through %s, or from there", by[name], by[name])})
		}
	}
	for _, id := range ids {
		s := l.servers[id]
		if s.leafs == nil {
			continue
		}
		for _, hub := range slices.Sorted(maps.Keys(s.leafs.Hubs)) {
			if !named[hub] && len(d.Missing) < wire.MostServers {
				named[hub] = true
				d.AddAnywhere(checks.Missing{Name: hub, Kind: checks.Silent,
					Reason: s.Called() + " is a leafnode of it, but the archive has nothing from it"})
			}
		}
	}
}
