package record

import (
	"testing"
	"time"
)

// What leans after watch stood still is not said to begin then: no verdict is known from its
// last look until a full report that was asked for since.
func TestWatchStoodStill(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Minute, 7, 7, 7)
	since := d.now
	d.w.Ask(d.now) // it comes late
	d.pass(33 * time.Second)
	d.w.Stood(since, d.now)
	d.count("n1", 40)
	changes := d.w.Tick(d.now)
	if len(changes) != 1 || changes[0].Kind != Undecided || !changes[0].Everywhere || !changes[0].Since.Equal(since) || !changes[0].Time.Equal(d.now) || changes[0].Reason != stoodStill {
		t.Fatalf("%+v", changes)
	}
	if of := d.w.Undecided(d.now); len(of) != 1 || !of[0].Since.Equal(since) {
		t.Errorf("%+v", of)
	}
	d.report(40, 7, 7)
	d.want()
	d.pass(time.Second)
	if _, due := d.w.Due(d.now); !due {
		t.Error("no full report is due")
	}
	d.w.Ask(d.now)
	d.report(40, 7, 7)
	changes = d.w.Tick(d.now)
	if len(changes) != 2 || changes[0].Kind != Crossed || changes[1].Kind != Decided || !changes[1].Since.Equal(since) {
		t.Errorf("%+v", changes)
	}
	// A connection that is lost later is another time.
	d.w.Hear(false)
	if changes := d.w.Tick(d.now); len(changes) != 1 || changes[0].Kind != Undecided || !changes[0].Since.IsZero() || changes[0].Reason != notConnected {
		t.Errorf("%+v", changes)
	}
}
