package account

import "github.com/nats-balance/nats-balance/internal/sysreq"

// askByName asks servers that greeted and did not answer by their names: where the
// system account's services are exported without response_type: stream, a question
// to all gets one answer only.
func (g *gathering) askByName() error {
	for _, a := range g.addresses {
		if a.id == "" || a.name == "" || g.servers[a.id] != nil {
			continue
		}
		g.byName[g.rounds] = true
		if err := g.inbox.Ask(g.rounds, sysreq.AccountStatz, sysreq.Filter{Name: a.name, Cluster: a.cluster, Exact: true, Unused: true}, false); err != nil {
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
