package history

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// What leaned before the time that is asked for and ended in it is told with its true
// beginning, as is what leans still; what had ended before is not.
func TestReadingOfWhatBeganBefore(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	s, err := OpenLocal(ctx, t.TempDir(), limits())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	base := time.Now().UTC().Round(0).Add(around + clocksDiffer)
	at := func(minutes int) time.Time { return base.Add(time.Duration(minutes) * time.Minute) }
	of := func(id string, minute, n1 int) *record.Spread {
		x := spread(at(minute), n1, 4, 4)
		x.Account = checks.Account{ID: id, Name: "name of " + id}
		return x
	}
	crossed := func(id string, minute, n1 int) record.Change {
		return record.Change{Kind: record.Crossed, Time: at(minute), Since: at(minute), Cluster: "C1", Spread: of(id, minute, n1), Before: of(id, minute-9, 4)}
	}
	back := func(id string, minute, began int) record.Change {
		return record.Change{Kind: record.Back, Time: at(minute), Since: at(began), Cluster: "C1", Spread: of(id, minute, 4), Finding: true}
	}
	shifted := func(id string, minute, n1, began int) record.Change {
		return record.Change{Kind: record.Shifted, Time: at(minute), Since: at(began), Cluster: "C1", Spread: of(id, minute, n1), Before: of(id, minute-1, 1), Finding: true}
	}
	stopped := func(minute int, name string) record.Change {
		return record.Change{Kind: record.Stopped, Time: at(minute), Cluster: "C1", Server: checks.ServerRef{ID: name, Name: name}}
	}
	written(t, s, []record.Change{
		{Kind: record.Watching, Time: at(-100), Of: &record.Totals{}},
		crossed("ENDS", -95, 90), back("ENDS", -90, -95), stopped(-70, "n3"), stopped(-60, "n2"),
		crossed("ENDS", -60, 40), crossed("LASTS", -60, 50), crossed("SHIFTS", -60, 60), crossed("ENDED", -60, 70), shifted("ENDS", -58, 99, -60),
		{Kind: record.Kicked, Time: at(-59), Since: at(-59), Cluster: "C1", Server: checks.ServerRef{ID: "N1", Name: "n1"}, Account: checks.Account{ID: "ENDS"}, Count: 5},
		{Kind: record.Watching, Time: at(-40), Since: at(-50), Of: &record.Totals{}},
		{Kind: record.Undecided, Time: at(-30), Cluster: "C2", Reason: "n9", Count: 1},
		back("ENDED", -20, -60),
	})
	since := time.Now().Add(around + clocksDiffer) // and what is read for it begins to be written now
	written(t, s, []record.Change{shifted("SHIFTS", 1, 61, -60), back("ENDS", 2, -60), back("GONE", 2, -70)})
	for account, want := range map[string][]string{"": {"ENDS", "GONE", "LASTS", "SHIFTS"}, "ENDS": {"ENDS"}, "name of LASTS": {"LASTS"}, "ENDED": nil} {
		for _, q := range []Query{{Account: account, Since: since}, {ID: account, Since: since}} {
			if q.ID != "" && len(q.ID) > 8 { // a name
				continue
			}
			r, err := s.Reading(ctx, q, at(3))
			if err != nil || !r.First.Equal(at(-100)) {
				t.Errorf("%+v: %v, it begins at %s", q, err, r.First)
			}
			h := r.Tell(at(3))
			var got []string
			for i := range h.Episodes {
				e := &h.Episodes[i]
				got = append(got, e.Account.ID)
				if e.Account.ID == "GONE" {
					if !e.Unread || e.Before != nil || e.Then != nil || !e.Began.Equal(at(-70)) || DocumentOf(h, "GONE", at(3)).Episodes[0].Seen {
						t.Errorf("%+v: %+v", q, e)
					}
					continue
				}
				n1 := map[string]int{"ENDS": 40, "LASTS": 50, "SHIFTS": 60}[e.Account.ID]
				if !e.Began.Equal(at(-60)) || e.Unread || e.NotBefore != nil || e.Then == nil || e.Then.OnServer != n1 || e.Before == nil || !e.Before.Time.Equal(at(-69)) {
					t.Errorf("%+v: %+v", q, e)
				}
				if len(e.Around) != 1 || e.Around[0].Server.Name != "n2" || len(e.Kicked) != map[string]int{"ENDS": 1}[e.Account.ID] || !slices.Contains(e.Unseen, Gap{at(-50), at(-40)}) {
					t.Errorf("%+v: around %+v, kicked %+v, unseen %+v", q, e.Around, e.Kicked, e.Unseen)
				}
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%+v: %q, want %q", q, got, want)
			}
			if len(h.Gaps) != 0 || len(h.Kicked) != 0 || len(h.Unknown) != 1 {
				t.Errorf("%+v: of before: %+v, %+v; %+v lasts", q, h.Gaps, h.Kicked, h.Unknown)
			}
		}
	}
}

