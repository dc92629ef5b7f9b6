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
		l.land(arrivals)
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
