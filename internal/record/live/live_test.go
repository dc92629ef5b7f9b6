package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// follower is a Live with what it told.
type follower struct {
	*Live
	t *testing.T

	ahead atomic.Int64 // by how much its clock on the wall was set

	mu   sync.Mutex
	told []record.Change
	all  []record.Change // told, whether waited for or not
	err  chan error
}

func connectTo(url func() string) func(context.Context) (*nats.Conn, error) {
	return func(context.Context) (*nats.Conn, error) {
		return nats.Connect(url(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.Timeout(sourcetest.Long))
	}
}

func follow(t *testing.T, url func() string, s record.Settings) *follower {
	return followed(t, url, s, nil)
}

func followed(t *testing.T, url func() string, s record.Settings, connected func(is bool, after time.Duration)) *follower {
	return followedBy(t, s, Options{Connect: connectTo(url), Connected: connected})
}

// reported follows by full reports of its own.
func reported(t *testing.T, url func() string, s record.Settings, report func(context.Context, source.Source) (*checks.Deployment, time.Duration, error)) *follower {
	return followedBy(t, s, Options{Connect: connectTo(url), Report: report})
}

func followedBy(t *testing.T, s record.Settings, o Options) *follower {
	f := &follower{t: t, err: make(chan error, 1)}
	s.Parameters = checks.Defaults()
	o.Timeout, o.Tell = 10*time.Second, func(c []record.Change) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.told, f.all = append(f.told, c...), append(f.all, c...)
	}
	f.Live = New(record.New(s), o)
	f.wall = func() time.Time { return time.Now().Round(0).Add(time.Duration(f.ahead.Load())) }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { f.err <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-f.err; err != nil {
			t.Error(err)
		}
	})
	return f
}

// wait waits for a change, of those told since the test last waited for one.
func (f *follower) wait(what string, is func(record.Change) bool) record.Change {
	f.t.Helper()
	var found record.Change
	err := lab.Poll(sourcetest.Within(f.t), func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i, c := range f.told {
			if is(c) {
				found, f.told = c, f.told[i+1:]
				return nil
			}
		}
		return fmt.Errorf("%s: not among %+v", what, f.told)
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return found
}

func (f *follower) kind(k record.Kind) record.Change {
	f.t.Helper()
	return f.wait(string(k), func(c record.Change) bool { return c.Kind == k })
}

// matrix is how many clients of accounts a watch has on servers, as "ORDERS on n1"; none where
// there are none.
func matrix(w *record.Watch) map[string]int {
	const all = 1 << 16
	out := map[string]int{}
	for _, s := range w.Snapshot(time.Now(), all).Spreads {
		for _, x := range s.Servers {
			if x.Connections > 0 {
				out[s.Account.ID+" on "+x.Server.Name] += x.Connections
			}
		}
	}
	return out
}

// truth holds that the matrix is what the servers themselves count.
func (f *follower) truth(l *lab.Lab, accounts ...string) {
	f.t.Helper()
	err := lab.Poll(sourcetest.Within(f.t), func() error {
		var have map[string]int
		f.Look(func(w *record.Watch, _ bool) {
			have = matrix(w)
		})
		for _, s := range l.Servers() {
			for _, a := range accounts {
				if n := s.Connections(a); have[a+" on "+s.Name()] != n {
					return fmt.Errorf("%s on %s is %d, want %d", a, s.Name(), have[a+" on "+s.Name()], n)
				}
			}
		}
		return nil
	})
	if err != nil {
		f.t.Error(err)
	}
}

// An account leans and comes back, servers restart, the watch's own server goes: it
// is noticed within two seconds, and the matrix stays what the servers count. The
// global account, of which servers say nothing, is counted too.
func TestFollowsACluster(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("ORDERS", "team.web", "$G")
	l := sourcetest.StartLab(t, topology)
	all := []string{"ORDERS", "team.web", "$G"}
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 3, "C1-n2": 4, "C1-n3": 4})
	f := follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour})
	if of := f.kind(record.Watching).Of; of.Servers != 3 || of.Clusters != 1 || of.Accounts != 1 || of.Connections != 11 {
		t.Errorf("%+v", of)
	}
	f.truth(l, all...)

	sourcetest.Clients(t, l, "team.web", map[string]int{"C1-n1": 12, "C1-n2": 1})
	last := time.Now()
	c := f.kind(record.Crossed)
	if late := c.Time.Sub(last); late > 2*time.Second {
		t.Errorf("noticed after %s", late)
	}
	if c.Spread.Account.ID != "team.web" || c.Spread.Top().Server.Name != "C1-n1" || c.Spread.Top().Connections < 10 || len(c.Moves) == 0 {
		t.Errorf("%+v", c)
	}
	f.kind(record.Held)
	f.truth(l, all...)

	sourcetest.Clients(t, l, "$G", map[string]int{"C1-n2": 11, "C1-n3": 1})
	last = time.Now()
	c = f.wait("$G", func(c record.Change) bool { return c.Kind == record.Crossed && c.Spread.Account.ID == "$G" })
	if late := c.Time.Sub(last); late > 2*time.Second {
		t.Errorf("$G noticed after %s", late)
	}
	f.truth(l, all...)

	// All that were on n1 go elsewhere, and n1 comes back empty.
	n1 := l.Server("C1-n1")
	n1.Shutdown() // the watch's own
	f.wait("n1 stops, or is found to be gone", func(c record.Change) bool {
		return (c.Kind == record.Stopped || c.Kind == record.Silent) && c.Server.Name == "C1-n1"
	})
	f.truth(l, all...)
	if err := n1.Start(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	f.wait("n1 starts", func(c record.Change) bool { return c.Kind == record.Started && c.Server.Name == "C1-n1" })
	f.truth(l, all...)
	for _, a := range all {
		if err := l.CloseClients(sourcetest.Within(t), a); err != nil {
			t.Fatal(err)
		}
	}
	f.truth(l, all...)
	f.Look(func(w *record.Watch, connected bool) {
		if n := w.Counters; n.Bad > 0 || n.Events == 0 || !connected {
			t.Errorf("%+v", n)
		}
	})
}