// That no recorder is there any more is told, and until when one was: from then on nothing is
// known.
func TestReadingAfterTheRecorderEnded(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	dir := filepath.Join(t.TempDir(), "state")
	s, err := OpenLocal(ctx, dir, limits())
	if err != nil {
		t.Fatal(err)
	}
	written(t, s, leaning()[:8])
	read := func() Reading {
		t.Helper()
		r, err := ReadLocal(ctx, dir, plainly())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		out, err := r.Reading(ctx, Query{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if r := read(); !r.Until.IsZero() || len(r.Docs) != 8 {
		t.Errorf("while it is there: %d, until %s", len(r.Docs), r.Until)
	}
	s.Close()
	r := read()
	if r.Until.IsZero() || time.Since(r.Until) > time.Minute || len(r.Docs) != 8 {
		t.Fatalf("%d, until %s", len(r.Docs), r.Until)
	}
	now := r.Until.Add(time.Hour)
	h := r.Tell(now)
	gap := Gap{r.Until, now}
	if len(h.Gaps) != 1 || h.Gaps[0] != gap || len(h.Episodes) != 1 || !slices.Contains(h.Episodes[0].Unseen, gap) {
		t.Errorf("%+v", h)
	}
	if doc := DocumentOf(h, "", now); doc.Until == nil || !doc.Until.Equal(r.Until) || len(doc.Gaps) != 1 {
		t.Errorf("%+v", doc)
	}
}

// A recorder is there while its lease and its word are as young as it keeps them.
func TestWhetherARecorderIsThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		leads       bool
		lease, said time.Duration
		want        bool
	}{
		{true, time.Second, 9 * time.Second, true},
		{true, time.Second, time.Minute, false}, // nothing can be written
		{true, time.Minute, time.Minute, false}, // it was killed
		{true, 20 * time.Second, 12 * time.Second, false},
		{true, 8 * time.Second, 12 * time.Second, true}, // another one takes over
		{false, 0, time.Second, true},                   // it hands over
		{false, 0, time.Minute, false},
	} {
		if got := recording(c.leads, c.lease, c.said); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Of two recorders that saw the same, each says when it ended: it did once.
func TestEndedTwice(t *testing.T) {
	t.Parallel()
	all := leaning()
	again := all[len(all)-1]
	again.Time, again.Since = again.Time.Add(300*time.Millisecond), again.Since.Add(200*time.Millisecond)
	if h := tell(documents(append(all, again))); len(h.Episodes) != 1 {
		t.Errorf("%+v", h.Episodes)
	}
}

// A store of several recorders shows by their lease whether one is there: one that stands by
// is not.
func TestReadingBesideOneThatStandsBy(t *testing.T) {
	t.Parallel()
	srv := keeper(t)
	ctx := sourcetest.Within(t)
	s, err := Use(ctx, sourcetest.Connect(t, srv.ClientURL()), limits())
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { s.Run(running, func(bool) {}); close(done) }()
	s.Add(leaning()[:3])
	waitWritten(t, s)
	r, err := Read(ctx, sourcetest.Connect(t, srv.ClientURL()))
	if err != nil {
		t.Fatal(err)
	}
	until, err := r.lastThere(ctx, time.Now().Add(time.Hour)) // whatever the clock of who reads
	if err != nil || !until.recorded.IsZero() {
		t.Errorf("while it is there: %+v, %v", until, err)
	}
	stop()
	<-done
	// It said long ago that it is there.
	if _, err := r.bucket.Create(ctx, leaderKey, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := r.bucket.Delete(ctx, aliveKey); err != nil {
		t.Fatal(err)
	}
	if until, err := r.lastThere(ctx, time.Now()); err != nil || !until.recorded.Equal(leaning()[2].Time) {
		t.Errorf("until %+v, %v", until, err)
	}
}
