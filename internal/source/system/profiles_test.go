package system

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// profileOf reads one suspect, with details before.
func profileOf(t testing.TB, nc *nats.Conn, d *checks.Deployment, s source.Suspect) source.Report {
	t.Helper()
	if err := details(sourcetest.Within(t), nc, d, []string{s.Cluster}); err != nil {
		t.Fatal(err)
	}
	got, err := readProfiles(sourcetest.Within(t), nc, d, []source.Suspect{s})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d reports, %v", len(got), err)
	}
	return got[0]
}

func TestProfileOfACluster(t *testing.T) {
	t.Parallel()
	from := ""
	if runtime.GOOS == "linux" {
		from = "127.0.9.9"
	}
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{
		{Name: "C1", Servers: 3, WebSocket: true},
		{Name: "C2", Servers: 1},
	}, Accounts: []string{"APP", "OTHER"}})
	n1, n2 := l.Server("C1-n1"), l.Server("C1-n2")
	for _, c := range []lab.RawClients{
		{Account: "APP", Server: n1, Count: 5, Name: "orders", Lang: "python3", Version: "2.9.0", Source: from},
		{Account: "APP", Server: n1, Count: 2, Name: "billing", Lang: "rust", Version: "0.38.0"},
		{Account: "APP", Server: n2, Count: 1, Name: "orders", Lang: "python3", Version: "2.9.0", Source: from},
		{Account: "APP", Server: l.Server("C2-n1"), Count: 9, Name: "elsewhere"},
		{Account: "OTHER", Server: n1, Count: 4, Name: "other"},
	} {
		if _, err := l.ConnectRaw(sourcetest.Within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "APP", URLs: []string{n1.WebSocketURL("APP")}, Count: 3, Name: "web", Subscriptions: 2}); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(sourcetest.Within(t), "APP", map[string]int{"C1-n1": 10, "C1-n2": 1, "C1-n3": 0}); err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, l.SystemURL())
	d := auditAll(t, nc, 4)
	got := profileOf(t, nc, d, source.Suspect{Account: "APP", Server: n1.ID(), Cluster: "C1"})
	p := got.Profile
	if !slices.Equal(p.Servers, []string{n1.ID(), n2.ID(), l.Server("C1-n3").ID()}) || !slices.Equal(p.Read, []int{10, 1, 0}) || !p.Whole || p.Note != "" {
		t.Errorf("servers %v, read %v, whole %v, note %q", p.Servers, p.Read, p.Whole, p.Note)
	}
	if got.Subscriptions == nil || *got.Subscriptions != 6 {
		t.Errorf("subscriptions %v, want 6", got.Subscriptions)
	}
	version := "go " + nats.Version
	sourcetest.Expect(t, "protocols", sourcetest.Counts(p.Protocols), map[string]string{"nats": "[7 1 0]", "websocket": "[3 0 0]"})
	sourcetest.Expect(t, "languages", sourcetest.Counts(p.Languages), map[string]string{"python3": "[5 1 0]", "rust": "[2 0 0]", "go": "[3 0 0]"})
	sourcetest.Expect(t, "versions", sourcetest.Counts(p.Versions), map[string]string{"python3 2.9.0": "[5 1 0]", "rust 0.38.0": "[2 0 0]", version: "[3 0 0]"})
	sourcetest.Expect(t, "names", sourcetest.Counts(p.Names), map[string]string{"orders": "[5 1 0]", "billing": "[2 0 0]", "web": "[3 0 0]"})
	sourcetest.Expect(t, "users", sourcetest.Counts(p.Users), map[string]string{"APP": "[10 1 0]"})
	sourcetest.Expect(t, "tags", sourcetest.Counts(p.Tags), map[string]string{})
	if from != "" {
		sourcetest.Expect(t, "networks", sourcetest.Counts(p.Networks), map[string]string{"127.0.9.0/24": "[5 1 0]", "127.0.0.0/24": "[5 0 0]"})
		if len(p.Sources) != 2 || p.SourcesSampled || p.Sources[0].Kinds != 2 || p.Sources[1].Kinds != 1 || p.Sources[1].Addr.String() != from {
			t.Errorf("sources %+v", p.Sources)
		}
		if at := p.Processes[0]; at.Addr.String() != from || at.Name != "orders" || at.User != "APP" || at.Language != "python3" || at.Version != "2.9.0" ||
			fmt.Sprint(at.Counts) != "[5 1 0]" || at.SharedByOthers || at.AtLeast || at.First.IsZero() || at.Last.Before(at.First) {
			t.Errorf("largest process %+v", at)
		}
	}
	// All began when all servers were up, or may have been.
	if len(p.StartOrder) != 3 || p.Starts[0][3] != 10 || p.Starts[1][3] != 1 || sourcetest.Sum(p.Starts[2]) != 0 {
		t.Errorf("order %v, up %v", p.StartOrder, p.Starts)
	}
	if p.Oldest.IsZero() || p.Newest.Before(p.Oldest) {
		t.Errorf("from %v to %v", p.Oldest, p.Newest)
	}
	if len(p.RTT) != 3 || p.RTT[0] != nil && *p.RTT[0] <= 0 || p.RTT[2] != nil {
		t.Errorf("round trips %v", p.RTT)
	}
}

