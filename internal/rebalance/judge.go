package rebalance

import "math"

// gain is how many clients are expected, and the variance of that.
type gain struct{ mean, variance float64 }

func (g *gain) add(p float64) { g.mean, g.variance = g.mean+p, g.variance+p*(1-p) }

func (g *gain) plus(o gain) { g.mean, g.variance = g.mean+o.mean, g.variance+o.variance }

// exceeded reports whether so many are more than chance makes of it.
func (g gain) exceeded(n int, deviations float64) bool {
	return float64(n)-g.mean > deviations*math.Sqrt(g.variance)
}

// tally is what came of kicks, next to what was expected.
type tally struct {
	kicked, returned int
	expected         gain // of returned
	from             int  // the server, where they are of one service in one batch
}

func (t *tally) add(o tally) {
	t.kicked, t.returned = t.kicked+o.kicked, t.returned+o.returned
	t.expected.plus(o.expected)
}

const (
	// fewest is how many kicks it takes to judge whether clients come back.
	fewest = 4
	// deviations is how far off a number must be to be no chance: in a run of
	// 1,000 batches it is less than one time in ten.
	deviations = 4
	// hardly is the chance below which clients of a trial that all came back are no chance.
	hardly = 0.05
)

// bad reports whether fewer than half left of those that should have, and that is no
// chance.
func (t tally) bad() bool { return t.kicked >= fewest && t.tooFewLeft() }

// failed is the same of canaries, however few: it also reports those that all came back,
// which may be chance, as they are there to show that others would stay away.
func (t tally) failed() bool { return t.returned > 0 && (t.returned == t.kicked || t.tooFewLeft()) }

// shown reports whether a trial of one service shows that its clients come back, however
// few were closed: too few left, or all came back and that is hardly chance. A client whose
// library may choose the server that closed it does so one time in three of three servers,
// and is no proof.
func (t tally) shown() bool {
	return t.failed() && (t.tooFewLeft() || math.Pow(t.expected.mean/float64(t.kicked), float64(t.kicked)) < hardly)
}

func (t tally) tooFewLeft() bool {
	left, should := float64(t.kicked-t.returned), float64(t.kicked)-t.expected.mean
	return left*2 < should && should-left > deviations*math.Sqrt(t.expected.variance)
}

// flock is what one server got, next to what was expected.
type flock struct {
	got      int
	expected gain
}

func (f *flock) add(o flock) {
	f.got += o.got
	f.expected.plus(o.expected)
}

// bad reports whether a server got more than it should, and that is no chance.
// One connection of somebody else's is always possible.
func (f flock) bad() bool {
	return gain{f.expected.mean, f.expected.variance + 1}.exceeded(f.got, deviations)
}

// tooManyMissing reports whether of the clients that a run disconnected more are not
// back than some may have ended of themselves: 3 or more, and over 5%.
func tooManyMissing(missing, kicked int) bool { return missing >= 3 && missing*20 > kicked }

// largest is the most connections on one server, and all of them.
func largest(counts []int) (most, total int) {
	for _, n := range counts {
		most, total = max(most, n), total+n
	}
	return most, total
}

// expected is how many of the clients of moves are expected at each server, by the
// walk of their libraries and, for those who may not walk as they should, if they
// choose evenly: the more of both.
func (s *State) expected(moves []Move) (on []gain, back gain) {
	walked, evenly := make([]gain, len(s.Servers)), make([]gain, len(s.Servers))
	full := s.full(Goal{})
	nobody := true
	for _, u := range s.reached(moves) {
		nobody = nobody && !u
	}
	for _, m := range moves {
		c := m.cohort()
		for i, p := range s.chances(c, full) {
			walked[i].add(p)
			if i == c.server && !nobody {
				back.add(p)
			}
		}
		c.trail = ""
		for i, p := range s.shuffled(c, full) {
			evenly[i].add(p)
		}
	}
	for i := range walked {
		if evenly[i].mean > walked[i].mean {
			walked[i] = evenly[i]
		}
	}
	return walked, back
}

// unlearnt is expected before the run had shown where they go.
func (s *State) unlearnt(moves []Move) (on []gain, back gain) {
	fresh := *s
	fresh.seen = nil
	return fresh.expected(moves)
}

// reached says which servers any of the clients of moves can get to from where
// they are.
func (s *State) reached(moves []Move) []bool {
	out := make([]bool, len(s.Servers))
	for _, m := range moves {
		for i := range out {
			out[i] = out[i] || i != m.Server && s.reaches(m.Service, i)
		}
	}
	return out
}

// vanished is a stop where a server of the plan did not answer.
func (a *applying) vanished(counts map[string]int, now map[string]health) *Stop {
	for _, s := range a.now.Servers {
		_, counted := counts[s.ID]
		_, healthy := now[s.ID]
		if !counted || !healthy {
			return &Stop{StopServerLost, Vanished{s.Name}}
		}
	}
	return nil
}

// suffering is a stop where a server is worse off than before the first move.
func (a *applying) suffering(now map[string]health) *Stop {
	for _, s := range a.now.Servers {
		then, h := a.before[s.ID], now[s.ID]
		switch {
		case h.limit > 0 && h.connections > most(h.limit, lastReservePercent) && h.connections > then.connections:
			return &Stop{StopSuffering, NearLimit{s.Name, h.connections, h.limit}}
		case h.slow > then.slow:
			return &Stop{StopSuffering, SlowConsumers{s.Name, int(h.slow - then.slow)}}
		case h.cpu > a.pace.MostCPU && h.cpu > then.cpu+5:
			return &Stop{StopSuffering, Busy{s.Name, h.cpu, then.cpu}}
		}
	}
	return nil
}
