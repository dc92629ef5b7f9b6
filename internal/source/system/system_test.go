package system

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
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
	"github.com/nats-balance/nats-balance/internal/lab/tool"
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

// on calls do once, when the trace has a line with this text.
func on(text string, do func()) func(string, ...any) {
	var once sync.Once
	return func(format string, args ...any) {
		if strings.Contains(fmt.Sprintf(format, args...), text) {
			once.Do(do)
		}
	}
}

func TestIdleServerStopsMidWay(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 1, "C1-n2": 2})
	// Its roster has just come. It has nothing to report and is asked for its
	// VARZ now, which it can't answer any more: that it is empty is not known.
	o := source.Options{Timeout: sourcetest.Brief(), Trace: on("<<< C1-n3 roster", l.Server("C1-n3").Shutdown)}
	d := audit(t, sourcetest.Connect(t, l.Server("C1-n1").URL(lab.SystemAccount)), o)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"C1/C1-n1": 1, "C1/C1-n2": 2})
	m := sourcetest.OnlyMissing(t, d, "C1", "C1-n3", "answered the roster, but sent no account report")
	if m.ID != l.Server("C1-n3").ID() || m.Bound == nil || *m.Bound != 0 {
		t.Errorf("missing is %+v, want its id and that it had no connection", m)
	}
}

func TestServerStopsMidWay(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 1, "C1-n2": 2})
	if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "APP", Server: l.Server("C1-n3"), Count: 9}); err != nil {
		t.Fatal(err)
	}
	o := source.Options{Timeout: sourcetest.Brief(), Trace: on("<<< C1-n3 roster", l.Server("C1-n3").Shutdown)}
	d := audit(t, sourcetest.Connect(t, l.Server("C1-n1").URL(lab.SystemAccount)), o)
	got := sourcetest.Connections(d, "APP")
	// Its report came before the end, with what it had by then, or not at all.
	if n, reported := got["C1/C1-n3"]; reported {
		sourcetest.Complete(t, d, 3)
		if n > 9 {
			t.Errorf("C1-n3 has %d, it never had more than 9", n)
		}
		delete(got, "C1/C1-n3")
	} else if m := sourcetest.OnlyMissing(t, d, "C1", "C1-n3", "sent no account report"); m.Bound == nil || *m.Bound < 9 {
		t.Errorf("missing is %+v, want that it had up to 9", m)
	}
	wantCounts(t, "APP", got, map[string]int{"C1/C1-n1": 1, "C1/C1-n2": 2})
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

func TestCancelledReturnsAtOnce(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	f.Silence(3, fleet.Statz)
	nc := sourcetest.Connect(t, f.URL())
	ctx, cancel := context.WithCancel(sourcetest.Within(t))
	var cancelled time.Time
	o := source.Options{Timeout: sourcetest.Long, Progress: func(p source.Progress) {
		if p.Reported == smallFleet.Servers && cancelled.IsZero() { // all but one, and the carrier
			cancelled = time.Now()
			cancel()
		}
	}}
	d, err := gather(ctx, nc, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", d, err)
	}
	if took := time.Since(cancelled); took > sourcetest.Long/3 { // it did not wait; the machine may be busy
		t.Errorf("it took %s to return", took)
	}
	// One that is cancelled before does not wait at all.
	if d, err := gather(ctx, nc, o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", d, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := sourcetest.StartUnanswering(t)
	started := time.Now()
	d, err := gather(sourcetest.Within(t), sourcetest.Connect(t, s), source.Options{Timeout: 500 * time.Millisecond})
	var silent *source.NoAnswerError
	if !errors.As(err, &silent) || !strings.Contains(err.Error(), "nats://127.0.0.1:") {
		t.Errorf("%v, %v; want that no server answered, and which was asked", d, err)
	}
	if took := time.Since(started); took < 400*time.Millisecond || took > 10*time.Second { // a busy machine may stand still for a while
		t.Errorf("it took %s, not four fifths of half a second", took)
	}
}

func TestConnectionClosedMidWay(t *testing.T) {
	t.Parallel()
	t.Run("after most have answered", func(t *testing.T) {
		t.Parallel()
		f := startFleet(t, smallFleet)
		f.Silence(3, fleet.Statz)
		nc := sourcetest.Connect(t, f.URL())
		started := time.Now()
		o := source.Options{Timeout: sourcetest.Long, Progress: func(p source.Progress) {
			if p.Reported == smallFleet.Servers {
				nc.Close()
			}
		}}
		d := audit(t, nc, o)
		if took := time.Since(started); took > sourcetest.Long/2 {
			t.Errorf("it took %s to notice", took)
		}
		sourcetest.Noted(t, d, "the connection closed before every server had answered")
		m := sourcetest.OnlyMissing(t, d, f.Truth().Servers[3].Cluster, f.Truth().Servers[3].Name, "sent no account report")
		if strings.Contains(m.Reason, "asked twice") {
			t.Errorf("it was asked once: %s", m.Reason)
		}
	})
	t.Run("before any has answered", func(t *testing.T) {
		t.Parallel()
		l := sourcetest.StartLab(t, sourcetest.Three())
		nc := sourcetest.Connect(t, l.SystemURL())
		started := time.Now()
		d, err := gather(sourcetest.Within(t), nc, source.Options{Timeout: sourcetest.Long, Trace: on(">>> "+sysreq.UserInfo, nc.Close)})
		if !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("%v, %v", d, err)
		}
		if d, err := gather(sourcetest.Within(t), nc, source.Options{Timeout: sourcetest.Long}); !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("on a closed connection: %v, %v", d, err)
		}
		if took := time.Since(started); took > sourcetest.Long/2 {
			t.Errorf("it took %s to notice", took)
		}
	})
}

