package gather

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
)

func TestOwnProfile(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, WebSocket: true}, {Name: "C2", Servers: 1}}, Accounts: []string{"APP", "OTHER"}})
	n1, n2 := l.Server("C1-n1"), l.Server("C1-n2")
	for _, c := range []lab.RawClients{
		{Account: "APP", Server: n1, Count: 5, Name: "orders", Lang: "python3", Version: "2.9.0"},
		{Account: "APP", Server: n2, Count: 1, Name: "orders", Lang: "python3", Version: "2.9.0"},
		{Account: "APP", Server: l.Server("C2-n1"), Count: 9, Name: "elsewhere"},
		{Account: "OTHER", Server: n1, Count: 4, Name: "other"},
	} {
		if _, err := l.ConnectRaw(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Connect(within(t), lab.Clients{Account: "APP", URLs: []string{n1.WebSocketURL("APP")}, Count: 3, Name: "web", Subscriptions: 2}); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(within(t), "APP", map[string]int{"C1-n1": 8, "C1-n2": 1, "C1-n3": 0, "C2-n1": 9}); err != nil {
		t.Fatal(err)
	}
	suspect := Suspect{"APP", n1.ID(), "C1"}
	system := connect(t, l.SystemURL())
	d := auditAll(t, system, 4)
	want, err := Profiles(within(t), system, d, []Suspect{suspect})
	if err != nil {
		t.Fatal(err)
	}
	nc := connect(t, n1.URL("APP"), nats.Name("the audit"))
	own := ownAll(t, nc, 4)
	got, err := own.Profiles(within(t), nc, []Suspect{suspect})
	if err != nil || len(got) != 1 || got[0].Subscriptions == nil || *got[0].Subscriptions != 6 {
		t.Fatalf("%+v, %v", got, err)
	}
	g, w := got[0].Profile, want[0].Profile
	if fmt.Sprint(g.Read) != "[8 1 0]" || !g.Whole || g.Note != "" || !slices.Equal(g.Servers, w.Servers) {
		t.Errorf("read %v, whole %v, note %q", g.Read, g.Whole, g.Note)
	}
	for _, groups := range [][2][]checks.Group{{g.Protocols, w.Protocols}, {g.Languages, w.Languages}, {g.Versions, w.Versions},
		{g.Names, w.Names}, {g.Users, w.Users}, {g.Networks, w.Networks}} {
		expect(t, "groups", counts(groups[0]), counts(groups[1]))
	}
	if len(g.Protocols) != 2 || fmt.Sprint(g.StartOrder) != "[0 1 2]" || sum(g.Starts[0]) != g.Starts[0][3] {
		t.Errorf("protocols %v; nobody's clock is known, and still some were down: %v %v", g.Protocols, g.StartOrder, g.Starts)
	}
	n, err := own.Subscriptions(within(t), nc, []Held{{n1.ID(), "APP"}, {n2.ID(), "APP"}})
	if err != nil || len(n) != 2 || n[0] == nil || *n[0] != 6 || n[1] == nil || *n[1] != 0 {
		t.Errorf("subscriptions %v, %v", n, err)
	}
	if _, err := own.Subscriptions(within(t), nc, []Held{{n1.ID(), "OTHER"}}); err == nil {
		t.Error("another account's subscriptions are told")
	}
	if _, err := own.Profiles(within(t), nc, []Suspect{{"APP", "N", "C1"}}); err == nil {
		t.Error("a server that is not there has a profile")
	}
}

// Pages follow each other, and servers of the same name are told apart.
func TestOwnProfileOfSeveralPages(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{
		Clusters: []lab.Cluster{{Name: "C1", Servers: 3}},
		Leafs:    []lab.Leaf{{Cluster: lab.Cluster{Name: "L", Servers: 1, ServerNames: []string{"C1-n1"}}, Hub: "C1", Accounts: []string{"APP"}}},
		Accounts: []string{"APP"},
	})
	const many = pageSize + 500
	n1 := l.Server("C1/C1-n1")
	if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "APP", Server: n1, Count: many}); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(within(t), "APP", map[string]int{"C1/C1-n1": many}); err != nil {
		t.Fatal(err)
	}
	nc := connect(t, n1.URL("APP"))
	own := ownAudit(t, nc, Options{Timeout: patient})
	got, err := own.Profiles(within(t), nc, []Suspect{{"APP", n1.ID(), "C1"}})
	if err != nil || fmt.Sprint(got[0].Profile.Read) != fmt.Sprintf("[%d 0 0]", many) || !got[0].Profile.Whole {
		t.Errorf("%+v, %v", got[0].Profile, err)
	}
}

