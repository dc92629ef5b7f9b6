package cause

import (
	"cmp"
	"math"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// arriving is how many clients may get to the same survivors, by index, and servers of
// other clusters.
type arriving struct {
	to, abroad []int
	n          int
	stay       int // those that are known to go to no other cluster
	// all are those of them, and of others, that get to no other server than these.
	all int
}

// room is how many more a survivor takes.
func room(s checks.Survivor) int {
	if s.Limit == nil || s.Now == nil {
		return math.MaxInt
	}
	return max(0, *s.Limit-*s.Now)
}

// roomOn is how many more all of these take, and whether there is an end to it.
func (l *Loss) roomOn(to []int) (free int, ends bool) {
	for _, i := range to {
		n := room(l.Survivors[i])
		if n == math.MaxInt {
			return 0, false
		}
		free += n
	}
	return free, true
}

// open are the survivors that clients may get to, by index. That one is full is not a
// question of where they get to.
func (l *Loss) open(where Reconnect) []int {
	out := []int{}
	for i, s := range l.Survivors {
		at := slices.IndexFunc(where.Servers, func(o checks.ServerRef) bool { return o.ID == s.Server.ID })
		if s.Now != nil && (at < 0 || where.Reached[at] != checks.No || room(s) == 0) {
			out = append(out, i)
		}
	}
	return out
}

// arrivals are all clients that may find a place, by where: those that get to the
// fewest servers first.
func (l *Loss) arrivals() []arriving {
	var out []arriving
	for _, a := range l.Accounts {
		for _, s := range a.Services {
			if s.Can == checks.No {
				continue
			}
			at := slices.IndexFunc(out, func(x arriving) bool { return slices.Equal(x.to, s.to) && slices.Equal(x.abroad, s.abroad) })
			if at < 0 {
				at, out = len(out), append(out, arriving{to: s.to, abroad: s.abroad})
			}
			if out[at].n += s.OnServer; !s.leaves {
				out[at].stay += s.OnServer
			}
		}
	}
	for i := range out {
		for _, x := range out {
			if within(x.to, out[i].to) {
				out[i].all += x.stay
			}
		}
	}
	slices.SortStableFunc(out, func(a, b arriving) int { return cmp.Compare(len(a.to), len(b.to)) })
	return out
}

// within reports whether all of some are among others.
func within(some, others []int) bool {
	return !slices.ContainsFunc(some, func(i int) bool { return !slices.Contains(others, i) })
}

// land lets the clients choose evenly among the servers that they may get to. Who
// finds one full goes on to the others; none has more than its limit afterwards. Of
// servers of other clusters no limit is known.
func (l *Loss) land(d *checks.Deployment, arrivals []arriving) {
	l.Survivors = slices.Clone(l.Survivors) // those of the findings are shared
	got := make([]int, len(l.Survivors))
	for _, x := range arrivals {
		for left := x.n; left > 0; {
			open := slices.DeleteFunc(slices.Clone(x.to), func(i int) bool { return room(l.Survivors[i])-got[i] <= 0 })
			ways := len(open) + len(x.abroad)
			if ways == 0 {
				break
			}
			each, rest := left/ways, left%ways
			for k, i := range open {
				n := each
				if k < rest {
					n++
				}
				n = min(n, room(l.Survivors[i])-got[i])
				got[i] += n
				left -= n
			}
			for k, i := range x.abroad {
				n := each
				if len(open)+k < rest {
					n++
				}
				if n > 0 {
					l.Abroad = gain(l.Abroad, d.Servers[i].Cluster, n)
				}
				left -= n
			}
		}
	}
	for i, s := range l.Survivors {
		if s.After != nil {
			after := *s.Now + got[i]
			l.Survivors[i].After = &after
		}
	}
}

// squeeze has no more clients fail over than the servers that they get to have room
// for. Which ones find none is not known.
func (l *Loss) squeeze(arrivals []arriving) {
	none, full := 0, checks.Obstacle(HeldBack{Room})
	if len(l.Survivors) == 0 {
		full = checks.NoOtherServer{}
	}
	for _, x := range arrivals {
		free, ends := l.roomOn(x.to)
		if !ends || x.all <= free {
			continue
		}
		none, l.Fits = max(none, x.all-free), checks.No
		l.each(func(s *ServiceLoss) {
			switch {
			case s.Can == checks.No || s.leaves || !within(s.to, x.to):
			case free == 0:
				s.Can, s.Why = checks.No, full
			case s.Can == checks.Yes:
				s.Can, s.Why = checks.Unknown, tooLittleRoom{len(x.to) < len(l.Survivors), free, x.all}
			}
		})
	}
	l.Stranded += none
	if none > 0 {
		l.Can = 0
		stranded := 0
		l.each(func(s *ServiceLoss) {
			switch s.Can {
			case checks.Yes:
				l.Can += s.OnServer
			case checks.No:
				stranded += s.OnServer
			case checks.Unknown:
			}
		})
		l.Stranded = max(l.Stranded, stranded)
	}
}

func (l *Loss) each(do func(*ServiceLoss)) {
	for i := range l.Accounts {
		for k := range l.Accounts[i].Services {
			do(&l.Accounts[i].Services[k])
		}
	}
}
