package account

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/wire"
)

func TestOwnProfile(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, WebSocket: true}, {Name: "C2", Servers: 1}}, Accounts: []string{"APP", "OTHER"}})
	n1, n2 := l.Server("C1-n1"), l.Server("C1-n2")
	for _, c := range []lab.RawClients{
		{Account: "APP", Server: n1, Count: 5, Name: "orders", Lang: "python3", Version: "2.9.0"},
		{Account: "APP", Server: n2, Count: 1, Name: "orders", Lang: "python3", Version: "2.9.0"},
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
	if err := l.WaitCounts(sourcetest.Within(t), "APP", map[string]int{"C1-n1": 8, "C1-n2": 1, "C1-n3": 0, "C2-n1": 9}); err != nil {
		t.Fatal(err)
	}
	suspect := source.Suspect{Account: "APP", Server: n1.ID(), Cluster: "C1"}
	from := system.New(sourcetest.Connect(t, l.SystemURL()), source.Options{Timeout: sourcetest.Long})
	d, err := from.Deployment(sourcetest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := from.Examine(sourcetest.Within(t), d, []source.Suspect{suspect})
	if err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, n1.URL("APP"), nats.Name("the audit"))
	own := ownAll(t, nc, 4)
	got, err := own.profiles(sourcetest.Within(t), nc, own.deployment, []source.Suspect{suspect})
	if err != nil || len(got) != 1 || got[0].Subscriptions == nil || *got[0].Subscriptions != 6 {
		t.Fatalf("%+v, %v", got, err)
	}
	g, w := got[0].Profile, want[0].Profile
	if fmt.Sprint(g.Read) != "[8 1 0]" || !g.Whole || g.Note != "" || !slices.Equal(g.Servers, w.Servers) {
		t.Errorf("read %v, whole %v, note %q", g.Read, g.Whole, g.Note)
	}
	for _, groups := range [][2][]checks.Group{{g.Protocols, w.Protocols}, {g.Languages, w.Languages}, {g.Versions, w.Versions},
		{g.Names, w.Names}, {g.Users, w.Users}, {g.Networks, w.Networks}} {
		sourcetest.Expect(t, "groups", sourcetest.Counts(groups[0]), sourcetest.Counts(groups[1]))
	}
	if len(g.Protocols) != 2 || fmt.Sprint(g.StartOrder) != "[0 1 2]" || sourcetest.Sum(g.Starts[0]) != g.Starts[0][3] {
		t.Errorf("protocols %v; nobody's clock is known, and still some were down: %v %v", g.Protocols, g.StartOrder, g.Starts)
	}
	n, err := own.subscriptions(sourcetest.Within(t), nc, []source.Held{{Server: n1.ID(), Account: "APP"}, {Server: n2.ID(), Account: "APP"}})
	if err != nil || len(n) != 2 || n[0] == nil || *n[0] != 6 || n[1] == nil || *n[1] != 0 {
		t.Errorf("subscriptions %v, %v", n, err)
	}
	if _, err := own.subscriptions(sourcetest.Within(t), nc, []source.Held{{Server: n1.ID(), Account: "OTHER"}}); err == nil {
		t.Error("another account's subscriptions are told")
	}
	if _, err := own.profiles(sourcetest.Within(t), nc, own.deployment, []source.Suspect{{Account: "APP", Server: "N", Cluster: "C1"}}); err == nil {
		t.Error("a server that is not there has a profile")
	}
}

