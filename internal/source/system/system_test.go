package system

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
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
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

func wantCounts(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestThreeServersWithKnownCounts(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS", "BILLING", "IDLE"))
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 7, "C1-n2": 1, "C1-n3": 0})
	if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "BILLING", Server: l.Server("C1-n2"), Count: 40, Lang: "python3"}); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(sourcetest.Within(t), "BILLING", map[string]int{"C1-n1": 0, "C1-n2": 40, "C1-n3": 0}); err != nil {
		t.Fatal(err)
	}
	d := auditAll(t, sourcetest.Connect(t, l.SystemURL()), 3)
	wantCounts(t, "ORDERS", sourcetest.Connections(d, "ORDERS"), map[string]int{"C1/C1-n1": 7, "C1/C1-n2": 1, "C1/C1-n3": 0})
	wantCounts(t, "BILLING", sourcetest.Connections(d, "BILLING"), map[string]int{"C1/C1-n1": 0, "C1/C1-n2": 40, "C1/C1-n3": 0})
	for _, a := range d.Accounts {
		if a.ID == "IDLE" {
			t.Error("an account without a connection is in the model")
		}
	}
	for _, s := range l.Servers() {
		got := sourcetest.ServerOf(d, s.Name())
		if got == nil || got.ID != s.ID() || got.Host != s.Host() || got.Cluster != "C1" || time.Since(got.Start) > time.Hour || got.Start.IsZero() {
			t.Errorf("server %s is %+v", s.Name(), got)
		}
	}
}

func TestLeafnodesAreNoClients(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("APP")
	// The leaf has a system of its own: all that the hub sees is the leafnode.
	topology.Leafs = []lab.Leaf{{Cluster: lab.Cluster{Servers: 1, ServerNames: []string{"own"}}, Hub: "C1-n2", Accounts: []string{"APP"}, OwnSystem: true}}
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 2})
	d := auditAll(t, sourcetest.Connect(t, l.SystemURL()), 3)
	wantCounts(t, "connections", sourcetest.Connections(d, "APP"), map[string]int{"C1/C1-n1": 2, "C1/C1-n2": 0, "C1/C1-n3": 0})
	wantCounts(t, "leafnodes", sourcetest.Leafnodes(d, "APP"), map[string]int{"C1/C1-n1": 0, "C1/C1-n2": 1, "C1/C1-n3": 0})
}

func TestAuditorIsNotCounted(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three())
	nc := sourcetest.Connect(t, l.Server("C1-n1").URL(lab.SystemAccount))
	d := auditAll(t, nc, 3)
	if got := sourcetest.ServerOf(d, "C1-n1").Usage; len(got) > 0 {
		t.Errorf("nobody but the auditor is connected, and the server has %v", got)
	}
	// Another user of the system account, on the same server and elsewhere.
	if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: lab.SystemAccount, Server: l.Server("C1-n1"), Count: 1}); err != nil {
		t.Fatal(err)
	}
	sourcetest.Clients(t, l, lab.SystemAccount, map[string]int{"C1-n3": 1})
	d = auditAll(t, nc, 3)
	wantCounts(t, "system account", sourcetest.Connections(d, lab.SystemAccount), map[string]int{"C1/C1-n1": 1, "C1/C1-n2": 0, "C1/C1-n3": 1})
	if got := sourcetest.SystemAccounts(d); !slices.Equal(got, []string{lab.SystemAccount}) {
		t.Errorf("system accounts %v", got)
	}
}

func TestSuperclusterKeepsClustersApart(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "EAST", Servers: 2}, {Name: "WEST", Servers: 2}}, Accounts: []string{"APP"}})
	sourcetest.Clients(t, l, "APP", map[string]int{"EAST-n1": 3, "WEST-n2": 5})
	d := auditAll(t, sourcetest.Connect(t, l.SystemURL()), 4)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"EAST/EAST-n1": 3, "EAST/EAST-n2": 0, "WEST/WEST-n1": 0, "WEST/WEST-n2": 5})
}

func TestServerWithoutCluster(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}, Accounts: []string{"APP"}})
	sourcetest.Clients(t, l, "APP", map[string]int{"n1": 3})
	d := auditAll(t, sourcetest.Connect(t, l.SystemURL()), 1)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"n1": 3})
}

func TestLeafServersShareTheSystemAccount(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{
		Clusters: []lab.Cluster{{Name: "HUB", Servers: 2}},
		Accounts: []string{"APP"},
		Leafs: []lab.Leaf{
			// A server of the leaf cluster has the name of one of the hub.
			{Cluster: lab.Cluster{Name: "LEAF", Servers: 2, ServerNames: []string{"HUB-n1"}}, Hub: "HUB", Accounts: []string{"APP"}},
			{Cluster: lab.Cluster{Servers: 1, ServerNames: []string{"edge"}}, Hub: "HUB", Accounts: []string{"APP"}},
		},
	})
	sourcetest.Clients(t, l, "APP", map[string]int{"HUB/HUB-n1": 1, "HUB/HUB-n2": 2, "LEAF/HUB-n1": 3, "LEAF/LEAF-n2": 4, "edge": 5})
	want := map[string]int{"HUB/HUB-n1": 1, "HUB/HUB-n2": 2, "LEAF/HUB-n1": 3, "LEAF/LEAF-n2": 4, "edge/edge": 5}
	for _, at := range []string{"HUB/HUB-n2", "LEAF/HUB-n1", "edge"} {
		d := auditAll(t, sourcetest.Connect(t, l.Server(at).URL(lab.SystemAccount)), 5)
		wantCounts(t, "APP, asked at "+at, sourcetest.Connections(d, "APP"), want)
	}
}

