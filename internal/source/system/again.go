package system

import "github.com/nats-balance/nats-balance/internal/sysreq"

// askAgain asks those that are missing directly, and where one is missing that
// did not answer at all, everyone for the roster: for those whose names are not
// known, and whether the others still know it.
func (g *gathering) askAgain() {
	g.asked++
	g.oneByOne = g.oneByOne || g.oneAnswer()
	if g.self == nil {
		g.ask(sysreq.UserInfo, ofUser, nil)
	}
	g.planned = true
	g.askLinks()
	g.askHubs()
	late := 0
	for _, s := range g.servers {
		if !s.whole {
			late += s.size()
		}
	}
	if late > window {
		g.planWaves()
	}
	for _, s := range g.servers {
		switch {
		case s.whole && s.roster != nil && g.closing && !s.confirmed:
			g.ask(sysreq.Statsz, ofRoster, sysreq.Filter{Name: s.Name, Cluster: s.Cluster, Exact: true})
		case s.strange, s.contradicted && s.roster != nil: // asking again does not help
		case !s.whole || s.roster == nil:
			s.asked = g.asked
			g.ask(sysreq.Statsz, ofRoster, sysreq.Filter{Name: s.Name, Cluster: s.Cluster, Exact: true})
			if late <= window {
				g.askReport(s.Name, s.Cluster)
			}
		}
	}
	if !g.closing {
		g.askRoster()
	}
}

// askReport asks one server for its report. One with nothing to report
// sends nothing unless unused accounts are asked for, too.
func (g *gathering) askReport(name, cluster string) {
	g.ask(sysreq.AccountStatz, ofReport, sysreq.Filter{Name: name, Cluster: cluster, Exact: true, Unused: true})
}
