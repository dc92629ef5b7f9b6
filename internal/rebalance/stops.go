package rebalance

import (
	"fmt"
	"slices"

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

// foreseen is how many clients each server should have by now: what it had before
// the first move, less what was moved from it, and what was expected to come.
type foreseen []gain

func foresee(held []int) foreseen {
	out := make(foreseen, len(held))
	for i, n := range held {
		out[i].mean = float64(n)
	}
	return out
}

func (f foreseen) move(moved []Move, expected []gain) {
	for _, m := range moved {
		f[m.Server].mean--
	}
	for i, x := range expected {
		f[i].plus(x)
	}
}

// expect notes where the clients that were moved should go, and returns how many of
// them each server should get, and how many the one that they were on.
func (a *applying) expect(moved []Move) (on []gain, back gain) {
	on, back = a.now.expected(moved)
	a.load.move(moved, on)
	for i, x := range a.now.unlearnt(moved) {
		a.unlearnt[i].expected.plus(x)
	}
	for i := range a.held {
		of := slices.DeleteFunc(slices.Clone(moved), func(m Move) bool { return a.now.Services[m.Service].Account != i })
		expected, _ := a.now.expected(of)
		a.held[i].move(of, expected)
	}
	return on, back
}

// harmed is a stop where the clients all go to one server, or are spread worse than
// before and than was foreseen. A batch takes the clients of a service from one
// server, and some of them go to a server that has as many: on the way one may have a
// few more than before the first move.
func (a *applying) harmed(now Arrivals, expected []gain) *Stop {
	// In small batches the run learns where clients go before that is beyond chance.
	// It does no harm until a server has too many.
	loads, even := a.now.Loads(), a.now.Even()
	overfull := func(i int) bool { return loads[i] > max(a.loads[i], even+slack(even)) }
	for i, got := range now.On {
		this := flock{got, expected[i]}
		a.flocks[i].add(this)
		a.unlearnt[i].got += got
		tallies := []flock{this, a.flocks[i]}
		if overfull(i) {
			tallies = append(tallies, a.unlearnt[i])
		}
		for _, f := range tallies {
			if f.bad() {
				return &Stop{StopFlock, fmt.Sprintf("%s got %s where about %.0f were expected: the clients do not choose as predicted.", a.now.Servers[i].Name, words.Plural(f.got, "client"), f.expected.mean)}
			}
		}
	}
	// The loads of several accounts, each to be spread evenly, may become worse.
	if !a.goal.Even || len(a.shares) == 1 {
		if stop := worst("", a.loads, a.now.Loads(), a.load, 0); stop != nil {
			return stop
		}
	}
	for i, held := range a.now.Held() {
		account := a.now.Accounts[i]
		_, total := largest(held)
		if account.Stays != "" || total == 0 || len(a.shares) == 1 {
			continue
		}
		if stop := worst(" of "+account.Name, a.shares[i], held, a.held[i], slack(checks.EvenShare(total, len(held)))); stop != nil {
			return stop
		}
	}
	return nil
}

// worst is a stop where the largest share is above that before and above what was
// foreseen for that server, by more than so many and than chance leads there.
func worst(of string, before, now []int, f foreseen, slack int) *Stop {
	most, total := largest(now)
	was, all := largest(before)
	for i, n := range now {
		if int64(n)*int64(all) > int64(was)*int64(total) && f[i].exceeded(n-slack, harmful) {
			return &Stop{StopWorse, fmt.Sprintf("The most%s on one server is now %s of %s, and was %s of %s.", of, words.Count(most), words.Count(total), words.Count(was), words.Count(all))}
		}
	}
	return nil
}
