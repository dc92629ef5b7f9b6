package live

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// The clock goes on by 33 s from one look to the next, as after a pause of the machine: no
// verdict is known since, until the full report that follows.
func TestStoodStill(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 3, "C1-n2": 4, "C1-n3": 4})
	f := follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour})
	f.kind(record.Watching)
	const stood = 33 * time.Second
	f.ahead.Add(int64(stood))
	unknown := f.kind(record.Undecided)
	if long := unknown.Time.Sub(unknown.Since); !unknown.Everywhere || long < stood || long > 2*stood {
		t.Errorf("unknown for %s: %+v", long, unknown)
	}
	if known := f.kind(record.Decided); !known.Everywhere || !known.Since.Equal(unknown.Since) {
		t.Errorf("%+v", known)
	}
	f.Look(func(w *record.Watch, connected bool) {
		if n := w.Counters.Reconciliations; n < 2 || !connected {
			t.Errorf("%d full reports, connected: %v", n, connected)
		}
	})
}
