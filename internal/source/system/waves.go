package system

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nats-balance/nats-balance/internal/sysreq"
)

const (
	// window is how much is asked for at a time. A server holds 64 MiB for a
	// client that does not keep up, by default, and then cuts it off; a fleet
	// answers faster than any client reads.
	window = 24 << 20
	// perAccount is what an account takes in a compressed report, about.
	perAccount = 140
)

// wave is a cluster that is still to be asked for its reports.
type wave struct {
	cluster string
	servers []*seen
	size    int
}

// size is how much the server's report will be, about.
func (s *seen) size() int {
	if s.roster == nil {
		return 0
	}
	return s.roster.Accounts * perAccount
}

// askReports asks everyone for a report: at once where the replies fit into
// the window, otherwise cluster by cluster.
func (g *gathering) askReports() {
	g.planned = true
	g.askHubs()
	g.askConfigured()
	total := 0
	for _, s := range g.servers {
		total += s.size()
	}
	g.unused = g.unused || g.scoped()
	g.firstReports = len(g.questions)
	g.compressed = g.unused || g.large()
	if total <= window {
		var all any
		if g.unused {
			all = sysreq.Filter{Unused: true}
		}
		g.ask(sysreq.AccountStatz, ofReport, all)
		return
	}
	g.planWaves()
}

// large reports whether reports are worth compressing, by the rosters: unless no
// server has many accounts with connections, and few servers report.
func (g *gathering) large() bool {
	const few = 16 // what replies at once, and waits to be read
	if len(g.servers) > few {
		return true
	}
	for _, s := range g.servers {
		if s.roster == nil || s.roster.Accounts > sysreq.FewRows {
			return true
		}
	}
	return false
}

// planWaves queues the clusters in which a report is missing.
func (g *gathering) planWaves() {
	g.waves, g.inFlight = nil, 0
	clusters := map[string]*wave{}
	for _, id := range slices.Sorted(maps.Keys(g.servers)) {
		s := g.servers[id]
		s.inFlight = 0
		if s.whole || s.strange || s.contradicted {
			continue
		}
		if s.Cluster == "" {
			g.waves = append(g.waves, wave{servers: []*seen{s}, size: s.size()})
			continue
		}
		w, ok := clusters[s.Cluster]
		if !ok {
			w = &wave{cluster: s.Cluster}
			clusters[s.Cluster] = w
		}
		w.servers, w.size = append(w.servers, s), w.size+s.size()
	}
	for _, w := range clusters {
		g.waves = append(g.waves, *w)
	}
	slices.SortStableFunc(g.waves, func(a, b wave) int { return cmp.Compare(a.cluster, b.cluster) })
	g.nextWaves()
}

// nextWaves asks as many clusters as fit, and one in any case if nothing is
// under way.
func (g *gathering) nextWaves() {
	for len(g.waves) > 0 && (g.inFlight == 0 || g.inFlight+g.waves[0].size <= window) {
		w := g.waves[0]
		g.waves = g.waves[1:]
		f := sysreq.Filter{Cluster: w.cluster, Exact: true, Unused: g.unused}
		if w.cluster == "" {
			f.Name = w.servers[0].Name
		}
		g.ask(sysreq.AccountStatz, ofReport, f)
		for _, s := range w.servers {
			s.inFlight = s.size()
			g.inFlight += s.inFlight
		}
	}
}

// arrived makes room in the window.
func (g *gathering) arrived(s *seen) {
	g.inFlight -= s.inFlight
	s.inFlight = 0
	g.nextWaves()
}
