package cause

import (
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestLand: no survivor has more than its limit afterwards. Who finds one full is on the
// others that have room, or can't fail over where those that they get to have none.
func TestLand(t *testing.T) {
	t.Parallel()
	type service struct {
		n   int
		can checks.Answer
		to  []int
	}
	none := -1
	for _, c := range []struct {
		name          string
		now, limit    []int
		services      []service
		after         []int
		can, stranded int
		fits          checks.Answer
	}{
		{"all have room", []int{10, 10}, []int{none, 50}, []service{{9, checks.Yes, []int{0, 1}}}, []int{15, 14}, 9, 0, checks.Yes},
		{"one is full", []int{11, 14}, []int{none, 15}, []service{{11, checks.Yes, []int{0, 1}}}, []int{21, 15}, 11, 0, checks.Yes},
		{"one was full before", []int{34, 22}, []int{none, 22}, []service{{22, checks.Unknown, []int{0, 1}}}, []int{56, 22}, 0, 0, checks.Yes},
		{"not all fit", []int{10, 10}, []int{12, 11}, []service{{9, checks.Yes, []int{0, 1}}}, []int{12, 11}, 0, 6, checks.No},
		{"some get to the full one only", []int{10, 10}, []int{none, 14}, []service{{10, checks.Yes, []int{0, 1}}, {6, checks.Yes, []int{1}}}, []int{20, 14}, 10, 2, checks.No},
		{"some get to one that is full", []int{10, 14}, []int{none, 14}, []service{{10, checks.Yes, []int{0, 1}}, {6, checks.Yes, []int{1}}}, []int{20, 14}, 10, 6, checks.No},
		{"who can't fail over takes no room", []int{10, 10}, []int{14, 14}, []service{{8, checks.Yes, []int{0, 1}}, {20, checks.No, []int{}}}, []int{14, 14}, 8, 20, checks.Yes},
	} {
		l := Loss{Fits: checks.Yes, Accounts: []AccountLoss{{}}}
		for i, n := range c.now {
			s := checks.Survivor{Server: checks.ServerRef{ID: string(rune('1' + i))}, Now: &n, After: &n}
			if limit := c.limit[i]; limit != none {
				s.Limit = &limit
			}
			l.Survivors = append(l.Survivors, s)
		}
		for _, s := range c.services {
			l.Accounts[0].Services = append(l.Accounts[0].Services, ServiceLoss{OnServer: s.n, Can: s.can, to: s.to})
			l.Connections += s.n
			if s.can == checks.Yes {
				l.Can += s.n
			}
			if s.can == checks.No {
				l.Stranded += s.n
			}
		}
		arrivals := l.arrivals()
		l.land(nil, arrivals)
		l.squeeze(arrivals)
		var after []int
		for _, s := range l.Survivors {
			after = append(after, *s.After)
		}
		if !slices.Equal(after, c.after) || l.Can != c.can || l.Stranded != c.stranded || l.Fits != c.fits {
			t.Errorf("%s: %v, %d can, %d can't, fits %s; want %v, %d, %d, %s", c.name, after, l.Can, l.Stranded, l.Fits, c.after, c.can, c.stranded, c.fits)
		}
	}
}

// TestLandAbroad: clients whose lists lead to servers of other clusters may go there too,
// and those that find no place in the cluster may find one there.
func TestLandAbroad(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Servers: []checks.Server{{Cluster: "EAST"}, {Cluster: "WEST"}, {Cluster: "WEST"}, {Cluster: "SOUTH"}}}
	for _, c := range []struct {
		name          string
		limit         int
		to, abroad    []int
		leaves        bool
		after         int
		gained        []Gain
		can, stranded int
	}{
		{"nobody leaves", 100, []int{0}, nil, false, 22, nil, 12, 0},
		{"a third stays", 100, []int{0}, []int{1, 2}, true, 14, []Gain{{"WEST", 8}}, 12, 0},
		{"to two clusters", 100, []int{0}, []int{1, 3}, true, 14, []Gain{{"SOUTH", 4}, {"WEST", 4}}, 12, 0},
		{"there is room for two", 12, []int{0}, []int{1}, true, 12, []Gain{{"WEST", 10}}, 12, 0},
		{"nobody leaves, and there is room for two", 12, []int{0}, nil, false, 12, nil, 0, 10},
	} {
		now := 10
		l := Loss{Fits: checks.Yes, Connections: 12, Can: 12, Survivors: []checks.Survivor{{Now: &now, After: &now, Limit: &c.limit}},
			Accounts: []AccountLoss{{Services: []ServiceLoss{{OnServer: 12, Can: checks.Yes, to: c.to, abroad: c.abroad, leaves: c.leaves}}}}}
		arrivals := l.arrivals()
		l.land(d, arrivals)
		l.squeeze(arrivals)
		if *l.Survivors[0].After != c.after || !slices.Equal(l.Abroad, c.gained) || l.Can != c.can || l.Stranded != c.stranded {
			t.Errorf("%s: %d, %v, %d can, %d can't", c.name, *l.Survivors[0].After, l.Abroad, l.Can, l.Stranded)
		}
	}
}