// Where CONNZ is forbidden the counts stand and the profile says why it is not
// there.
func TestOwnProfileForbidden(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: func(_ int, o *natsserver.Options) {
		for _, u := range o.Users {
			if u.Account.Name == "APP" {
				u.Permissions = &natsserver.Permissions{Publish: &natsserver.SubjectPermission{Deny: []string{"$SYS.REQ.ACCOUNT.PING.CONNZ"}}}
			}
		}
	}}}, Accounts: []string{"APP"}})
	clients(t, l, "APP", map[string]int{"C1-n1": 3, "C1-n2": 1})
	nc := connect(t, l.Server("C1-n3").URL("APP"))
	own := ownAll(t, nc, 3)
	started := time.Now()
	got, err := own.Profiles(within(t), nc, []Suspect{{"APP", l.Server("C1-n1").ID(), "C1"}})
	if err != nil || got[0].Profile.Whole || got[0].Subscriptions != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	noteHas(t, got[0].Profile.Note, "0 of 4 connections were read", "may not be asked", "CONNZ")
	if time.Since(started) > long {
		t.Error("it waited for what is forbidden")
	}
}

// The connection moves to another server in the middle: it is left out there.
func TestOwnConnectionThatMoves(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("APP"))
	clients(t, l, "APP", map[string]int{"C1-n1": 2, "C1-n2": 3, "C1-n3": 0})
	nc := connect(t, l.Server("C1-n3").URL("APP")+","+l.Server("C1-n2").URL("APP"), nats.DontRandomize())
	moved := false
	own, err := Own(within(t), nc, "", nil, Options{Timeout: patient, Progress: func(p Progress) {
		if !moved && p.Reported == 3 {
			moved = true
			l.Server("C1-n3").Shutdown()
		}
	}})
	if err != nil || !moved {
		t.Fatalf("moved %v, %v", moved, err)
	}
	d := own.Deployment
	noted(t, d, "the connection was lost and came back")
	total := 0
	for _, n := range connections(d, "APP") {
		total += n
	}
	if len(d.Servers) != 2 || total != 5 {
		t.Errorf("%d servers, counts %v; want the clients alone", len(d.Servers), connections(d, "APP"))
	}
}

func FuzzDecodeOwn(f *testing.F) {
	for _, seed := range []string{
		`{"server":{"id":"N1","name":"n1","host":"h","cluster":"C"},"data":{"account_statz":[{"acc":"A","name":"A","conns":3,"leafnodes":1}]}}`,
		`{"server":{"id":"N1"},"data":{"account_statz":[]}}`,
		`{"server":{"id":"N1"},"data":{"account_statz":[{"acc":"A","conns":-3}]}}`,
		`{"server":{"id":"N1"},"error":{"code":400,"description":"no"}}`,
		`{"server":null,"data":null}`, `[]`, ``, `{"data":{"account_statz":[{"acc":"A","conns":4294967295}]}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		from, rows, err := decodeOwn([]byte(body))
		if err != nil {
			if rows != nil || err.Error() == "" {
				t.Errorf("rows %v next to error %v", rows, err)
			}
			return
		}
		if from.ID == "" || !json.Valid([]byte(body)) {
			t.Errorf("server %+v of %q", from, body)
		}
		for _, r := range rows {
			if usage, _, other := ownUsage([]ownRow{r}, "A"); usage.Connections > most || usage.Leafnodes > most || (other == "") != (r.ID == "A") {
				t.Errorf("%+v is %+v, %q", r, usage, other)
			}
		}
	})
}

// What can't be read leaves the server missing, and says why.
func TestDecodeOwnRefusals(t *testing.T) {
	t.Parallel()
	const server = `{"server":{"id":"N1"}`
	for body, want := range map[string]string{
		``:                     "it is malformed: unexpected end of JSON input",
		server + `}`:           "it has neither accounts nor an error",
		server + `,"data":{}}`: "it has neither accounts nor an error",
		`{"data":{}}`:          "it does not say which server it is from",
		server + `,"error":{"code":500,"description":"busy"}}`:                "it answered with error 500: busy",
		server + `,"data":{"account_statz":[{"conns":1}]}}`:                   "an account has no id",
		server + `,"data":{"account_statz":[{"acc":"A"}]}}`:                   "an account has no count of connections",
		server + `,"data":{"account_statz":[{"acc":"A","conns":100000001}]}}`: "it has a count that is no whole number from 0 to 100,000,000",
	} {
		if _, rows, err := decodeOwn([]byte(body)); err == nil || err.Error() != want || rows != nil {
			t.Errorf("%s: %v, %v; want %s", body, rows, err, want)
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
