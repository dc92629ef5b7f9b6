package account

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// ownAudit gathers what an account sees of itself and makes sure that the model
// makes sense in itself.
func ownAudit(t testing.TB, nc *nats.Conn, o source.Options, told ...address) *view {
	t.Helper()
	own, err := gather(sourcetest.Within(t), nc, "", told, nil, o)
	if err != nil {
		t.Fatalf("Own: %v", err)
	}
	sourcetest.MakesSense(t, own.deployment)
	sourcetest.Noted(t, own.deployment, "can't know how many servers there are")
	return own
}

// ownAll is ownAudit where all answer and nothing is to be remarked.
func ownAll(t testing.TB, nc *nats.Conn, servers int) *view {
	t.Helper()
	own := ownAudit(t, nc, source.Options{Timeout: sourcetest.Patient()})
	sourcetest.Complete(t, own.deployment, servers)
	if len(own.deployment.Notes) != 1 {
		t.Errorf("notes %q, want one", own.deployment.Notes)
	}
	return own
}

// gone closes a connection and waits until no server counts it.
func gone(t testing.TB, l *lab.Lab, nc *nats.Conn, account string, left map[string]int) {
	t.Helper()
	nc.Close()
	if err := l.WaitCounts(sourcetest.Within(t), account, left); err != nil {
		t.Fatal(err)
	}
}

func TestOwnCountsEqualTheSystemAccounts(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}, {Name: "C2", Servers: 2}}, Accounts: []string{"APP", "OTHER", "IDLE"}})
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 9, "C1-n2": 1, "C2-n2": 4})
	sourcetest.Clients(t, l, "OTHER", map[string]int{"C1-n1": 3, "C2-n1": 3})
	system := systemModel(t, sourcetest.Connect(t, l.SystemURL()), 5)

	for _, at := range []string{"C1-n1", "C1-n3", "C2-n1"} {
		nc := sourcetest.Connect(t, l.Server(at).URL("APP"))
		own := ownAll(t, nc, 5)
		gone(t, l, nc, "APP", map[string]int{"C1-n1": 9, "C1-n2": 1, "C1-n3": 0, "C2-n1": 0, "C2-n2": 4})
		if own.account != (checks.Account{ID: "APP", Name: "APP"}) || !slices.Equal(own.deployment.Accounts, []checks.Account{own.account}) {
			t.Errorf("through %s: account %+v of %+v", at, own.account, own.deployment.Accounts)
		}
		if got, want := sourcetest.Connections(own.deployment, "APP"), sourcetest.Connections(system, "APP"); !maps.Equal(got, want) {
			t.Errorf("through %s: %v, the system account sees %v", at, got, want)
		}
		for _, s := range own.deployment.Servers {
			if on := own.on[s.ID]; on.Usable != checks.Yes {
				t.Errorf("through %s: %s knows the account: %+v", at, s.Name, on)
			}
			if !s.Start.IsZero() || s.Details != nil || s.MaxConnections != nil || s.Host != "127.0.0.1" {
				t.Errorf("%+v: an account is told none of that", s)
			}
		}
		want := checks.CheckConcentration(system, checks.Parameters{ThresholdPercent: 70, MinServers: 3, MinConnections: 10, ReviewPercent: 50, Accounts: []string{"APP"}})
		got := checks.CheckConcentration(own.deployment, checks.Defaults())
		if len(got.Findings) != 1 || len(want.Findings) != 1 {
			t.Fatalf("through %s: findings %+v, want %+v", at, got.Findings, want.Findings)
		}
		g, w := got.Findings[0], want.Findings[0]
		if g.Account != w.Account || g.Server != w.Server || g.Cluster != w.Cluster || g.Connections != w.Connections || g.OnServer != w.OnServer || g.Chance != w.Chance {
			t.Errorf("through %s: finding %+v, want %+v", at, g, w)
		}
	}
	if own := ownAll(t, sourcetest.Connect(t, l.Server("C1-n1").URL("IDLE")), 5); len(checks.CheckConcentration(own.deployment, checks.Defaults()).Findings) != 0 {
		t.Errorf("an account without connections but the audit's: %+v", own.deployment)
	}
}

