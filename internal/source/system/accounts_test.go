package system

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// states are what servers know of an account, by name.
func states(d *checks.Deployment, on map[string]checks.AccountOn) string {
	var out []string
	for id, a := range on {
		i := slices.IndexFunc(d.Servers, func(s checks.Server) bool { return s.ID == id })
		if i < 0 {
			out = append(out, "nobody "+string(a.Usable))
			continue
		}
		out = append(out, d.Servers[i].Name+" "+string(a.Usable))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestAccountsOnACluster(t *testing.T) {
	t.Parallel()
	without := func(server int, account string) func(int, *natsserver.Options) {
		return func(i int, o *natsserver.Options) {
			if i == server {
				o.Accounts = slices.DeleteFunc(o.Accounts, func(a *natsserver.Account) bool { return a.Name == account })
				o.Users = slices.DeleteFunc(o.Users, func(u *natsserver.User) bool { return u.Account.Name == account })
			}
		}
	}
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{
		{Name: "C1", Servers: 3, Configure: without(2, "APP")},
		{Name: "C2", Servers: 2, Configure: without(0, "OTHER")},
	}, Accounts: []string{"APP", "OTHER", "dotted.name"}})
	nc := sourcetest.Connect(t, l.SystemURL())
	d := auditAll(t, nc, 5)
	app, other := source.Suspect{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}, source.Suspect{Account: "OTHER", Server: l.Server("C2-n1").ID(), Cluster: "C2"}
	nobody, dotted, nowhere := source.Suspect{Account: "NOBODY", Server: "", Cluster: "C2"}, source.Suspect{Account: "dotted.name", Server: "", Cluster: "C2"}, source.Suspect{Account: "APP", Server: "", Cluster: "NORTH"}
	started := time.Now()
	got := askAccounts(sourcetest.Within(t), nc, d, []source.Suspect{app, other, nobody, dotted, nowhere, app})
	if took := time.Since(started); took > sourcetest.Long/2 {
		t.Errorf("all answered, and it took %s", took)
	}
	for s, want := range map[source.Suspect]string{
		app: "C1-n1 yes, C1-n2 yes, C1-n3 no", other: "C2-n1 no, C2-n2 yes", nobody: "C2-n1 no, C2-n2 no",
		dotted: "C2-n1 unknown, C2-n2 unknown", nowhere: "",
	} {
		if states(d, got[s]) != want {
			t.Errorf("%s: %s, want %s", s.Account, states(d, got[s]), want)
		}
	}
	if on := got[app][l.Server("C1-n3").ID()]; on.Detail != "Account APP does not exist" {
		t.Errorf("detail %q", on.Detail)
	}
	if len(got) != 5 {
		t.Errorf("%d results for 5 suspects", len(got))
	}
	nc.Close()
	if on := askAccounts(sourcetest.Within(t), nc, d, []source.Suspect{other})[other]; states(d, on) != "C2-n1 unknown, C2-n2 unknown" || !strings.Contains(on[l.Server("C2-n1").ID()].Detail, "closed") {
		t.Errorf("%+v", on)
	}
}

func TestAccountsOnServersThatGoWrong(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, truth := modelOf(f), f.Truth()
	nc := sourcetest.Connect(t, f.URL())
	cluster := truth.Clusters[1]
	of, _ := suspectsOf(f, cluster)
	f.Silence(faulty, fleet.Info)
	f.Garble(faulty+1, fleet.Info, fleet.GarbleError)
	f.Garble(faulty+2, fleet.Info, fleet.GarbleNoServer)
	f.Garble(faulty+3, fleet.Info, fleet.GarbleBomb)
	f.AnswerTwice(faulty+4, fleet.Info)
	ctx, cancel := context.WithTimeout(sourcetest.Within(t), 2*sourcetest.Patient())
	defer cancel()
	got := askAccounts(ctx, nc, d, of[:3])
	for _, s := range of[:3] {
		for i, server := range truth.Servers {
			on, asked := got[s][server.ID]
			switch want := checks.Yes; {
			case asked != (server.Cluster == cluster):
				t.Errorf("%s: asked %v", server.Name, asked)
			case !asked:
			case i >= faulty && i < faulty+4:
				want = checks.Unknown
				fallthrough
			default:
				// In a fleet accounts are as in operator mode: those that a server
				// does not know may only not be loaded.
				if on.Usable != want && (on.Usable != checks.Unknown || !strings.Contains(on.Detail, "has not loaded")) {
					t.Errorf("%s on %s: %+v, want %s", s.Account, server.Name, on, want)
				}
			}
		}
		if on := got[s][truth.Servers[faulty].ID]; on.Detail != "it did not answer in time" {
			t.Errorf("%+v", on)
		}
		if on := got[s][truth.Servers[faulty+1].ID]; !strings.Contains(on.Detail, "simulated failure") {
			t.Errorf("%+v", on)
		}
	}
}