func TestOurServerStopsMidWay(t *testing.T) {
	t.Parallel()
	t.Run("and another is in the list", func(t *testing.T) {
		t.Parallel()
		l := sourcetest.StartLab(t, sourcetest.Three("APP"))
		sourcetest.Clients(t, l, "APP", map[string]int{"C1-n2": 2, "C1-n3": 3})
		urls := l.Server("C1-n1").URL(lab.SystemAccount) + "," + l.Server("C1-n2").URL(lab.SystemAccount)
		nc := sourcetest.Connect(t, urls, nats.DontRandomize(), nats.MaxReconnects(-1))
		o := source.Options{Timeout: sourcetest.Brief(), Trace: on(">>> "+sysreq.AccountStatz, l.Server("C1-n1").Shutdown)}
		d := audit(t, nc, o)
		wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"C1/C1-n2": 2, "C1/C1-n3": 3})
		sourcetest.Noted(t, d, "the connection was lost and came back")
		// It is gone, unless it answered the roster before it went.
		if len(d.Missing) > 0 {
			sourcetest.OnlyMissing(t, d, "C1", "C1-n1", "sent no account report")
		}
	})
	t.Run("and it was the only one in the list", func(t *testing.T) {
		t.Parallel()
		topology := lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}}
		l := sourcetest.StartLab(t, topology)
		nc := sourcetest.Connect(t, l.SystemURL(), nats.MaxReconnects(-1))
		d, err := gather(sourcetest.Within(t), nc, source.Options{Timeout: 500 * time.Millisecond, Trace: on(">>> "+sysreq.UserInfo, l.Server("n1").Shutdown)})
		if err == nil || !strings.Contains(err.Error(), l.Server("n1").Addr()) {
			t.Errorf("%v, %v; want an error that says which server", d, err)
		}
	})
	t.Run("after some have answered, and does not come back", func(t *testing.T) {
		t.Parallel()
		l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
		// A server that never reports keeps the gathering going.
		sourcetest.Pretend(t, l, sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C", Roster: sourcetest.Always(sourcetest.Statsz(`"connections":7`))})
		nc := sourcetest.Connect(t, l.SystemURL(), nats.MaxReconnects(-1))
		stopped := false
		o := source.Options{Timeout: sourcetest.Patient(), Progress: func(p source.Progress) {
			if p.Reported == 1 && !stopped {
				stopped = true
				l.Server("n1").Shutdown()
			}
		}}
		d := audit(t, nc, o)
		for name, reason := range map[string]string{"p": "answered the roster, but sent no account report", "n1": "did not answer any more"} {
			if m := missingOf(t, d, name); !strings.Contains(m.Reason, reason) || m.Kind != checks.Silent {
				t.Errorf("missing %+v, want %q", m, reason)
			}
		}
		sourcetest.Noted(t, d, "the connection was lost and did not come back")
	})
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

// waitHung returns when a paused process greets nobody any more: a signal takes
// some milliseconds to arrive.
func waitHung(t *testing.T, p *tool.Process) {
	t.Helper()
	for sourcetest.Within(t).Err() == nil {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.ClientURL(), "nats://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
	t.Fatal("the process does not pause")
}

func TestServerProcessThatHangs(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"APP"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	n1, n2, n3 := c.Processes()[0], c.Processes()[1], c.Processes()[2]
	for _, p := range []*tool.Process{n1, n3, n3} {
		nc := sourcetest.Connect(t, p.URL("APP"), nats.NoReconnect())
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	urls := n1.URL(lab.SystemAccount) + "," + n2.URL(lab.SystemAccount)
	nc := sourcetest.Connect(t, urls, nats.DontRandomize(), nats.MaxReconnects(-1))
	all := map[string]int{"P/P-n1": 1, "P/P-n2": 0, "P/P-n3": 2}
	wantCounts(t, "APP", sourcetest.Connections(auditAll(t, nc, 3), "APP"), all)

	if err := n3.Pause(); errors.Is(err, tool.ErrPauseUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	waitHung(t, n3)
	started := time.Now()
	d := audit(t, nc, source.Options{Timeout: sourcetest.Brief()}) // checks that it is not late
	if took := time.Since(started); took < sourcetest.Brief()*4/5 {
		t.Errorf("it gave up after %s, before its time", took)
	}
	m := sourcetest.OnlyMissing(t, d, "P", "P-n3", "has a route to it, but it did not answer within ", "s, asked twice")
	if m.Bound != nil || d.Expected != 3 {
		t.Errorf("missing %+v of %d: what it has is not known", m, d.Expected)
	}
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"P/P-n1": 1, "P/P-n2": 0})

	if err := n3.Resume(); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, "APP, after it woke up", sourcetest.Connections(auditAll(t, nc, 3), "APP"), all)

	// The one that we are connected to is killed: the others go on counting it.
	d = audit(t, nc, source.Options{Timeout: sourcetest.Brief(), Trace: on(">>> "+sysreq.AccountStatz, n1.Kill)})
	wantCounts(t, "APP, after the kill", sourcetest.Connections(d, "APP"), map[string]int{"P/P-n2": 0, "P/P-n3": 2})
	sourcetest.Noted(t, d, "the connection was lost and came back")
	if len(d.Missing) != 1 || d.Expected != 3 {
		t.Errorf("missing %s of %d expected, want the one that was killed", sourcetest.ShowMissing(d), d.Expected)
	}
}
