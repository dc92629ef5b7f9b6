package rebalance

import (
	"fmt"
	"math"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// missing adds up the clients of the run that are nowhere. Those of a service are
// back where more came later than were moved.
func (a *applying) missing(now Arrivals) int {
	out := 0
	for service, x := range now.Services {
		all := a.run.Services[service]
		all.Moved, all.Back, all.Missing = all.Moved+x.Moved, all.Back+x.Back, all.Missing+x.Missing
		a.run.Services[service] = all
	}
	_, had := largest(a.loads)
	lost := max(0, had-a.gone-len(a.now.Connections))
	for _, x := range a.run.Services {
		out += x.Missing
	}
	return min(out, lost)
}

// cameBack is a stop where clients come back to the servers that they were moved
// from. A service of which that is so is left out; where none is left it stops.
func (a *applying) cameBack(now Arrivals, moved []Move, all tally) *Stop {
	of := map[int][]Move{}
	for _, m := range moved {
		of[m.Service] = append(of[m.Service], m)
	}
	left := 0
	for service, moves := range of {
		if a.tallies[service] == nil {
			a.tallies[service] = &tally{}
		}
		_, back := a.now.expected(moves)
		a.tallies[service].add(tally{len(moves), now.Services[service].Back, back})
		if t := *a.tallies[service]; t.bad() {
			for _, services := range []*[]Service{&a.scope.Services, &a.now.Services} {
				if service < len(*services) {
					(*services)[service].Stays = fmt.Sprintf("%s of %s came back", words.Count(t.returned), words.Plural(t.kicked, "client"))
				}
			}
		}
	}
	for _, x := range a.now.Services {
		if x.Stays == "" && a.now.Accounts[x.Account].Stays == "" {
			left++
		}
	}
	a.tally.add(all)
	for _, t := range []tally{all, a.tally} {
		if t.bad() || left == 0 && t.returned > 0 {
			return &Stop{StopCameBack, fmt.Sprintf("%s of %s came back to the servers that they were moved from.", words.Count(t.returned), words.Plural(t.kicked, "client"))}
		}
	}
	return nil
}

// harmed is a stop where the clients all go to one server, or are spread worse
// than before.
func (a *applying) harmed(now Arrivals, expected []gain) *Stop {
	for i, got := range now.On {
		this := flock{got, expected[i]}
		a.flocks[i].add(this)
		for _, f := range []flock{this, a.flocks[i]} {
			if f.bad() {
				return &Stop{StopFlock, fmt.Sprintf("%s got %s where about %.0f were expected: the clients do not choose as predicted.", a.now.Servers[i].Name, words.Plural(f.got, "client"), f.expected.mean)}
			}
		}
	}
	variance := 0.0
	for _, f := range a.flocks {
		variance = max(variance, f.expected.variance)
	}
	// Where all was nearly even chance leads a few too many to one server for a
	// while; what is left of it at the end is never balanced.
	chance := int(2 * math.Sqrt(variance))
	worst := func(of string, before, now []int, chance int) *Stop {
		if !worse(before, now, chance) {
			return nil
		}
		most, total := largest(now)
		was, all := largest(before)
		return &Stop{StopWorse, fmt.Sprintf("The most%s on one server is now %s of %s, and was %s of %s.", of, words.Count(most), words.Count(total), words.Count(was), words.Count(all))}
	}
	// The loads of several accounts, each to be spread evenly, may become worse.
	if stop := worst("", a.loads, a.now.Loads(), chance); stop != nil && (!a.goal.Even || len(a.shares) == 1) {
		return stop
	}
	for i, held := range a.now.Held() {
		account := a.now.Accounts[i]
		_, total := largest(held)
		if account.Stays != "" || total == 0 {
			continue
		}
		if stop := worst(" of "+account.Name, a.shares[i], held, chance+slack(checks.EvenShare(total, len(held)))); stop != nil && len(a.shares) > 1 {
			return stop
		}
	}
	return nil
}
