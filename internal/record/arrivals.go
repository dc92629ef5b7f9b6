package record

import (
	"time"

	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// arrivalsFor is for how long what came is kept apart by when it did, at the
	// least: longer than a server is silent before that is noticed, with the full report
	// that others wait for.
	arrivalsFor = 90 * time.Second
	// arrivalsEach is how exactly.
	arrivalsEach = time.Second
	// mostArrivals is how many counts are kept in all.
	mostArrivals = 100_000
)

// arrivalKey is an account on a server, by their ids.
type arrivalKey struct{ account, server string }

// arrivals counts what came to servers, by when it did. Whether those that left since were
// among them nobody knows.
type arrivals struct {
	slots []arrivalSlot // the oldest first
	kept  int           // counts in them
	from  time.Time     // since then all that came is in them; zero: since ever
}

type arrivalSlot struct {
	begin time.Time
	came  map[arrivalKey]int
}

func (a *arrivals) add(e wire.ClientEvent, now time.Time) {
	last := len(a.slots) - 1
	if last < 0 || now.Sub(a.slots[last].begin) >= arrivalsEach {
		for len(a.slots) > 0 && now.Sub(a.slots[0].begin) > arrivalsFor+arrivalsEach {
			a.kept -= len(a.slots[0].came)
			a.slots, a.from = a.slots[1:], a.slots[0].begin.Add(arrivalsEach)
		}
		a.slots = append(a.slots, arrivalSlot{begin: now, came: map[arrivalKey]int{}})
		last = len(a.slots) - 1
	}
	k, came := arrivalKey{e.Account, e.From.ID}, a.slots[last].came
	if _, known := came[k]; !known {
		if a.kept >= mostArrivals {
			a.missed(now)
			return
		}
		a.kept++
	}
	came[k]++
}

// missed is that something came and is not in it.
func (a *arrivals) missed(now time.Time) {
	a.slots, a.kept, a.from = nil, 0, now.Add(1) // what came at this moment may be missing, too
}

// since is what came to each server since a time, or up to arrivalsEach before it; ok is
// false where that is not known.
func (a *arrivals) since(t time.Time) (came map[arrivalKey]int, ok bool) {
	came = map[arrivalKey]int{}
	for _, s := range a.slots {
		if s.begin.Add(arrivalsEach).After(t) {
			for k, n := range s.came {
				came[k] += n
			}
		}
	}
	return came, t.After(a.from)
}
