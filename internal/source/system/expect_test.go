package system

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// answered is a server that answered the roster and reported.
func answered(cluster, name string, knows int, peers ...string) *seen {
	return &seen{Server: wire.Server{ID: "ID-" + cluster + name, Name: name, Cluster: cluster}, whole: true, roster: &wire.Statsz{Servers: knows, Peers: peers, Connections: 5}}
}

// but changes a server.
func but(s *seen, change func(*seen)) *seen {
	change(s)
	return s
}

func gateways(clusters ...string) func(*seen) {
	return func(s *seen) { s.roster.Gateways = clusters }
}

// up is a server whose process has been running for so long.
func up(s *seen, d time.Duration) *seen {
	s.roster.Uptime = d
	return s
}

func unreported(s *seen) { s.whole = false }
func noRoster(s *seen)   { s.roster = nil }

func TestWhoIsExpectedAndMissing(t *testing.T) {
	t.Parallel()
	// Each of those missing is cluster/name and a part of the reason, in order.
	const ofD = ": a counts 5 servers, and this one did not answer within 4s, asked twice: one that stopped without a goodbye is counted for up to 4 minutes; it may be one of cluster D, of which no server answered"
	for _, c := range []struct {
		name    string
		servers []*seen
		want    int
		missing []string
	}{
		{"nobody", nil, 0, nil},
		{"all three", []*seen{answered("C", "a", 3, "b", "c"), answered("C", "b", 3, "a", "c"), answered("C", "c", 3, "a", "b")}, 3, nil},
		{"a server without a cluster", []*seen{answered("", "a", 1)}, 1, nil},
		{"one that is linked and silent", []*seen{answered("C", "a", 3, "b", "c"), answered("C", "b", 3, "a", "c")}, 3,
			[]string{"C/c: a has a route to it"}},
		{"two that are", []*seen{answered("C", "b", 3, "a", "c")}, 3, []string{"C/a: b has a route to it", "C/c: b has a route to it"}},
		{"a newcomer that knows only itself", []*seen{answered("C", "a", 3, "b", "c"), answered("C", "b", 3, "a", "c"), answered("C", "c", 1)}, 3, nil},
		{"a newcomer that the others don't know yet", []*seen{answered("C", "a", 2, "b"), answered("C", "b", 2, "a"), answered("C", "c", 1)}, 3, nil},
		{"links but no count, as of an old server", []*seen{answered("C", "a", 0, "b")}, 2, []string{"C/b: a has a route to it"}},
		{"more links than the count", []*seen{answered("C", "a", 1, "b", "c")}, 3, []string{"C/b: a has a route", "C/c: a has a route"}},
		// b was killed and started again: it has a new id, and the old one counts.
		{"the ghost of a restart", []*seen{answered("C", "a", 4, "b", "c"), answered("C", "b", 3, "a", "c"), answered("C", "c", 4, "a", "b")}, 4,
			[]string{": a counts 4 servers, and this one did not answer within 4s, asked twice: one that stopped without a goodbye is counted for up to 4 minutes"}},
		{"a restart, of which it may be one", []*seen{up(answered("C", "a", 4, "b", "c"), time.Hour), up(answered("C", "b", 3, "a", "c"), time.Second), up(answered("C", "c", 4, "a", "b"), time.Hour)}, 4,
			[]string{": a counts 4 servers, and this one did not answer within 4s, asked twice: one that stopped without a goodbye is counted for up to 4 minutes, and so is the former process of one that was killed and is back, as may be b (up for 1s)"}},
		{"two restarts", []*seen{up(answered("C", "a", 5, "b", "c"), time.Hour), up(answered("C", "b", 4, "a", "c"), 2*time.Minute), up(answered("C", "c", 3, "a", "b"), time.Minute)}, 5,
			[]string{": a counts 5 servers", ": a counts 5 servers"}},
		{"a server of the name of another", []*seen{but(answered("C", "a", 4, "b", "b"), func(s *seen) {
			s.linksAsked, s.links = true, []wire.Peer{{ID: "ID-Cb", Name: "b"}, {ID: "ID-b2", Name: "b"}}
		}), answered("C", "b", 3, "a")}, 4, []string{": a counts 4 servers", "C/b: a has a route to it, and another server has its name, but it did not answer"}},
		{"a restart that is too long ago", []*seen{up(answered("C", "a", 4, "b", "c"), time.Hour), up(answered("C", "b", 3, "a", "c"), 5*time.Minute), up(answered("C", "c", 4, "a", "b"), time.Hour)}, 4,
			[]string{": a counts 4 servers"}},
		// c was killed: nobody has a route to it any more.
		{"the ghost of a server that is gone", []*seen{answered("C", "a", 3, "b"), answered("C", "b", 3, "a")}, 3,
			[]string{": a counts 3 servers, and this one did not answer"}},
		{"a ghost and a silent one", []*seen{answered("C", "a", 4, "b", "c"), answered("C", "b", 4, "a", "c")}, 4,
			[]string{": a counts 4 servers", "C/c: a has a route to it"}},
		{"routes that have not said their name", []*seen{answered("C", "a", 1, "", "b"), answered("C", "b", 1, "", "a")}, 2, nil},
		{"a route of a server without a cluster", []*seen{answered("", "a", 1, "b")}, 1, nil},
		{"the same name in another cluster", []*seen{answered("C", "a", 2, "b"), answered("D", "b", 2)}, 3, []string{"C/b: a has a route to it"}},
		{"a hub and a leaf with one name", []*seen{answered("HUB", "a", 2), answered("LEAF", "a", 2)}, 2, nil},
		{"clusters that know each other", []*seen{but(answered("C", "a", 2), gateways("D")), but(answered("D", "b", 2), gateways("C"))}, 2, nil},
		{"a cluster of which nobody answers", []*seen{but(answered("C", "a", 2), gateways("D", "E")), but(answered("D", "b", 2), gateways("C"))}, 3,
			[]string{"E/: a has a gateway to its cluster, but no server of it answered"}},
		{"and which the others count", []*seen{but(answered("C", "a", 5), gateways("D"))}, 5,
			[]string{ofD, ofD, ofD, "D/: a has a gateway to its cluster, but no server of it answered within 4s, asked twice, and how many it has is unknown"}},
		{"a gateway without a name", []*seen{but(answered("C", "a", 1), gateways(""))}, 1, nil},
		{"one that sent no report", []*seen{answered("C", "a", 2, "b"), but(answered("C", "b", 2, "a"), unreported)}, 2,
			[]string{"C/b: it answered the roster, but sent no account report within 4s, asked twice (5)"}},
		{"one with a report that can't be used", []*seen{but(answered("C", "a", 1), func(s *seen) { unreported(s); s.problem = "it is cut short" })}, 1,
			[]string{"C/a: its account report can't be used: it is cut short (5)"}},
		{"that, and no roster", []*seen{but(answered("C", "a", 1), func(s *seen) { unreported(s); noRoster(s); s.problem = "it is cut short" })}, 1,
			[]string{"C/a: its account report can't be used: it is cut short"}},
		{"neither a report nor a roster that can be used", []*seen{but(answered("C", "a", 1), func(s *seen) { unreported(s); noRoster(s) })}, 1,
			[]string{"C/a: its answer to the roster can't be used, and it sent no account report within 4s, asked twice"}},
		{"a report, but no roster", []*seen{answered("C", "a", 2, "b"), but(answered("C", "b", 0), noRoster)}, 2, nil},
		{"a report that was broken before", []*seen{but(answered("C", "a", 1), func(s *seen) { s.problem = "it is cut short" })}, 1, nil},
		{"behind a leafnode, beside one of this side that hangs", []*seen{answered("EDGE", "a", 3, "b", "c"), answered("EDGE", "b", 3, "a", "c"), but(answered("HUB", "h", 7), func(s *seen) {
			s.hub, s.leafs = true, map[string]int{"a": 1, "b": 1, "c": 1, "x": 1, "y": 1, "z": 1}
		})}, 7, []string{"x: it is behind a leafnode of h and did not answer; between leafnode clusters", "y: it is behind", "z: it is behind", "EDGE/c: a has a route to it"}},
		{"servers without names", []*seen{answered("C", "", 3), but(answered("D", "", 3), unreported)}, 3,
			[]string{": ID-C counts 3 servers", "D/: it answered the roster"}},
	} {
		servers := map[string]*seen{}
		for _, s := range c.servers {
			servers[s.ID] = s
		}
		if n, _ := expected(servers); n != c.want {
			t.Errorf("%s: %d expected, want %d", c.name, n, c.want)
		}
		got := missing(servers, 4010*time.Millisecond, 2)
		ok := slices.EqualFunc(got, c.missing, func(m checks.Missing, want string) bool {
			place, reason, _ := strings.Cut(want, ": ")
			cluster, name, known := strings.Cut(place, "/")
			if !known {
				cluster, name = "", place
			}
			reason, bound := strings.CutSuffix(reason, " (5)")
			return m.Cluster == cluster && m.Name == name && m.ClusterKnown == known && strings.HasPrefix(m.Reason, reason) &&
				(m.Bound != nil && *m.Bound == 5) == (bound || strings.HasPrefix(reason, "it answered the roster"))
		})
		if !ok {
			t.Errorf("%s: missing %s, want %q", c.name, sourcetest.ShowMissing(&checks.Deployment{Missing: got}), c.missing)
		}
	}
}

