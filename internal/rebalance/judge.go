package rebalance

import (
	"fmt"
	"math"

	"github.com/nats-balance/nats-balance/internal/words"
)

// tally is what came of kicks, next to what was expected.
type tally struct {
	kicked, returned int
	expected         gain // of returned
}

func (t *tally) add(o tally) {
	t.kicked, t.returned = t.kicked+o.kicked, t.returned+o.returned
	t.expected.mean, t.expected.variance = t.expected.mean+o.expected.mean, t.expected.variance+o.expected.variance
}

const (
	// fewest is how many kicks it takes to judge whether clients come back.
	fewest = 4
	// deviations is how far off a number must be to be no chance: in a run of
	// 1,000 batches it is less than one time in ten.
	deviations = 4
)

// bad reports whether fewer than half left of those that should have, and that is no
// chance.
func (t tally) bad() bool {
	left, should := float64(t.kicked-t.returned), float64(t.kicked)-t.expected.mean
	return t.kicked >= fewest && left*2 < should && should-left > deviations*math.Sqrt(t.expected.variance)
}

// flock is what one server got, next to what was expected.
type flock struct {
	got      int
	expected gain
}

func (f *flock) add(got int, o gain) {
	f.got += got
	f.expected.mean, f.expected.variance = f.expected.mean+o.mean, f.expected.variance+o.variance
}

// bad reports whether a server got more than it should, and that is no chance.
// One connection of somebody else's is always possible.
func (f flock) bad() bool {
	return float64(f.got)-f.expected.mean > deviations*math.Sqrt(f.expected.variance+1)
}

// tooManyMissing reports whether of the clients that a run disconnected more are not
// back than some may have ended of themselves: 3 or more, and over 5%.
func tooManyMissing(missing, kicked int) bool { return missing >= 3 && missing*20 > kicked }

// largest is the most connections on one server, and all of them.
func largest(counts map[string]int) (most, total int) {
	for _, n := range counts {
		most, total = max(most, n), total+n
	}
	return most, total
}

// worse reports whether the largest share is above that of before.
func worse(before, now map[string]int) bool {
	was, all := largest(before)
	is, total := largest(now)
	return int64(is)*int64(all) > int64(was)*int64(total)
}

// vanished is a stop where a server of the plan did not answer.
func (a *applying) vanished(counts map[string]int, now map[string]health) *Stop {
	for _, s := range a.plan.Servers {
		_, counted := counts[s.ID]
		_, healthy := now[s.ID]
		if !counted || !healthy {
			return &Stop{StopServerLost, fmt.Sprintf("%s does not answer any more.", s.Name)}
		}
	}
	return nil
}

// suffering is a stop where a server is worse off than before the first move.
func (a *applying) suffering(now map[string]health) *Stop {
	for _, s := range a.plan.Servers {
		then, h := a.before[s.ID], now[s.ID]
		switch {
		case h.limit > 0 && h.connections > most(h.limit, lastReservePercent) && h.connections > then.connections:
			return &Stop{StopSuffering, fmt.Sprintf("%s has %s of the %s that it takes.", s.Name, words.Plural(h.connections, "connection"), words.Count(h.limit))}
		case h.slow > then.slow:
			return &Stop{StopSuffering, fmt.Sprintf("%s has had %s since the start.", s.Name, words.Plural(int(h.slow-then.slow), "slow consumer"))}
		case h.cpu > a.pace.MostCPU && h.cpu > then.cpu+5:
			return &Stop{StopSuffering, fmt.Sprintf("%s uses %.0f%% of its processors, from %.0f%% at the start.", s.Name, h.cpu, then.cpu)}
		}
	}
	return nil
}