// Pages follow each other, and servers of the same name are told apart.
func TestOwnProfileOfSeveralPages(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{
		Clusters: []lab.Cluster{{Name: "C1", Servers: 3}},
		Leafs:    []lab.Leaf{{Cluster: lab.Cluster{Name: "L", Servers: 1, ServerNames: []string{"C1-n1"}}, Hub: "C1", Accounts: []string{"APP"}}},
		Accounts: []string{"APP"},
	})
	const many = wire.PageSize + 500
	n1 := l.Server("C1/C1-n1")
	if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "APP", Server: n1, Count: many}); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(sourcetest.Within(t), "APP", map[string]int{"C1/C1-n1": many}); err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, n1.URL("APP"))
	own := ownAudit(t, nc, source.Options{Timeout: sourcetest.Patient()})
	got, err := own.profiles(sourcetest.Within(t), nc, own.deployment, []source.Suspect{{Account: "APP", Server: n1.ID(), Cluster: "C1"}})
	if err != nil || fmt.Sprint(got[0].Profile.Read) != fmt.Sprintf("[%d 0 0]", many) || !got[0].Profile.Whole {
		t.Errorf("%+v, %v", got[0].Profile, err)
	}
}

// Where CONNZ is forbidden the counts stand and the profile says why it is not
// there.
func TestOwnProfileForbidden(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: func(_ int, o *natsserver.Options) {
		for _, u := range o.Users {
			if u.Account.Name == "APP" {
				u.Permissions = &natsserver.Permissions{Publish: &natsserver.SubjectPermission{Deny: []string{"$SYS.REQ.ACCOUNT.PING.CONNZ"}}}
			}
		}
	}}}, Accounts: []string{"APP"}})
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 3, "C1-n2": 1})
	nc := sourcetest.Connect(t, l.Server("C1-n3").URL("APP"))
	own := ownAll(t, nc, 3)
	started := time.Now()
	got, err := own.profiles(sourcetest.Within(t), nc, own.deployment, []source.Suspect{{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}})
	if err != nil || got[0].Profile.Whole || got[0].Subscriptions != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	noteHas(t, got[0].Profile.Note, "0 of 4 connections were read", "may not be asked", "CONNZ")
	if time.Since(started) > sourcetest.Long {
		t.Error("it waited for what is forbidden")
	}
}

// The connection moves to another server in the middle: it is left out there.
func TestOwnConnectionThatMoves(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 2, "C1-n2": 3, "C1-n3": 0})
	nc := sourcetest.Connect(t, l.Server("C1-n3").URL("APP")+","+l.Server("C1-n2").URL("APP"), nats.DontRandomize())
	moved := false
	own, err := gather(sourcetest.Within(t), nc, "", nil, nil, source.Options{Timeout: sourcetest.Patient(), Progress: func(p source.Progress) {
		if !moved && p.Reported == 3 {
			moved = true
			l.Server("C1-n3").Shutdown()
		}
	}})
	if err != nil || !moved {
		t.Fatalf("moved %v, %v", moved, err)
	}
	d := own.deployment
	sourcetest.Noted(t, d, "the connection was lost and came back")
	total := 0
	for _, n := range sourcetest.Connections(d, "APP") {
		total += n
	}
	if len(d.Servers) != 2 || total != 5 {
		t.Errorf("%d servers, counts %v; want the clients alone", len(d.Servers), sourcetest.Connections(d, "APP"))
	}
}

// What a server knows of the account is by its one row, if it is of the account.
func TestUsageOf(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		rows  []wire.Row
		want  checks.Answer
		conns uint32
		other string
	}{
		"some":            {[]wire.Row{{ID: "A", Connections: 3, Leafnodes: 1}}, checks.Yes, 3, ""},
		"none":            {[]wire.Row{{ID: "A"}}, checks.Yes, 0, ""},
		"not known":       {nil, checks.No, 0, ""},
		"another account": {[]wire.Row{{ID: "B", Connections: 3}}, checks.Unknown, 0, "B"},
	} {
		usage, on, other := usageOf(c.rows, "A")
		if on.Usable != c.want || usage.Connections != c.conns || other != c.other {
			t.Errorf("%s: %+v, %+v, %q", what, usage, on, other)
		}
	}
}

func noteHas(t testing.TB, note string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(note, part) {
			t.Errorf("note %q lacks %q", note, part)
		}
	}
}
