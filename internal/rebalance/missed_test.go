package rebalance

import (
	"slices"
	"testing"
	"time"
)

// gone are clients of a service that were moved away from a server, those that they were
// moved from before, and those that they came to.
type gone struct {
	service, from, n int
	came             []int
	been             []int
}

func (g gone) cohort() cohort {
	out := cohort{service: g.service, server: g.from, tries: len(g.been)}
	for _, i := range g.been {
		out.trail = out.trail.then(i)
	}
	return out
}

// round are clients of a service that were moved from three servers and did not come to the
// fourth.
func round(service, n int) []gone {
	return []gone{{service, 1, n, []int{2}, nil}, {service, 2, n, []int{0}, []int{1}}, {service, 0, n, []int{1}, []int{1, 2}}}
}

// A server that clients do not get to is known by where they went, and not where chance or
// the order of their lists explains that nobody came.
func TestMissed(t *testing.T) {
	t.Parallel()
	everywhere := []gone{{0, 0, 4, []int{1, 2}, nil}, {0, 1, 4, []int{0, 2}, nil}, {1, 2, 4, []int{0, 1}, nil}}
	both := [][]int{{8, 8, 8, 0}, {8, 8, 8, 0}}
	for _, c := range []struct {
		name     string
		language string
		on       [][]int // by account, each of one service
		went     []gone
		want     []int // servers, of each service that misses one
	}{
		{"nobody came of 24 that choose anew", "python3", both, append(slices.Clone(everywhere), everywhere...), []int{3, 3}},
		{"nor of twelve that may all have it last", "go", both, everywhere, nil},
		{"nor of sixty", "go", both, []gone{{0, 0, 20, []int{1, 2}, nil}, {0, 1, 20, []int{0, 2}, nil}, {1, 2, 20, []int{0, 1}, nil}}, nil},
		{"three were on all the others", "go", both, round(0, 3), []int{3}},
		{"two were", "go", both, round(0, 2), nil},
		{"three were on two of three", "go", both, round(0, 3)[:2], nil},
		{"those of two services were", "go", both, append(round(0, 2), round(1, 1)...), []int{3, 3}},
		{"of one that was moved once it is not known", "go", both, append(round(0, 3), gone{1, 0, 20, []int{1, 2}, nil}), []int{3}},
		{"one came", "python3", [][]int{{8, 8, 8, 1}, {8, 8, 8, 0}}, everywhere, nil},
		{"one came of those that were on all the others", "go", [][]int{{8, 8, 8, 1}}, round(0, 3), nil},
		{"too few to say", "python3", both, everywhere[:2], nil},
		{"one service came, and of the other too few", "python3", [][]int{{8, 8, 8, 3}, {8, 8, 8, 0}}, []gone{{0, 0, 12, []int{1, 2, 3}, nil}, {1, 1, 6, []int{0, 2}, nil}}, nil},
		{"one service came, and none of many of the other", "python3", [][]int{{8, 8, 8, 3}, {8, 8, 8, 0}}, []gone{{0, 0, 12, []int{1, 2, 3}, nil}, {1, 1, 20, []int{0, 2}, nil}}, []int{3}},
		{"one service came, and of the other four were on all the others", "go", [][]int{{8, 8, 8, 3}, {8, 8, 8, 0}}, append(round(1, 4), gone{0, 0, 12, []int{1, 2, 3}, nil}), []int{3}},
		{"all went on to the next of their list", "python3", [][]int{{8, 20, 0, 0}}, []gone{{0, 0, 20, []int{1}, nil}}, nil},
		{"and back from there", "python3", [][]int{{14, 14, 0, 0}}, []gone{{0, 0, 9, []int{1}, nil}, {0, 1, 9, []int{0}, nil}}, []int{2, 3}},
	} {
		s, all := held(c.on), passages{}
		for i := range s.Services {
			s.Services[i].Language = c.language
		}
		for _, w := range c.went {
			p := all.of(way{w.service, w.from}, 4)
			for range w.n {
				s.goes(p, w.cohort(), s.walk(w.cohort(), nil), nil)
			}
			for _, i := range w.came {
				p.to[i] = true
			}
		}
		var got []int
		for _, x := range s.missed(all) {
			for range x.Services {
				got = append(got, x.Server)
			}
			s.leave(x)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if again := s.missed(all); len(again) > 0 {
			t.Errorf("%s: it is found again: %+v", c.name, again)
		}
	}
}

// What servers remember of clients that were closed shows the same to the next run.
func TestMissedBefore(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name    string
		started time.Duration // of the server that nobody is on, from the first close on
		closes  int           // of each client
		later   time.Duration // how long after the first close the connections of the second began
		names   int           // of all clients
		kicked  bool
		want    bool
	}{
		{"each on all other servers", -time.Minute, 3, time.Second, 24, true, true},
		{"each on two of three", -time.Minute, 2, time.Second, 24, true, false},
		{"each once", -time.Minute, 1, time.Second, 24, true, false},
		{"of one name, each on all other servers", -time.Minute, 3, 100 * time.Millisecond, 1, true, true},
		{"new ones long after", -time.Minute, 3, time.Hour, 24, true, false},
		{"new ones of one name", -time.Minute, 3, time.Hour, 1, true, false},
		{"before it started", 10 * time.Hour, 3, time.Second, 24, true, false},
		{"they closed themselves", -time.Minute, 3, time.Second, 24, false, false},
	} {
		s := held([][]int{{8, 8, 8, 0}})
		s.Servers[3].Start = at.Add(c.started)
		for i := range s.Servers {
			s.Servers[i].Margin = time.Millisecond
		}
		var ended []Ended
		for i := range s.Connections {
			x := &s.Connections[i]
			if x.Name = string(rune('a' + i%c.names)); i%6 > 0 {
				x.Start = at.Add(-time.Hour)
				continue
			}
			start, stop := at.Add(-time.Hour), at.Add(time.Duration(i)*10*time.Second)
			for k := c.closes; k > 0; k-- {
				ended = append(ended, Ended{0, (x.Server + k) % 3, x.Name, c.kicked, start, stop})
				start = stop.Add(c.later)
				stop = start.Add(time.Minute)
			}
			x.Start = start
		}
		missed := s.Leave(ended)
		if len(missed) > 0 != c.want || c.want && (missed[0].Server != 3 || s.Reached(3)) {
			t.Errorf("%s: %+v", c.name, missed)
		}
		if !c.want {
			continue
		}
		if m := s.Misses(missed)[0]; !slices.Equal(m.Servers, []string{"n4"}) || m.Last == 0 {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
}

// Clients that did not connect again after they were closed are remembered, and what may
// be theirs by another name is not held against them.
func TestLost(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	closed := func(name string) Ended { return Ended{0, 0, name, true, at.Add(-time.Hour), at} }
	for _, c := range []struct {
		name  string
		ended []Ended
		there map[string]time.Duration // connections with when they began, from the close on
		want  int
	}{
		{"not seen again", []Ended{closed("a")}, map[string]time.Duration{"b": -time.Hour}, 1},
		{"back", []Ended{closed("a")}, map[string]time.Duration{"a": time.Second}, 0},
		{"back, and closed itself since", []Ended{closed("a"), {0, 1, "a", false, at.Add(2 * time.Second), at.Add(time.Minute)}}, nil, 0},
		{"another of its name was there all the time", []Ended{closed("a")}, map[string]time.Duration{"a": -time.Hour}, 1},
		{"others started since", []Ended{closed("a")}, map[string]time.Duration{"b": time.Minute}, 0},
		{"it closed itself", []Ended{{0, 0, "a", false, at.Add(-time.Hour), at}}, nil, 0},
		{"one of two is no more than chance", []Ended{closed("a"), closed("b")}, map[string]time.Duration{"b": time.Second}, 0},
		{"three of four", []Ended{closed("a"), closed("b"), closed("c"), closed("d")}, map[string]time.Duration{"d": time.Second}, 3},
	} {
		s := held([][]int{{0, 0, 0}})
		for name, began := range c.there {
			s.Connections = append(s.Connections, Connection{Name: name, Start: at.Add(began)})
		}
		got := s.Lost(c.ended)
		if len(got) > 0 != (c.want > 0) || c.want > 0 && got[0].Lost != c.want {
			t.Errorf("%s: %+v, want %d", c.name, got, c.want)
		}
		if s.LeaveOut(got); (s.Services[0].Stays != nil) != (c.want > 0) {
			t.Errorf("%s: %+v", c.name, s.Services[0].Stays)
		}
	}
}
