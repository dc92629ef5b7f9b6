package rebalance

import (
	"math"
	"slices"
)

// trial is what a batch is to show: of all services that are in it, as canaries do, or of
// those alone whose users no other server is known to take.
type trial struct {
	all      bool
	services map[int]bool
	seeks    bool // whether clients get to a server that nobody is on
}

func (t trial) of(service int) bool { return t.all || t.services[service] }

// few leaves one move of each service whose users no other server is known to take: where
// none does, its client is refused everywhere, and gives up for good where its library does
// so, as that for Go.
func (t trial) few(moves []Move) []Move {
	seen := map[int]bool{}
	return slices.DeleteFunc(slices.Clone(moves), func(m Move) bool {
		again := t.services[m.Service] && seen[m.Service]
		seen[m.Service] = true
		return again
	})
}

// seeking are the first few moves of a batch, of several services where it has them.
func seeking(batch []Move) []Move {
	var out, others []Move
	of := map[int]int{}
	for _, m := range batch {
		if of[m.Service]++; of[m.Service] <= fewOfOne {
			out = append(out, m)
		} else {
			others = append(others, m)
		}
	}
	out = append(out, others...)
	return out[:min(few, len(out))]
}

// unlikely is how many deviations beyond what is expected hardly any batch goes.
const unlikely = 3

// calm cuts a batch off where by what the run has learnt it would lead so many more to a
// server than expected before that the run would stop, see [applying.harmed]. A few are
// moved all the same: once they were moved on from there, others can follow.
func (a *applying) calm(batch []Move) []Move {
	loads, even, full := a.now.Loads(), a.now.aimOf(a.goal).even, a.now.full(a.goal)
	learnt, before := make([]gain, len(loads)), make([]gain, len(loads))
	for k, m := range batch {
		walk := a.now.walk(m.cohort(), full)
		for i, chance := range a.now.chances(m.cohort(), full) {
			if i == m.Server {
				continue
			}
			learnt[i].add(chance)
			before[i].add(walk[i])
			got := min(k+1, int(learnt[i].mean+unlikely*math.Sqrt(learnt[i].variance)))
			f := a.unlearnt[i]
			f.add(flock{got, before[i]})
			if k >= few && loads[i]+got > max(a.loads[i], even[i]+slack(even[i])) && learnt[i].mean > before[i].mean+1 && f.bad() {
				return batch[:k]
			}
		}
	}
	return batch
}

// forgive forgets what a server got beyond what was expected where those that came have gone
// on: it has no more than before the first move.
func (a *applying) forgive() {
	for i, n := range a.now.Loads() {
		if n <= a.loads[i] {
			a.unlearnt[i] = flock{}
		}
	}
}

// unproven are the services of moves whose users no other server was known to take, and that
// log in as nobody does there now either.
func (s *State) unproven(moves []Move) map[int]bool {
	type login struct {
		account int
		user    string
	}
	of := func(service int) login { return login{s.Services[service].Account, s.Services[service].User} }
	on := map[login]map[int]bool{}
	for _, c := range s.Connections {
		l := of(c.Service)
		if on[l] == nil {
			on[l] = map[int]bool{}
		}
		on[l][c.Server] = true
	}
	out := map[int]bool{}
	for _, m := range moves {
		if s.Services[m.Service].Unproven && len(on[of(m.Service)]) < 2 {
			out[m.Service] = true
		}
	}
	return out
}

// Unproven are the names of the services of which one connection is moved first, alone, as
// no other server is known to take their users.
func (p Plan) Unproven(s *State) []string {
	unproven := s.unproven(p.Moves)
	var out []string
	for i, x := range s.Services {
		if unproven[i] {
			out = append(out, x.Name)
		}
	}
	return out
}