func TestForbiddenAccountsEndAtOnce(t *testing.T) {
	t.Parallel()
	topology := limited(deny([]string{"$SYS.REQ.ACCOUNT.*.INFO"}, nil))
	topology.Accounts = []string{"APP", "OTHER"}
	l := sourcetest.StartLab(t, topology)
	d := auditAll(t, sourcetest.Connect(t, l.SystemURL()), 3)
	of := []source.Suspect{{Account: "APP", Server: "", Cluster: "C1"}, {Account: "OTHER", Server: "", Cluster: "C1"}}
	started := time.Now()
	got := askAccounts(sourcetest.Within(t), sourcetest.Connect(t, limitedURL(l.Server("C1-n1"))), d, of)
	if took := time.Since(started); took > sourcetest.Long/2 {
		t.Errorf("it was refused at once, and took %s", took)
	}
	for _, s := range of {
		for id, on := range got[s] {
			if on.Usable != checks.Unknown || !strings.Contains(on.Detail, "not allowed to ask: ") {
				t.Errorf("%s on %s: %+v", s.Account, id, on)
			}
		}
	}
}

// must takes what can't fail in a test.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// TestAccountsInOperatorMode: a server loads an account when it first needs it.
// That it does not know one is no proof that it could not.
func TestAccountsInOperatorMode(t *testing.T) {
	t.Parallel()
	operator := must(nkeys.CreateOperator())
	claims := jwt.NewOperatorClaims(must(operator.PublicKey()))
	key := map[string]nkeys.KeyPair{"SYS": must(nkeys.CreateAccount()), "APP": must(nkeys.CreateAccount())}
	id := map[string]string{}
	resolver := &natsserver.MemAccResolver{}
	for name, k := range key {
		id[name] = must(k.PublicKey())
		account := jwt.NewAccountClaims(id[name])
		account.Name = name
		if err := resolver.Store(id[name], must(account.Encode(operator))); err != nil {
			t.Fatal(err)
		}
	}
	claims.SystemAccount = id["SYS"]
	must(claims.Encode(operator))
	var servers []*natsserver.Server
	d := &checks.Deployment{}
	for i := range 2 {
		o := &natsserver.Options{ServerName: fmt.Sprintf("n%d", i+1), Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true,
			TrustedOperators: []*jwt.OperatorClaims{claims}, AccountResolver: resolver, SystemAccount: id["SYS"],
			Cluster: natsserver.ClusterOpts{Name: "C1", Host: "127.0.0.1", Port: -1}}
		if i > 0 {
			o.Routes = []*url.URL{{Scheme: "nats", Host: servers[0].ClusterAddr().String()}}
		}
		s := must(natsserver.NewServer(o))
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(sourcetest.Long) {
			t.Fatal("the server does not start")
		}
		servers = append(servers, s)
		d.Servers = append(d.Servers, checks.Server{ID: s.ID(), Name: s.Name(), Cluster: "C1"})
	}
	for servers[0].TrackedRemoteServers() < 1 || servers[1].TrackedRemoteServers() < 1 {
		select {
		case <-sourcetest.Within(t).Done():
			t.Fatal("the servers do not know each other")
		case <-time.After(5 * time.Millisecond):
		}
	}
	as := func(s *natsserver.Server, account string) *nats.Conn {
		user := must(nkeys.CreateUser())
		claims := jwt.NewUserClaims(must(user.PublicKey()))
		claims.Tags.Add("az:a", "team:"+account)
		token := must(claims.Encode(key[account]))
		return sourcetest.Connect(t, s.ClientURL(), nats.UserJWTAndSeed(token, string(must(user.Seed()))))
	}
	nc := as(servers[0], "SYS")
	of := source.Suspect{Account: id["APP"], Server: servers[0].ID(), Cluster: "C1"}
	known := func(want string) {
		t.Helper()
		// Interest in subjects takes a moment to spread to a new peer.
		for ctx := sourcetest.Within(t); ; {
			short, cancel := context.WithTimeout(ctx, time.Second)
			got := askAccounts(short, nc, d, []source.Suspect{of})[of]
			cancel()
			if states(d, got) == want {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("%s, want %s: %+v", states(d, got), want, got)
			}
		}
	}
	heard := func(i int, detail string) {
		t.Helper()
		if on := askAccounts(sourcetest.Within(t), nc, d, []source.Suspect{of})[of][servers[i].ID()]; !strings.Contains(on.Detail, detail) {
			t.Errorf("%+v, want %q", on, detail)
		}
	}
	known("n1 unknown, n2 unknown")
	heard(0, "has not loaded")
	as(servers[0], "APP")
	known("n1 yes, n2 unknown")
	heard(1, "has not loaded") // asking does not load it
	as(servers[1], "APP")
	known("n1 yes, n2 yes")

	d.Accounts = []checks.Account{{ID: id["APP"], Name: "APP"}}
	for i := range d.Servers {
		d.Servers[i].Usage = []checks.Usage{{Connections: 1}}
	}
	reports, err := readProfiles(sourcetest.Within(t), nc, d, []source.Suspect{of})
	if err != nil {
		t.Fatal(err)
	}
	p := reports[0].Profile
	sourcetest.Expect(t, "tags", sourcetest.Counts(p.Tags), map[string]string{"az:a": "[1 1]", "team:app": "[1 1]"})
	if len(p.Users) != 2 || !nkeys.IsValidPublicUserKey(p.Users[0].Key) {
		t.Errorf("users %+v", p.Users)
	}
}
