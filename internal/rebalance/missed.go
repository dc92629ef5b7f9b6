package rebalance

import (
	"math"
	"slices"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// way is how clients were moved: those of one service away from one server.
type way struct{ service, from int }

// passage is what became of the clients of a way that connected to another server.
type passage struct {
	moved int
	to    []bool // servers that one of them came to
	// expected is how many of them should come to each server, last how many had been at all
	// the others, and none the logarithm of the chance that none comes.
	expected, none []float64
	last           []int
}

// passages are those of a run, or those that servers remember.
type passages map[way]*passage

func (p passages) of(w way, servers int) *passage {
	if p[w] == nil {
		p[w] = &passage{to: make([]bool, servers), expected: make([]float64, servers), none: make([]float64, servers), last: make([]int, servers)}
	}
	return p[w]
}

// goes adds a client of a cohort that chooses a server with these chances. Libraries that
// choose anew take each close as another chance. The others go through a list, and clients
// that were there through the same restarts may all have the same server last: of these
// only a client that was moved from all other servers shows whether it gets to the last.
func (s *State) goes(p *passage, c cohort, chances []float64, full []bool) {
	p.moved++
	others := 0
	for i := range s.Servers {
		if i != c.server && s.open(c.service, i, full) {
			others++
		}
	}
	again := s.Services[c.service].mayReturn()
	for i, chance := range chances {
		if i == c.server {
			continue
		}
		p.expected[i] += chance
		switch {
		case again:
			p.none[i] += math.Log1p(-min(chance, mostSure))
		case chance > mostSure && c.tries+1 >= others:
			p.last[i]++
			p.none[i] += math.Log1p(-mostSure)
		}
	}
}

const (
	// mostSure is how sure at most a prediction is of one client: that one was moved before
	// is known by when it connected.
	mostSure = 0.8
	// chanceOfNone is how likely it is at most that a server which clients get to was
	// missed by chance. Where others show it, a service has one client itself that does.
	chanceOfNone = 0.01
	mostOwnNone  = 1 - mostSure
	// few is how many are moved at a time before it is known whether clients get to a server
	// that none of them is on, and fewOfOne how many of them are of one service.
	few      = 5
	fewOfOne = 3
)

// passed notes where the clients of moves went, next to where their libraries should have
// led them. Those that came back or are missing say nothing of the others.
func (a *applying) passed(before *State, moves []Move, now Arrivals) {
	full := before.full(Goal{})
	gone := map[int]int{}
	for service, x := range now.Services {
		gone[service] = x.Moved - x.Missing - x.Back
	}
	for _, m := range moves {
		if gone[m.Service]--; gone[m.Service] < 0 {
			continue
		}
		before.goes(a.ways.of(way{m.Service, m.Server}, len(before.Servers)), m.cohort(), before.walk(m.cohort(), full), full)
	}
	for _, m := range moves {
		if p := a.ways[way{m.Service, m.Server}]; p != nil {
			for i, n := range now.To[m.Service] {
				p.to[i] = p.to[i] || n > 0 && i != m.Server
			}
		}
	}
}

// Missed is a server that none of the clients of some services came to, though some were
// moved from all the others, or choose anew each time: they do not know it, or can't get in.
type Missed struct {
	Server   int
	Services []int
	Moved    int     // clients, each as often as it was moved
	Last     int     // of these moves, those of clients that had been at all other servers
	Expected float64 // how many of them should have come
}

func (x *Missed) add(o Missed) {
	x.Moved, x.Last, x.Expected = x.Moved+o.Moved, x.Last+o.Last, x.Expected+o.Expected
}

// missed returns the servers that clients do not get to by where they went. It takes them
// together by the run, by the account and by the service: whoever has one list goes the
// same ways.
func (s *State) missed(all passages) []Missed {
	on := make([][]bool, len(s.Services))
	for i := range on {
		on[i] = make([]bool, len(s.Servers))
	}
	for _, c := range s.Connections {
		on[c.Service][c.Server] = true
	}
	var out []Missed
	for i := range s.Servers {
		x := Missed{Server: i}
		for _, pool := range []func(service int) int{
			func(int) int { return 0 },
			func(service int) int { return s.Services[service].Account },
			func(service int) int { return service },
		} {
			for _, services := range s.pools(all, pool, on, i) {
				for _, service := range services {
					if !slices.Contains(x.Services, service) {
						x.Services = append(x.Services, service)
					}
				}
			}
		}
		if len(x.Services) == 0 {
			continue
		}
		slices.Sort(x.Services)
		for w, p := range all {
			if slices.Contains(x.Services, w.service) {
				x.add(Missed{Moved: p.moved, Last: p.last[i], Expected: p.expected[i]})
			}
		}
		out = append(out, x)
	}
	return out
}

// pools are the services that miss a server, of each pool: none of it is there, and that
// is not chance.
func (s *State) pools(all passages, pool func(int) int, on [][]bool, server int) [][]int {
	of, there := map[int]passages{}, map[int]bool{}
	for w, p := range all {
		k := pool(w.service)
		there[k] = there[k] || on[w.service][server] || p.to[server]
		if !s.reaches(w.service, server) || s.Servers[server].KeptAway {
			continue
		}
		if of[k] == nil {
			of[k] = passages{}
		}
		of[k][w] = p
	}
	var out [][]int
	for k, ways := range of {
		if there[k] || ways.none(server) > math.Log(chanceOfNone/float64(len(of))) {
			continue
		}
		own := map[int]float64{}
		for w, p := range ways {
			own[w.service] += p.none[server]
		}
		var services []int
		for service, none := range own {
			if none <= math.Log(mostOwnNone)+1e-9 {
				services = append(services, service)
			}
		}
		out = append(out, services)
	}
	return out
}

// none is the logarithm of the chance that none comes to a server. Where all from one
// server went to the same one, they may take their list in order: that says nothing of the
// servers after it, before clients were moved on from there.
func (p passages) none(server int) float64 {
	to, from, out := map[int]map[int]bool{}, map[int]bool{}, map[int]float64{}
	for w, x := range p {
		from[w.from] = true
		out[w.from] += x.none[server]
		if to[w.from] == nil {
			to[w.from] = map[int]bool{}
		}
		for i, came := range x.to {
			if came {
				to[w.from][i] = true
			}
		}
	}
	all := 0.0
	for w, none := range out {
		onward := true
		for i := range to[w] {
			onward = onward && from[i]
		}
		if len(to[w]) > 1 || onward {
			all += none
		}
	}
	return all
}

// leave plans no client of these services for the server any more.
func (s *State) leave(x Missed) {
	for _, service := range x.Services {
		unreached := slices.Clone(s.Services[service].Unreached)
		if unreached == nil {
			unreached = make([]bool, len(s.Servers))
		}
		unreached[x.Server] = true
		barriers := slices.Clone(s.Services[service].Barriers)
		if barriers == nil {
			barriers = make([]cause.Barrier, len(s.Servers))
		}
		barriers[x.Server] = cause.BarrierUnseen
		s.Services[service].Unreached, s.Services[service].Barriers = unreached, barriers
	}
}

// reached takes back of services what was shown of a server, as one of them is there.
func (a *applying) reached() {
	on := map[way]bool{}
	for _, c := range a.now.Connections {
		on[way{c.Service, c.Server}] = true
	}
	for i := range a.missed {
		x := &a.missed[i]
		x.Services = slices.DeleteFunc(x.Services, func(service int) bool {
			if !on[way{service, x.Server}] {
				return false
			}
			for _, services := range [][]Service{a.scope.Services, a.now.Services} {
				services[service].Unreached = slices.Clone(services[service].Unreached)
				services[service].Unreached[x.Server] = false
			}
			return true
		})
	}
	a.missed = slices.DeleteFunc(a.missed, func(x Missed) bool { return len(x.Services) == 0 })
}

// miss leaves out the servers that clients were shown not to get to.
func (a *applying) miss() {
	a.forgive()
	a.reached()
	for _, x := range a.now.missed(a.ways) {
		a.now.leave(x)
		for _, service := range x.Services { // of which the look after the next batch is made
			a.scope.Services[service].Unreached, a.scope.Services[service].Barriers = a.now.Services[service].Unreached, a.now.Services[service].Barriers
		}
		if at := slices.IndexFunc(a.missed, func(o Missed) bool { return o.Server == x.Server }); at >= 0 {
			a.missed[at].Services = append(a.missed[at].Services, x.Services...)
			a.missed[at].add(x)
			continue
		}
		a.missed = append(a.missed, x)
	}
	a.run.Missed = a.missed
}

// untried reports whether the clients of a batch may go to a server that nobody is on, and
// nothing shows that they know it. So it is where they may also go to one that has clients:
// after some restarts all have the empty one last. That is to be seen with a few, from each
// server that gives some as long as the other has few.
func (s *State) untried(moves []Move) bool {
	loads, even := s.Loads(), s.Even()
	return slices.ContainsFunc(moves, func(m Move) bool {
		known := s.Services[m.Service].Known
		empty, unknown, held, low := false, false, false, false
		for i, chance := range s.walk(m.cohort(), nil) {
			switch {
			case chance == 0 || i == m.Server || s.Servers[i].KeptAway:
			case loads[i] == 0:
				empty, unknown = true, unknown || i < len(known) && !known[i]
			case loads[i]*4 < even:
				low = true
			default:
				held = true
			}
		}
		others, ok := s.alike(m.cohort())
		return unknown || held && (empty || low && ok && s.seen[others] == nil)
	})
}

// Misses returns them as notes, one for the servers that the same clients did not come to.
func (s *State) Misses(all []Missed) (out []Miss) {
	for len(all) > 0 {
		first := all[0]
		miss := Miss{Closes: first.Moved, Services: s.names(first.Services), Last: first.Last}
		all = slices.DeleteFunc(slices.Clone(all), func(x Missed) bool {
			same := slices.Equal(x.Services, first.Services) && x.Moved == first.Moved && x.Last == first.Last
			if same {
				miss.Servers, miss.Expected = append(miss.Servers, s.Servers[x.Server].Name), miss.Expected+x.Expected
			}
			return same
		})
		out = append(out, miss)
	}
	return out
}

// names are the names of services.
func (s *State) names(services []int) []string {
	var of []string
	for _, service := range services {
		of = append(of, s.Services[service].Name)
	}
	return of
}

// unsettled returns the servers that nobody is on of which it is not known whether clients
// get there: some may have it last in their lists.
func (a *applying) unsettled() (out []RunNote) {
	loads := a.now.Loads()
	for i, server := range a.now.Servers {
		if loads[i] > 0 || server.KeptAway {
			continue
		}
		var services []int
		moved := 0
		for w, p := range a.ways {
			if !a.now.reaches(w.service, i) || p.expected[i] == 0 {
				continue
			}
			moved += p.moved
			if !slices.Contains(services, w.service) {
				services = append(services, w.service)
			}
		}
		if len(services) > 0 {
			out = append(out, Unsettled{moved, a.now.names(services), server.Name})
		}
	}
	return out
}

// unreached is a stop where a server that was to be filled is left without these clients,
// as they do not get there.
func (a *applying) unreached() *Stop {
	loads := a.now.Loads()
	empty := func(x Missed) bool { return loads[x.Server] == 0 }
	if !slices.ContainsFunc(a.missed, empty) {
		for _, miss := range a.now.Misses(a.missed) {
			a.run.Notes = append(a.run.Notes, miss)
		}
		a.run.Notes = append(a.run.Notes, a.unsettled()...)
		return nil
	}
	missed := slices.DeleteFunc(slices.Clone(a.missed), func(x Missed) bool { return !empty(x) })
	return &Stop{StopUnreached, Unreached{a.now.Misses(missed)}}
}
