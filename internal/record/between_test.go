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
