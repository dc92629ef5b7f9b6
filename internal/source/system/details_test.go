package system

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

func TestDetailsOfACluster(t *testing.T) {
	t.Parallel()
	topology := lab.Topology{
		Clusters: []lab.Cluster{
			{Name: "C1", Servers: 3, MaxConnections: 77, WebSocket: true, Tags: map[int][]string{0: {"az:a", "region:x"}, 1: {"az:b"}},
				Configure: func(i int, o *natsserver.Options) {
					if i == 2 {
						o.Websocket = natsserver.WebsocketOpts{}
					}
				}},
			{Name: "C2", Servers: 2, NoAdvertise: true},
			{Name: "C3", Servers: 1},
		},
		Accounts:          []string{"APP"},
		DistinctAddresses: runtime.GOOS == "linux",
	}
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4, "C1-n2": 1})
	nc := sourcetest.Connect(t, l.SystemURL())
	d := auditAll(t, nc, 6)
	if err := details(sourcetest.Within(t), nc, d, []string{"C1", "C2"}); err != nil || len(d.Notes) > 0 {
		t.Fatalf("%v, notes %q", err, d.Notes)
	}
	for _, s := range d.Servers {
		if (s.Details == nil) != (s.Cluster == "C3") {
			t.Fatalf("%s has details %+v", s.Name, s.Details)
		}
	}
	var all []string
	for _, s := range l.Cluster("C1") {
		all = append(all, s.Addr())
	}
	for i, s := range l.Cluster("C1") {
		got := sourcetest.ServerOf(d, s.Name())
		sourcetest.SensibleClock(t, s.Name(), got.Details)
		at := got.Details
		if at.Host != s.Host() || at.Port != s.Port() || at.TLS || at.MQTT != 0 || (at.WebSocket != 0) != (i != 2) || at.WebSocket != 0 && !strings.HasSuffix(s.WebSocketURL("APP"), fmt.Sprintf(":%d", at.WebSocket)) {
			t.Errorf("%s: listeners %+v", s.Name(), at)
		}
		if got.MaxConnections == nil || *got.MaxConnections != 77 || at.Connections == nil || *at.Connections < s.Connections("APP") {
			t.Errorf("%s: limit %v, connections %v", s.Name(), got.MaxConnections, at.Connections)
		}
		slices.Sort(all)
		urls := slices.Sorted(slices.Values(at.ConnectURLs))
		if !slices.Equal(urls, all) {
			t.Errorf("%s: connect URLs %q, want %q", s.Name(), urls, all)
		}
		if want := map[int][]string{0: {"az:a", "region:x"}, 1: {"az:b"}}[i]; !slices.Equal(at.Tags, want) {
			t.Errorf("%s: tags %q, want %q", s.Name(), at.Tags, want)
		}
		// A peer that dialled it has its address; one that it dialled has the
		// one that it dialled from, which loopback chooses.
		if len(at.Seen) == 0 || !slices.ContainsFunc(at.Seen, func(a netip.Addr) bool { return a.IsLoopback() }) {
			t.Errorf("%s: seen at %v", s.Name(), at.Seen)
		}
	}
	for _, s := range l.Cluster("C2") {
		if at := sourcetest.ServerOf(d, s.Name()).Details; len(at.ConnectURLs) > 0 {
			t.Logf("%s advertises %q though it must not", s.Name(), at.ConnectURLs)
			t.Errorf("%s: connect URLs %q, want none", s.Name(), at.ConnectURLs)
		}
	}
	// Asking again changes nothing, and for nobody does nothing.
	if err := details(sourcetest.Within(t), nc, d, []string{"NORTH"}); err != nil || len(d.Notes) > 0 {
		t.Errorf("%v, notes %q", err, d.Notes)
	}
	nc.Close()
	if err := details(sourcetest.Within(t), nc, d, []string{"C1"}); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
}

func TestDetailsOfALargeCluster(t *testing.T) {
	t.Parallel()
	f := startFleet(t, fleet.Size{Servers: 200, Clusters: 2, Accounts: 1, Connections: 400})
	d, truth := modelOf(f), f.Truth()
	nc := sourcetest.Connect(t, f.URL())
	for i := range truth.Servers {
		if i%3 == 0 {
			f.AnswerTwice(i, fleet.Varz|fleet.Routez)
		}
	}
	if err := details(sourcetest.Within(t), nc, d, truth.Clusters[:1]); err != nil {
		t.Fatal(err)
	}
	for i, s := range truth.Servers {
		got := d.Servers[i]
		if s.Cluster != truth.Clusters[0] {
			if got.Details != nil {
				t.Errorf("%s was not to be asked", s.Name)
			}
			continue
		}
		if got.Details == nil || got.MaxConnections == nil {
			t.Fatalf("%s: details %+v, limit %v", s.Name, got.Details, got.MaxConnections)
		}
		sourcetest.SensibleClock(t, s.Name, got.Details)
		if *got.MaxConnections != s.MaxConnections || got.Details.Host != s.Host || got.Details.Port != s.Port ||
			*got.Details.Connections != s.Connections+s.SystemConnections || len(got.Details.ConnectURLs) != 100 || !slices.Equal(got.Details.Tags, s.Tags) ||
			!slices.Equal(got.Details.Seen, []netip.Addr{netip.MustParseAddr(s.Host)}) {
			t.Errorf("%s: %+v", s.Name, got.Details)
		}
	}
	if len(d.Notes) > 0 {
		t.Errorf("notes %q", d.Notes)
	}
}

