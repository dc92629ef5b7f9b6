package system

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// restarted are the servers that peers may count twice: their process is younger
// than the time for which one before it is counted. The first are the youngest.
func restarted(servers map[string]*seen) []*seen {
	var out []*seen
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		if s := servers[id]; s.roster != nil && !s.strange && !s.contradicted && s.roster.Uptime > 0 && s.roster.Uptime < checks.StillCounted {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b *seen) int { return cmp.Compare(a.roster.Uptime, b.roster.Uptime) })
	return out
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
			g.notes[fmt.Sprintf("%s started %s before this audit: its clients are still coming back, audit again when they have", s.Called(), s.roster.Uptime.Round(time.Second))] = 1
		}
	}
}

// perhapsFormer says for which servers one may count more than answered: it counts
// the former process of one that was killed and is back. That of one which said
// goodbye it does not count, and which it was nobody tells. So what is counted may
// as well be another server, which hangs.
func perhapsFormer(servers map[string]*seen, counts *seen) string {
	var names []string
	for _, s := range restarted(servers) {
		if s.roster.Uptime < counts.roster.Uptime {
			names = append(names, fmt.Sprintf("%s (up for %s)", s.Called(), s.roster.Uptime.Round(time.Second)))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", and so is the former process of one that was killed and is back, as may be " + words.Few(names)
}
