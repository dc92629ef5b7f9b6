package cause

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// tie is how far a list is known to be that of some clients.
type tie int

const (
	notTheirs  tie = iota // another account's, or another service's
	nobodys               // it may be anyone's
	byNameOnly            // theirs by the name beside it, which another account's clients may have too
	accounts              // the account's
	exclusives            // the account's, which has no other service
	byUser                // the service's, as its clients log in as the list's user
	byOwnName             // the service's, as its connections have the name beside the list
)

// ofService reports whether a list is known to be that of these clients, and of no
// other service of the account.
func (t tie) ofService() bool { return t == exclusives || t == byUser || t == byOwnName }

// chooseLists sets the lists that speak for these clients: of those that are tied
// to them most closely the ones that fit their placements best. A list of the
// account that fits less well is that of its other clients.
func (s *Situation) chooseLists() {
	by := map[tie][]List{}
	var known []List // of any account: where an address leads does not depend on who uses it
	for _, l := range s.Lists {
		if l.Unused != "" {
			continue // nobody came by it
		}
		f := List{URLList: l, Reach: s.forClients(l, ReachOf(s.Deployment, s.Finding.Cluster, l))}
		f.kind = s.kindOf(f.Reach)
		known = append(known, f)
		if l.Hint {
			s.Hints = append(s.Hints, f)
			continue
		}
		t := s.tieOf(l)
		by[t] = append(by[t], f)
	}
	defer func() { s.markForwards(known) }()
	for _, t := range []tie{byOwnName, byUser, exclusives, accounts, byNameOnly, nobodys} {
		if len(by[t]) == 0 {
			continue
		}
		s.Own, s.Tied, s.tie = by[t], t != nobodys && t != byNameOnly, t
		// The services may be several that log in alike.
		s.theirs = t.ofService() && (t != byUser || len(s.everyone) > 0 || s.Profile == nil || s.oneService())
		if s.Tied {
			s.Own, s.beside = s.bestFit(by[t])
		}
		if t == byUser && s.userIsShared() || t == accounts {
			s.unnamed = slices.DeleteFunc(slices.Clone(s.Own), func(l List) bool { return l.Client == "" && l.Workload == "" })
		}
		return
	}
}

// rivals are lists that may be these clients' as well as those that fit them best,
// and that lead to other servers, or may: which of them the clients came by is not
// known. Lists that somebody said are the account's, and nothing more of, are those
// of its several services: there placements tell whose.
func (s *Situation) rivals() []List {
	if !s.tie.ofService() && len(s.unnamed) == 0 {
		return nil
	}
	var out []List
	for _, l := range slices.Concat(listsOf(s.Own, wide, elsewhere, unclear), listsOf(s.beside, wide, elsewhere, unclear)) {
		if len(l.Reach.Arrivals)+len(l.Reach.Open) > 0 {
			out = append(out, l)
		}
	}
	return out
}

// disputed reports whether of the lists that may be these clients' some lead to the
// concentrated server alone, and others elsewhere.
func (s *Situation) disputed() bool {
	return len(s.rivals()) > 0 && len(listsOf(slices.Concat(s.Own, s.beside), pins, perhaps)) > 0
}

// userIsShared reports whether other services of the account log in as the same
// user, or may: a list that is tied by the user alone may be theirs.
func (s *Situation) userIsShared() bool {
	if s.Profile == nil || len(s.everyone) == 0 {
		return !s.oneService()
	}
	mine := func(x checks.Service) bool {
		return slices.ContainsFunc(s.Profile.Services, func(o checks.Service) bool { return o.Stem == x.Stem && o.User == x.User })
	}
	return slices.ContainsFunc(s.everyone, func(x checks.Service) bool {
		return x.Remainder || !mine(x) && slices.ContainsFunc(s.Profile.Users, func(g checks.Group) bool { return g.Key == x.User })
	})
}

// markForwards marks the addresses that are forwards to one server each, as
// published container ports are: no server's own, but as good as that. Known are
// all lists that show where addresses lead.
func (s *Situation) markForwards(known []List) {
	every := [][]List{s.Own, s.beside, s.Hints}
	var forwards []Arrival
	for _, lists := range every {
		for _, l := range lists {
			for _, a := range l.Reach.Arrivals {
				if a.Own == checks.No && a.Sure && isForward(a, known) {
					forwards = append(forwards, a)
				}
			}
		}
	}
	for _, lists := range every {
		for _, l := range lists {
			for i, a := range l.Reach.Arrivals {
				if slices.Contains(forwards, a) {
					l.Reach.Arrivals[i].Own, l.Reach.Arrivals[i].forward = checks.Unknown, true
				}
			}
		}
	}
}