func TestServerStoppedBefore(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 1, "C1-n2": 2})
	l.Server("C1-n3").Shutdown()
	if err := l.WaitReady(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	d := auditAll(t, sourcetest.Connect(t, l.SystemURL()), 2)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"C1/C1-n1": 1, "C1/C1-n2": 2})
}

func TestLateServerIsSeenOnceItIsThere(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("APP")
	topology.Clusters[0].Late = []int{2}
	l := sourcetest.StartLab(t, topology)
	nc := sourcetest.Connect(t, l.SystemURL())
	auditAll(t, nc, 2)
	if err := l.Server("C1-n3").Start(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n3": 4})
	d := auditAll(t, nc, 3)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"C1/C1-n1": 0, "C1/C1-n2": 0, "C1/C1-n3": 4})
}

func TestOrdinaryAccountIsToldSo(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	for _, c := range []struct {
		name     string
		listener string // what another client of the account is subscribed to
		timeout  time.Duration
		atOnce   bool
	}{
		{"alone", "orders.*", sourcetest.Long, true},
		// Someone listens to everything, so that the server does not say that
		// nobody does. Each server still reports this one account.
		{"with a listener to everything", ">", sourcetest.Brief(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := sourcetest.Connect(t, l.Server("C1-n1").URL("APP"))
			if _, err := other.SubscribeSync(c.listener); err != nil {
				t.Fatal(err)
			}
			if err := other.Flush(); err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			d, err := gather(sourcetest.Within(t), sourcetest.Connect(t, l.Server("C1-n1").URL("APP")), source.Options{Timeout: c.timeout})
			var not *NotSystemAccountError
			if !errors.As(err, &not) || not.Account != "APP" || !strings.Contains(err.Error(), `"APP"`) {
				t.Fatalf("%v, %v; want that it is account APP", d, err)
			}
			if took := time.Since(started); c.atOnce && took > c.timeout/2 {
				t.Errorf("it took %s to find out", took)
			}
			other.Close()
		})
	}
}

// limited is a cluster with a user "limited" of the system account with these
// permissions.
func limited(p natsserver.Permissions) lab.Topology {
	topology := sourcetest.Three("APP")
	topology.Clusters[0].Configure = func(_ int, o *natsserver.Options) {
		o.Users = append(o.Users, &natsserver.User{Username: "limited", Password: lab.Password, Account: o.Accounts[0], Permissions: &p})
	}
	return topology
}

func limitedURL(s *lab.Server) string {
	return fmt.Sprintf("nats://limited:%s@%s", lab.Password, s.Addr())
}

func deny(publish, subscribe []string) natsserver.Permissions {
	return natsserver.Permissions{Publish: &natsserver.SubjectPermission{Deny: publish}, Subscribe: &natsserver.SubjectPermission{Deny: subscribe}}
}

func TestMissingPermissionIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		p    natsserver.Permissions
		want string
	}{
		"publish report": {deny([]string{sysreq.AccountStatz}, nil), sysreq.AccountStatz},
		"publish roster": {deny([]string{sysreq.Statsz}, nil), sysreq.Statsz},
		"publish":        {deny([]string{">"}, nil), "Publish"},
		"subscribe":      {deny(nil, []string{"_INBOX.>"}), "Subscription to \"_INBOX."},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := sourcetest.StartLab(t, limited(c.p))
			started := time.Now()
			d, err := gather(sourcetest.Within(t), sourcetest.Connect(t, limitedURL(l.Server("C1-n1"))), source.Options{Timeout: sourcetest.Long})
			var forbidden *sysreq.PermissionError
			if !errors.As(err, &forbidden) || !strings.Contains(forbidden.Violation, c.want) {
				t.Fatalf("%v, %v; want a missing permission for %s", d, err, c.want)
			}
			if took := time.Since(started); took > sourcetest.Long/2 {
				t.Errorf("it took %s to find out", took)
			}
		})
	}
}

func TestWithoutUserInfoAndVarz(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, limited(deny([]string{sysreq.UserInfo, "$SYS.REQ.SERVER.*.VARZ"}, nil)))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 3})
	// The idle servers are asked for a report again, with what is unused.
	d := audit(t, sourcetest.Connect(t, limitedURL(l.Server("C1-n1"))), source.Options{Timeout: sourcetest.Patient()})
	sourcetest.Complete(t, d, 3)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"C1/C1-n1": 3, "C1/C1-n2": 0, "C1/C1-n3": 0})
	sourcetest.Noted(t, d, "neither the server nor the user says which one the system account is")
	sourcetest.Noted(t, d, "not allowed to ask servers for their VARZ")
	if got := sourcetest.SystemAccounts(d); len(got) > 0 {
		t.Errorf("system accounts %v: which one it is can't be known", got)
	}
}

