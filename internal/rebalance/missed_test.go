package rebalance

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// gone are clients of a service that were moved away from a server, and those that came to
// each.
type gone struct {
	service, from, n int
	came             []int
}

// A server that clients do not get to is known by where they went, and not where chance or
// the order of their lists explains that nobody came.
func TestMissed(t *testing.T) {
	t.Parallel()
	everywhere := []gone{{0, 0, 4, []int{1, 2}}, {0, 1, 4, []int{0, 2}}, {1, 2, 4, []int{0, 1}}}
	for _, c := range []struct {
		name string
		on   [][]int // by account, each of one service
		went []gone
		want []int // servers, of each service that misses one
	}{
		{"nobody came of twelve", [][]int{{8, 8, 8, 0}, {8, 8, 8, 0}}, everywhere, []int{3, 3}},
		{"one came", [][]int{{8, 8, 8, 1}, {8, 8, 8, 0}}, everywhere, nil},
		{"too few to say", [][]int{{8, 8, 8, 0}, {8, 8, 8, 0}}, everywhere[:2], nil},
		{"one service came, and of the other too few", [][]int{{8, 8, 8, 3}, {8, 8, 8, 0}}, []gone{{0, 0, 12, []int{1, 2, 3}}, {1, 1, 6, []int{0, 2}}}, nil},
		{"one service came, and none of many of the other", [][]int{{8, 8, 8, 3}, {8, 8, 8, 0}}, []gone{{0, 0, 12, []int{1, 2, 3}}, {1, 1, 16, []int{0, 2}}}, []int{3}},
		{"all went on to the next of their list", [][]int{{8, 20, 0, 0}}, []gone{{0, 0, 20, []int{1}}}, nil},
		{"and back from there", [][]int{{14, 14, 0, 0}}, []gone{{0, 0, 6, []int{1}}, {0, 1, 6, []int{0}}}, []int{2, 3}},
		{"of one that was hardly moved it is not known", [][]int{{8, 8, 8, 0}, {8, 8, 8, 0}, {8, 8, 8, 0}}, append(slices.Clone(everywhere), gone{2, 0, 1, []int{1}}), []int{3, 3}},
	} {
		s, all := held(c.on), passages{}
		for _, w := range c.went {
			p := all.of(way{w.service, w.from}, 4)
			for range w.n {
				p.goes(s.walk(cohort{service: w.service, server: w.from}, nil), w.from)
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
		closes  int
		twice   bool
		kicked  bool
		want    bool
	}{
		{"many since it started", -time.Minute, 12, false, true, true},
		{"few", -time.Minute, 5, false, true, false},
		{"few, each twice", -time.Minute, 5, true, true, true},
		{"before it started", time.Hour, 12, false, true, false},
		{"they closed themselves", -time.Minute, 12, false, false, false},
	} {
		s := held([][]int{{8, 8, 8, 0}})
		s.Servers[3].Start = at.Add(c.started)
		var ended []Ended
		for i := range s.Connections {
			x := &s.Connections[i*7%len(s.Connections)] // of all servers
			if x.Name = string(rune('a' + i)); i >= c.closes {
				x.Start = at.Add(-time.Hour)
				continue
			}
			x.Start = at.Add(2 * time.Second)
			from := (x.Server + 1) % 3
			ended = append(ended, Ended{0, from, x.Name, c.kicked, at.Add(-time.Hour), at.Add(time.Duration(i) * time.Millisecond)})
			if c.twice {
				ended[len(ended)-1].Server = (x.Server + 2) % 3
				ended = append(ended, Ended{0, from, x.Name, c.kicked, at.Add(time.Second), at.Add(2 * time.Second)})
			}
		}
		missed := s.Leave(ended)
		if len(missed) > 0 != c.want || c.want && (missed[0].Server != 3 || s.Reached(3)) {
			t.Errorf("%s: %+v", c.name, missed)
		}
		if c.want && !strings.Contains(s.Misses(missed)[0], "no client came to n4, where about ") {
			t.Errorf("%s: %q", c.name, s.Misses(missed))
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
		if s.LeaveOut(got); (s.Services[0].Stays != "") != (c.want > 0) {
			t.Errorf("%s: %q", c.name, s.Services[0].Stays)
		}
	}
}
