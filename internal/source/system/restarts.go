package system

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// remembered is how long a server that stopped without a goodbye is counted by
	// its peers, at most: orphMax and chkOrph of nats-server.
	remembered = 4 * time.Minute
	// heardOut is how long a server has been up that has heard of everyone who is
	// there: servers tell each other of themselves every 10 s.
	heardOut = 15 * time.Second
)

// restarted are the servers that peers may count twice: their process is younger
// than the time for which one before it is counted. The first are the youngest.
func restarted(servers map[string]*seen) []*seen {
	var out []*seen
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		if s := servers[id]; s.roster != nil && !s.strange && !s.contradicted && s.roster.Uptime > 0 && s.roster.Uptime < remembered {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b *seen) int { return cmp.Compare(a.roster.Uptime, b.roster.Uptime) })
	return out
}

// former is how many of so many servers that one counts, and of which nothing
// else is known, are former processes of servers that restarted since. A
// restarted server had one at least. How many it had in a crash loop is unknown,
// but it counts only those that were there when it came: where it has heard of
// everyone, and counts no more than answered, none of the others is there.
//
// Only servers of the same cluster, and of clusters with gateways to each other,
// surely hear of each other.
func former(counts *seen, extra, answered int, young []*seen) int {
	n := 0
	for _, s := range young {
		if s == counts || s.roster.Uptime >= counts.roster.Uptime || !near(s, counts) {
			continue
		}
		n++
		if s.roster.Uptime > heardOut && s.roster.Servers > 0 && s.roster.Servers <= answered {
			return extra
		}
	}
	return min(n, extra)
}

// near reports whether two servers are of one cluster, or of two with gateways to
// each other.
func near(a, b *seen) bool {
	return a.Cluster == b.Cluster && a.Cluster != "" ||
		slices.Contains(a.roster.Gateways, b.Cluster) || slices.Contains(b.roster.Gateways, a.Cluster)
}

const (
	// comingBack is how long clients take to come back to a server that has started:
	// they wait 2 s between attempts by default, and several times that with jitter.
	comingBack = 10 * time.Second
	// settledIn is how long another server must have been up for a start to be news:
	// a deployment that has just started as a whole is no surprise to anybody.
	settledIn = time.Minute
)

// noteYoung names servers whose clients are still coming back.
func (g *gathering) noteYoung() {
	all := slices.Collect(maps.Values(g.servers))
	for _, s := range restarted(g.servers) {
		old := func(x *seen) bool {
			return x.roster != nil && x.roster.Uptime > settledIn && x.Cluster == s.Cluster && x.Cluster != ""
		}
		if s.roster.Uptime < comingBack && slices.ContainsFunc(all, old) {
			g.notes[fmt.Sprintf("%s started %s before this audit: its clients are still coming back, audit again when they have", s.called(), s.roster.Uptime.Round(time.Second))] = 1
		}
	}
}

// noteRestarted says of whom former processes are counted.
func (g *gathering) noteRestarted() {
	young := restarted(g.servers)
	known, _ := expected(g.servers)
	for _, id := range slices.Sorted(maps.Keys(g.servers)) {
		s := g.servers[id]
		if s.roster == nil {
			continue
		}
		extra := min(s.roster.Servers, believed(len(g.servers))) - known
		if extra <= 0 {
			continue
		}
		var names []string
		for _, y := range young {
			if y != s && y.roster.Uptime < s.roster.Uptime && near(y, s) {
				names = append(names, fmt.Sprintf("%s, up for %s", y.called(), y.roster.Uptime.Round(time.Second)))
			}
		}
		g.notes[fmt.Sprintf("%s counts %s more than there are, as the former processes of servers that restarted are counted for up to 4 minutes: %s",
			s.called(), words.Plural(extra, "server"), strings.Join(names[:min(len(names), 3)], "; "))] = 1
		return // the others count the same
	}
}