func TestReasonSaysHowOftenWasAsked(t *testing.T) {
	t.Parallel()
	for rounds, want := range map[int]string{1: "within 1.5s", 2: "within 1.5s, asked twice", 3: "within 1.5s, asked 3 times"} {
		servers := map[string]*seen{"A": but(answered("C", "a", 1), unreported)}
		if got := missing(servers, 1512*time.Millisecond, rounds); !strings.HasSuffix(got[0].Reason, want) {
			t.Errorf("%q, want …%s", got[0].Reason, want)
		}
	}
}

// A count of servers that nobody could list is not believed; the largest that
// is takes no time.
func TestCountsOfServersAreBounded(t *testing.T) {
	t.Parallel()
	roster := func(stats string) (wire.Statsz, error) {
		return wire.DecodeStatsz([]byte(`{"server":{"id":"A","name":"A"},"statsz":{"connections":1,` + stats + `}}`))
	}
	for _, stats := range []string{`"active_servers":100001`, `"active_servers":9223372036854775807`} {
		if r, err := roster(stats); err == nil {
			t.Errorf("%s is read as %+v", stats, r)
		}
	}
	for _, stats := range []string{`"active_servers":-1`, `"active_servers":1e99`} {
		if r, err := roster(stats); err != nil || r.Servers != 0 {
			t.Errorf("%s is read as %+v, %v, want an unknown count", stats, r, err)
		}
	}
	many := make([]string, wire.MostServers+1)
	for i := range many {
		many[i] = `{"name":"n` + strings.Repeat("x", i%7) + time.Duration(i).String() + `"}`
	}
	if r, err := roster(`"routes":[` + strings.Join(many, ",") + `]`); err == nil {
		t.Errorf("%d routes are read", len(r.Peers))
	}
	r, err := roster(`"active_servers":100000`)
	if err != nil {
		t.Fatal(err)
	}
	servers := map[string]*seen{"A": {Server: wire.Server{ID: "A"}, roster: &r, whole: true}}
	if got := missing(servers, time.Second, 2); len(got) != believed(1)-1 { // it is one that claims so
		t.Errorf("%d missing", len(got))
	}
	if n, by := expected(servers); n != believed(1) || by != servers["A"] {
		t.Errorf("%d, %+v", n, by)
	}
}

