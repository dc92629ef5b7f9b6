package rebalance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

func number(n int) *int { return &n }

// cluster makes servers n1, n2, … that hold so many connections of the account,
// and nothing else, and take limit, 0 for not known.
func cluster(limit int, held ...int) (servers []Member) {
	for i, n := range held {
		m := Member{ID: fmt.Sprintf("ID%d", i+1), Name: fmt.Sprintf("n%d", i+1), Held: n}
		if limit > 0 {
			m.Connections, m.Limit = number(n), number(limit)
		}
		servers = append(servers, m)
	}
	return servers
}

// clientsOf are Go clients on every server that holds some.
func clientsOf(servers []Member) (out []Candidate) {
	for _, s := range servers {
		for i := range s.Held {
			out = append(out, Candidate{Server: s.ID, ID: uint64(i + 1), Language: "go"})
		}
	}
	return out
}

func TestPlanMovesTheExcessOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		limit     int
		held      []int
		mostMoves int
		moves     []int // by server
		predicted []float64
		short     int // how many reasons why there are fewer
	}{
		{name: "all on one of three", limit: 1000, held: []int{24, 0, 0}, moves: []int{16, 0, 0}, predicted: []float64{8, 8, 8}},
		{name: "even already", limit: 1000, held: []int{8, 8, 8}, moves: []int{0, 0, 0}, predicted: []float64{8, 8, 8}},
		{name: "as even as can be", limit: 1000, held: []int{9, 8, 8}, moves: []int{0, 0, 0}, predicted: []float64{9, 8, 8}},
		{name: "one too many", limit: 1000, held: []int{10, 8, 7}, moves: []int{1, 0, 0}, predicted: []float64{9, 8.5, 7.5}},
		{name: "two are overfull", limit: 1000, held: []int{20, 16, 0}, moves: []int{8, 4, 0}, predicted: []float64{14, 16, 6}},
		{name: "two servers", limit: 1000, held: []int{10, 0}, moves: []int{5, 0}, predicted: []float64{5, 5}},
		{name: "nobody", limit: 1000, held: []int{0, 0, 0}, moves: []int{0, 0, 0}, predicted: []float64{0, 0, 0}},
		{name: "one server", limit: 1000, held: []int{10}, moves: []int{0}, predicted: []float64{10}},
		{name: "no more than asked for", limit: 1000, held: []int{24, 0, 0}, mostMoves: 4, moves: []int{4, 0, 0}, predicted: []float64{20, 2, 2}, short: 1},
		{name: "from the fullest first", limit: 1000, held: []int{30, 20, 0}, mostMoves: 11, moves: []int{11, 0, 0}, predicted: []float64{19, 25.5, 5.5}, short: 1},
		{name: "the limit is not known", held: []int{24, 0, 0}, moves: []int{16, 0, 0}, predicted: []float64{8, 8, 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := PlanInput{Servers: cluster(c.limit, c.held...), MaxMoves: c.mostMoves}
			in.Candidates = clientsOf(in.Servers)
			p := PlanMoves(in)
			total := 0
			for i, s := range p.Servers {
				if s.Moves != c.moves[i] || math.Abs(s.Predicted-c.predicted[i]) > 0.051 {
					t.Errorf("%s: %d moves, %.1f predicted; want %d and %.1f", s.Name, s.Moves, s.Predicted, c.moves[i], c.predicted[i])
				}
				total += s.Moves
			}
			if len(p.Moves) != total || len(p.Short) != c.short {
				t.Errorf("%d moves of %d, short because of %q", len(p.Moves), total, p.Short)
			}
		})
	}
}

