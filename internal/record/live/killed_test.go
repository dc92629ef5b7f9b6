package live

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server is killed and runs again at once, as after an OOM kill. The others count its
// former process for four minutes: an account that leans to one server is found all the
// same, and its former process is not missing.
func TestServerIsKilledAndRunsAgain(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	connect := func(server, n int) (all []*nats.Conn) {
		for range n {
			nc, err := nats.Connect(c.Processes()[server].URL("ORDERS"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			all = append(all, nc)
		}
		return all
	}
	connect(0, 12)
	second := connect(1, 8)
	f := follow(t, func() string { return c.Processes()[0].URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Hour})
	f.kind(record.Watching)
	third := c.Processes()[2]
	third.Kill()
	if err := third.Start(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	f.kind(record.Started)
	for _, nc := range second {
		nc.Close()
	}
	began := time.Now()
	crossed := f.kind(record.Crossed)
	if crossed.Spread.Of != 3 || crossed.Spread.Top().Connections != 12 {
		t.Errorf("%+v", crossed.Spread)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	f.Look(func(w *record.Watch, _ bool) {
		if totals := w.Snapshot(time.Now(), 0).Totals; totals.Servers != 3 || totals.Missing != 0 {
			t.Errorf("%+v", totals)
		}
	})
}

// One of four servers is not there, and another one is killed and runs again: who counts the
// former process does not count the one that is not there, which decides still.
func TestServerIsMissingAsAnotherIsKilled(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	for range 12 {
		nc, err := nats.Connect(c.Processes()[0].URL("ORDERS"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
	}
	f := reported(t, func() string { return c.Processes()[0].URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Second}, audit.Expected{Count: 4}.Gather)
	f.kind(record.Undecided)
	third := c.Processes()[2]
	third.Kill()
	if err := third.Start(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	started := f.kind(record.Started)
	if err := lab.Poll(sourcetest.Within(t), func() (err error) {
		f.Look(func(w *record.Watch, _ bool) {
			if at, _ := w.Since(); !at.After(started.Time.Add(time.Second)) {
				err = errors.New("no full report since")
			}
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	f.Look(func(w *record.Watch, _ bool) {
		if totals := w.Snapshot(time.Now(), 0).Totals; totals.Servers != 3 || totals.Missing != 1 {
			t.Errorf("%+v", totals)
		}
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.all {
		if x.Kind == record.Crossed || x.Kind == record.Decided {
			t.Errorf("%s: %+v", x.Kind, x)
		}
	}
}

// A server is killed on which an account leans, and its clients go to one other: it is not
// said to be back, though its row is there beside theirs until the server is missed, which
// it is soon.
func TestFindingMovesAsAServerIsKilled(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	url := func(i int) string { return c.Processes()[i].URL("ORDERS") }
	for i := range 24 {
		list := url(1) + "," + url(2)
		if i < 4 {
			list = url(0)
		}
		nc, err := nats.Connect(list, nats.DontRandomize(), nats.IgnoreDiscoveredServers(), nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
	}
	f := follow(t, func() string { return c.Processes()[0].URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Hour, For: time.Second})
	f.kind(record.Held)
	c.Processes()[1].Kill()
	silent := f.kind(record.Silent)
	f.kind(record.Undecided)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.all {
		if x.Kind == record.Back {
			t.Errorf("%+v", x.Spread)
		}
	}
	t.Logf("%+v", silent)
}

// A server is killed, and its clients go to one other, where the account leans then: 23 of 30,
// though 23 of 47 with the row of the killed one, by which nothing changes. It is missed soon,
// and not after it was silent for 25 seconds, and what leans is unknown since its last word.
func TestKilledServerHidesALean(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	url := func(i int) string { return c.Processes()[i].URL("ORDERS") }
	for list, n := range map[string]int{url(1) + "," + url(2): 17, url(2): 6, url(0): 7} {
		for range n {
			nc, err := nats.Connect(list, nats.DontRandomize(), nats.IgnoreDiscoveredServers(), nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
		}
	}
	f := follow(t, func() string { return c.Processes()[0].URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Hour, For: time.Second})
	f.kind(record.Watching)
	killed := time.Now()
	c.Processes()[1].Kill()
	x := f.kind(record.Undecided)
	if late := x.Time.Sub(killed); late > 15*time.Second || x.Since.IsZero() || x.Since.After(killed.Add(time.Second)) {
		t.Errorf("%s after it was killed: unknown since %s, killed at %s", late, x.Since, killed)
	}
}
