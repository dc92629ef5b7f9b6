package rebalance

import "slices"

// hold leaves out the services whose clients are not back on any server: of the first
// few, which are tried, one is enough, later as many as would stop a run of that service
// alone. What share of the whole run that is does not matter to those who lose clients.
func (a *applying) hold(now Arrivals, try trial) {
	for service, this := range now.Services {
		all := a.run.Services[service]
		lost := tooManyMissing(min(all.Missing, a.lost()), all.Moved)
		if try.of(service) {
			lost = this.Missing > 0
		}
		if !lost || a.now.Services[service].Stays != nil {
			continue
		}
		a.stays(service, NotBack{all.Moved, all.Missing, a.pace.Patience})
		if try.of(service) {
			a.canariesLost[service] = true
		}
	}
}

// stayAway is a stop where clients are not back on any server. Those of services that
// lost canaries were there to be lost, and these services are moved no more: they stop
// the run only where nothing is left to move.
func (a *applying) stayAway(now Arrivals) *Stop {
	moved, missing := 0, 0
	for service, x := range now.Services {
		if !a.canariesLost[service] {
			moved, missing = moved+x.Moved, missing+x.Missing
		}
	}
	late, held := 0, 0
	for service, x := range a.run.Services {
		if a.canariesLost[service] {
			held += x.Missing
		} else {
			late += x.Missing
		}
	}
	late = min(late, max(0, a.lost()-held))
	switch {
	case missing*2 > moved || tooManyMissing(late, a.kicked):
	case held > 0 && !a.anyLeft():
		late = min(held, a.lost())
	default:
		return nil
	}
	return &Stop{StopNotReconnected, NotBack{a.kicked, late, a.pace.Patience}}
}

// anyLeft reports whether there are clients that may still be moved.
func (a *applying) anyLeft() bool {
	return slices.ContainsFunc(a.now.Connections, func(c Connection) bool { return a.now.moves(c.Service) && a.goal.names(c.Service) })
}

// stays moves no more clients of a service.
func (a *applying) stays(service int, why Stay) {
	for _, services := range []*[]Service{&a.scope.Services, &a.now.Services} {
		if service < len(*services) {
			(*services)[service].Stays = why
		}
	}
}

// canaries are a few of each service, of one cohort each.
func canaries(p Plan, most int) []Move {
	var out []Move
	n := map[int]int{}
	for _, m := range nextBatch(p, len(p.Moves)) {
		if n[m.Service]++; n[m.Service] <= most {
			out = append(out, m)
		}
	}
	return out
}

// First returns how many connections a run closes before it looks at what became of them.
func First(s *State, plan Plan, goal Goal, batch int) int {
	a := applying{now: s, goal: goal, pace: Pace{Batch: batch}}
	a.start()
	moves, _ := a.next(plan, false)
	return len(moves)
}
