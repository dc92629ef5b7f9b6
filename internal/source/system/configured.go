package system

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// samples is how many servers of a cluster are asked which others their
// configuration names: those of a cluster mostly have one configuration. Where
// that names more servers than are known, all of them are asked.
const samples = 2

// askConfigured asks the first servers of each cluster for their VARZ, which has the
// routes and gateways of the configuration: peers forget a server that died or hangs
// after some minutes, and the configuration does not. It goes along with the
// questions for reports, so that nobody waits for it.
func (g *gathering) askConfigured() {
	if g.noVarz {
		return
	}
	asked := map[string]int{}
	for _, s := range g.inOrder() {
		if s.roster == nil || s.Cluster == "" || s.strange || asked[s.Cluster] >= samples {
			continue
		}
		asked[s.Cluster]++
		if s.polled || s.sampled || s.ID == g.nc.ConnectedServerId() {
			continue // that has its VARZ, too
		}
		s.sampled = true
		g.askVarz(s.ID)
	}
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

// linksOf are those of a server's configuration. The connected one may have said
// them before it was known.
func (g *gathering) linksOf(s *seen) *checks.Links {
	if s.config == nil && g.connected != nil && g.connected.From.ID == s.ID {
		return source.Links(*g.connected)
	}
	return s.config
}