// tieOf says how far a list is these clients'.
func (s *Situation) tieOf(l checks.URLList) tie {
	mine := l.Account != "" && s.Finding.Account.Is(l.Account)
	switch {
	case l.Account != "" && !mine, s.mayUse(l) == checks.No:
		return notTheirs
	case s.mayUse(l) == checks.Unknown: // only some of them can have it
		return nobodys
	case !mine && l.User == "" && l.Client == "" && l.Workload == "":
		return nobodys
	}
	user, client, workload := s.tieOfUser(l.User), s.tieOfName(l.Client), s.tieOfName(l.Workload)
	switch {
	case user == notTheirs, client == notTheirs, workload == notTheirs:
		return notTheirs
	case !mine && user != byUser && client == accounts && workload == accounts && len(s.namesakes(l)) > 0:
		return notTheirs // these have no such name, and another account's clients have
	case !mine && user != byUser && !s.ownName(l): // the name alone does not say of which account it is
		if named := client == byOwnName || workload == byOwnName; named && len(s.namesakes(l)) == 0 {
			return byNameOnly
		}
		return nobodys
	case client == byOwnName, workload == byOwnName:
		return byOwnName
	case client == nobodys, workload == nobodys, user == nobodys:
		return nobodys // some of these clients have the name or the user, or may have
	case user == byUser:
		return byUser
	case !mine:
		return nobodys // tied to a workload, perhaps of this account
	case s.oneService():
		return exclusives
	}
	return accounts
}

// tieOfUser says how far a user is these clients': all of them log in as this one,
// or none does. It says "accounts" where it says nothing.
func (s *Situation) tieOfUser(user string) tie {
	p := s.Profile
	if user == "" || p == nil || len(p.Users) == 0 {
		return accounts
	}
	others := slices.ContainsFunc(p.Users, func(g checks.Group) bool { return g.Other || g.Key != user })
	switch is := slices.ContainsFunc(p.Users, func(g checks.Group) bool { return !g.Other && g.Key == user }); {
	case is && !others:
		return byUser
	case is || !p.Whole || slices.ContainsFunc(p.Users, func(g checks.Group) bool { return g.Other }):
		return nobodys // some of them, or perhaps some
	}
	return notTheirs
}

// tieOfName says how far the name of a connection or of a workload is these
// clients'. A workload may have another name than its connections.
func (s *Situation) tieOfName(name string) tie {
	if name == "" || s.Profile == nil {
		return accounts
	}
	is := func(x string) bool { return isName(x, name) }
	var all, these []string
	rest := !s.Profile.Whole
	for _, g := range s.Profile.Names {
		these, rest = append(these, Stem(g.Key)), rest || g.Other
	}
	for _, x := range s.everyone {
		all, rest = append(all, x.Stem), rest || x.Remainder
	}
	switch here := slices.ContainsFunc(these, is); {
	case here && !slices.ContainsFunc(these, func(x string) bool { return !is(x) }):
		return byOwnName
	case here:
		return nobodys // of some of them
	case slices.ContainsFunc(all, is):
		return notTheirs
	case rest:
		return nobodys
	}
	return accounts
}

// ownName reports whether the name beside a list tells the account: no other one has
// clients of that name, as all clients of the cluster were read.
func (s *Situation) ownName(l checks.URLList) bool {
	return l.Client == "" && l.Workload == "" || len(s.namesakes(l)) == 0 && s.othersRead()
}

// othersRead reports whether the names of all clients of the other accounts of the
// cluster are known. Without neighbours they are only if there is no other account.
func (s *Situation) othersRead() bool {
	for i, a := range s.Deployment.Accounts {
		if a.System || a.ID == s.Finding.Account.ID {
			continue
		}
		if s.Neighbours == nil {
			return false
		}
		has := func(u checks.Usage) bool { return int(u.Account) == i && u.Connections > 0 }
		if s.Missing == 0 && !slices.ContainsFunc(s.cluster(), func(o *checks.Server) bool { return slices.ContainsFunc(o.Usage, has) }) {
			continue
		}
		p := s.Neighbours.Profiles[a.ID]
		if p == nil || !p.Whole || slices.ContainsFunc(p.Services, func(x checks.Service) bool { return x.Remainder }) {
			return false
		}
	}
	return true
}

