package rebalance

import "slices"

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