// The audit's own connection is not one of ten.
func TestOwnConnectionIsLeftOutAtTheThreshold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		clients, through string
		on               map[string]int
		findings         int
	}{
		{"nine and the audit's", "C1-n1", map[string]int{"C1-n1": 9}, 0},
		{"ten and the audit's", "C1-n1", map[string]int{"C1-n1": 10}, 1},
		{"seven of ten and the audit's there", "C1-n1", map[string]int{"C1-n1": 7, "C1-n2": 3}, 0},
		{"eight of eleven less the audit's elsewhere", "C1-n2", map[string]int{"C1-n1": 8, "C1-n2": 2}, 1},
	} {
		t.Run(test.clients, func(t *testing.T) {
			t.Parallel()
			l := sourcetest.StartLab(t, sourcetest.Three("APP"))
			sourcetest.Clients(t, l, "APP", test.on)
			own := ownAll(t, sourcetest.Connect(t, l.Server(test.through).URL("APP")), 3)
			want := map[string]int{"C1/C1-n1": test.on["C1-n1"], "C1/C1-n2": test.on["C1-n2"], "C1/C1-n3": 0}
			if got := sourcetest.Connections(own.deployment, "APP"); !maps.Equal(got, want) {
				t.Errorf("counts %v, want %v", got, want)
			}
			if got := checks.CheckConcentration(own.deployment, checks.Defaults()); len(got.Findings) != test.findings {
				t.Errorf("findings %+v, want %d", got.Findings, test.findings)
			}
		})
	}
}

// Servers behind a leafnode that carries the account answer through it and
// through the system account: each counts once.
func TestOwnBehindLeafnodes(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{
		Clusters: []lab.Cluster{{Name: "C1", Servers: 3}},
		Leafs: []lab.Leaf{
			{Cluster: lab.Cluster{Name: "L", Servers: 2}, Hub: "C1", Accounts: []string{"APP"}},
			{Cluster: lab.Cluster{Name: "F", Servers: 1}, Hub: "C1", Accounts: []string{"APP"}, OwnSystem: true},
		},
		Accounts: []string{"APP"},
	})
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 5, "L-n1": 2, "F-n1": 3})
	for _, at := range []string{"C1-n2", "L-n1"} {
		nc := sourcetest.Connect(t, l.Server(at).URL("APP"))
		own := ownAudit(t, nc, source.Options{Timeout: sourcetest.Patient()})
		gone(t, l, nc, "APP", map[string]int{"C1-n1": 5, "C1-n2": 0, "L-n1": 2, "F-n1": 3})
		sourcetest.Complete(t, own.deployment, 6)
		want := map[string]int{"C1/C1-n1": 5, "C1/C1-n2": 0, "C1/C1-n3": 0, "L/L-n1": 2, "L/L-n2": 0, "F/F-n1": 3}
		if got := sourcetest.Connections(own.deployment, "APP"); !maps.Equal(got, want) {
			t.Errorf("through %s: counts %v, want %v", at, got, want)
		}
		hub := 0
		for name, n := range sourcetest.Leafnodes(own.deployment, "APP") {
			if strings.HasPrefix(name, "C1/") {
				hub += n
			}
		}
		if hub != 3 {
			t.Errorf("through %s: %d leafnodes on the hub, want 3", at, hub)
		}
	}
}

// A leaf's own account, which is bound to this one, is another account.
func TestOwnBehindALeafnodeOfAnotherAccount(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{
		Clusters: []lab.Cluster{{Name: "C1", Servers: 3}},
		Leafs: []lab.Leaf{{Cluster: lab.Cluster{Name: "E", Servers: 1, Configure: func(_ int, o *natsserver.Options) {
			for _, r := range o.LeafNode.Remotes {
				if r.LocalAccount == "APP" {
					r.LocalAccount = "EDGE"
				}
			}
		}}, Hub: "C1", Accounts: []string{"APP"}, OwnSystem: true}},
		Accounts: []string{"APP", "EDGE"},
	})
	sourcetest.Clients(t, l, "EDGE", map[string]int{"E-n1": 12})
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 2})
	own := ownAudit(t, sourcetest.Connect(t, l.Server("C1-n2").URL("APP")), source.Options{Timeout: sourcetest.Patient()})
	sourcetest.Complete(t, own.deployment, 4)
	want := map[string]int{"C1/C1-n1": 2, "C1/C1-n2": 0, "C1/C1-n3": 0, "E/E-n1": 0}
	if got := sourcetest.Connections(own.deployment, "APP"); own.account.ID != "APP" || !maps.Equal(got, want) {
		t.Errorf("account %v, counts %v, want %v", own.account, got, want)
	}
	sourcetest.Noted(t, own.deployment, `which does not count: E-n1 in cluster E for "EDGE"`)
	if on := own.on[l.Server("E-n1").ID()]; on.Usable != checks.Unknown {
		t.Errorf("whether E-n1 knows APP: %+v", on)
	}
}

