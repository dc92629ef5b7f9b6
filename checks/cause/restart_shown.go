package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// That the other servers started after clients had connected fits clients that know the
// concentrated server alone, or take it first, as well as it fits those that had no
// other choice: they would be there whenever they came. What tells them apart is
// looked for here.

// shownFree returns what shows that these clients take other servers too, or that
// it was the restarts which left clients here, beside the start times themselves; ok
// is false where nothing does. It returns no evidence for what is said with the list.
func (s *Situation) shownFree() (evidence []Evidence, ok bool) {
	if s.knowOthers() && (s.surelyTaken() || s.othersCameToo()) {
		return nil, true
	}
	if all, here := s.whileOthersUp(); all-here >= fewestElsewhere && here*100 <= 60*all {
		return []Evidence{say("CONNZ", "Of their %s that began when another server was up too, %s on others.",
			connectionsOf(all), words.Count(all-here)+isOrAre(all-here))}, true
	}
	if names := s.witnesses(); len(names) > 0 {
		return []Evidence{say("account reports", "The clients of %s, which take other servers too, were left on %s in the same way.", words.Few(names), label(s.Server))}, true
	}
	return nil, false
}

// knowOthers reports whether all lists that may be these clients' lead to other servers
// as well.
func (s *Situation) knowOthers() bool {
	return len(listsOf(s.Own, wide)) > 0 && len(listsOf(s.Own, pins, perhaps)) == 0
}

// surelyTaken reports whether some other server that started later takes these clients for
// all that is known. Where that is unknown, they may have been refused there: that a
// server started later does not say that it was down when they came.
func (s *Situation) surelyTaken() bool {
	reached, up := s.reachableThen(), s.wereUp()
	for i := range s.Others {
		if reached[i+1] == checks.Yes && up[i+1] == checks.No {
			return true
		}
	}
	return false
}

// othersCameToo reports whether other accounts or services are on the concentrated server
// as these clients are.
func (s *Situation) othersCameToo() bool {
	b := s.askBystanders()
	return len(b.lean)+len(b.movers) > 0 && len(b.lean) >= len(b.even)
}

// fewestElsewhere is how many connections on other servers show that a service's
// clients take those: fewer may be another deployment's.
const fewestElsewhere = 3

// whileOthersUp counts the connections of these clients that began when the concentrated
// server and another one that they reach were up, and those of them that are here.
func (s *Situation) whileOthersUp() (all, here int) {
	p := s.Profile
	if p == nil || len(p.StartOrder) != len(p.Servers) {
		return 0, 0
	}
	out := s.reachableThen()
	first := len(p.StartOrder) // from how many on this server and another one are up
	for at, n, seen := 0, 0, false; at < len(p.StartOrder); at++ {
		i := slices.IndexFunc(s.cluster(), func(o *checks.Server) bool { return o.ID == p.Servers[p.StartOrder[at]] })
		if i < 0 || out[i] == checks.No {
			continue
		}
		n, seen = n+1, seen || i == 0
		if seen && n > 1 {
			first = at + 1
			break
		}
	}
	for server, starts := range p.Starts {
		if first < len(starts) {
			n := sum(starts[first:])
			all += n
			if server == 0 {
				here = n
			}
		}
	}
	return all, here
}

// witness is another account, or another service of this one, that is on the
// concentrated server as these clients are though it takes other servers too.
type witness struct {
	name string
	// later is the share of its connections there that began when the first of the
	// others had started again.
	later float64
}

// witnesses are those that restarts treated as they did these clients. One whose
// clients came here in part between the restarts shows that servers stopped which had
// been there: these clients would have come in the same way.
func (s *Situation) witnesses() []string {
	h := s.startsOn(s.Profile, s.Profile.Starts)
	if h == nil {
		return nil
	}
	const rarely = 0.01
	var out []string
	b := s.askBystanders()
	for _, w := range b.shown {
		if asFew(h.all(), h.between+h.after, w.later) >= rarely {
			out = append(out, w.name)
		}
	}
	if len(out) == 0 && len(b.movers) >= fewestMovers && asFew(h.all(), h.between+h.after, b.moved) >= rarely {
		return b.movers
	}
	slices.Sort(out)
	return out
}

// cameWithMovers reports whether these clients, as those of two or more other accounts,
// came in part between the restarts.
func (s *Situation) cameWithMovers() bool {
	if s.Profile == nil || len(s.askBystanders().movers) < fewestMovers {
		return false
	}
	share := s.startsOn(s.Profile, s.Profile.Starts).later()
	return share > 0.1 && share < 0.9
}

// tookOthers reports whether connections of a profile, or of one of its services, show
// that its clients take other servers than the concentrated one: part of them were left
// there, and those that came when all were up are spread.
func (s *Situation) tookOthers(p *checks.Profile) bool {
	here := slices.Index(p.Servers, s.Server.ID)
	spread := func(starts [][]int) bool {
		at := s.startsOn(p, starts)
		if at == nil || at.before < fewestThere {
			return false
		}
		later := 0
		for _, row := range starts {
			if n := len(p.StartOrder); n < len(row) {
				later += row[n]
			}
		}
		return later-at.after >= fewestElsewhere && at.after*100 <= 60*later
	}
	if here < 0 {
		return false
	}
	if len(p.Services) == 0 {
		return spread(p.Starts)
	}
	return slices.ContainsFunc(p.Services, func(x checks.Service) bool { return !x.Remainder && spread(x.Starts) })
}

// listFrees reports whether all lists that are said to be an account's lead to other
// servers as well, and none has an option to take them in order.
func (s *Situation) listFrees(a checks.Account) bool {
	some := false
	for _, l := range s.Lists {
		if l.Account == "" || !a.Is(l.Account) || l.Hint || l.Unused != "" {
			continue
		}
		if s.kindOf(ReachOf(s.Deployment, s.Finding.Cluster, l)) != wide || l.Ordered == checks.Yes {
			return false
		}
		some = true
	}
	return some
}

// mayBeSomeServices reports whether part of these clients came before all servers had
// started, and it is not known which services they are: restarts may explain some of
// them, as they do not explain all together.
func (s *Situation) mayBeSomeServices() bool {
	p := s.Profile
	if len(p.Services) > 0 || len(p.Starts) == 0 {
		return false
	}
	return sum(p.Starts[0][:min(len(p.StartOrder), len(p.Starts[0]))]) >= fewestThere
}
