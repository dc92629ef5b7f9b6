package history

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// What is unknown by what was recorded is read from there, but for what is about to be
// written.
func TestUndecidedIsTakenOver(t *testing.T) {
	t.Parallel()
	s, err := OpenLocal(sourcetest.Within(t), t.TempDir(), limits())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	unknown := func(minute int, cluster string) record.Change {
		return record.Change{Kind: record.Undecided, Time: at(minute), Cluster: cluster, Count: 2, Reason: "n3"}
	}
	known := func(minute int, cluster string) record.Change {
		return record.Change{Kind: record.Decided, Time: at(minute), Since: at(minute - 1), Cluster: cluster}
	}
	written(t, s, []record.Change{unknown(0, "C0"), {Kind: record.Watching, Time: at(1), Of: &record.Totals{}}, unknown(2, "C1"), unknown(2, "C2"), known(3, "C1"), unknown(4, "C3"), {Kind: record.Undecided, Time: at(5), Everywhere: true}})
	s.Add([]record.Change{known(6, "C3")})
	said, err := s.Undecided(sourcetest.Within(t))
	if err != nil || len(said) != 2 || said[0].Cluster != "C2" || !said[0].Time.Equal(at(2)) || !said[1].Everywhere {
		t.Errorf("%v, %+v", err, said)
	}
}

// Of two recorders, the one that goes on had seen an account a moment before the other one
// recorded that it leans, and never saw it lean. What it saw before is not written after
// that, or nobody would know that the account leans, but that it is a finding; nor is
// anything before that is known.
func TestLeanIsInherited(t *testing.T) {
	t.Parallel()
	srv := keeper(t)
	recorder := func(set func(s *Store)) (*Store, *nats.Conn) {
		nc := sourcetest.Connect(t, srv.ClientURL())
		s, err := Use(sourcetest.Within(t), nc, limits())
		if err != nil {
			t.Fatal(err)
		}
		set(s)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { s.Run(ctx, func(bool) {}); close(done) }()
		t.Cleanup(func() { stop(); <-done })
		return s, nc
	}
	first, nc := recorder(func(*Store) {})
	now := time.Now().Add(time.Minute) // nothing is written already by its time
	crossed := record.Change{Kind: record.Crossed, Time: now, Cluster: "C1", Spread: spread(now, 20, 1, 1), Since: now}
	first.Add([]record.Change{crossed})
	waitWritten(t, first)

	var tries atomic.Int32
	var leans []record.Spread
	var left []record.Document
	second, _ := recorder(func(s *Store) {
		s.Inherit = func(ctx context.Context) (bool, error) {
			if tries.Add(1) == 1 {
				return false, errors.New("it can't be read")
			}
			_, err := s.Inherited(ctx, record.Standstill{}, func(r record.Recorded) { leans = append(leans, r.Last) })
			s.mu.Lock()
			left = slices.Clone(s.queue) // nothing is written meanwhile
			s.mu.Unlock()
			return err == nil, err
		}
	})
	elsewhere := spread(now, 3, 2, 2)
	elsewhere.Cluster = "C2"
	second.Add([]record.Change{
		{Kind: record.Shifted, Time: now.Add(-time.Millisecond), Cluster: "C1", Spread: spread(now, 3, 2, 2)},
		{Kind: record.Held, Time: now.Add(-time.Millisecond), Cluster: "C1", Spread: spread(now, 20, 1, 1), Since: now.Add(-time.Millisecond), Finding: true},
		{Kind: record.Shifted, Time: now.Add(-time.Millisecond), Cluster: "C2", Spread: elsewhere},
		{Kind: record.Shifted, Time: now.Add(time.Millisecond), Cluster: "C1", Spread: spread(now, 3, 2, 2)},
	})
	nc.Close() // dead: it says nothing any more
	waitWritten(t, second)
	if len(leans) != 1 || leans[0].Connections != 22 || tries.Load() != 2 {
		t.Errorf("%d tries, %+v", tries.Load(), leans)
	}
	if len(left) != 3 || left[0].Change != record.Held || *left[1].Cluster != "C2" || !left[2].Time.After(now) {
		t.Errorf("to be written: %+v", left)
	}
}
