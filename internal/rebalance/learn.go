package rebalance

// Arrivals is where the clients of a batch went, as far as a look shows it.
type Arrivals struct {
	// On is how many came to each server, of all services together; Back is how
	// many of them came to the one that they were moved from.
	On   []int
	Back int
	// Missing is how many came nowhere.
	Missing int
	// Services are the same by service, of those that were moved, and To how many of each
	// came to each server.
	Services map[int]Arrived
	To       map[int][]int
}

// Arrived is what became of the clients of one service.
type Arrived struct{ Moved, Back, Missing int }

// place is a connection on its server.
type place struct {
	server int
	id     uint64
}

// Learn compares a look with the one before it, and the moves made in between. It
// takes connections that are new, of services of which some were moved, for
// those, notes where they have been, and counts where their cohort goes.
func (s *State) Learn(before *State, moves []Move) Arrivals {
	old := make(map[place]Connection, len(before.Connections))
	for _, c := range before.Connections {
		old[place{c.Server, c.ID}] = c
	}
	moved, from := map[int]int{}, map[int]cohort{}
	for _, m := range moves {
		moved[m.Service]++
		from[m.Service] = m.cohort()
	}
	s.peak, s.peaks = before.start()
	if s.seen = before.seen; s.seen == nil {
		s.seen = experience{}
	}
	out := Arrivals{On: make([]int, len(s.Servers)), Services: map[int]Arrived{}, To: map[int][]int{}}
	came := map[int]Arrived{}
	for i := range s.Connections {
		c := &s.Connections[i]
		if was, known := old[place{c.Server, c.ID}]; known {
			c.trail, c.epoch, c.tries, c.returns = was.trail, was.epoch, was.tries, was.returns
			continue
		}
		a, of := came[c.Service], from[c.Service]
		if a.Moved == moved[c.Service] {
			continue // somebody else's, or nobody's
		}
		a.Moved++
		if c.Server == of.server {
			a.Back++
			out.Back++
		}
		came[c.Service] = a
		c.trail, c.tries, c.returns = of.trail.then(of.server), of.tries+1, of.returns
		if c.trail.has(c.Server) {
			c.returns++
		}
		out.On[c.Server]++
		if out.To[c.Service] == nil {
			out.To[c.Service] = make([]int, len(s.Servers))
		}
		out.To[c.Service][c.Server]++
		s.seen.add(of, c.Server, len(s.Servers))
		if others, ok := s.alike(of); ok {
			s.seen.add(others, c.Server, len(s.Servers))
		}
	}
	for service, n := range moved {
		a := came[service]
		a.Moved, a.Missing = n, n-a.Moved
		out.Services[service] = a
		out.Missing += a.Missing
	}
	return out
}
