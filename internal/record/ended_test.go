package record

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// A spread has how many connections ended since the one before, each once, but for those
// whose clients live on: their server closed them as it stops, or as it was asked to.
func TestConnectionsThatEnded(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 5, 5, 5)
	d.w.Tick(d.now)
	for reason, n := range map[checks.Reason]int{"Client Closed": 4, "Stale Connection": 1, checks.ReasonKicked: 3, checks.ReasonShutdown: 2} {
		for range n {
			d.w.Disconnected(wire.ClientEvent{From: at("n2"), Account: "ORDERS", Client: true, Name: "orders", Reason: reason}, d.now)
		}
	}
	d.w.Disconnected(wire.ClientEvent{From: at("n2"), Account: "OTHER", Client: true, Reason: "Client Closed"}, d.now)
	for _, x := range []struct {
		counts []uint32
		ended  int
	}{{[]uint32{40, 5, 5}, 5}, {[]uint32{5, 5, 5}, 0}} {
		d.w.Ask(d.now)
		d.report(x.counts...)
		told := 0
		changes := d.w.Tick(d.now)
		d.pass(betweenFor)
		for _, c := range append(changes, d.w.Tick(d.now)...) {
			if c.Spread == nil {
				continue
			}
			if told++; told == 1 && (c.Spread.Ended == nil || *c.Spread.Ended != x.ended || *DocumentOf(c).Spread.Ended != x.ended) || told > 1 && *c.Spread.Ended != 0 {
				t.Errorf("%s of %v: %d ended", c.Kind, x.counts, *c.Spread.Ended)
			}
		}
		if told == 0 {
			t.Errorf("nothing was told of %v", x.counts)
		}
	}
}
