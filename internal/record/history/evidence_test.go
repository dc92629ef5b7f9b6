package history

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestRecorded: what was kept is evidence of the servers that run now, for as long as
// a recorder was there until now.
func TestRecorded(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	s, err := OpenLocal(ctx, t.TempDir(), Limits{Keep: time.Hour, Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	of := []Suspect{{"ORDERS", "C1"}, {"ORDERS", "OTHER"}, {"BILLING", "C1"}}
	here := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}}
	var stale *StaleError
	if _, err := s.Recorded(ctx, here, of, now); !errors.As(err, &stale) || !stale.Last.IsZero() {
		t.Errorf("before anybody recorded: %v", err)
	}
	ran := make(chan struct{})
	run, stop := context.WithCancel(ctx)
	go func() { defer close(ran); s.Run(run, func(bool) {}) }()
	late := leaning()
	for i := range late {
		late[i].Time = now.Add(late[i].Time.Sub(began()) - 2*time.Hour)
	}
	s.Add(late)
	waitWritten(t, s)
	got, err := s.Recorded(ctx, here, of, now)
	if err != nil || len(got) != 3 || got[0] == nil || got[1] != nil || got[2] != nil {
		t.Fatalf("%v, %v", got, err)
	}
	if r := got[0]; len(r.Spreads) != 4 || len(r.Events) != 3 || !r.Events[2].Started || len(r.Moves) != 1 || r.Moves[0].Connections != 12 || r.Spreads[1].On("n1") != 20 {
		t.Errorf("%+v", r)
	}
	var other *OtherDeploymentError
	if _, err := s.Recorded(ctx, &checks.Deployment{Servers: []checks.Server{{ID: "X1", Name: "n1", Cluster: "C1"}}}, of, now); !errors.As(err, &other) {
		t.Errorf("of another deployment: %v", err)
	}
	for _, at := range []time.Time{now.Add(time.Hour), now.Add(-time.Hour)} {
		if _, err := s.Recorded(ctx, here, of, at); !errors.As(err, &stale) {
			t.Errorf("at %s: %v", at, err)
		}
	}
	// What was before a time in which nobody recorded is not known to have led here.
	s.Add([]record.Change{{Kind: record.Watching, Time: now.Add(-time.Second), Since: now.Add(-time.Minute), Of: &record.Totals{}},
		{Kind: record.Shifted, Time: now, Cluster: "C1", Spread: spread(now, 9, 9, 9)}})
	waitWritten(t, s)
	if got, err := s.Recorded(ctx, here, of, now); err != nil || got[0] == nil || len(got[0].Spreads) != 1 || len(got[0].Events) != 0 {
		t.Errorf("%+v, %v", got[0], err)
	}
	stop()
	<-ran
}

// Of 50 suspects at most what was recorded is read.
func TestEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	s, err := OpenLocal(ctx, t.TempDir(), Limits{Keep: time.Hour, Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ran := make(chan struct{})
	run, stop := context.WithCancel(ctx)
	go func() { defer close(ran); s.Run(run, func(bool) {}) }()
	now := time.Now()
	var of []Suspect
	for i := range 51 {
		x := spread(now, 20, 1, 1)
		x.Account.ID = fmt.Sprint("A", i)
		of = append(of, Suspect{x.Account.ID, "C1"})
		s.Add([]record.Change{{Kind: record.Shifted, Time: now, Cluster: "C1", Spread: x}})
	}
	waitWritten(t, s)
	got, err := s.Recorded(ctx, &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}}, of, now)
	if err != nil || len(got) != 51 || got[49] == nil || got[50] != nil {
		t.Errorf("%d, %v", len(got), err)
	}
	if newRecent().most != 256<<20 || evidenceFor != 7*24*time.Hour {
		t.Error("the bounds are others than docs/security.md has")
	}
	stop()
	<-ran
}

// How many connections ended before a spread is known unless another watch began since
// the spread before, or events were lost: while the connection was, where most are gone.
func TestConnectionsThatEndedAreKnown(t *testing.T) {
	t.Parallel()
	shifted := func(n1, n2, n3 int) record.Change {
		c := record.Change{Kind: record.Shifted, Time: began(), Cluster: "C1", Spread: spread(began(), n1, n2, n3)}
		c.Spread.Ended = new(int)
		return c
	}
	watching := record.Change{Kind: record.Watching, Time: began(), Of: &record.Totals{}}
	dropped, away := record.Change{Kind: record.Lost, Time: began(), Count: 3}, record.Change{Kind: record.Lost, Time: began()}
	r := recordedOf(documents([]record.Change{watching, shifted(9, 9, 9), dropped, shifted(9, 9, 9), shifted(9, 9, 9), watching, shifted(9, 9, 9),
		away, shifted(9, 5, 0), away, shifted(1, 1, 0), shifted(1, 0, 0)}), Suspect{"ORDERS", "C1"})
	for i, known := range []bool{true, false, true, false, true, false, true} {
		if got := r.Spreads[i].Ended != nil; got != known {
			t.Errorf("spread %d: known is %t", i, got)
		}
	}
}