// afterwards waits until some time after a moment that the test itself made.
func afterwards(t testing.TB, since time.Time, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(time.Until(since.Add(d))):
	case <-sourcetest.Within(t).Done():
		t.Fatal("the machine is too slow")
	}
}

func TestProfileOfConnectionsFromBeforeTheOthersStarted(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Late: []int{1, 2}}}, Accounts: []string{"APP"},
		DistinctAddresses: runtime.GOOS == "linux"}) // where no outgoing connection takes the port of a late one
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4})
	const apart = time.Second
	for i, name := range []string{"C1-n2", "C1-n3"} {
		afterwards(t, time.Now(), apart)
		if err := l.Server(name).Start(sourcetest.Within(t)); err != nil {
			t.Fatal(err)
		}
		afterwards(t, time.Now(), apart)
		if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "APP", Server: l.Server("C1-n1"), Count: 2 - i}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.WaitCounts(sourcetest.Within(t), "APP", map[string]int{"C1-n1": 7}); err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, l.SystemURL())
	d := auditAll(t, nc, 3)
	for ctx := sourcetest.Within(t); ; {
		got := profileOf(t, nc, d, source.Suspect{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}).Profile
		near := true
		for _, s := range d.Servers {
			near = near && s.Details != nil && s.Details.Margin < apart/4
		}
		if !near && ctx.Err() == nil {
			continue // the machine was busy: the clocks were read too vaguely
		}
		if !slices.Equal(got.StartOrder, []int{0, 1, 2}) || !slices.Equal(got.Starts[0], []int{0, 4, 2, 1}) {
			t.Errorf("order %v, up %v", got.StartOrder, got.Starts[0])
		}
		return
	}
}