// What one server claims is believed up to a few times those that answered.
func TestExpectedIsBounded(t *testing.T) {
	t.Parallel()
	liar := &seen{Server: wire.Server{ID: "A", Name: "a", Cluster: "C"}, whole: true, roster: &wire.Statsz{Servers: 1 << 40}}
	for i := range 50_000 {
		liar.roster.Peers = append(liar.roster.Peers, fmt.Sprint(i))
	}
	servers := map[string]*seen{"A": liar}
	n, by := expected(servers)
	if want := 1004; n != want || by != liar || len(missing(servers, time.Second, 1)) != want-1 {
		t.Errorf("%d servers by %+v, %d missing", n, by, len(missing(servers, time.Second, 1)))
	}
}

// A server to which nobody has a route, though it says that it has some to others, is
// cut off or invented.
func TestServerWithoutARouteToIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		servers []*seen
		want    string
	}{
		{"all have", []*seen{answered("C", "a", 3, "b", "c"), answered("C", "b", 3, "a", "c"), answered("C", "c", 3, "a", "b")}, ""},
		{"nobody has", []*seen{answered("C", "a", 3, "b"), answered("C", "b", 3, "a"), answered("C", "ghost", 3, "a", "b")}, "ghost"},
		{"one of them has", []*seen{answered("C", "a", 3, "b"), answered("C", "b", 3, "a", "c"), answered("C", "c", 3, "a", "b")}, ""},
		{"it does not say so", []*seen{answered("C", "a", 3, "b"), answered("C", "b", 3, "a"), answered("C", "c", 3)}, ""},
		{"one other only", []*seen{answered("C", "a", 2, "x"), answered("C", "b", 2, "a")}, ""},
		{"another cluster", []*seen{answered("C", "a", 3, "b"), answered("C", "b", 3, "a"), answered("D", "c", 3, "a", "b")}, ""},
	} {
		servers := map[string]*seen{}
		for _, s := range c.servers {
			servers[s.ID] = s
		}
		dropUnrouted(servers)
		got := ""
		for _, m := range missing(servers, time.Second, 1) {
			if m.Kind == checks.Contradiction {
				got += m.Name
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
