package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// A correction of the system account, such as of the watch's own connections, is none that
// anybody has to look for.
func TestCorrectionsAreOfAccountsThatAreJudged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		orders, system uint32
		want           int
	}{{10, 50, 0}, {10, 51, 0}, {11, 51, 1}} {
		d := watching(t, 0, 10, 10, 10)
		d.w.Ask(d.now)
		r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}, {ID: "SYS", Name: "SYS", System: true}}, Expected: 3}
		for i, name := range []string{"n1", "n2", "n3"} {
			s := at(name)
			orders, system := uint32(10), uint32(50)
			if i == 0 {
				orders, system = c.orders, c.system
			}
			r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: name, Cluster: s.Cluster, Usage: []checks.Usage{{Account: 0, Connections: orders}, {Account: 1, Connections: system}}})
		}
		d.w.Reconcile(r, time.Second, d.now)
		told := slices.DeleteFunc(d.w.Tick(d.now), func(c Change) bool { return c.Kind != Corrected })
		if len(told) != c.want || c.want > 0 && (told[0].Count != 1 || told[0].Connections != 1) {
			t.Errorf("%+v: %+v", c, told)
		}
	}
}

// What is above the threshold, and how an account is spread, is told with its verdict.
func TestSpreadsHaveAVerdict(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 30, 1, 1)
	d.kinds()
	verdict := func(want checks.Verdict) {
		t.Helper()
		if of := d.w.Of("ORDERS", d.now); len(of) != 1 || of[0].Verdict != want {
			t.Errorf("%+v, want %s", of, want)
		}
	}
	verdict(checks.Found)
	if over := d.w.Over(d.now); len(over) != 1 || over[0].Spread.Verdict != checks.Found {
		t.Errorf("%+v", over)
	}
	d.pass(time.Minute)
	d.lacks(counted(), time.Second, 30, 1, 1)
	d.kinds()
	if over := d.w.Over(d.now); len(over) != 1 || over[0].Spread.Verdict != checks.Incomplete {
		t.Errorf("%+v", over)
	}
	verdict(checks.Incomplete)
	few := watching(t, 0, 1, 1, 1)
	few.kinds()
	if of := few.w.Of("ORDERS", few.now); len(of) != 1 || of[0].Verdict != checks.TooFewConnections {
		t.Errorf("%+v", of)
	}
}

// Accounts and clusters to judge that are not there are known, and those that are there
// under an id or a name.
func TestUnmatched(t *testing.T) {
	t.Parallel()
	p := checks.Defaults()
	p.Accounts, p.Clusters = []string{"ORDERS", "NOPE"}, []string{"C1", "NOCL"}
	d := &desk{t: t, w: New(Settings{Parameters: p, Reconcile: time.Hour}), now: epoch()}
	d.w.Ask(d.now)
	d.report(10, 10, 10)
	if accounts, clusters := d.w.Unmatched(); !slices.Equal(accounts, []string{"NOPE"}) || !slices.Equal(clusters, []string{"NOCL"}) {
		t.Errorf("%v, %v", accounts, clusters)
	}
	// What a new history begins with.
	if all := d.w.Standing(d.now); len(all) != 1 || all[0].Kind != Watching || all[0].Who == nil || len(all[0].Who.Servers) != 3 || all[0].Of.Connections != 30 {
		t.Errorf("%+v", all)
	}
}
