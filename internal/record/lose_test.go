package record

import (
	"testing"
	"time"
)

// That a connection was lost is told once until there was a full report, where it is lost
// again and again for the same reason: nothing more is missed by that.
func TestLostAgainAndAgain(t *testing.T) {
	t.Parallel()
	type loss struct {
		n   int
		why string
	}
	moment, long := loss{0, "for less than 100ms"}, loss{0, "for 3s"}
	report := loss{}
	for name, c := range map[string]struct {
		of   []loss
		told int
	}{
		"once":                        {[]loss{moment}, 1},
		"six times":                   {[]loss{moment, moment, moment, moment, moment, moment}, 1},
		"then for longer":             {[]loss{moment, moment, long}, 2},
		"and after a full report":     {[]loss{moment, moment, report, moment, moment}, 2},
		"events that were not read":   {[]loss{{5, "too fast"}, {5, "too fast"}}, 2},
		"one after the other, in all": {[]loss{moment, {5, "too fast"}, moment}, 3},
	} {
		d := watching(t, 0, 8, 7, 7)
		told := 0
		for _, x := range c.of {
			if d.pass(200 * time.Millisecond); x == report {
				d.lacks(nil, time.Second, 8, 7, 7)
			} else {
				d.w.Lose(x.n, x.why, d.now)
			}
			for _, k := range d.kinds() {
				if k == Lost {
					told++
				}
			}
		}
		if told != c.told {
			t.Errorf("%s: told %d times, want %d", name, told, c.told)
		}
	}
}
