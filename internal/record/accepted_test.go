package record

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// TestAcceptedWhileWatching: what is accepted does not become a finding until it passes
// the share up to which it is accepted, or the last day is over.
func TestAcceptedWhileWatching(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.w.s.Accepted = []checks.Acceptance{{Account: "ORD*", Cluster: "*", Reason: "known", Expires: d.now.Truncate(24 * time.Hour), MaxSharePercent: 90}}
	d.kinds()
	d.pass(10 * time.Second)
	d.count("n1", 56) // of 70: 80%
	d.want(Shifted)
	d.pass(10 * time.Second)
	d.count("n1", 200) // of 214: 93%
	d.want(Crossed, Held)
	d.pass(10 * time.Second)
	d.count("n1", 56)
	d.live()
	d.want()
	d.pass(betweenFor)
	changes := d.w.Tick(d.now)
	if len(changes) != 1 || changes[0].Kind != Back || changes[0].Spread.Verdict != checks.AcceptedFinding {
		t.Fatalf("%+v", changes)
	}
	d.pass(24 * time.Hour) // it has expired, and nothing has changed
	d.want(Crossed, Held)
}
