package system

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// seen is one server as far as it answered.
type seen struct {
	wire.Server
	roster   *wire.Statsz
	usage    []checks.Usage
	whole    bool   // the report is there, or known to be empty
	problem  string // why its last report can't be used
	limit    *int   // max_connections where it was asked for
	polled   bool   // an idle server was asked for its VARZ
	sampled  bool   // it was asked for it because of its routes, see askConfigured
	said     bool   // its VARZ came, or can't
	config   *checks.Links
	inFlight int  // what is still to come of its report, about
	byName   bool // it was asked for its report by name, see askByName
	asked    int  // the last round of questions in which it was meant

	nth          int            // which of all reports that came is its
	answers      map[int]answer // its reports, by the question
	heard        time.Time      // when it last answered the roster
	takes        time.Duration  // the longest that an answer of it to the roster took
	strange      bool           // it gives an id that no server has
	contradicted bool           // two answers to one question differ
	reported     time.Time      // when its report came
	confirmed    bool           // it answered the roster after that
	fellSilent   bool           // it did not, although it was asked
	restarted    bool           // another process reported in its name before
	replaced     bool           // it was that process, which others may still count

	unrouted bool // it tells of routes to others, who have none to it

	draining time.Time // when it said that it drains; zero where it did not

	rosterReplies, reportReplies int // to the first, general question

	links      []wire.Peer    // its peers, by its ROUTEZ; nil where that is not known
	joined     []string       // the ids of those that addresses of its configuration lead to
	linksAsked bool           // it was asked for them
	hub        bool           // it was asked for its leafnodes
	leafs      map[string]int // its leafnode connections in the system account, by the server's name
}

// answer is a report as far as it can be used.
type answer struct {
	usage  []checks.Usage
	broken bool
}

// expected is how many servers there are at least, by what the servers say of
// each other, and who counts so many; nil where these are the ends of links. No single count is the truth: a server that
// has just joined knows few others, one that lost a peer without a goodbye
// counts it for up to four minutes (nats-server's orphan sweep), also where it
// is back as another process, see [perhapsFormer].
func expected(servers map[string]*seen) (n int, by *seen) {
	n = len(servers)
	most := believed(n)
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		s := servers[id]
		if s.roster == nil {
			continue
		}
		if counted := min(s.roster.Servers, most); counted > n {
			n, by = counted, s
		}
	}
	if linked := min(len(servers)+len(unanswered(servers)), most); linked > n {
		n, by = linked, nil
	}
	return n, by
}

// believed is how many servers there are at most, whatever one of so many claims:
// what is missing is listed one by one. A thousand are more than any deployment
// has that one server alone answered for.
func believed(answered int) int { return 4*answered + 1000 }

// place is a server that others are linked to: a name in a cluster, or with an
// empty name any server of the cluster. The id is that of a server whose name
// another one has as well.
type place struct{ cluster, name, id string }

// end is a place where nobody answered.
type end struct {
	place
	by   string   // the first that is linked to it
	from []string // the ids of all that are
}

// unanswered are the ends of routes and gateways where nobody answered, in
// order of cluster and name.
func unanswered(servers map[string]*seen) []end {
	present := map[place]bool{}
	for _, s := range servers {
		present[place{cluster: s.Cluster, name: s.Name}] = true
		present[place{cluster: s.Cluster}] = true
	}
	missing := map[place]*end{}
	look := func(p place, by *seen) {
		if present[p] {
			return
		}
		m := missing[p]
		if m == nil {
			m = &end{place: p, by: by.Called()}
			missing[p] = m
		}
		m.by, m.from = min(m.by, by.Called()), append(m.from, by.ID)
	}
	for _, s := range servers {
		if s.roster == nil {
			continue
		}
		for _, peer := range s.roster.Peers {
			// A peer that has not yet said its name is no evidence.
			if peer != "" && s.Cluster != "" {
				look(place{cluster: s.Cluster, name: peer}, s)
			}
		}
		for _, peer := range s.links {
			if p := (place{cluster: s.Cluster, name: peer.Name}); present[p] && servers[peer.ID] == nil {
				p.id = peer.ID
				look(p, s)
			}
		}
		for _, cluster := range s.roster.Gateways {
			if cluster != "" {
				look(place{cluster: cluster}, s)
			}
		}
	}
	var out []end
	for _, m := range missing {
		slices.Sort(m.from)
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b end) int {
		return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
	})
	return out
}

