package record

import (
	"testing"
	"time"
)

// TestClientsBetweenTwoServers: an account whose clients left their server is above the
// threshold until they have come somewhere, for as long as that usually takes.
func TestClientsBetweenTwoServers(t *testing.T) {
	t.Parallel()
	const tick = 500 * time.Millisecond
	for _, c := range []struct {
		name string
		// counts are those of n1, n2, n3 at each tick, of which there are two a second.
		counts [][3]uint32
		back   int // the tick that says so; -1 for none
	}{
		{"they all come to the next", [][3]uint32{{1, 0, 0}, {1, 10, 1}, {1, 22, 1}, {1, 22, 1}, {1, 22, 1}, {1, 22, 1}}, -1},
		{"none is left for a moment", [][3]uint32{{0, 0, 0}, {0, 0, 0}, {0, 24, 0}, {0, 24, 0}, {0, 24, 0}}, -1},
		{"the cluster's last connection ends", [][3]uint32{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}}, 3},
		{"they come to all", [][3]uint32{{4, 4, 4}, {6, 6, 6}, {8, 8, 8}}, 2},
		{"it is made smaller for good", [][3]uint32{{4, 4, 4}, {4, 4, 4}, {4, 4, 4}, {4, 4, 4}}, 3},
		{"it was made smaller before", [][3]uint32{{16, 2, 2}, {16, 2, 2}, {16, 2, 2}, {16, 2, 2}, {9, 2, 2}, {9, 2, 2}, {9, 9, 2}}, 6},
		{"others come", [][3]uint32{{20, 20, 20}}, 0},
		{"some leave, and others come", [][3]uint32{{2, 10, 10}, {9, 10, 10}}, 1},
	} {
		d := watching(t, 0, 20, 2, 2)
		d.pass(time.Minute)
		back := -1
		for i, counts := range c.counts {
			d.count("n1", counts[0])
			d.count("n2", counts[1])
			d.count("n3", counts[2])
			for _, k := range d.kinds() {
				if k == Back && back < 0 {
					back = i
				}
			}
			d.pass(tick)
		}
		if back != c.back {
			t.Errorf("%s: back after tick %d, want %d", c.name, back, c.back)
		}
	}
}

// TestServersThatSayItOneAfterTheOther: clients that go from two servers to others count on
// none for a moment, and as one server is heard before the other the rest seems to lean.
func TestServersThatSayItOneAfterTheOther(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 10, 8, 2)
	d.pass(time.Minute)
	d.count("n2", 2) // 10 of 14
	d.want()
	d.pass(300 * time.Millisecond)
	d.count("n1", 6)
	d.count("n3", 12)
	d.want(Shifted)
	d.pass(time.Minute)
	d.count("n2", 0)
	d.count("n3", 1)
	d.want()
	d.pass(betweenFor)
	d.want() // 6 of 7 are too few
	d.count("n1", 10)
	d.want(Crossed, Held)
	d.count("n1", 11)
	d.count("n3", 0) // as many as before
	d.pass(time.Hour)
	d.want(Shifted)
	d.count("n1", 10)
	d.w.Tick(d.now)
	d.pass(10 * time.Second) // not falling any more, though nothing was judged since
	d.count("n1", 9)
	d.want()
	d.pass(betweenFor)
	d.want(Back)
}

// TestConnectionThatEndedHoldsNoFindingUp: one that ends is no reason to wait.
func TestConnectionThatEndedHoldsNoFindingUp(t *testing.T) {
	t.Parallel()
	d := watching(t, time.Minute, 20, 2, 2)
	d.pass(30 * time.Second)
	d.count("n1", 19)
	d.want()
	d.pass(30 * time.Second)
	d.want(Held)
}
