package rebalance

import "slices"

// bounded takes from moves as many, in their order, as can't make an account a finding, or
// fill a server, even if all of its clients that are moved choose the same one: where they
// go is seen after the batch only.
func (s *State) bounded(moves []Move, goal Goal) []Move {
	held, coming, all := s.Held(), s.Held(), make([]int, len(s.Servers))
	fills := func(i int) bool {
		x := s.Servers[i]
		return !goal.IgnoreLimits && x.Limit != nil && x.Connections != nil && *x.Connections < *x.Limit && *x.Connections+all[i] >= *x.Limit
	}
	for a := range coming {
		clear(coming[a])
	}
	full := s.full(Goal{})
	to := map[cohort][]int{}
	var out []Move
	for _, m := range moves {
		account, c := s.Services[m.Service].Account, m.cohort()
		servers, known := to[c]
		if !known {
			for i, chance := range s.chances(c, full) {
				if i != m.Server && chance > 0 {
					servers = append(servers, i)
				}
			}
			to[c] = servers
		}
		_, total := largest(held[account])
		rule := s.Accounts[account].Rule
		if rule.ThresholdPercent > 0 && total >= rule.MinConnections && len(s.Servers) >= rule.MinServers && slices.ContainsFunc(servers, func(i int) bool {
			return rule.Exceeds(held[account][i]+coming[account][i]+1, total)
		}) {
			continue
		}
		if slices.ContainsFunc(servers, fills) {
			continue
		}
		for _, i := range servers {
			coming[account][i]++
			all[i]++
		}
		out = append(out, m)
	}
	return out
}

// unnamed are the services that the plan did not name, of which more could be moved.
func (a *applying) unnamed(goal Goal) []ServiceName {
	if goal.Only == nil || goal.MaxMoves > 0 {
		return nil
	}
	goal.Only = nil
	var of []ServiceName
	for _, m := range PlanMoves(a.now, goal).Moves {
		name := a.now.nameOf(m.Service)
		if !a.goal.names(m.Service) && !slices.Contains(of, name) {
			of = append(of, name)
		}
	}
	return of
}