// missing lists who did not report, with the reason, at the end of the wait
// and of so many rounds of questions.
func missing(servers map[string]*seen, waited time.Duration, rounds int) []checks.Missing {
	var out []checks.Missing
	within := "within " + waited.Round(100*time.Millisecond).String()
	switch {
	case rounds == 2:
		within += ", asked twice"
	case rounds > 2:
		within += ", asked " + words.Count(rounds) + " times"
	}
	links := peers(servers)
	for _, s := range servers {
		if s.whole || s.replaced {
			continue
		}
		m := checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: s.roster != nil || s.Cluster != "", Peers: links[s.ID], Kind: checks.Silent}
		switch {
		case s.strange:
			m.Kind, m.Reason = checks.Unreadable, "the id that it gives is not the id of a server, so that it can't be asked"
		case s.contradicted:
			m.Kind, m.Reason = checks.Contradiction, "two answers in its name differ, and which of them is its own is unknown"
		case s.unrouted:
			m.Kind, m.Reason = checks.Contradiction, "it reports routes to others, but no other server has a route to it: it is cut off, or a client answers in its name"
		case s.restarted:
			m.Kind, m.Reason = checks.Restarted, "it restarted during this audit: audit again when its clients are back"
		case !s.draining.IsZero():
			m.Kind, m.Announced, m.Reason = checks.Draining, true, "it began to drain at "+s.draining.Format("15:04:05")+", and answers nothing more"
		case s.fellSilent:
			m.Reason = "it sent its account report, but did not answer any more at the end of the audit"
		case s.problem != "":
			m.Kind, m.Reason = checks.Unreadable, "its account report can't be used: "+s.problem
		case s.roster == nil:
			m.Kind = checks.Unreadable
			m.Reason = "its answer to the roster can't be used, and it sent no account report " + within
		default:
			m.Reason = "it answered the roster, but sent no account report " + within
		}
		if s.roster != nil && !s.contradicted && !s.restarted && !s.unrouted {
			bound := s.roster.Connections
			m.Bound = &bound
		}
		out = append(out, m)
	}
	places := unanswered(servers)
	places = places[:min(len(places), believed(len(servers))-len(servers))]
	for _, p := range places {
		m := checks.Missing{ID: p.id, Name: p.name, Cluster: p.cluster, ClusterKnown: true, Kind: checks.Silent}
		if p.name != "" {
			m.Peers = p.from
			m.Known = p.by + " has a route to it"
			if p.id != "" {
				m.Known += ", and another server has its name"
			}
			m.Reason = m.Known + ", but it did not answer " + within
		} else {
			m.Known = p.by + " has a gateway to its cluster"
			m.Reason = fmt.Sprintf("%s, but no server of it answered %s, and how many it has is unknown", m.Known, within)
		}
		out = append(out, m)
	}
	n, by := expected(servers)
	hidden := behind(servers)
	hidden = hidden[:min(len(hidden), max(0, n-len(servers)-len(places)))]
	for _, name := range hidden {
		out = append(out, checks.Missing{Name: name, Kind: checks.Behind, Apart: true, Reason: fmt.Sprintf("it is behind a leafnode of %s and did not answer; "+
			"between leafnode clusters of one name no answers are passed on: audit from %s, or from there", hubs(servers)[0].Called(), hubs(servers)[0].Called())})
	}
	for range n - len(servers) - len(places) - len(hidden) {
		out = append(out, checks.Missing{Kind: checks.Counted, Reason: fmt.Sprintf("%s counts %s servers, and this one did not answer %s: "+
			"one that stopped without a goodbye is counted for up to 4 minutes%s%s", by.Called(), words.Count(by.roster.Servers), within, perhapsFormer(servers, by), perhapsOf(places))})
	}
	slices.SortFunc(out, func(a, b checks.Missing) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// perhapsOf says of which clusters one may be that is counted: those of which no
// server answered.
func perhapsOf(places []end) string {
	var names []string
	for _, p := range places {
		if p.name == "" {
			names = append(names, p.cluster)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; it may be one of cluster " + words.Few(names) + ", of which no server answered"
}