func TestPlanKeepsToTheRoom(t *testing.T) {
	t.Parallel()
	// Both others take 100 and keep 10: 5 and 2 are left.
	in := PlanInput{Servers: cluster(1000, 60, 0, 0)}
	in.Servers[1].Connections, in.Servers[1].Limit = number(85), number(100)
	in.Servers[2].Connections, in.Servers[2].Limit = number(88), number(100)
	in.Candidates = clientsOf(in.Servers)
	p := PlanMoves(in)
	if len(p.Moves) != 7 || p.Excess != 40 || len(p.Short) != 1 || *p.Servers[1].Room != 5 || *p.Servers[2].Room != 2 {
		t.Errorf("%d of %d moves, room %d and %d, %q", len(p.Moves), p.Excess, *p.Servers[1].Room, *p.Servers[2].Room, p.Short)
	}
	if got := p.Servers[0].Predicted + p.Servers[1].Predicted + p.Servers[2].Predicted; math.Abs(got-60) > 0.2 {
		t.Errorf("%.1f connections are predicted in all, not 60", got)
	}
	// Full ones get nothing, and nothing is moved without room at all.
	for _, limit := range []int{85, 94, 0} {
		in.Servers[1].Limit, in.Servers[2].Limit = number(limit), number(limit)
		if p := PlanMoves(in); len(p.Moves) != 0 || len(p.Short) != 1 {
			t.Errorf("limit %d: %d moves, %q", limit, len(p.Moves), p.Short)
		}
	}
	in.IgnoreRoom = true
	if p := PlanMoves(in); len(p.Moves) != 40 {
		t.Errorf("regardless of room: %d moves", len(p.Moves))
	}
}

func TestPlanTakesWhatCostsLeast(t *testing.T) {
	t.Parallel()
	servers := cluster(1000, 6, 0)
	of := func(id uint64, idle time.Duration, subscriptions int, pending int64) Candidate {
		return Candidate{Server: "ID1", ID: id, Idle: idle, Subscriptions: subscriptions, Pending: pending, Language: "go"}
	}
	in := PlanInput{Servers: servers, MaxMoves: 6, Candidates: []Candidate{
		of(1, 2*time.Hour, 1, 10),         // would lose what is pending
		of(2, 0, 1, 0),                    // busy
		of(3, 25*time.Minute, 9, 0),       // many subscriptions
		of(4, 20*time.Minute, 1, 0),       // as idle, by order of magnitude
		of(5, 3*time.Hour, 100, 0),        // idle longest
		of(6, 20*time.Minute, 1, 0),       // the same as 4, but newer
		{Server: "elsewhere", ID: 7},      // not in the cluster
		{Server: "ID2", ID: 8, Idle: 1e9}, // on a server without excess
	}}
	var order []uint64
	for _, c := range slices.SortedStableFunc(slices.Values(in.Candidates[:6]), cheaper) {
		order = append(order, c.ID)
	}
	if want := []uint64{5, 4, 6, 3, 2, 1}; !slices.Equal(order, want) {
		t.Errorf("the order is %v, not %v", order, want)
	}
	var moved []uint64
	for _, m := range PlanMoves(in).Moves {
		moved = append(moved, m.ID)
	}
	if want := []uint64{5, 4, 6}; !slices.Equal(moved, want) {
		t.Errorf("moved are %v, not %v", moved, want)
	}
}

func TestPredictionKnowsTheLibraries(t *testing.T) {
	t.Parallel()
	for language, may := range map[string]bool{"go": false, "C": false, "java": false, ".NET": false, "nats.js": false,
		"python3": true, "rust": true, "": true, "elixir": true} {
		if got := mayReturn(Candidate{Language: language}); got != may {
			t.Errorf("%q may return: %v", language, got)
		}
	}
	if !mayReturn(Candidate{Protocol: "mqtt", Language: "go"}) {
		t.Error("an MQTT client knows one address at most")
	}
	in := PlanInput{Servers: cluster(1000, 30, 0, 0)}
	in.Candidates = clientsOf(in.Servers)
	for i := range in.Candidates {
		in.Candidates[i].Language = "python3"
	}
	p := PlanMoves(in)
	if p.Servers[0].Predicted != 16.7 || p.Servers[1].Predicted != 6.7 {
		t.Errorf("a third of 20 comes back: %.1f, %.1f", p.Servers[0].Predicted, p.Servers[1].Predicted)
	}
	back := returning(p.Servers, p.Moves, map[string]int{"ID1": 20})
	if math.Abs(back.mean-20.0/3) > 1e-9 || math.Abs(back.variance-40.0/9) > 1e-9 {
		t.Errorf("expected back: %+v", back)
	}
}