func TestOwnOfServersWithoutAccounts(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}, Accounts: []string{"$G"}})
	own := ownAudit(t, sourcetest.Connect(t, l.Servers()[0].URL("$G")), source.Options{Timeout: sourcetest.Patient()})
	sourcetest.Complete(t, own.deployment, 1)
	sourcetest.Noted(t, own.deployment, "the credentials are of $G")
	if own.account.ID != "$G" || len(own.deployment.Servers[0].Usage) != 0 {
		t.Errorf("%+v", own)
	}
}

// Any client of the account can answer in a server's name. What differs from the
// server's own answer is believed as little as that.
func TestOwnOfAClientThatAnswersForAServer(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string][]string{
		"once": {""}, "twice": {"", ""}, "and to what nobody asked": {"", "999"}, "before and after": {"7", "", "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := sourcetest.StartLab(t, sourcetest.Three("APP"))
			sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 3})
			liar := sourcetest.Connect(t, l.Server("C1-n1").URL("APP"))
			if _, err := liar.Subscribe(sysreq.AccountStatz, func(m *nats.Msg) {
				for _, tag := range tags {
					to := m.Reply
					if tag != "" {
						to = to[:strings.LastIndexByte(to, '.')+1] + tag
					}
					_ = liar.Publish(to, []byte(`{"server":{"id":"`+l.Server("C1-n2").ID()+`","name":"C1-n2","host":"127.0.0.1","cluster":"C1"},`+sourcetest.Statz(sourcetest.Account("APP", 9, 0))+"}"))
				}
			}); err != nil {
				t.Fatal(err)
			}
			if err := liar.Flush(); err != nil {
				t.Fatal(err)
			}
			own := ownAudit(t, sourcetest.Connect(t, l.Server("C1-n1").URL("APP")), source.Options{Timeout: sourcetest.Patient()})
			if m := sourcetest.OnlyMissing(t, own.deployment, "C1", "C1-n2", "two answers in its name differ"); m.Kind != checks.Contradiction {
				t.Errorf("missing %+v", m)
			}
		})
	}
}

// A server that lacks the account says so.
func TestOwnKnowsWhoLacksTheAccount(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: func(i int, o *natsserver.Options) {
		if i == 2 {
			o.Accounts = slices.DeleteFunc(o.Accounts, func(a *natsserver.Account) bool { return a.Name == "APP" })
			o.Users = slices.DeleteFunc(o.Users, func(u *natsserver.User) bool { return u.Account.Name == "APP" })
		}
	}}}, Accounts: []string{"APP"}})
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 3})
	own := ownAll(t, sourcetest.Connect(t, l.Server("C1-n2").URL("APP")), 3)
	for name, want := range map[string]checks.Answer{"C1-n1": checks.Yes, "C1-n2": checks.Yes, "C1-n3": checks.No} {
		if on := own.on[l.Server(name).ID()]; on.Usable != want || on.Detail == "" {
			t.Errorf("%s: %+v, want %v", name, on, want)
		}
	}
}

func TestOwnServersThatClientsAreToldOf(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 12})
	nc := sourcetest.Connect(t, l.Server("C1-n1").URL("APP"))
	var all []address
	for _, s := range l.Servers() {
		all = append(all, address{checked: true, at: s.Addr(), id: s.ID(), name: s.Name(), cluster: "C1"})
	}
	sourcetest.Complete(t, ownAudit(t, nc, source.Options{Timeout: sourcetest.Patient()}, all...).deployment, 3)

	for reason, more := range map[string]address{
		"it greets there":                          {checked: true, at: "127.0.0.1:1", id: "NX", name: "n4", cluster: "C1"},
		"it accepts connections there":             {checked: true, at: "127.0.0.1:1", hangs: true},
		"no server that answered is there":         {checked: true, at: "10.9.9.9:4222"},
		"no server that answered is there within ": {checked: true, at: "n4.example:4222"},
	} {
		t.Run(more.at+reason, func(t *testing.T) {
			t.Parallel()
			d := ownAudit(t, nc, source.Options{Timeout: sourcetest.Brief()}, append(slices.Clone(all), more, more)[:4]...).deployment
			name := more.name
			if name == "" {
				name = more.at
			}
			sourcetest.OnlyMissing(t, d, "C1", name, reason, more.at, "asked")
			if got := checks.CheckConcentration(d, checks.Defaults()); got.Outcome != checks.OutcomeIncomplete {
				t.Errorf("outcome %v", got.Outcome)
			}
		})
	}
}

