package live

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A connection that was away for a moment was not lost for 0 s.
func TestShortly(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{3 * time.Millisecond: "less than 100ms", 100 * time.Millisecond: "100ms", 2345 * time.Millisecond: "2.3s"} {
		if got := shortly(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Events wait in a bounded number and size, for each of the seven subscriptions. That
// lost ones have a full report asked for is for the tests of record.
func TestWaitingEventsAreBounded(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	s := &session{l: New(record.New(record.Settings{}), Options{Timeout: 10 * time.Second}), events: sourcetest.Connect(t, l.SystemURL())}
	if err := s.subscribe(); err != nil {
		t.Fatal(err)
	}
	if len(s.subs) != 7 {
		t.Errorf("%d subscriptions", len(s.subs))
	}
	for _, sub := range s.subs {
		if n, size, err := sub.PendingLimits(); n != 1_000_000 || size != 256<<20 || err != nil {
			t.Errorf("%s: %d events of %d bytes, %v", sub.Subject, n, size, err)
		}
	}
}