// TestPlansHold checks what must be true of every plan on random clusters.
func TestPlansHold(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 500 {
		in := PlanInput{MaxMoves: r.IntN(3) * r.IntN(40)}
		for i := range 1 + r.IntN(8) {
			m := cluster(0, r.IntN(60))[0]
			m.ID, m.Name = fmt.Sprint("ID", i), fmt.Sprint("n", i)
			if r.IntN(4) > 0 {
				m.Connections, m.Limit = number(m.Held+r.IntN(50)), number(20+r.IntN(100))
			}
			in.Servers = append(in.Servers, m)
		}
		in.Candidates = clientsOf(in.Servers)
		p := PlanMoves(in)
		if again := PlanMoves(in); !reflect.DeepEqual(p, again) {
			t.Fatalf("round %d: another plan for the same input", round)
		}
		predicted, room, bounded := 0.0, 0, true
		seen := map[string]bool{}
		for _, s := range p.Servers {
			predicted += s.Predicted
			if s.Held-s.Moves < min(s.Held, p.Even) {
				t.Fatalf("round %d: %s gives %d of %d, an even share is %d", round, s.Name, s.Moves, s.Held, p.Even)
			}
			if s.Excess == 0 && s.Room != nil {
				room += *s.Room
			} else if s.Excess == 0 {
				bounded = false
			}
		}
		for _, m := range p.Moves {
			key := fmt.Sprint(m.Server, m.ID)
			if seen[key] {
				t.Fatalf("round %d: %s twice", round, key)
			}
			seen[key] = true
		}
		if math.Abs(predicted-float64(p.Connections)) > 0.051*float64(len(p.Servers)) {
			t.Fatalf("round %d: %.1f connections predicted of %d", round, predicted, p.Connections)
		}
		if bounded && len(p.Moves) > room || in.MaxMoves > 0 && len(p.Moves) > in.MaxMoves || len(p.Moves) > p.Excess {
			t.Fatalf("round %d: %d moves with room for %d, at most %d of %d", round, len(p.Moves), room, in.MaxMoves, p.Excess)
		}
		if len(p.Moves) < p.Excess && len(p.Short) == 0 {
			t.Fatalf("round %d: fewer moves without a reason", round)
		}
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	p := Plan{Moves: make([]Move, 100)}
	if got := p.Takes(10, 20); got != 15*time.Second {
		t.Errorf("100 moves take %s", got)
	}
	if got := (Plan{}).Takes(10, 20); got != 0 {
		t.Errorf("no moves take %s", got)
	}
}

// TestWhenClientsComeBack: chance alone does not stop a run, clients that all
// come back do.
func TestWhenClientsComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tally
		want bool
	}{
		{tally{kicked: 20}, false},
		{tally{kicked: 20, returned: 10}, false},
		{tally{kicked: 20, returned: 11}, true},
		{tally{kicked: 3, returned: 3}, false}, // too few to tell
		{tally{kicked: 4, returned: 4}, true},
		{tally{kicked: 20, returned: 14, expected: gain{6.7, 4.4}}, false},
		{tally{kicked: 20, returned: 19, expected: gain{6.7, 4.4}}, true},
		{tally{kicked: 4, returned: 4, expected: gain{2, 1}}, false}, // one in sixteen
		{tally{kicked: 20, returned: 20, expected: gain{10, 5}}, true},
		{tally{}, false},
	} {
		if got := c.bad(); got != c.want {
			t.Errorf("%+v is bad: %v", c.tally, got)
		}
	}
}
