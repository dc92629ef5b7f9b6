package history

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// What a recorder that stands by saw is dropped where the leader has shown that it wrote it,
// and not as a lease looks fresh that the leader wrote before the store was away, or while
// it can't write.
func TestWhatADeadLeaderDidNotWriteIsKept(t *testing.T) {
	t.Parallel()
	srv := keeper(t)
	ctx := sourcetest.Within(t)
	clock := began()
	after := func(d time.Duration) time.Time { clock = clock.Add(d); return clock }
	use := func() (*Store, *election) {
		s, err := Use(ctx, sourcetest.Connect(t, srv.ClientURL()), limits())
		if err != nil {
			t.Fatal(err)
		}
		return s, newElection(s.bucket)
	}
	sees := func(s *Store, counts ...int) {
		for _, n := range counts {
			s.Add([]record.Change{{Kind: record.Lost, Time: clock, Count: n}})
		}
	}
	queued := func(s *Store) (counts []int) {
		for _, d := range s.queue {
			counts = append(counts, *d.Count)
		}
		return counts
	}
	a, leader := use()
	b, other := use()
	elect := func() {
		a.elect(ctx, leader, clock, func(bool) {})
		b.elect(ctx, other, clock, func(bool) {})
	}
	expect := func(what string, leads bool, want ...int) {
		t.Helper()
		if got := queued(b); other.leading != leads || !slices.Equal(got, want) {
			t.Fatalf("%s: leads %v, has %d, want %v and %d", what, other.leading, got, leads, want)
		}
	}
	elect()
	if leader.leading && !other.otherAt.IsZero() {
		t.Error("a lease that was seen once is taken for that of a recorder that lives")
	}
	sees(a, 1)
	sees(b, 1)
	after(2 * time.Second)
	elect()
	expect("the leader has not written it", false, 1)
	after(2 * time.Minute)
	elect()
	expect("nor after a while, though it renews its lease", false, 1)
	a.queue = nil // it is written
	sees(b, 2)
	after(2 * time.Minute)
	elect()
	after(2 * time.Second)
	elect()
	expect("what was written is dropped", false)
	if !leader.leading {
		t.Fatal("it does not lead")
	}

	// The store is away right after a renewal that the other one did not see.
	sees(b, 3)
	after(leadEvery)
	a.elect(ctx, leader, clock, func(bool) {})
	closed, away := use()
	closed.Close()
	other.bucket = away.bucket
	after(leadEvery)
	b.elect(ctx, other, clock, func(bool) {})
	if other.away == nil {
		t.Fatal("the store is not away")
	}
	sees(b, 4, 5)
	other.bucket = b.bucket
	after(2 * time.Minute)
	b.elect(ctx, other, clock, func(bool) {})
	expect("the store is back", false, 3, 4, 5)
	after(leadEvery)
	b.elect(ctx, other, clock, func(bool) {})
	expect("and nobody renewed the lease", false, 3, 4, 5)
	after(followFor)
	said := b.LastAlive(ctx)
	b.elect(ctx, other, clock, func(bool) {})
	expect("it takes over", true, 3, 4, 5)
	if !b.LastAlive(ctx).After(said) {
		t.Error("it does not say at once that it is there")
	}
}

// A lease says for how long what its recorder saw waits; one that does not say so shows
// nothing.
func TestLease(t *testing.T) {
	t.Parallel()
	e := newElection(nil)
	e.behind = 90 * time.Second
	if behind, ok := behindOf(e.lease()); !ok || behind != e.behind || !e.owns(e.lease()) || newElection(nil).owns(e.lease()) {
		t.Errorf("%s, %v: %s", behind, ok, e.lease())
	}
	for _, lease := range []string{"", "id", "id host", "id -3s host"} {
		if behind, ok := behindOf([]byte(lease)); ok {
			t.Errorf("%q: %s", lease, behind)
		}
	}
}