func TestDetailsThatDoNotCome(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, truth := modelOf(f), f.Truth()
	nc := sourcetest.Connect(t, f.URL())
	const first = 10 // of the second cluster
	f.Silence(first, fleet.Varz)
	f.Garble(first+3, fleet.Routez, fleet.GarbleTruncatedJSON)
	f.Silence(first+4, fleet.Routez)
	f.Delay(first+1, fleet.Varz, sourcetest.Long)
	unknown := 2
	for _, g := range garbles {
		if g.how == fleet.GarbleWrongEncoding {
			continue
		}
		f.Garble(first+unknown, fleet.Varz, g.how)
		unknown++
	}
	if unknown != 10 {
		t.Fatalf("there are %d faults for 10 servers", unknown)
	}
	ctx, cancel := context.WithTimeout(sourcetest.Within(t), 2*sourcetest.Patient())
	defer cancel()
	if err := details(ctx, nc, d, truth.Clusters); err != nil || ctx.Err() != nil {
		t.Fatalf("%v; %v: who is silent leaves no time for other questions", err, ctx.Err())
	}
	for i, s := range d.Servers {
		if bad := i >= first && i < first+unknown; (s.Details == nil) != bad || (s.MaxConnections == nil) != bad {
			t.Errorf("%s: details %+v, limit %v", s.Name, s.Details, s.MaxConnections)
		}
	}
	sourcetest.Noted(t, d, "the limits, listeners and clocks of 10 of 30 servers are unknown: they did not answer VARZ in time, or not readably")
	sourcetest.Noted(t, d, "the peers' addresses of 2 of 30 servers are unknown: they did not answer ROUTEZ in time, or not readably")
	// Giants and bombs are not read, and end the wait.
	f.ClearFaults()
	f.Garble(first, fleet.Varz, fleet.GarbleGiant)
	f.Garble(first+1, fleet.Varz, fleet.GarbleBomb)
	d = modelOf(f)
	if err := details(sourcetest.Within(t), nc, d, truth.Clusters[1:2]); err != nil || d.Servers[first].Details != nil || d.Servers[first+1].Details != nil || d.Servers[first+2].Details == nil {
		t.Errorf("%v, notes %q", err, d.Notes)
	}
}

// TestManySilentServersKeepNobodyWaiting: more silent ones than are asked at a
// time come first.
func TestManySilentServersKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	f := startFleet(t, fleet.Size{Servers: 150, Clusters: 15, Accounts: 1, Connections: 300})
	d := modelOf(f)
	for i := range 100 {
		f.Silence(i, fleet.Varz|fleet.Routez)
	}
	ctx, cancel := context.WithTimeout(sourcetest.Within(t), 2*sourcetest.Patient())
	defer cancel()
	if err := details(ctx, sourcetest.Connect(t, f.URL()), d, f.Truth().Clusters); err != nil {
		t.Fatal(err)
	}
	for i, s := range d.Servers {
		if (s.Details == nil) != (i < 100) {
			t.Errorf("%s: details %+v", s.Name, s.Details)
		}
	}
}

func TestDetailsCancelled(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, nc := modelOf(f), sourcetest.Connect(t, f.URL())
	f.Silence(faulty, fleet.Varz|fleet.Info)
	ctx, cancel := context.WithCancel(sourcetest.Within(t))
	done := make(chan error, 1)
	go func() { done <- details(ctx, nc, d, f.Truth().Clusters) }()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(sourcetest.Long):
		t.Error("it goes on")
	}
	if n := nc.NumSubscriptions(); n > 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

func TestForbiddenDetailsEndAtOnce(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		deny  natsserver.Permissions
		notes []string
		varz  bool
	}{
		"VARZ": {deny([]string{"$SYS.REQ.SERVER.*.VARZ"}, nil), []string{
			`the limits, listeners and clocks of 3 of 3 servers are unknown: not allowed to ask for VARZ: Permissions Violation for Publish to "$SYS.REQ.SERVER.`}, false},
		"ROUTEZ": {deny([]string{"$SYS.REQ.SERVER.*.ROUTEZ"}, nil), []string{
			`the peers' addresses of 3 of 3 servers are unknown: not allowed to ask for ROUTEZ: Permissions Violation for Publish to "$SYS.REQ.SERVER.`}, true},
		"all": {deny([]string{"$SYS.REQ.>"}, nil), []string{"limits", "peers' addresses"}, false},
		"replies": {deny(nil, []string{"_INBOX.>"}), []string{
			"the limits, listeners and clocks of 3 of 3 servers are unknown: not allowed to ask for VARZ: Permissions Violation for Subscription", "peers' addresses"}, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := sourcetest.StartLab(t, limited(c.deny))
			d := auditAll(t, sourcetest.Connect(t, l.SystemURL()), 3)
			started := time.Now()
			nc := sourcetest.Connect(t, limitedURL(l.Server("C1-n1")))
			if err := details(sourcetest.Within(t), nc, d, []string{"C1"}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(started); took > sourcetest.Long/2 {
				t.Errorf("it was refused at once, and took %s", took)
			}
			if len(d.Notes) != len(c.notes) {
				t.Errorf("notes %q", d.Notes)
			}
			for _, note := range c.notes {
				sourcetest.Noted(t, d, note)
			}
			for _, s := range d.Servers {
				if (s.Details != nil) != c.varz {
					t.Errorf("%s: details %+v", s.Name, s.Details)
				}
			}
		})
	}
}

