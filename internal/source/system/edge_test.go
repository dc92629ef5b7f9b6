package system

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Two leaf clusters of one name behind a hub: one holds an account on one server,
// the other would make it look even.
func TestTwoClustersOfOneName(t *testing.T) {
	if sourcetest.RaceDetector {
		t.Skip("nats-server 2.15.2 has a race of its own, between a leafnode that connects and routing that starts")
	}
	t.Parallel()
	sites := sourcetest.StartSites(t)
	hub, berlin := sites.Hub, sites.Berlin
	audit := func(at *server.Server) *checks.Deployment {
		t.Helper()
		d, err := New(sourcetest.Connect(t, sourcetest.UserURL(at, "SYS")), source.Options{Timeout: 10 * time.Second}).Deployment(sourcetest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	whole := audit(hub)
	r := checks.CheckConcentration(whole, checks.Defaults())
	if r.Outcome != checks.OutcomeFinding || len(r.Findings) != 1 || r.Findings[0].OnServer != 16 || r.Findings[0].Connections != 16 ||
		r.Findings[0].Server.ID != berlin[0].ID() || !strings.HasPrefix(r.Findings[0].Cluster, "EDGE (berlin1, …)") {
		t.Errorf("from the hub: %s, %+v, missing %s", r.Outcome, r.Findings, sourcetest.ShowMissing(whole))
	}
	sourcetest.Noted(t, whole, "2 clusters are called EDGE and have no routes to each other")
	inside := audit(berlin[1])
	r = checks.CheckConcentration(inside, checks.Defaults())
	if r.Outcome != checks.OutcomeIncomplete || len(r.Findings) != 1 || r.Findings[0].Connections != 16 {
		t.Errorf("from inside: %s, %+v", r.Outcome, r.Findings)
	}
	var names []string
	for _, m := range inside.Missing {
		names = append(names, m.Name)
		if m.Kind != checks.Behind || !m.Apart || !strings.HasPrefix(m.Reason, "it is behind a leafnode of hub") {
			t.Errorf("missing %+v", m)
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"lyon1", "lyon2", "lyon3"}) {
		t.Errorf("missing %s", sourcetest.ShowMissing(inside))
	}
	sourcetest.Noted(t, inside, "connect to hub to see them all")

	// One that has lost all the routes that it is configured with is cut off, and not a
	// small cluster that nobody checks.
	var gone []server.ServerInfo
	for _, s := range sites.Lyon[:2] {
		gone = append(gone, server.ServerInfo{ID: s.ID(), Name: s.Name(), Cluster: "EDGE"})
		s.Shutdown()
	}
	alone, nc := sites.Lyon[2], sourcetest.Connect(t, sourcetest.UserURL(hub, "SYS"))
	if err := lab.Poll(sourcetest.Within(t), func() error {
		lab.SayGoodbye(nc, gone) // the hub may have missed it
		if n, known := alone.NumRoutes(), hub.TrackedRemoteServers(); n > 0 || known > 4 {
			return fmt.Errorf("%d routes, %d servers", n, known)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	d := audit(hub)
	if m := sourcetest.OnlyMissing(t, d, "EDGE", "lyon3", "it has no routes to the others of its cluster"); m.Kind != checks.CutOff || m.Bound == nil || *m.Bound < 4 { // clients of the others came
		t.Errorf("%d servers, missing %+v", len(d.Servers), m)
	}
}

func TestDrainingServer(t *testing.T) {
	t.Parallel()
	three := sourcetest.Three("APP")
	three.Clusters[0].Configure = func(_ int, o *server.Options) {
		o.LameDuckGracePeriod, o.LameDuckDuration = time.Minute, 2*time.Minute
	}
	l := sourcetest.StartLab(t, three)
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4, "C1-n3": 4})
	n3, n1 := l.Server("C1-n3").Embedded(), l.Server("C1-n1").Embedded()
	nc := sourcetest.Connect(t, l.Server("C1-n1").URL(lab.SystemAccount))
	// An audit that hears it say so has another reason: this one comes later.
	said, err := nc.SubscribeSync("$SYS.SERVER.*.LAMEDUCK")
	if err != nil {
		t.Fatal(err)
	}
	// What it answers came after the subscription, by the same route.
	if _, err := nc.RequestWithContext(sourcetest.Within(t), sysreq.Varz(n3.ID()), nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); n3.LameDuckShutdown() }()
	t.Cleanup(func() { n3.Shutdown(); <-done })
	if _, err := said.NextMsgWithContext(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if err := lab.Poll(sourcetest.Within(t), func() error {
		v, err := n1.Varz(nil)
		if err == nil && len(v.ClientConnectURLs) > 2 {
			err = fmt.Errorf("it still advertises %q", v.ClientConnectURLs)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	d, err := New(nc, source.Options{Timeout: sourcetest.Patient()}).Deployment(sourcetest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if m := sourcetest.OnlyMissing(t, d, "C1", "C1-n3", "no server advertises it to clients: it is draining, or never was advertised"); m.Kind != checks.Draining {
		t.Errorf("kind %q", m.Kind)
	}
}

func TestServerBeginsToDrain(t *testing.T) {
	t.Parallel()
	servers := map[string]*seen{}
	for _, s := range []*seen{answered("C", "a", 3, "b", "c"), answered("C", "b", 3, "a", "c"), answered("C", "c", 3, "a", "b")} {
		s.confirmed = true
		servers[s.ID] = s
	}
	last := servers["ID-Cc"]
	last.confirmed, last.draining = false, time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	g := &gathering{servers: servers}
	if !g.confirmed() {
		t.Error("it is waited for")
	}
	g.dropUnconfirmed()
	all := missing(servers, time.Second, 1)
	if len(all) != 1 || all[0].Name != "c" || all[0].Kind != checks.Draining || all[0].Reason != "it began to drain at 03:04:05, and answers nothing more" || *all[0].Bound != 5 {
		t.Errorf("%+v", all)
	}
}

// A server that reported and answers nothing that it is asked afterwards is missing, also
// if an answer to what it was asked before came after its report.
func TestServerThatAnswersNoMore(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	for _, c := range []struct {
		what                   string
		reported, heard, asked time.Duration // ago
		takes                  time.Duration // its answers
		gone                   bool
	}{
		{"it answered before it reported", 3 * time.Second, 4 * time.Second, 2 * time.Second, 0, true},
		{"a late answer came after its report", 4 * time.Second, 3 * time.Second, 2 * time.Second, time.Second, true},
		{"it takes as long as that each time", 4 * time.Second, 3 * time.Second, 2 * time.Second, 3 * time.Second, false},
		{"nothing was asked since that answer", 4 * time.Second, 2 * time.Second, 3 * time.Second, 0, false},
		{"it was asked a moment ago", 4 * time.Second, 3 * time.Second, 100 * time.Millisecond, 0, false},
	} {
		s := answered("C", "a", 1)
		s.reported, s.heard, s.takes = ago(c.reported), ago(c.heard), c.takes
		g := &gathering{servers: map[string]*seen{s.ID: s}, questions: []question{{kind: ofRoster, at: ago(c.asked)}}}
		g.dropUnconfirmed()
		if s.fellSilent != c.gone || s.whole == c.gone {
			t.Errorf("%s: gone %t, counted %t", c.what, s.fellSilent, s.whole)
		}
	}
}

func TestWhomPeersAdvertise(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort
	route := func(name, ip string) wire.Peer { return wire.Peer{ID: name, Name: name, Addr: netip.MustParseAddr(ip)} }
	// On loopback all have one address; in a cloud each has its own, and listens on all.
	local := func(urls ...string) []peer {
		return []peer{
			{"a", at("127.0.0.1:1"), urls, []wire.Peer{route("b", "127.0.0.1"), route("c", "127.0.0.1")}},
			{"b", at("127.0.0.1:2"), urls, []wire.Peer{route("a", "127.0.0.1"), route("c", "127.0.0.1")}},
		}
	}
	cloud := func(urls ...string) []peer {
		return []peer{
			{"a", netip.AddrPort{}, urls, []wire.Peer{route("b", "10.0.0.2"), route("c", "10.0.0.3")}},
			{"b", netip.AddrPort{}, urls, []wire.Peer{route("a", "10.0.0.1"), route("c", "10.0.0.3")}},
		}
	}
	for name, c := range map[string]struct {
		missing []string
		peers   []peer
		want    checks.Answer
	}{
		"not any more":              {[]string{"c"}, local("127.0.0.1:1", "127.0.0.1:2"), checks.No},
		"still":                     {[]string{"c"}, local("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"), checks.Yes},
		"one of two":                {[]string{"c", "d"}, local("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"), checks.Unknown},
		"nobody is advertised":      {[]string{"c"}, local(), checks.Unknown},
		"names are":                 {[]string{"c"}, local("a.example:4222"), checks.Unknown},
		"nobody says":               {[]string{"c"}, nil, checks.Unknown},
		"by address, not any more":  {[]string{"c"}, cloud("10.0.0.1:4222", "10.0.0.2:4222"), checks.No},
		"by address, still":         {[]string{"c"}, cloud("10.0.0.1:4222", "10.0.0.2:4222", "10.0.0.3:4222"), checks.Yes},
		"an address of nobody's":    {[]string{"c"}, cloud("10.0.0.1:4222", "10.0.0.2:4222", "10.9.9.9:4222"), checks.Unknown},
		"two by address, one is":    {[]string{"c", "d"}, cloud("10.0.0.1:4222", "10.0.0.2:4222", "10.0.0.3:4222"), checks.Yes},
		"two by address, nobody is": {[]string{"c", "d"}, cloud("10.0.0.1:4222", "10.0.0.2:4222"), checks.No},
	} {
		if got := advertised("c", c.missing, c.peers); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The roster has names of peers only: where two servers of a cluster share one, as
// behind two hubs, their routes say which is which.
func TestPeersOfServersThatShareAName(t *testing.T) {
	t.Parallel()
	servers := map[string]*seen{}
	add := func(id, name string, linksAsked bool, links []string, names ...string) {
		servers[id] = &seen{Server: wire.Server{ID: id, Name: name, Cluster: "C"}, roster: &wire.Statsz{Peers: names}, linksAsked: linksAsked}
		if links != nil {
			servers[id].links = []wire.Peer{}
		}
		for _, to := range links {
			servers[id].links = append(servers[id].links, wire.Peer{ID: to})
		}
	}
	add("1", "a", true, []string{"2"}, "b")
	add("2", "b", true, []string{"1"}, "a")
	add("3", "a", true, []string{"4"}, "c")
	add("4", "c", false, nil, "a", "d")
	add("5", "d", true, nil, "c")
	if got := twins(servers); len(got) != 2 || got[0].Name != "a" || got[1].Name != "a" {
		t.Errorf("twins %+v", got)
	}
	got := peers(servers)
	want := map[string][]string{"1": {"2"}, "2": {"1"}, "3": {"4"}, "4": {"5"}} // of 5 it is not known
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A server that hangs loses its routes when it answers no ping, and is no longer
// advertised then, as one that drains is not.
func TestRouted(t *testing.T) {
	t.Parallel()
	with := func(names ...string) (p peer) {
		for _, name := range names {
			p.routes = append(p.routes, wire.Peer{Name: name})
		}
		return p
	}
	for _, c := range []struct {
		peers []peer
		want  bool
	}{
		{[]peer{with("b", "c"), with("a", "c")}, true},
		{[]peer{with("b"), with("a", "c")}, true}, // it is on its way
		{[]peer{with("b"), with("a")}, false},
		{[]peer{with()}, false},
		{nil, false},
	} {
		if got := routed("c", c.peers); got != c.want {
			t.Errorf("%+v: %v", c.peers, got)
		}
	}
}

// Servers that keep several routes to each other keep one for the system account that
// both have. A single route says nothing, and one that has it, elsewhere, settles it.
func TestOtherSystemAccountByRoutes(t *testing.T) {
	t.Parallel()
	with := func(shared int, accounts ...string) peer {
		return peer{routes: []wire.Peer{{Name: "b", Shared: 3, Accounts: []string{"SYS"}}, {Name: "c", Shared: shared, Accounts: accounts}}}
	}
	for _, c := range []struct {
		peers  []peer
		system string
		want   bool
	}{
		{[]peer{with(3), with(3, "APP")}, "SYS", true},
		{[]peer{with(3), with(3, "SYS")}, "SYS", false},
		{[]peer{with(1), with(1)}, "SYS", false}, // without a pool
		{[]peer{with(0), with(0)}, "SYS", false}, // on its way
		{[]peer{with(3)}, "", false},
		{nil, "SYS", false},
	} {
		if got := otherSystem("c", c.system, c.peers); got != c.want {
			t.Errorf("%+v: %v", c.peers, got)
		}
	}
}
