package rebalance

import (
	"maps"
	"math"

	"github.com/nats-balance/nats-balance/checks"
)

// caused is what came of the closes of a run to the accounts that it closed connections
// of: by account, for each server. Whatever else comes and goes is none of its doing.
type caused map[int]*effect

// effect is that of one account.
type effect struct {
	on    []flock
	fresh bool // it closed connections of it in the last batch
}

func (c caused) of(account, servers int) *effect {
	if c[account] == nil {
		c[account] = &effect{on: make([]flock, servers)}
	}
	return c[account]
}

// expect notes how many of the clients of an account that are moved should come to
// each server.
func (c caused) expect(account int, on []gain) {
	e := c.of(account, len(on))
	for i, x := range on {
		e.on[i].expected.plus(x)
	}
}

// came notes how many of the clients that were moved came to each server for sure, and
// takes from the arrivals what is not sure. Where others of a service came too, or ended, as
// those that live for a second, it is not known which are which: they may be all that came
// to any one server, and one that was moved may have ended as well.
func (c caused) came(before, after *State, moved []Move, arrived *Arrivals) {
	was := make(map[place]bool, len(before.Connections))
	for _, x := range before.Connections {
		was[place{x.Server, x.ID}] = true
	}
	others, fresh, from := map[int]int{}, map[int][]int{}, map[int]int{} // by service
	for _, m := range moved {
		from[m.Service] = m.Server
		others[m.Service]-- // these are not others
		fresh[m.Service] = make([]int, len(after.Servers))
	}
	ended := maps.Clone(others)
	for _, x := range before.Connections {
		ended[x.Service]++
	}
	for _, x := range after.Connections {
		on := fresh[x.Service]
		switch {
		case on == nil:
		case was[place{x.Server, x.ID}]:
			ended[x.Service]--
		default:
			on[x.Server]++
			others[x.Service]++
		}
	}
	for _, e := range c {
		e.fresh = false
	}
	all := make([]int, len(after.Servers))
	for service, on := range fresh {
		e := c.of(after.Services[service].Account, len(on))
		e.fresh = true
		for i, n := range on {
			n = max(0, n-max(0, others[service])-max(0, ended[service]))
			e.on[i].got += n
			all[i] += n
			if x := arrived.Services[service]; i == from[service] && n < x.Back {
				arrived.Back -= x.Back - n
				x.Back = n
				arrived.Services[service] = x
			}
		}
	}
	arrived.On = all
}

// worse is a stop where a server has a larger share than the fullest had before the first
// move, of all connections or of those of an account that the last batch was of, and got
// more clients of the run than chance leads there. On the way a server may have a few more,
// as a batch takes the clients of a service from one server only.
func (a *applying) worse(few int) *Stop {
	tests := 1
	if len(a.shares) > 1 {
		for _, e := range a.caused {
			if e.fresh {
				tests++
			}
		}
	}
	chance := a.mistaken(tests)
	if stop := worst("", a.loads, a.now.Loads(), a.flocks, few, chance); stop != nil || len(a.shares) == 1 {
		return stop
	}
	for i, held := range a.now.Held() {
		account, e := a.now.Accounts[i], a.caused[i]
		_, total := largest(held)
		if e == nil || !e.fresh || account.Stays != nil || total == 0 {
			continue
		}
		if stop := worst(account.Name, a.shares[i], held, e.on, 0, chance); stop != nil {
			return stop
		}
	}
	return nil
}

// mostMistaken is how often at most a run is stopped by what chance does: any of its
// accounts, on any server, after any batch.
const mostMistaken = 0.01

// mistaken is how rare a number on one server must be to stop the run now, where so many
// spreads are looked at. What is left for the batches that follow becomes less with each,
// so that all together are no more than mostMistaken, however many there are.
func (a *applying) mistaken(spreads int) float64 {
	batch := float64(len(a.run.Batches) + 1)
	return mostMistaken / (batch * (batch + 1)) / float64(spreads*len(a.now.Servers))
}

// worst is a stop where the largest share is above that before, is not near the even share,
// and is that of a server that got more clients than expected, by more than so many and
// than chance brings.
func worst(account string, before, now []int, got []flock, few int, chance float64) *Stop {
	most, total := largest(now)
	was, all := largest(before)
	even := checks.EvenShare(total, len(now))
	for i, n := range now {
		if larger(n, total, was, all) && n > even+slack(even) && got[i].expected.atLeast(got[i].got-few) < chance {
			return &Stop{StopWorse, MostNow{account, most, total, was, all}}
		}
	}
	return nil
}

// Hot is a server to which an even spread of each account leads a larger share of all
// connections than the fullest had before: services that stay there and the others' even
// shares add up.
type Hot struct {
	Server   string
	Gets, Of int // about so many of all connections
	Was, All int // the same of the fullest server before
	// Whose are the connections that stay there, by service.
	Whose map[ServiceName]int
}

// ServiceName names a service; the service's is empty where its clients have no name.
type ServiceName struct{ Service, Account string }

// Hottest returns such a server; nil where there is none.
func (s *State) Hottest(goal Goal, before []int) *Hot {
	if !goal.Even || goal.To >= 0 || goal.Hotter {
		return nil
	}
	was, all := largest(before)
	total := len(s.Connections)
	even := checks.EvenShare(total, len(s.Servers))
	for i, n := range s.aimOf(goal).even {
		if n > even+slack(even) && larger(n, total, was, all) {
			return &Hot{s.Servers[i].Name, n, total, was, all, s.staying(i)}
		}
	}
	return nil
}

// staying returns whose connections stay on a server.
func (s *State) staying(server int) map[ServiceName]int {
	of := map[ServiceName]int{}
	for _, c := range s.Connections {
		if c.Server == server && !s.moves(c.Service) {
			of[s.nameOf(c.Service)]++
		}
	}
	return of
}

// larger reports whether n of total is a larger share than was of all.
func larger(n, total, was, all int) bool { return int64(n)*int64(all) > int64(was)*int64(total) }

// atLeast is about the probability that so many or more come: that of the binomial
// distribution with the same mean and variance.
func (g gain) atLeast(n int) float64 {
	switch {
	case float64(n) <= g.mean:
		return 1
	case g.mean <= 0 || g.variance <= 0:
		return 0
	}
	p := max(1e-9, 1-g.variance/g.mean)
	trials := math.Ceil(g.mean/p - 1e-9)
	if float64(n) > trials {
		return 0
	}
	p = g.mean / trials
	log := func(k float64) float64 {
		all, _ := math.Lgamma(trials + 1)
		these, _ := math.Lgamma(k + 1)
		rest, _ := math.Lgamma(trials - k + 1)
		return all - these - rest + k*math.Log(p) + (trials-k)*math.Log1p(-p)
	}
	out := 0.0
	for k := float64(n); k <= trials; k++ {
		x := math.Exp(log(k))
		if out += x; x < out*1e-9 {
			break
		}
	}
	return out
}
