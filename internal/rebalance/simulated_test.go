package rebalance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// pooled is a nats.go client: its list was shuffled once, the server that closes
// it goes to the end.
type pooled struct {
	account int
	list    []int
	id      uint64
	start   time.Time
}

// simulated is a cluster of such clients, without a network.
type simulated struct {
	r       *rand.Rand
	servers []Server
	clients []*pooled
	next    uint64
	now     time.Time
	kicks   int
	flock   int    // where all go, whatever their lists say; 0 is nowhere
	between func() // what happens between two looks
}

func simulate(seed uint64, servers int) *simulated {
	s := &simulated{r: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for range servers {
		s.join()
	}
	return s
}

// join adds a server, which all clients hear of: it shuffles all but the head.
func (s *simulated) join() {
	i := len(s.servers)
	s.servers = append(s.servers, Server{ID: fmt.Sprint("ID", i+1), Name: fmt.Sprint("n", i+1), Start: s.tick()})
	for _, c := range s.clients {
		c.list = append(c.list, i)
		rest := c.list[1:]
		s.r.Shuffle(len(rest), func(a, b int) { rest[a], rest[b] = rest[b], rest[a] })
	}
}

func (s *simulated) tick() time.Time {
	s.now = s.now.Add(time.Second)
	return s.now
}

func (s *simulated) connect(account, n int) {
	for range n {
		s.clients = append(s.clients, &pooled{account: account, list: s.r.Perm(len(s.servers))})
		s.arrive(s.clients[len(s.clients)-1])
	}
}

func (s *simulated) arrive(c *pooled) {
	s.next++
	c.id, c.start = s.next, s.tick()
}

func (s *simulated) leave(c *pooled) {
	c.list = append(c.list[1:], c.list[0])
	if at := slices.Index(c.list, s.flock); s.flock > 0 {
		c.list[0], c.list[at] = c.list[at], c.list[0]
	}
	s.arrive(c)
}

// restart takes servers down and up, one after the other.
func (s *simulated) restart() {
	for i := range s.servers {
		for _, c := range s.clients {
			if c.list[0] == i {
				s.leave(c)
			}
		}
		s.servers[i].Start = s.tick()
	}
}

func (s *simulated) state(accounts int) *State {
	out := &State{Servers: s.servers}
	for a := range accounts {
		out.Accounts = append(out.Accounts, Account{ID: fmt.Sprint("A", a), Rule: checks.Defaults()})
		out.Services = append(out.Services, Service{Account: a, Language: "go", Protocol: "nats"})
	}
	for _, c := range s.clients {
		out.Connections = append(out.Connections, Connection{Server: c.list[0], Service: c.account, ID: c.id, Start: c.start, Language: "go"})
	}
	return out
}

func (s *simulated) kick(moves []Move) {
	for _, m := range moves {
		for _, c := range s.clients {
			if c.list[0] == m.Server && c.id == m.ID {
				s.leave(c)
				s.kicks++
				break
			}
		}
	}
}

// run plans, moves, looks and plans again.
func (s *simulated) run(accounts, batch int, goal Goal) (rounds int, state *State) {
	now := s.state(accounts)
	now.restarts()
	first := len(PlanMoves(now, goal).Moves)
	for ; rounds < 300; rounds++ {
		moves := nextBatch(PlanMoves(now, goal), batch)
		if len(moves) == 0 || s.kicks >= first && now.Level(goal) {
			break
		}
		s.kick(moves)
		after := s.state(accounts)
		after.Learn(now, moves)
		now = after
	}
	return rounds, now
}

// perfect is how many moves someone needs who knows every client's list and
// may choose which to close: the fewest steps along the lists until as many are
// where they should be as there are now.
func (s *simulated) perfect(after *State) int {
	want := after.Loads()
	servers := make([]int, len(want))
	for _, c := range s.clients {
		servers[c.list[0]]++
	}
	moves := 0
	for steps := 1; steps < len(want); steps++ { // the nearest first
		for _, c := range s.clients {
			from, to := c.list[0], c.list[steps]
			if servers[from] > want[from] && servers[to] < want[to] {
				servers[from]--
				servers[to]++
				moves += steps
			}
		}
	}
	return moves
}

// TestConverges: after a rolling restart and after a server joined the clients are
// spread within a tenth, and the plan foresees about what it takes. After a restart
// no more than a quarter is made above what is needed by who sees into the clients.
// Into a new server nobody can see which client would go there: of three others a
// client takes two moves on the average.
func TestConverges(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{5, 20} {
		for seed := range uint64(20) {
			for _, joins := range []bool{false, true} {
				s := simulate(seed, 3)
				s.connect(0, 246)
				if s.restart(); joins {
					s = simulate(seed, 3)
					s.connect(0, 246)
					s.join()
				}
				state, before := s.state(1), *s
				before.clients = nil
				for _, c := range s.clients {
					before.clients = append(before.clients, &pooled{list: slices.Clone(c.list)})
				}
				state.restarts()
				f := Foresee(state, everywhere(), batch)
				rounds, now := s.run(1, batch, everywhere())
				needed := before.perfect(now)
				if joins {
					needed *= 2
				}
				if even := now.Even(); slices.Max(now.Loads()) > even+even/10 || slices.Min(now.Loads()) < even-1-even/10 {
					t.Errorf("seed %d, joins %v: %v became %v", seed, joins, state.Loads(), now.Loads())
				}
				if s.kicks*4 > needed*5 {
					t.Errorf("seed %d, joins %v, batches of %d: %d moves in %d rounds, needed are %d", seed, joins, batch, s.kicks, rounds, needed)
				}
				if f.Moves*4 < s.kicks*3 || s.kicks*4 < f.Moves*3 {
					t.Errorf("seed %d, joins %v: %d moves were foreseen, and %d made", seed, joins, f.Moves, s.kicks)
				}
			}
		}
	}
}