// TestDetailsOfALiar has a server say of itself what can't be.
func TestDetailsOfALiar(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	nc := sourcetest.Connect(t, l.SystemURL())
	many := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(`"`+s+`",`, n), ",") }
	const now = `"now":"2026-01-01T00:00:00Z","connections":5`
	for i, c := range []struct {
		varz, routez string // what follows the server block
		ok           bool
		right        func(d *checks.Details) bool
	}{
		{sourcetest.Varz(now), sourcetest.Varz(``), true, func(d *checks.Details) bool {
			return *d.Connections == 5 && !d.VerifiesClients && d.Margin >= time.Millisecond && d.Seen == nil && d.ConnectURLs == nil && d.Host == ""
		}},
		{sourcetest.Varz(now + `,"port":70000,"websocket":{"port":-1},"mqtt":{"port":1883},"tls_required":true,"tls_verify":true`), sourcetest.Varz(``), true, func(d *checks.Details) bool {
			return d.Port == 0 && d.WebSocket == 0 && d.MQTT == 1883 && d.TLS && d.VerifiesClients
		}},
		{sourcetest.Varz(now + `,"connect_urls":[` + many(5000, "h:1") + `],"tags":[` + many(500, "t") + `]`), sourcetest.Varz(``), true, func(d *checks.Details) bool {
			return len(d.ConnectURLs) == 1000 && len(d.Tags) == 64
		}},
		{sourcetest.Varz(now + `,"host":"` + strings.Repeat("h", 5000) + `","connect_urls":["` + strings.Repeat("h", 5000) + `","a:1",""],"tags":["` + strings.Repeat("t", 5000) + `","b"]`), sourcetest.Varz(``), true,
			func(d *checks.Details) bool {
				return d.Host == "" && slices.Equal(d.ConnectURLs, []string{"a:1"}) && slices.Equal(d.Tags, []string{"b"})
			}},
		{sourcetest.Varz(now), sourcetest.Varz(`"routes":[{"remote_id":"L0","ip":"nowhere"},null,{"remote_id":"NOBODY","ip":"10.0.0.1"},{"remote_id":"L4","ip":"10.0.0.1"}]`), true, nil},
		{sourcetest.Varz(`"now":"2999-12-31T00:00:00Z","connections":0`), sourcetest.Varz(``), true, func(d *checks.Details) bool { return d.Offset > 0 }},
		{sourcetest.Varz(`"connections":5`), sourcetest.Varz(``), false, nil},
		{sourcetest.Varz(`"now":"2026-01-01T00:00:00Z"`), sourcetest.Varz(``), false, nil},
		{sourcetest.Varz(`"now":"2026-01-01T00:00:00Z","connections":-5`), sourcetest.Varz(``), false, nil},
		{`"error":{"code":500,"description":"busy"}`, `"error":{"code":500,"description":"busy"}`, false, nil},
	} {
		id := fmt.Sprintf("L%d", i)
		d := &checks.Deployment{Servers: []checks.Server{{ID: id, Name: id, Cluster: "C"}}}
		for subject, body := range map[string]string{sysreq.Varz(id): c.varz, sysreq.Routez(id): c.routez} {
			answers(t, l, subject, func(*nats.Msg) string { return `{"server":{"id":"` + id + `"},` + body + `}` })
		}
		if err := details(sourcetest.Within(t), nc, d, []string{"C"}); err != nil {
			t.Fatal(err)
		}
		got := d.Servers[0].Details
		if (got != nil) != c.ok || got != nil && c.right != nil && !c.right(got) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	// Nor is it another that answers in its place.
	answers(t, l, sysreq.Varz("X"), func(*nats.Msg) string { return `{"server":{"id":"Y"},` + sourcetest.Varz(now) + `}` })
	d := &checks.Deployment{Servers: []checks.Server{{ID: "X", Cluster: "C"}, {ID: "Y", Cluster: "C"}}}
	if err := details(sourcetest.Within(t), nc, d, []string{"C"}); err != nil || d.Servers[0].Details != nil || d.Servers[1].Details != nil {
		t.Errorf("%v, %+v", err, d.Servers)
	}
}
