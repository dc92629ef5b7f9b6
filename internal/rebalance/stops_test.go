package rebalance

import (
	"testing"
)

// A run stops where the largest share is above that before and above what was
// foreseen by more than chance, with one account that is to be spread evenly too.
func TestStopsWhenTheSpreadIsWorse(t *testing.T) {
	t.Parallel()
	before := []int{12, 9, 2}
	for _, c := range []struct {
		moved int // of the first server, evenly to both others as is foreseen
		now   []int
		even  bool
		want  StopCode
	}{
		{5, []int{7, 14, 2}, true, ""}, // one time in 32 all do
		{10, []int{2, 19, 2}, true, StopWorse},
		{10, []int{2, 19, 2}, false, StopWorse},
		{10, []int{2, 14, 7}, true, ""},
		{10, []int{2, 9, 12}, true, ""}, // no more than before
		{4, []int{8, 7, 8}, true, ""},
	} {
		s := &State{Servers: make([]Server, 3), Accounts: make([]Account, 1), Services: make([]Service, 1)}
		for i, n := range c.now {
			for range n {
				s.Connections = append(s.Connections, Connection{Server: i})
			}
		}
		a := started(s, Goal{Even: c.even})
		a.loads, a.shares = before, [][]int{before}
		half := gain{float64(c.moved) / 2, float64(c.moved) / 4}
		a.unlearnt[1].expected, a.unlearnt[2].expected = half, half
		stop := a.harmed(Arrivals{On: []int{0, c.now[1] - 9, c.now[2] - 2}}, []gain{{}, half, half}, trial{})
		if (stop == nil) != (c.want == "") || stop != nil && stop.Code != c.want {
			t.Errorf("%v, even %v: %+v, want %q", c.now, c.even, stop, c.want)
		}
	}
}

// started is a run that has moved nothing.
func started(s *State, goal Goal) *applying {
	a := &applying{goal: goal, now: s}
	a.start()
	return a
}

// Runs of clients that choose by chance are not stopped, but for one in hundreds, nor
// given up: on the way to a server that joined an account may be less even for a while.
func TestStopsNoHealthyRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		servers, seeds, batch int
		clients               []int
	}{{2, 400, 6, []int{36, 24, 12}}, {3, 40, 20, []int{82, 82, 82}}} {
		stopped := 0
		for seed := range uint64(c.seeds) {
			s := simulate(seed, c.servers)
			for account, n := range c.clients {
				s.connect(account, n)
			}
			s.join()
			if stop := s.watched(len(c.clients), c.batch, everywhere()); stop != nil {
				stopped++
				t.Logf("%+v", stop)
			}
		}
		if stopped*200 > c.seeds {
			t.Errorf("%d of %d were stopped", stopped, c.seeds)
		}
	}
}

// Clients that all go to one server are noticed before that has many more than its
// even share, in batches as small as may be. A run learns where they go: with small
// ones it expected that soon, and did not find it strange.
func TestStopsClientsThatFlock(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 2, 5, 20} {
		for _, n := range []int{60, 240} {
			for _, all := range []bool{true, false} {
				s := simulate(1, 3)
				s.connect(0, n)
				for _, c := range s.clients {
					c.list = []int{0, 1, 2} // nobody shuffled it
				}
				if all {
					s.flock = 1
				}
				stop := s.watched(1, batch, everywhere())
				on, most := s.state(1).Loads()[1], n/3+slack(n/3)+batch
				switch {
				case all && (stop == nil || stop.Code != StopFlock || on > most):
					t.Errorf("%d clients, %d a batch: %+v, %d on one server", n, batch, stop, on)
				case !all && batch <= 2 && stop != nil: // they go on from there, and become even
					t.Errorf("%d clients in one order, %d a batch: %+v", n, batch, stop)
				}
			}
		}
	}
}

// watched is a run that looks after each batch whether it does harm, or no good.
func (s *simulated) watched(accounts, batch int, goal Goal) *Stop {
	now := s.state(accounts)
	now.restarts()
	a := started(now, goal)
	planned := PlanMoves(now, goal)
	a.planned, a.pace.Batch = planned, batch
	for !a.inVain() {
		moves := nextBatch(PlanMoves(a.now, goal), batch)
		if len(moves) == 0 || s.kicks >= len(planned.Moves) && a.now.Level(goal) {
			return nil
		}
		expected, _ := a.expect(moves)
		s.kick(moves)
		if s.between != nil {
			s.between()
		}
		after := s.state(accounts)
		arrived := after.Learn(a.now, moves)
		a.caused.came(a.now, after, moves, &arrived)
		a.now = after
		if stop := a.harmed(arrived, expected, trial{}); stop != nil {
			return stop
		}
		a.noteGain(len(moves))
	}
	return &Stop{Why: inVain(a.now.Loads())}
}

// inVain is that it does not get better, with the loads.
type inVain []int

func (inVain) stops() {}

// Canaries of two services come back: these are left out, and the third is moved.
func TestApplyLeavesOutServicesThatComeBack(t *testing.T) {
	t.Parallel()
	accounts := []string{"PINNED", "STUCK", "ROAMS"}
	l := startLab(t, three(accounts...))
	for _, a := range accounts[:2] {
		roam(t, a, 24, "go", l.Server("C1-n1")) // they know no other
	}
	roam(t, accounts[2], 24, "go", l.Cluster("C1")...)
	before := connections(t, l, "ROAMS")["C1-n1"]
	scope, state := stageOf(t, l, "C1", accounts...)
	pace := calm(long, 12)
	pace.Canary = 5
	r := Apply(within(t), connect(t, l.SystemURL()), scope, state, everywhere(), pace)
	kicked := map[string]int{}
	for _, m := range r.Moves {
		if m.Outcome == Kicked {
			kicked[accounts[state.Services[m.Service].Account]]++
		}
	}
	if r.Stop != nil || kicked["PINNED"] != 5 || kicked["STUCK"] != 5 || kicked["ROAMS"] < 12 || len(connections(t, l, "ROAMS")["C1-n1"]) > len(before)-12 {
		t.Errorf("stop %+v, kicked %v, batches %+v", r.Stop, kicked, r.Batches)
	}
}