func TestProfileOfMQTTClients(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1, MQTT: true}}, Accounts: []string{"APP"}})
	for _, c := range []lab.RawClients{
		{Account: "APP", Server: l.Server("n1"), Count: 3, MQTT: true, Name: "sensor"},
		{Account: "APP", Server: l.Server("n1"), Count: 1, Name: "plain"},
	} {
		if _, err := l.ConnectRaw(sourcetest.Within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	nc := sourcetest.Connect(t, l.SystemURL())
	d := auditAll(t, nc, 1)
	got := profileOf(t, nc, d, source.Suspect{Account: "APP", Server: l.Server("n1").ID(), Cluster: ""}).Profile
	sourcetest.Expect(t, "protocols", sourcetest.Counts(got.Protocols), map[string]string{"mqtt": "[3]", "nats": "[1]"})
	sourcetest.Expect(t, "names", sourcetest.Counts(got.Names), map[string]string{"": "[3]", "plain": "[1]"})
	if d.Servers[0].Details.MQTT == 0 {
		t.Errorf("%+v has no MQTT port", d.Servers[0].Details)
	}
}

// suspectsOf are all accounts of a fleet in one of its clusters, with the
// server that has most of each, and their connections by server.
func suspectsOf(f *fleet.Fleet, cluster string) (out []source.Suspect, read []map[string]int) {
	truth := f.Truth()
	for a, account := range truth.Accounts {
		s, most := source.Suspect{Account: account.ID, Cluster: cluster}, 0
		on := map[string]int{}
		for _, server := range truth.Servers {
			if server.Cluster != cluster {
				continue
			}
			on[server.ID] = 0
			for _, r := range server.Accounts {
				if r.Account == a {
					on[server.ID] = r.Connections
				}
			}
			if on[server.ID] > most {
				s.Server, most = server.ID, on[server.ID]
			}
		}
		if most > 0 {
			out, read = append(out, s), append(read, on)
		}
	}
	return out, read
}

// readOf is what was read of each server.
func readOf(p *checks.Profile) map[string]int {
	out := map[string]int{}
	for i, id := range p.Servers {
		out[id] = p.Read[i]
	}
	return out
}

// modelOf is the model of a fleet as the fleet knows it, without asking.
func modelOf(f *fleet.Fleet) *checks.Deployment {
	truth := f.Truth()
	d := &checks.Deployment{Expected: len(truth.Servers)}
	for _, a := range truth.Accounts {
		d.Accounts = append(d.Accounts, checks.Account{ID: a.ID, Name: a.Name})
	}
	for _, s := range truth.Servers {
		server := checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Start: s.Start}
		for _, r := range s.Accounts {
			server.Usage = append(server.Usage, checks.Usage{Account: uint32(r.Account), Connections: uint32(r.Connections), Leafnodes: uint32(r.Leafnodes)})
		}
		d.Servers = append(d.Servers, server)
	}
	return d
}

func TestProfilesOfAFleet(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, nc := fleetModel(t, f)
	for i := range smallFleet.Servers {
		f.AnswerTwice(i, fleet.Connz)
	}
	of, want := suspectsOf(f, f.Truth().Clusters[1])
	if err := details(sourcetest.Within(t), nc, d, f.Truth().Clusters); err != nil {
		t.Fatal(err)
	}
	got, err := readProfiles(sourcetest.Within(t), nc, d, of)
	if err != nil || len(got) != len(of) || len(of) < 10 {
		t.Fatalf("%d reports of %d, %v", len(got), len(of), err)
	}
	for i, r := range got {
		n, _ := sourcetest.Total(r.Profile.Languages)
		if !maps.Equal(readOf(r.Profile), want[i]) || !r.Profile.Whole || r.Profile.Note != "" || r.Profile.Servers[0] != of[i].Server ||
			n != sourcetest.Sum(r.Profile.Read) || r.Subscriptions == nil {
			t.Errorf("%+v: read %v of %v, note %q", of[i], r.Profile.Read, want[i], r.Profile.Note)
		}
	}
}

// TestProfileOfALargeAccount: in CI 100,000 connections on a cluster of 1,000 servers,
// and on one of 4 with many pages each; elsewhere 20,000, on 100 servers and on 4.
func TestProfileOfALargeAccount(t *testing.T) {
	t.Parallel()
	servers, connections := 100, 20_000 // others wait for the processor
	if os.Getenv(tool.BuildTools) != "" && !sourcetest.RaceDetector {
		servers, connections = 1000, 100_000
	}
	for what, size := range map[string]fleet.Size{
		"many servers": {Servers: servers, Clusters: 1, Accounts: 1, Connections: connections, Seed: 4},
		"many pages":   {Servers: 4, Clusters: 1, Accounts: 1, Connections: connections, Seed: 5},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, size)
			nc := sourcetest.Connect(t, f.URL())
			of, want := suspectsOf(f, f.Truth().Clusters[0])
			got, err := readProfiles(sourcetest.Within(t), nc, modelOf(f), of)
			if err != nil || len(got) != 1 {
				t.Fatal(len(got), err)
			}
			p := got[0].Profile
			if n, _ := sourcetest.Total(p.Names); !maps.Equal(readOf(p), want[0]) || !p.Whole || n != connections || len(p.Sources) != 1024 || !p.SourcesSampled || len(p.Processes) != 16 {
				t.Errorf("%d connections, whole %v, note %q, %d sources, %d processes", n, p.Whole, p.Note, len(p.Sources), len(p.Processes))
			}
		})
	}
}
