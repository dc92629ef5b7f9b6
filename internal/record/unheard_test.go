package record

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Lost events make a full report due, and what it corrects is told.
func TestLostEvents(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	d.pass(20 * time.Second)
	d.w.Lose(3, "they came faster than they were read", d.now)
	d.want(Lost)
	if _, due := d.w.Due(d.now); !due {
		t.Fatal("no full report is due")
	}
	d.w.Ask(d.now)
	if _, due := d.w.Due(d.now); due {
		t.Error("a second full report is due")
	}
	d.count("n1", 9) // newer than the report
	d.report(8, 20, 7)
	c := d.w.Tick(d.now)
	if len(c) == 0 || c[0].Kind != Corrected || c[0].Count != 1 || c[0].Connections != 13 || d.w.totals().Connections != 36 {
		t.Errorf("%+v", c)
	}
}

// A heartbeat that disagrees twice, with no event between, makes a full report due;
// once where the report does not explain it, and each time where it does.
func TestHeartbeatDisagrees(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	beat := func(n int) bool {
		d.pass(10 * time.Second)
		for _, s := range []string{"n2", "n3"} {
			d.w.Stats(wire.Statsz{From: at(s), Connections: 57}, d.now)
		}
		d.w.Stats(wire.Statsz{From: at("n1"), Connections: n}, d.now)
		d.kinds()
		_, due := d.w.Due(d.now)
		return due
	}
	for i, step := range []struct {
		says int
		due  bool
	}{{58, false}, {60, false}, {58, false}, {60, false}, {60, true}, {60, true}} {
		if beat(step.says) != step.due {
			t.Fatalf("step %d: due is not %v", i, step.due)
		}
	}
	d.w.Ask(d.now)
	for range 2 {
		if beat(60) {
			t.Fatal("due while it is asked for")
		}
	}
	d.report(10, 7, 7)
	for range 2 {
		if beat(60) {
			t.Fatal("due though the full report explained it")
		}
	}
	if beat(62) || !beat(62) {
		t.Fatal("not due at the second one of another difference")
	}
	d.w.Ask(d.now)
	d.report(10, 7, 7)
	for range 5 {
		if beat(62) {
			t.Fatal("due again for what a full report did not explain")
		}
	}
	if beat(65) || !beat(65) {
		t.Fatal("not due after one that was not explained")
	}
}

// Silence of a server makes a full report due.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.pass(silentAfter - time.Second)
	d.count("n1", 8)
	d.count("n2", 7)
	d.pass(2 * time.Second)
	d.kinds()
	if why, due := d.w.Due(d.now); !due || why != "no event of n3 for 25s" {
		t.Error(why, due)
	}
}

// Servers of which nothing is known are told together.
func TestServersOfUnknownName(t *testing.T) {
	t.Parallel()
	w := New(Settings{Parameters: checks.Defaults()})
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}, Missing: []checks.Missing{
		{Kind: checks.Counted, Reason: "n1 counts 4 servers"}, {Kind: checks.Counted, Reason: "n1 counts 4 servers"},
		{Name: "n2", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent, Reason: "it did not answer"}}}
	var told []string
	for range 2 {
		w.Ask(now)
		w.Reconcile(d, time.Second, now)
		for _, c := range w.Tick(now) {
			if c.Kind == Silent {
				told = append(told, fmt.Sprintf("%s %d", c.Server.Name, c.Count))
			}
		}
	}
	if strings.Join(told, ",") != " 2,n2 0" {
		t.Errorf("told %q", told)
	}
}

// The server that watch was connected to stopped with the clients of an account: what is
// heard of them on the others before a full report does not change the verdict, as its row
// is still there.
func TestNothingIsToldWithoutEvents(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Hour, 20, 1, 1)
	d.w.Hear(false)
	d.pass(time.Minute)
	d.w.Hear(true)
	d.w.Lose(0, "the connection was lost", d.now)
	d.count("n2", 21)
	d.want(Lost, Undecided)
	if _, due := d.w.Due(d.now); !due {
		t.Error("no full report is due")
	}
	d.w.Ask(d.now)
	d.pass(time.Second)
	d.count("n3", 1)
	d.want()
	d.report(0, 21, 1)
	changes := d.w.Tick(d.now)
	if at := slices.IndexFunc(changes, func(c Change) bool { return c.Spread != nil }); at < 0 || changes[at].Kind != Crossed || changes[at].Spread.Top().Server.Name != "n2" || changes[at].Left == nil {
		t.Errorf("%+v", changes)
	}
	if over := d.w.Over(d.now); len(over) != 1 || !over[0].Since.Equal(d.now) || !over[0].NotBefore.Equal(epoch().Add(time.Minute)) {
		t.Errorf("%+v", over)
	}
}

// What leaned when the connection was lost becomes a finding once a report that was asked for
// after it was back says that it leans still, and it was known to lean for long enough.
func TestNoFindingsWithoutEvents(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Minute, 7, 7, 7)
	d.count("n1", 40)
	d.want(Crossed)
	d.w.Hear(false)
	d.want(Undecided)
	d.pass(2 * time.Minute)
	d.want()
	d.w.Ask(d.now) // by the connection that was not lost
	d.report(40, 7, 7)
	d.want()
	d.w.Hear(true)
	d.w.Lose(0, "the connection was lost", d.now)
	d.want(Lost)
	d.w.Ask(d.now)
	d.report(40, 7, 7)
	d.want(Decided)
	d.pass(time.Minute - time.Millisecond)
	d.want()
	d.pass(time.Millisecond)
	changes := d.w.Tick(d.now)
	if len(changes) != 1 || changes[0].Kind != Held || !changes[0].Since.Equal(epoch()) || changes[0].Unknown != 2*time.Minute {
		t.Errorf("%+v", changes)
	}
}

// What drained and then says nothing has stopped, and what it is told by says that it drained.
func TestServerDrainsAndFallsSilent(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.w.Drain(wire.ServerEvent{From: at("n3")}, d.now)
	d.want(Draining)
	d.pass(silentAfter)
	d.w.Ask(d.now)
	d.report(8, 14)
	told := slices.DeleteFunc(d.w.Tick(d.now), func(c Change) bool { return c.Server.Name != "n3" })
	if len(told) != 1 || told[0].Kind != Stopped || told[0].Unannounced != Drained || told[0].Reason != "" {
		t.Errorf("%+v", told)
	}
	if doc := DocumentOf(told[0]); doc.Unannounced == nil || *doc.Unannounced != "drained" {
		t.Errorf("%+v", doc)
	}
}
