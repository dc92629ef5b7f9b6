package system

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// mostConfigured is how many servers of a cluster are asked which others their
// configuration names, the first by name. So the verdict is not that of whoever
// happened to be asked where configurations differ. Where they name more servers than
// are known, all of the cluster are asked.
const mostConfigured = 16

// askConfigured asks servers of each cluster for their VARZ, which has the
// routes and gateways of the configuration: peers forget a server that died or hangs
// after some minutes, and the configuration does not. It goes along with the
// questions for reports, so that nobody waits for it.
func (g *gathering) askConfigured() {
	if g.noVarz {
		return
	}
	for _, s := range g.firstOfClusters() {
		if s.polled || s.sampled || s.ID == g.nc.ConnectedServerId() {
			continue // that has its VARZ, too
		}
		s.sampled = true
		g.askVarz(s.ID)
	}
}

// firstOfClusters are the servers of each cluster whose configuration counts.
func (g *gathering) firstOfClusters() []*seen {
	in := map[string]int{}
	return slices.DeleteFunc(g.inOrder(), func(s *seen) bool {
		if s.roster == nil || s.Cluster == "" || s.strange {
			return true
		}
		in[s.Cluster]++
		return in[s.Cluster] > mostConfigured
	})
}

// inOrder are the servers in order of their names.
func (g *gathering) inOrder() []*seen {
	return slices.SortedFunc(maps.Values(g.servers), func(a, b *seen) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// configuredBy takes in what a server says of its configuration, or that it says
// nothing of it.
func (g *gathering) configuredBy(tag int, v wire.Varz, err error) {
	if s := g.servers[g.questions[tag].of]; s != nil {
		s.said = true
		if err == nil && v.From.ID == s.ID {
			s.config = source.Links(v)
		}
	}
}

// configured reports whether everyone who is there said what its configuration
// names.
func (g *gathering) configured() bool {
	for _, s := range g.servers {
		if s.sampled && !s.said && s.whole && !g.noVarz {
			return false
		}
	}
	return true
}

// links are those of the configurations that count. The connected server may have said
// them before it was known.
func (g *gathering) links() map[string]*checks.Links {
	out := map[string]*checks.Links{}
	for _, s := range g.firstOfClusters() {
		out[s.ID] = g.configOf(s)
	}
	return out
}

// configOf is what a server said of its configuration; nil where it did not.
func (g *gathering) configOf(s *seen) *checks.Links {
	if s.config == nil && g.connected != nil && g.connected.From.ID == s.ID {
		return source.Links(*g.connected)
	}
	return s.config
}