// Events that no server sends are counted, and change nothing.
func TestForgedEvents(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 3})
	f := follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour})
	f.kind(record.Watching)
	nc := sourcetest.Connect(t, l.SystemURL())
	id := l.Servers()[0].ID()
	for subject, body := range map[string]string{
		"$SYS.ACCOUNT.ORDERS.SERVER.CONNS":   `{"server":{"id":"` + id + `"},"acc":"OTHER","conns":9,"leafnodes":0}`,
		"$SYS.ACCOUNT.ORDERS.CONNECT":        `{`,
		"$SYS.SERVER." + id + ".STATSZ":      `{"server":{"id":"NOTHER"},"statsz":{"connections":1}}`,
		"$SYS.SERVER." + id + ".SHUTDOWN":    `{"id":"NOTHER","name":"C1-n1"}`,
		"$SYS.SERVER.NOTHER.LAMEDUCK":        `[]`,
		"$SYS.SERVER.NOTHER.CLIENT.AUTH.ERR": ``,
	} {
		if err := nc.Publish(subject, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	err := lab.Poll(sourcetest.Within(t), func() (err error) {
		f.Look(func(w *record.Watch, _ bool) {
			if w.Counters.Bad != 6 {
				err = fmt.Errorf("%d of 6 are bad", w.Counters.Bad)
			}
		})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	f.truth(l, "ORDERS", "OTHER")
}

// Credentials of another account end it with an error.
func TestOrdinaryAccount(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	url := l.Servers()[0].URL("ORDERS")
	f := New(record.New(record.Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}),
		Options{Connect: connectTo(func() string { return url }), Timeout: 5 * time.Second, Tell: func([]record.Change) {}})
	var other *system.NotSystemAccountError
	if err := f.Run(sourcetest.Within(t)); !errors.As(err, &other) || other.Account != "ORDERS" {
		t.Error(err)
	}
}

// Connections that have not logged in when watch begins count in $G for a moment only.
func TestNotLoggedIn(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	var conns []net.Conn
	for range 5 {
		conn, err := lab.Dialer(sourcetest.Within(t)).Dial("tcp", l.Server("C1-n1").Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	f := follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour, For: time.Hour})
	f.kind(record.Watching)
	f.Look(func(w *record.Watch, _ bool) { t.Logf("when it begins: %+v", w.Snapshot(time.Now(), 0).Totals) })
	for _, c := range conns {
		c.Close()
	}
	if err := lab.Poll(sourcetest.Within(t), func() error {
		if n := l.Server("C1-n1").Connections("$G"); n != 0 {
			return fmt.Errorf("%d are not closed", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	f.truth(l, "$G")
}