// claimants are other accounts of which lists that may be anyone's may be as well: they
// have clients of the name beside one, or for one without a name, all of their clients
// are on the same server.
func (s *Situation) claimants(lists []List) []string {
	if s.Neighbours == nil {
		return nil
	}
	var out []string
	for _, l := range lists {
		if out = append(out, s.namesakes(l.URLList)...); l.Client != "" || l.Workload != "" || l.User != "" {
			continue
		}
		for id, p := range s.Neighbours.Profiles {
			at := slices.Index(p.Servers, s.Server.ID)
			if id != s.Finding.Account.ID && at >= 0 && at < len(p.Read) && sum(p.Read) >= 3 && s.Exceeds(p.Read[at], sum(p.Read)) {
				out = append(out, s.accountName(id))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// namesakes are the other accounts of the cluster that have a service of the name
// beside a list too, as far as their connections were read: it may be theirs.
func (s *Situation) namesakes(l checks.URLList) []string {
	if s.Neighbours == nil || l.Client == "" && l.Workload == "" {
		return nil
	}
	is := func(stem string) bool { return isName(stem, l.Client) || isName(stem, l.Workload) }
	var out []string
	for id, p := range s.Neighbours.Profiles {
		if id == s.Finding.Account.ID || l.User != "" && !slices.ContainsFunc(p.Users, func(g checks.Group) bool { return g.Other || g.Key == l.User }) {
			continue
		}
		if slices.ContainsFunc(p.Services, func(x checks.Service) bool { return !x.Remainder && is(x.Stem) }) ||
			slices.ContainsFunc(p.Names, func(g checks.Group) bool { return !g.Other && is(Stem(g.Key)) }) {
			out = append(out, s.accountName(id))
		}
	}
	slices.Sort(out)
	return out
}

// isName reports whether the stem of a connection's name is that of a name beside a
// list.
func isName(stem, name string) bool {
	return stem != "" && name != "" && (strings.EqualFold(stem, name) || strings.EqualFold(stem, Stem(name)))
}

// accountName is the name of an account of the deployment, or else its id.
func (s *Situation) accountName(id string) string {
	for _, a := range s.Deployment.Accounts {
		if a.ID == id {
			return cmp.Or(a.Name, id)
		}
	}
	return id
}

// mayUse says whether clients of these protocols can have such a list: each scheme is
// that of one protocol. It is unknown where only some of them can.
func (s *Situation) mayUse(l checks.URLList) checks.Answer {
	if s.Profile == nil || len(s.Profile.Protocols) == 0 || len(l.Endpoints) == 0 {
		return checks.Yes
	}
	can, cannot := false, false
	for _, g := range s.Profile.Protocols {
		if g.Other || slices.ContainsFunc(l.Endpoints, func(e checks.Endpoint) bool { return speaks(e, g.Key) }) {
			can = true
		} else {
			cannot = cannot || len(g.Counts) > 0 && g.Counts[0] > 0
		}
	}
	switch {
	case !can:
		return checks.No
	case cannot:
		return checks.Unknown
	}
	return checks.Yes
}

// speaks reports whether clients of a protocol can have this URL, as far as both are
// known. The path of a WebSocket says what is spoken inside.
func speaks(e checks.Endpoint, protocol string) bool {
	spoken := listenerOf(e.Scheme)
	if spoken == checks.WebSocket && strings.HasSuffix(e.Path, "/mqtt") {
		spoken = checks.MQTT
	}
	return protocol == "" || spoken == "" || protocol == spoken
}

// oneService reports whether the account is known to have one service only.
func (s *Situation) oneService() bool {
	if s.Profile == nil || !s.Profile.Whole {
		return false
	}
	if len(s.everyone) > 0 {
		return len(s.everyone) == 1 && !s.everyone[0].Remainder
	}
	p, stems := s.Profile, map[string]bool{}
	for _, g := range p.Names {
		if g.Other {
			return false
		}
		stems[Stem(g.Key)] = true
	}
	return len(stems) == 1 && len(p.Users) <= 1 && len(p.Protocols) <= 1
}

// bestFit divides lists into those under which the placements of these clients
// are the most likely, within a factor of ten, and others.
func (s *Situation) bestFit(lists []List) (best, others []List) {
	if len(lists) < 2 {
		return lists, nil
	}
	fits := make([]Likelihood, len(lists))
	known := false
	for i, l := range lists {
		fits[i] = s.fit(l)
		known = known || l.kind != unclear && l.kind != elsewhere
	}
	top := slices.Max(fits)
	for i, l := range lists {
		if fits[i] >= top-likelyOverOthers || !known {
			best = append(best, l)
		} else {
			others = append(others, l)
		}
	}
	return best, others
}

// fit is the likelihood of the placements if each client takes any server that a
// list leads to.
func (s *Situation) fit(l List) Likelihood {
	p := s.placement()
	p.Reachable = make([]bool, len(p.Counts))
	for at, server := range s.cluster() {
		p.Reachable[at] = slices.ContainsFunc(l.Reach.Arrivals, func(a Arrival) bool { return s.Deployment.Servers[a.Server].ID == server.ID })
	}
	return p.Free()
}

// placement is where the clients are, for the choice models, with every server
// reachable.
func (s *Situation) placement() Placement {
	p := Placement{}
	for _, server := range s.cluster() {
		n := s.on(server.ID)
		p.Counts = append(p.Counts, n)
		p.Reachable = append(p.Reachable, true)
	}
	return p
}
