package cause

import (
	"cmp"
	"math"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// bystanders are the other accounts of the cluster, and the other services of the
// account, as far as they show what the servers were before they last started: that a
// server started later than a connection began does not say that it was down then. It
// may have been restarted since.
type bystanders struct {
	// even are those that have clients on every server, as they have where all were
	// there; lean are those that are on the concentrated one as these clients are.
	even, lean []string
	// movers are those that restarts brought to the concentrated one, one after the
	// other: of their connections there some began before the first of the others started,
	// and some later, and they are as these clients, or gone from the server that started
	// last. moved is the share of the later ones, their mean.
	movers []string
	moved  float64
	// read are how many of the other accounts were asked when their connections began, of
	// all that have enough of them.
	read, all int
	// shown are those of the lean ones of which it is known that they take other
	// servers too.
	shown []witness
}

// fewestMovers is how many accounts it takes to know what restarts did.
const fewestMovers = 2

// BeforeRestarts reports whether most of the connections of the concentrated server
// began before some other server last started: then when those of other accounts began
// shows whether that server was down, or was there before.
func BeforeRestarts(c Case) bool {
	p := c.Profile
	return p != nil && len(p.Starts) > 0 && len(p.StartOrder) < len(p.Starts[0]) && sum(p.Starts[0][:len(p.StartOrder)])*2 > sum(p.Starts[0])
}

// fewEach is how many connections for each server make one account say something.
const fewEach = 3

// accountsHere are the other accounts of the cluster, once they were looked at: they say the
// same to each service of an account.
type accountsHere struct{ *bystanders }

// askBystanders looks at all of them, once.
func (s *Situation) askBystanders() *bystanders {
	if s.others == nil {
		if s.accounts == nil {
			s.accounts = &accountsHere{}
		}
		if s.accounts.bystanders == nil {
			s.accounts.bystanders = s.askAccounts()
		}
		s.others = s.askServices().with(s.accounts.bystanders)
	}
	return s.others
}

// with is what both are.
func (b *bystanders) with(o *bystanders) *bystanders {
	both := func(x, y []string) []string {
		out := slices.Concat(x, y)
		slices.Sort(out)
		return out
	}
	out := &bystanders{even: both(b.even, o.even), lean: both(b.lean, o.lean), movers: both(b.movers, o.movers),
		read: b.read + o.read, all: b.all + o.all, shown: slices.Concat(b.shown, o.shown)}
	if n := float64(len(out.movers)); n > 0 {
		out.moved = (b.moved*float64(len(b.movers)) + o.moved*float64(len(o.movers))) / n
	}
	return out
}

// askServices looks at the account's services that are not judged here.
func (s *Situation) askServices() *bystanders {
	b := &bystanders{}
	if s.whole == nil || s.whole.Profile == nil || s.Profile == nil {
		return b
	}
	p := s.whole.Profile
	for _, x := range s.everyone {
		if !x.Remainder && !slices.ContainsFunc(s.Profile.Services, func(o checks.Service) bool { return alikeServices(x, o) }) {
			one := *p
			one.Services = []checks.Service{x}
			s.askOne(b, ServiceName(x), s.inCluster(p.Servers, x.Counts), s.startsOn(p, x.Starts), s.tookOthers(&one))
		}
	}
	return b
}

func alikeServices(a, b checks.Service) bool {
	return a.Stem == b.Stem && a.User == b.User && a.Protocol == b.Protocol && a.Language == b.Language && a.Remainder == b.Remainder
}

// askAccounts looks at the other accounts. Those whose own list leads to the
// concentrated server alone are there because of that.
func (s *Situation) askAccounts() *bystanders {
	b := &bystanders{}
	all := s.usage()
	order := make([]int, 0, len(all.servers)) // of the cluster here, as indexes of theirs
	for _, o := range s.cluster() {
		order = append(order, slices.Index(all.servers, o.ID))
	}
	row := make([]int, len(order))
	small, rest := 0, make([]int, 1+len(s.Others)) // of those with few connections
	for _, of := range all.accounts {
		a := s.Deployment.Accounts[of.account]
		if a.ID == s.Finding.Account.ID || s.listPins(a) {
			continue
		}
		for i, at := range order {
			if row[i] = 0; at >= 0 {
				row[i] = int(of.counts[at])
			}
		}
		c := row
		var starts *startsHere
		free := false
		if s.Neighbours != nil {
			if p := s.Neighbours.Profiles[a.ID]; p != nil {
				starts, c = s.earlier(p, c)
				free = starts != nil && (s.tookOthers(p) || s.listFrees(a))
			}
		}
		if sum(c) >= fewEach*len(c) {
			b.all++
			if starts != nil {
				b.read++
			}
		}
		if !s.askOne(b, cmp.Or(a.Name, a.ID), c, starts, free) {
			small++
			for i, n := range c {
				rest[i] += n
			}
		}
	}
	s.askOne(b, words.Plural(small, "smaller account"), rest, nil, false)
	return b
}

// earlier are the connections of another account by server, and when those of the
// concentrated server began, without its services that mostly came when all servers had
// started: they say nothing of the time before, and the others still do.
func (s *Situation) earlier(p *checks.Profile, counts []int) (*startsHere, []int) {
	starts := s.startsOn(p, p.Starts)
	if starts == nil || len(p.Services) < 2 {
		return starts, counts
	}
	rest, left := startsHere{}, slices.Clone(counts)
	for _, x := range p.Services {
		switch one := s.startsOn(p, x.Starts); {
		case one == nil:
		case one.after*2 > one.all():
			for at, n := range s.inCluster(p.Servers, x.Counts) {
				left[at] = max(0, left[at]-n)
			}
		default:
			rest = startsHere{rest.before + one.before, rest.between + one.between, rest.after + one.after}
		}
	}
	if rest.all() == 0 {
		return starts, counts
	}
	return &rest, left
}

// listPins reports whether a list that is said to be an account's leads to the
// concentrated server alone.
func (s *Situation) listPins(a checks.Account) bool {
	return slices.ContainsFunc(s.Lists, func(l checks.URLList) bool {
		return l.Account != "" && a.Is(l.Account) && !l.Hint && l.Unused == "" && s.kindOf(ReachOf(s.Deployment, s.Finding.Cluster, l)) == pins
	})
}

// startsHere is when connections of the concentrated server began: before all servers
// that started after it, between their starts, and after the last.
type startsHere struct{ before, between, after int }

func (h startsHere) all() int { return h.before + h.between + h.after }

// later is the share of connections that did not begin before all others started; 0
// where it is unknown.
func (h *startsHere) later() float64 {
	if h == nil || h.all() == 0 {
		return 0
	}
	return float64(h.between+h.after) / float64(h.all())
}

// startsOn divides the connections of the concentrated server by the order of starts
// of a profile; nil where that is not known.
func (s *Situation) startsOn(p *checks.Profile, starts [][]int) *startsHere {
	here := slices.Index(p.Servers, s.Server.ID)
	position := slices.Index(p.StartOrder, here)
	if here < 0 || position < 0 || here >= len(starts) {
		return nil
	}
	out := &startsHere{}
	for k, n := range starts[here] {
		switch {
		case k >= len(p.StartOrder):
			out.after += n
		case k > position+1:
			out.between += n
		default:
			out.before += n
		}
	}
	return out
}

// inCluster puts counts by the servers of a profile into the order of the cluster.
func (s *Situation) inCluster(servers []string, counts []int) []int {
	out := make([]int, 1+len(s.Others))
	for i, o := range s.cluster() {
		if at := slices.Index(servers, o.ID); at >= 0 && at < len(counts) {
			out[i] = counts[at]
		}
	}
	return out
}

// askOne takes an account or a service in, and reports whether that is done with. One
// that came when all servers had started says nothing of the time before. One with few
// connections may say something together with others. Free says of it that it takes
// other servers too.
func (s *Situation) askOne(b *bystanders, name string, counts []int, starts *startsHere, free bool) bool {
	if starts != nil && starts.after*2 > starts.all() {
		return true
	}
	if sum(counts) < fewEach*len(counts) {
		return false
	}
	gain := leansTo(counts)
	switch {
	case gain > likelyOverOthers:
		b.lean = append(b.lean, name)
		if free {
			b.shown = append(b.shown, witness{name, starts.later()})
		}
	case gain < -likelyOverOthers && onEvery(counts):
		b.even = append(b.even, name)
	}
	// An account that was deployed at one time has all of them before, or all later.
	if share := starts.later(); share > 0.1 && share < 0.9 && (gain > likelyOverOthers || s.goneFromLast(counts)) {
		n := float64(len(b.movers))
		b.moved = (b.moved*n + share) / (n + 1)
		b.movers = append(b.movers, name)
	}
	return true
}

// goneFromLast reports whether counts have nearly nobody on the server that started
// last, as after a restart that its clients left it by, and that is not the
// concentrated one.
func (s *Situation) goneFromLast(counts []int) bool {
	last := 0
	cluster := s.cluster()
	for at, o := range cluster {
		if untimed(o) {
			return false
		}
		if startOf(o).After(startOf(cluster[last])) {
			last = at
		}
	}
	return last > 0 && counts[last]*10 <= sum(counts)
}

// leansTo is by how much counts are likelier where three of four clients are on the
// first server than where they are spread evenly.
func leansTo(counts []int) Likelihood {
	const lean = 0.75
	n := float64(len(counts))
	if n < 2 {
		return 0
	}
	here := float64(counts[0])
	return Likelihood(here*math.Log(lean*n) + (float64(sum(counts))-here)*math.Log((1-lean)/(n-1)*n))
}

// onEvery reports whether every server has half of its even share at the least.
func onEvery(counts []int) bool {
	return slices.Min(counts)*2*len(counts) >= sum(counts)
}

// unlikeOthers reports whether the rest of the cluster says that the other servers
// were there before they last started, with what says so: most of it is spread evenly,
// while these clients are not, or restarts brought the others here one after the
// other, while these came before the first. Clients of the same service that came
// later and are spread show that those here had no choice.
func (s *Situation) unlikeOthers() (Evidence, bool) {
	if s.Profile == nil || s.spreadLater() {
		return Evidence{}, false
	}
	b := s.askBystanders()
	if n := len(b.even); n > len(b.lean) {
		return say("account reports", "But the clients of %s are spread. Had the other servers been down when clients came, these would be on %s too.",
			words.Few(b.even), label(s.Server)), true
	}
	return s.unmoved()
}

// asked reports whether most other accounts of the cluster were asked when their
// connections began: they may say that the other servers were there before.
func (b *bystanders) asked() bool { return b.read*2 >= b.all }

// unmoved reports whether restarts brought clients of others here one after the other,
// while these came before the first of them, with what says so: they did not walk as
// the others did.
func (s *Situation) unmoved() (Evidence, bool) {
	b := s.askBystanders()
	h := s.startsOn(s.Profile, s.Profile.Starts)
	if h == nil || len(b.movers) < fewestMovers {
		return Evidence{}, false
	}
	const rarely = 0.01
	if late := h.between + h.after; h.all() > 0 && asFew(h.all(), late, b.moved) < rarely {
		return say("start times", "But of these %s on %s, %s began after another server had last started. Of those of %s, which restarts moved, %.0f%% did.",
			connectionsOf(h.all()), label(s.Server), noneOr(late), words.Few(b.movers), 100*b.moved), true
	}
	return Evidence{}, false
}

// asFew is the probability that m or fewer of n clients did what each of them does
// with probability p.
func asFew(n, m int, p float64) float64 {
	if p <= 0 || p >= 1 || m >= n {
		return 1
	}
	return 1 - asMany(n, m+1, p)
}

// spreadLater reports whether connections of these clients that began when all servers
// were up are spread.
func (s *Situation) spreadLater() bool {
	if s.Profile == nil || len(s.Profile.StartOrder) == 0 {
		return false
	}
	later, here := s.afterAll()
	return later >= 5 && here*100 <= 60*later
}
