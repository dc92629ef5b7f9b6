package system

import (
	"fmt"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/words"
)

// askByName asks those that are missing by their names, each once, where a
// question to all gets one answer only: an account that imports the system's
// services gets no more than that where their export has no response_type: stream.
// Whose name is known is who has a route to a server that answered.
func (g *gathering) askByName() {
	if !g.oneByOne {
		return
	}
	ask := func(p place) {
		if !g.named[p] {
			g.named[p] = true
			g.ask(sysreq.Statsz, ofRoster, sysreq.Filter{Name: p.name, Cluster: p.cluster, Exact: true})
		}
	}
	for _, e := range unanswered(g.servers) {
		ask(e.place)
	}
	for _, s := range g.servers {
		if s.strange || s.contradicted || s.whole && s.roster != nil {
			continue
		}
		ask(place{cluster: s.Cluster, name: s.Name})
		if !s.byName && !s.whole {
			s.byName = true
			g.askReport(s.Name, s.Cluster)
		}
	}
}

// oneAnswer reports whether every question to all got one answer at most, though
// there are more servers than one.
func (g *gathering) oneAnswer() bool {
	heard := 0
	for _, q := range g.questions {
		if q.all {
			heard = max(heard, q.heard)
		}
	}
	return heard == 1 && len(g.servers)+len(unanswered(g.servers)) > 1
}

// confirmEach asks those by name who did not answer the last question to all.
func (g *gathering) confirmEach() {
	for _, s := range g.servers {
		if s.whole && !s.confirmed && !s.strange {
			g.ask(sysreq.Statsz, ofRoster, sysreq.Filter{Name: s.Name, Cluster: s.Cluster, Exact: true})
		}
	}
}

// confirmByName asks everyone whether they are still there, one by one.
func (g *gathering) confirmByName() {
	if !g.oneByOne {
		return
	}
	for _, s := range g.servers {
		if !s.strange {
			g.ask(sysreq.Statsz, ofRoster, sysreq.Filter{Name: s.Name, Cluster: s.Cluster, Exact: true})
		}
	}
}

// streamHint is what to do where questions to all get one answer.
const streamHint = "if these credentials reach the system account through an import, its export needs response_type: stream"

// noteOneByOne says how the servers were asked, and what would be better.
func (g *gathering) noteOneByOne() {
	if !g.oneByOne || !g.oneAnswer() {
		return // or more came later
	}
	if n := len(unanswered(g.servers)); n > 0 {
		g.notes[fmt.Sprintf("of %s that should have, one answered a question to all: %s", words.Plural(len(g.servers)+n, "server"), streamHint)] = 1
	} else if len(g.servers) > 1 {
		g.notes["one server only answered a question to all, so each was asked by its name: "+streamHint] = 1
	}
}