func TestErrorHandlerIsGivenBack(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, limited(deny([]string{"$SYS.REQ.SERVER.*.VARZ", "forbidden"}, nil)))
	told := make(chan error, 100)
	nc := sourcetest.Connect(t, limitedURL(l.Server("C1-n1")), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
	audit(t, nc, source.Options{Timeout: sourcetest.Brief()})
	if len(told) > 0 {
		t.Errorf("the handler of the connection was told %v, which is a note of the audit", <-told)
	}
	if err := nc.Publish("forbidden", nil); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-told:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Error(err)
		}
	case <-sourcetest.Within(t).Done():
		t.Error("after the audit, the handler of the connection is told nothing")
	}
	if n := nc.NumSubscriptions(); n > 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

func TestProgressAndTrace(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	f.AnswerTwice(0, fleet.All)
	nc := sourcetest.Connect(t, f.URL())
	var last source.Progress
	var over atomic.Bool
	var lines atomic.Int64
	o := source.Options{Timeout: sourcetest.Long,
		Progress: func(p source.Progress) {
			if p.Reported < last.Reported || p.Expected < last.Expected || p.Bytes < last.Bytes || p.Reported > p.Expected {
				t.Errorf("progress %+v after %+v", p, last)
			}
			last = p
		},
		Trace: func(string, ...any) {
			lines.Add(1)
			if over.Load() {
				t.Error("a trace came after the end")
			}
		}}
	for range 6 {
		last = source.Progress{}
		over.Store(false)
		audit(t, nc, o)
		over.Store(true)
		if n := smallFleet.Servers + 1; last.Expected != n || last.Reported != n || last.Bytes == 0 {
			t.Errorf("at the end, progress is %+v", last)
		}
	}
	if lines.Load() == 0 {
		t.Error("nothing was traced")
	}
}

// operatorMode starts a server in operator mode with three clients. It returns
// the ids of its system account and of an ordinary one, and a user of each.
func operatorMode(t *testing.T) (url, system, app string, systemUser, appUser nats.Option) {
	t.Helper()
	key := func(make func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		k, err := make()
		if err != nil {
			t.Fatal(err)
		}
		public, err := k.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return k, public
	}
	signed := func(c jwt.Claims, by nkeys.KeyPair) string {
		token, err := c.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	operator, operatorID := key(nkeys.CreateOperator)
	oc := jwt.NewOperatorClaims(operatorID)
	sys, system := key(nkeys.CreateAccount)
	oc.SystemAccount = system
	ordinary, app := key(nkeys.CreateAccount)
	resolver := &natsserver.MemAccResolver{}
	for name, id := range map[string]string{"THE SYSTEM": system, "orders & more": app} {
		c := jwt.NewAccountClaims(id)
		c.Name = name
		if err := resolver.Store(id, signed(c, operator)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := natsserver.NewServer(&natsserver.Options{ServerName: "op", Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, AuthTimeout: sourcetest.Long.Seconds(),
		TrustedOperators: []*jwt.OperatorClaims{oc}, SystemAccount: system, AccountResolver: resolver})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	user := func(account nkeys.KeyPair) nats.Option {
		u, id := key(nkeys.CreateUser)
		token := signed(jwt.NewUserClaims(id), account)
		return nats.UserJWT(func() (string, error) { return token, nil }, u.Sign)
	}
	for range 3 {
		sourcetest.Connect(t, s.ClientURL(), user(ordinary))
	}
	return s.ClientURL(), system, app, user(sys), user(ordinary)
}

func TestOperatorMode(t *testing.T) {
	t.Parallel()
	url, system, app, systemUser, appUser := operatorMode(t)
	sourcetest.Connect(t, url, systemUser) // another one of the system account
	d := auditAll(t, sourcetest.Connect(t, url, systemUser), 1)
	want := []checks.Account{{ID: system, Name: "THE SYSTEM", System: true}, {ID: app, Name: "orders & more"}}
	for _, a := range want {
		if !slices.Contains(d.Accounts, a) {
			t.Errorf("accounts %+v are without %+v", d.Accounts, a)
		}
	}
	wantCounts(t, "the account", sourcetest.Connections(d, app), map[string]int{"op": 3})
	wantCounts(t, "the system account", sourcetest.Connections(d, system), map[string]int{"op": 1})

	_, err := gather(sourcetest.Within(t), sourcetest.Connect(t, url, appUser), source.Options{Timeout: sourcetest.Long})
	var not *NotSystemAccountError
	if !errors.As(err, &not) || not.Account != app || not.Name != "orders & more" || !strings.Contains(err.Error(), `"orders & more"`) {
		t.Errorf("%v; want that it is account %s, called orders & more", err, app)
	}
}
