package rebalance

import "slices"

// missing adds up the clients of the run that are nowhere. Those of a service are
// back where more came later than were moved.
func (a *applying) missing(now Arrivals) int {
	out := 0
	for service, x := range now.Services {
		all := a.run.Services[service]
		all.Moved, all.Back, all.Missing = all.Moved+x.Moved, all.Back+x.Back, all.Missing+x.Missing
		a.run.Services[service] = all
	}
	for _, x := range a.run.Services {
		out += x.Missing
	}
	return min(out, a.lost())
}

// lost is how many connections fewer there are than before, without those that closed
// by themselves before they were moved.
func (a *applying) lost() int {
	_, had := largest(a.loads)
	return max(0, had-a.gone-a.inOthers()-len(a.now.Connections))
}

// cameBack is a stop where clients come back to the servers that they were moved
// from. A service of which that is so is left out, and does not speak for others of
// which clients stayed away; the run stops where nothing is left to move, or nobody has
// stayed away yet, but for canaries. What was kicked is by service, with what was
// expected before anything was learned of it.
func (a *applying) cameBack(now *Arrivals, kicked map[int]tally, try trial) *Stop {
	var staying tally // of this batch, of the services that are not left out
	for service, this := range kicked {
		if a.tallies[service] == nil {
			a.tallies[service] = &tally{}
		}
		this.returned = now.Services[service].Back
		now.On[this.from] = max(0, now.On[this.from]-this.returned) // it did not choose that server
		a.tallies[service].add(this)
		if t := *a.tallies[service]; t.bad() || try.all && t.failed() || try.of(service) && a.now.Services[service].shows(t) {
			a.stays(service, Returned{t.returned, t.kicked})
			continue
		}
		staying.add(this)
	}
	run, ever := tally{}, tally{}
	for service, t := range a.tallies {
		ever.add(*t)
		if a.now.moves(service) {
			run.add(*t)
		}
	}
	switch {
	case ever.returned > 0 && (!a.anyLeft() || !try.all && staying.kicked == 0 && ever.returned == ever.kicked):
		return a.returned(ever)
	case staying.bad():
		return a.returned(staying)
	case run.bad():
		return a.returned(run)
	}
	return nil
}

// returned is the stop for clients that came back, with whose they are.
func (a *applying) returned(t tally) *Stop {
	var of []string
	for i, x := range a.now.Services {
		if t := a.tallies[i]; t != nil && t.returned > 0 {
			of = append(of, x.Name)
		}
	}
	return &Stop{StopCameBack, AllReturned{t.returned, t.kicked, of}}
}

// expect notes where the clients that were moved should go, and returns how many of
// them each server should get, and what to expect of each service.
func (a *applying) expect(moved []Move) (on []gain, services map[int]tally) {
	on, _ = a.now.expected(moved)
	fresh, _ := a.now.unlearnt(moved)
	for i, x := range fresh {
		a.unlearnt[i].expected.plus(x)
	}
	accounts := map[int][]Move{}
	for _, m := range moved {
		account := a.now.Services[m.Service].Account
		accounts[account] = append(accounts[account], m)
	}
	for account, moves := range accounts {
		expected, _ := a.now.expected(moves)
		a.caused.expect(account, expected)
	}
	of := map[int][]Move{}
	for _, m := range moved {
		of[m.Service] = append(of[m.Service], m)
	}
	services = map[int]tally{}
	for service, moves := range of {
		_, back := a.now.unlearnt(moves)
		services[service] = tally{kicked: len(moves), expected: back, from: moves[0].Server}
	}
	return on, services
}

// harmed is a stop where the clients all go to one server, or are spread worse than
// before and than was foreseen. A batch takes the clients of a service from one
// server, and some of them go to a server that has as many: on the way one may have a
// few more than before the first move.
func (a *applying) harmed(now Arrivals, expected []gain, try trial) *Stop {
	// In small batches the run learns where clients go before that is beyond chance.
	// It does no harm until a server has too many, or would with one more such batch.
	loads, even := a.now.Loads(), a.now.aimOf(a.goal).even
	overfull := func(i, more int) bool { return loads[i]+more > max(a.loads[i], even[i]+slack(even[i])) }
	for i, got := range now.On {
		this := flock{got, expected[i]}
		a.flocks[i].add(this)
		a.unlearnt[i].got += got
		if !overfull(i, got) {
			continue
		}
		// Clients that restarts have put in step go one way from here and the other way from
		// there, which evens out: over several batches only what came of it counts.
		tallies := []flock{this}
		if overfull(i, 0) {
			tallies = append(tallies, a.flocks[i], a.unlearnt[i])
		}
		for k, f := range tallies {
			if f.bad() {
				return &Stop{StopFlock, Flocked{a.now.Servers[i].Name, f.got, f.expected.mean, k > 0}}
			}
		}
	}
	few := 0
	if try.seeks { // what is to be learnt first costs a few
		few = slack(slices.Max(even))
	}
	return a.worse(few)
}
