package cause

import (
	"math"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// rolling is what all accounts of a cluster show of a rolling restart: how likely
// their counts are if all clients walked through a list that was shuffled once,
// while the servers restarted in the order of their start times, against clients
// that choose evenly.
type rolling struct {
	accounts, without int // that were compared, and have nobody on the last server
	later             int // that were not, as most of their clients came later
	gain              Likelihood
	own               Likelihood // the same, if each account has a reason of its own to be on one server, or none
	order             []*checks.Server
}

// fewestAccounts is how many accounts make a cluster speak: what one has may be
// its own.
const fewestAccounts = 3

// startOf is when a server's process started, by the auditor's clock as far as it is
// known how theirs differ.
func startOf(o *checks.Server) time.Time {
	if o.Details == nil {
		return o.Start
	}
	return o.Start.Add(-o.Details.Offset)
}

// rollingOf compares the accounts of the cluster, as its servers' reports have
// them. An account of fewer connections than servers says nothing.
func (s *Situation) rollingOf() rolling {
	r := rolling{order: s.cluster()}
	table := rollingRestart(len(r.order))
	for _, o := range r.order {
		if o.Start.IsZero() {
			return rolling{}
		}
	}
	if table == nil || len(r.order) < 3 || s.Missing > 0 {
		return rolling{}
	}
	slices.SortStableFunc(r.order, func(a, b *checks.Server) int { return startOf(a).Compare(startOf(b)) })
	counts, later := map[uint32][]int{}, map[uint32]bool{}
	came := s.cameLater()
	for at, o := range r.order {
		for _, u := range o.Usage {
			if u.Connections == 0 || int(u.Account) >= len(s.Deployment.Accounts) || s.Deployment.Accounts[u.Account].System {
				continue
			}
			after := came[s.Deployment.Accounts[u.Account].ID]
			if after.all {
				later[u.Account] = true
				continue // no restart moved these
			}
			if counts[u.Account] == nil {
				counts[u.Account] = make([]int, len(r.order))
			}
			counts[u.Account][at] += max(0, int(u.Connections)-after.on[o.ID])
		}
	}
	r.later = len(later)
	n := float64(len(r.order))
	for _, c := range counts {
		if sum(c) < len(r.order) {
			continue
		}
		r.accounts++
		if c[len(c)-1]*10 <= sum(c) {
			r.without++
		}
		p := placementOf(r.order)
		p.Counts = c
		r.own += max(0, p.Pinned([][]int{c})-ownReason-p.Free())
		for at, on := range c {
			walk := 0.0
			for _, share := range table[at] {
				walk += share
			}
			r.gain += Likelihood(float64(on) * (math.Log(max((1-strayRate)*walk, strayRate/n)) - math.Log(1/n)))
		}
	}
	return r
}

// cameAfter reports whether most of the clients of a profile's concentrated server
// surely began when all others were up. Where a restart moved clients, they were
// there before the last server had started.
func cameAfter(p *checks.Profile) bool {
	return p != nil && beganAfter(len(p.Servers), p.Starts, p.SurelyUp)
}

// beganAfter reports what cameAfter does, by the start times of a profile or of one of its
// services: whether most of the connections on the concentrated server surely began when
// all other servers were up.
func beganAfter(servers int, starts [][]int, surelyUp []int) bool {
	if servers < 2 || len(starts) == 0 || len(surelyUp) != servers {
		return false
	}
	return slices.Min(surelyUp[1:])*2 > sum(starts[0])
}

// cameLater is what came when no restart moved clients any more: all of an account, or
// services of it with how many they have by server id.
type cameLater struct {
	all bool
	on  map[string]int
}

// cameLater returns what came later of each account whose connections were read, by its
// id. It goes by services: an account that has later and earlier ones was moved by the
// restart with its earlier ones.
func (s *Situation) cameLater() map[string]cameLater {
	if s.Neighbours == nil {
		return nil
	}
	out := map[string]cameLater{}
	for id, p := range s.Neighbours.Profiles {
		if one := laterOf(p); one.all || len(one.on) > 0 {
			out[id] = one
		}
	}
	return out
}

// laterOf returns what came later of one account.
func laterOf(p *checks.Profile) cameLater {
	if p == nil || len(p.Services) < 2 {
		return cameLater{all: cameAfter(p)}
	}
	out, n := cameLater{}, 0
	for _, x := range p.Services {
		if !beganAfter(len(p.Servers), x.Starts, x.SurelyUp) {
			n++
			continue
		}
		for at, on := range x.Counts {
			if at < len(p.Servers) && on > 0 {
				if out.on == nil {
					out.on = map[string]int{}
				}
				out.on[p.Servers[at]] += on
			}
		}
	}
	out.all = n == 0
	return out
}

// asMany is the probability that m or more of n clients are on a server which each
// of them chooses with probability p, 0 < p < 1.
func asMany(n, m int, p float64) float64 {
	total := 0.0
	for x := m; x <= n; x++ {
		total += math.Exp(logFactorial(n) - logFactorial(x) - logFactorial(n-x) + float64(x)*math.Log(p) + float64(n-x)*math.Log(1-p))
	}
	return total
}

// rolled is [Situation.emptied] where it can't be that each account knows the server
// that it is on alone: something shows that these clients know others, or that
// restarts brought them there, or the accounts together say so.
func (s *Situation) rolled() (bool, Evidence) {
	r, ok, e := s.emptied()
	if ok && (r.gain < r.own+likelyOverOthers || s.tooMany(r)) && !s.knowOthers() && !s.cameWithMovers() {
		return false, Evidence{}
	}
	return ok, e
}

// emptied reports whether a rolling restart explains where the clients of nearly
// all accounts of the cluster are, and those of this account too. One account
// alone would be its own affair.
func (s *Situation) emptied() (rolling, bool, Evidence) {
	if cameAfter(s.Profile) {
		return rolling{}, false, Evidence{}
	}
	r := s.rollingOf()
	if r.accounts < fewestAccounts || r.without*10 < 9*r.accounts || r.gain < likelyOverFree || r.order[len(r.order)-1] == s.Server {
		return r, false, Evidence{}
	}
	// This account's clients fit as long as they are nearly all gone from the last.
	last := r.order[len(r.order)-1]
	if n := s.on(last.ID); n*10 > s.Finding.Connections {
		return r, false, Evidence{}
	}
	but := ""
	if r.later > 0 {
		but = ", without the " + words.Count(r.later) + " whose clients came later,"
	}
	why := "After a rolling restart clients stay on the servers that started before."
	if s.onlyWithout() != nil {
		why = "Clients do not go by themselves to a server that starts after they connected."
	}
	return r, true, say("account reports", "%d of the %d accounts in this cluster%s have nearly no clients on %s, which started last. %s",
		r.without, r.accounts, but, label(last), why)
}

// tooMany reports whether these clients have more on the concentrated server than
// the walk brings there, whichever of the accounts they are: less than once in 100 such
// clusters.
func (s *Situation) tooMany(r rolling) bool {
	const rarely = 0.01
	share := 0.0
	for _, x := range rollingRestart(len(r.order))[slices.Index(r.order, s.Server)] {
		share += x
	}
	return share > 0 && share < 1 && asMany(s.Finding.Connections, s.Finding.OnServer, share)*float64(r.accounts) < rarely
}

// walked reports whether the servers restarted one after the other, the concentrated
// one first, and these clients are where such a restart of all leaves those that
// walk through a shuffled list: at least 1 of 100 such accounts has as many on the
// concentrated server. It is unknown where the clocks do not show in which order they
// started.
func (s *Situation) walked() checks.Answer {
	table := rollingRestart(1 + len(s.Others))
	if table == nil || cameAfter(s.Profile) {
		return checks.No
	}
	if untimed(s.Server) {
		return checks.Unknown
	}
	answer := checks.Yes
	var last *checks.Server
	for _, o := range s.Others {
		if untimed(o) {
			answer = checks.Unknown
			continue
		}
		margin := o.Details.Margin + s.Server.Details.Margin
		switch after := startOf(o).Sub(startOf(s.Server)); {
		case after < -margin:
			return checks.No
		case after <= margin:
			answer = checks.Unknown
		}
		if last == nil || startOf(o).After(startOf(last)) {
			last = o
		}
	}
	share := 0.0
	for _, x := range table[0] {
		share += x
	}
	if asMany(s.Finding.Connections, s.Finding.OnServer, share) < 0.01 {
		return checks.No
	}
	if answer == checks.Yes && s.on(last.ID) > 0 {
		return checks.No
	}
	return answer
}
