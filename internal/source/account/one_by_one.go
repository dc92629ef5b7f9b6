package account

import (
	"maps"
	"slices"

	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// ask asks all servers, or after a question to all those that answered before and not
// that one: where the system account's services are exported without response_type:
// stream, a question to all gets one answer only. Servers that greeted and never
// answered are asked by their names each time.
func (g *gathering) ask() error {
	byName := func(name, cluster string) error {
		g.byName[g.rounds] = true
		return g.inbox.Ask(g.rounds, sysreq.AccountStatz, sysreq.Filter{Name: name, Cluster: cluster, Exact: true, Unused: true}, false)
	}
	if g.rounds == 0 || g.toAll < g.rounds-1 || g.allAnswered() {
		g.toAll = g.rounds
		if err := g.inbox.Ask(g.rounds, sysreq.AccountStatz, sysreq.Filter{Unused: true}, false); err != nil {
			return err
		}
	} else {
		for _, id := range slices.Sorted(maps.Keys(g.servers)) {
			if s := g.servers[id]; s.round < g.toAll {
				if err := byName(s.Name, s.Cluster); err != nil {
					return err
				}
			}
		}
	}
	for _, a := range g.addresses {
		if a.id == "" || a.name == "" || g.servers[a.id] != nil {
			continue
		}
		if err := byName(a.name, a.cluster); err != nil {
			return err
		}
	}
	return nil
}

// heard takes in who answered a question to all.
func (g *gathering) heard(round int, id string) {
	if g.byName[round] {
		return
	}
	if g.general[round] == nil {
		g.general[round] = map[string]bool{}
	}
	g.general[round][id] = true
}

// noteOneByOne says where every question to all got one answer, of several servers.
func (g *gathering) noteOneByOne() {
	for _, of := range g.general {
		if len(of) != 1 {
			return
		}
	}
	if len(g.servers) > 1 {
		g.notes["of several servers one answered each question to all: if the system account exports $SYS.REQ.>, that export needs response_type: stream"] = true
	}
}