func TestOwnErrors(t *testing.T) {
	t.Parallel()
	denied := func(change func(*natsserver.Permissions)) func(int, *natsserver.Options) {
		return func(_ int, o *natsserver.Options) {
			for _, u := range o.Users {
				if u.Account.Name == "APP" {
					u.Permissions = &natsserver.Permissions{Publish: &natsserver.SubjectPermission{}, Subscribe: &natsserver.SubjectPermission{}}
					change(u.Permissions)
				}
			}
		}
	}
	for name, test := range map[string]struct {
		configure func(int, *natsserver.Options)
		is        func(error) bool
	}{
		"may not publish": {denied(func(p *natsserver.Permissions) { p.Publish.Allow = []string{"orders.>"} }), func(err error) bool {
			var e *sysreq.PermissionError
			return errors.As(err, &e) && strings.Contains(e.Violation, sysreq.AccountStatz)
		}},
		"may not subscribe": {denied(func(p *natsserver.Permissions) { p.Subscribe.Allow = []string{"orders.>"} }), func(err error) bool {
			var e *sysreq.PermissionError
			return errors.As(err, &e) && strings.Contains(e.Violation, "_INBOX")
		}},
		"nobody listens": {func(_ int, o *natsserver.Options) {
			o.SystemAccount, o.NoSystemAccount = "", true
			o.Accounts = slices.DeleteFunc(o.Accounts, func(a *natsserver.Account) bool { return a.Name == lab.SystemAccount })
			o.Users = slices.DeleteFunc(o.Users, func(u *natsserver.User) bool { return u.Account.Name == lab.SystemAccount })
		}, func(err error) bool {
			var e *NoServiceError
			return errors.As(err, &e)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "nobody listens" {
				s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, NoSystemAccount: true})
				if err != nil {
					t.Fatal(err)
				}
				s.Start()
				t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
				if _, err := gather(sourcetest.Within(t), sourcetest.Connect(t, s.ClientURL()), "", nil, nil, source.Options{Timeout: sourcetest.Long}); !test.is(err) {
					t.Errorf("%v", err)
				}
				return
			}
			l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1, Configure: test.configure}}, Accounts: []string{"APP"}})
			if _, err := gather(sourcetest.Within(t), sourcetest.Connect(t, l.Servers()[0].URL("APP")), "", nil, nil, source.Options{Timeout: sourcetest.Long}); !test.is(err) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("the system account", func(t *testing.T) {
		t.Parallel()
		l := sourcetest.StartLab(t, sourcetest.Three("APP"))
		var e *SystemUserError
		if _, err := gather(sourcetest.Within(t), sourcetest.Connect(t, l.SystemURL()), "", nil, nil, source.Options{Timeout: sourcetest.Patient()}); !errors.As(err, &e) {
			t.Errorf("%v", err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		var e *source.NoAnswerError
		if _, err := gather(sourcetest.Within(t), sourcetest.Connect(t, sourcetest.StartUnanswering(t)), "", nil, nil, source.Options{Timeout: sourcetest.Brief()}); !errors.As(err, &e) {
			t.Errorf("%v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(sourcetest.Within(t))
		nc := sourcetest.Connect(t, sourcetest.StartUnanswering(t))
		cancel()
		if _, err := gather(ctx, nc, "", nil, nil, source.Options{Timeout: sourcetest.Long}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("closed", func(t *testing.T) {
		t.Parallel()
		nc := sourcetest.Connect(t, sourcetest.StartUnanswering(t))
		nc.Close()
		if _, err := gather(sourcetest.Within(t), nc, "", nil, nil, source.Options{Timeout: sourcetest.Long}); !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("%v", err)
		}
	})
}

// A user that may do what the audit needs, and no more, is enough.
func TestOwnWithFewPermissions(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: func(_ int, o *natsserver.Options) {
		for _, u := range o.Users {
			if u.Account.Name == "APP" {
				u.Permissions = &natsserver.Permissions{Publish: &natsserver.SubjectPermission{Allow: []string{"$SYS.REQ.ACCOUNT.PING.>"}},
					Subscribe: &natsserver.SubjectPermission{Allow: []string{"_INBOX.>"}}}
			}
		}
	}}}, Accounts: []string{"APP"}})
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4})
	nc := sourcetest.Connect(t, l.Server("C1-n1").URL("APP"))
	own := ownAll(t, nc, 3)
	got, err := own.profiles(sourcetest.Within(t), nc, own.deployment, []source.Suspect{{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}})
	if err != nil || fmt.Sprint(got[0].Profile.Read) != "[4 0 0]" || !got[0].Profile.Whole {
		t.Errorf("%+v, %v", got, err)
	}
}
