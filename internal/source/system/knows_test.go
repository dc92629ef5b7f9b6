package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// fleetModel is a whole model of a fleet without limits, and its connection.
func fleetModel(t *testing.T, f *fleet.Fleet) (*checks.Deployment, *nats.Conn) {
	t.Helper()
	nc := sourcetest.Connect(t, f.URL())
	d := auditAll(t, nc, everyone(smallFleet))
	return d, nc
}

func TestDetailsAndKnowsCancelled(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, nc := fleetModel(t, f)
	f.Silence(faulty, fleet.Varz|fleet.Statz)
	for what, ask := range map[string]func(context.Context) error{
		"Details": func(ctx context.Context) error { return details(ctx, nc, d, f.Truth().Clusters) },
		"Knows":   func(ctx context.Context) error { return knows(ctx, nc, d, "NOBODY") },
	} {
		ctx, cancel := context.WithCancel(sourcetest.Within(t))
		done := make(chan error, 1)
		go func() { done <- ask(ctx) }()
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(sourcetest.Long):
			t.Errorf("%s goes on", what)
		}
	}
	if n := nc.NumSubscriptions(); n > 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

func TestAccountThatIsKnownButNotConnected(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP", "IDLE"))
	nc := sourcetest.Connect(t, l.SystemURL())
	d := auditAll(t, nc, 3)
	before := len(d.Accounts)
	for _, id := range []string{"NOBODY", "idle", ""} {
		if err := knows(sourcetest.Within(t), nc, d, id); err != nil || len(d.Accounts) != before {
			t.Errorf("account %q: %v, accounts %+v", id, err, d.Accounts)
		}
	}
	if err := knows(sourcetest.Within(t), nc, d, "IDLE"); err != nil || !slices.Contains(d.Accounts, checks.Account{ID: "IDLE", Name: "IDLE"}) {
		t.Errorf("%v, accounts %+v are without IDLE", err, d.Accounts)
	}
	sourcetest.MakesSense(t, d)
}

func TestWhetherAnAccountIsKnownCanBeUnknown(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, nc := fleetModel(t, f)
	truth := f.Truth()
	// An account that only the last cluster knows.
	only := ""
	for a := range truth.Accounts {
		elsewhere, here := false, false
		for i, s := range truth.Servers {
			has := slices.ContainsFunc(s.Accounts, func(r fleet.AccountRow) bool { return r.Account == a })
			elsewhere = elsewhere || has && i < 20
			here = here || has && i >= 20
		}
		if here && !elsewhere {
			only = truth.Accounts[a].ID
		}
	}
	if only == "" {
		t.Fatal("the fleet has no such account")
	}
	// All others say twice that they don't.
	for i := range 20 {
		f.AnswerTwice(i, fleet.Statz)
	}
	d.Accounts = nil
	if err := knows(sourcetest.Within(t), nc, d, only); err != nil || len(d.Accounts) != 1 {
		t.Errorf("%v, accounts %+v", err, d.Accounts)
	}
	f.Silence(25, fleet.Statz)
	if err := knows(sourcetest.Within(t), nc, d, only); err != nil || len(d.Accounts) != 2 {
		t.Errorf("%v, accounts %+v: the others of its cluster know it", err, d.Accounts)
	}
	ctx, cancel := context.WithTimeout(sourcetest.Within(t), sourcetest.Brief())
	defer cancel()
	err := knows(ctx, nc, d, "NOBODY")
	if err == nil || !strings.Contains(err.Error(), "1 of 31 servers did not answer in time") {
		t.Errorf("%v; one that was not heard may know it", err)
	}
	nc.Close()
	if err := knows(sourcetest.Within(t), nc, d, only); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP", "OTHER"))
	for _, c := range []lab.Clients{
		{Account: "APP", Server: l.Server("C1-n1"), Count: 3, Subscriptions: 4},
		{Account: "APP", Server: l.Server("C1-n2"), Count: 1, Subscriptions: 100},
		{Account: "OTHER", Server: l.Server("C1-n1"), Count: 2, Subscriptions: 50},
	} {
		if _, err := l.Connect(sourcetest.Within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	nc := sourcetest.Connect(t, l.SystemURL())
	of := []source.Held{{Server: l.Server("C1-n1").ID(), Account: "APP"}, {Server: l.Server("C1-n2").ID(), Account: "APP"}, {Server: l.Server("C1-n3").ID(), Account: "APP"}, {Server: "NOSERVER", Account: "APP"}, {Server: l.Server("C1-n1").ID(), Account: "NOBODY"}}
	got, err := subscriptions(sourcetest.Within(t), nc, of)
	if err != nil {
		t.Fatal(err)
	}
	show := ""
	for _, n := range got {
		if n == nil {
			show += "unknown "
		} else {
			show += fmt.Sprintf("%d ", *n)
		}
	}
	if show != "12 100 0 unknown 0 " {
		t.Errorf("subscriptions %s", show)
	}
	ctx, cancel := context.WithCancel(sourcetest.Within(t))
	cancel()
	if got, err := subscriptions(ctx, nc, of); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestSubscriptionsOfManyPages(t *testing.T) {
	t.Parallel()
	f := startFleet(t, fleet.Size{Servers: 2, Clusters: 1, Accounts: 1, Connections: 5 * wire.PageSize, Lines: 1})
	truth := f.Truth()
	var of []source.Held
	for _, s := range truth.Servers {
		of = append(of, source.Held{Server: s.ID, Account: truth.Accounts[0].ID})
	}
	got, err := subscriptions(sourcetest.Within(t), sourcetest.Connect(t, f.URL()), of)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range truth.Servers {
		r := s.Accounts[0]
		want := r.Subscriptions - 2*r.Leafnodes // which are no clients
		if r.Connections <= wire.PageSize || got[i] == nil || *got[i] != want {
			t.Errorf("%d connections have %v subscriptions, want %d", r.Connections, got[i], want)
		}
	}
}
