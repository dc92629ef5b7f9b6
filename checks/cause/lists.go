package cause

import (
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// tie is how far a list is known to be that of some clients.
type tie int

const (
	notTheirs  tie = iota // another account's, or another service's
	nobodys               // it may be anyone's
	accounts              // the account's
	services              // the service's: by its user or its name
	exclusives            // the account's, which has no other service
)

// chooseLists sets the lists that speak for these clients: of those that are tied
// to them most closely the ones that fit their placements best. A list of the
// account that fits less well is that of its other clients.
func (s *Situation) chooseLists() {
	by := map[tie][]List{}
	for _, l := range s.Lists {
		f := List{URLList: l, Reach: s.forClients(l, ReachOf(s.Deployment, s.Finding.Cluster, l))}
		f.kind = s.kindOf(f.Reach)
		if l.Hint {
			s.Hints = append(s.Hints, f)
			continue
		}
		t := s.tieOf(l)
		by[t] = append(by[t], f)
	}
	for _, t := range []tie{services, exclusives, accounts, nobodys} {
		if len(by[t]) == 0 {
			continue
		}
		s.Own, s.Tied, s.theirs = by[t], t != nobodys, t == services || t == exclusives
		if s.Tied {
			s.Own, s.beside = s.bestFit(by[t])
		}
		return
	}
}

// tieOf says how far a list is these clients'.
func (s *Situation) tieOf(l checks.URLList) tie {
	mine := l.Account != "" && s.Finding.Account.Is(l.Account)
	switch {
	case l.Account != "" && !mine, !s.mayUse(l):
		return notTheirs
	case !mine && l.User == "" && l.Service == "":
		return nobodys
	}
	var all, these []checks.Service
	if s.Profile != nil {
		all, these = s.everyone, s.Profile.Services
	}
	for _, with := range []struct {
		value string
		of    func(checks.Service) []string
	}{
		{l.User, func(x checks.Service) []string { return []string{x.User} }},
		{l.Service, func(x checks.Service) []string { return []string{x.Stem} }},
	} {
		is := func(x checks.Service) bool {
			return !x.Remainder && slices.ContainsFunc(with.of(x), func(v string) bool {
				return v != "" && (strings.EqualFold(v, with.value) || strings.EqualFold(v, Stem(with.value)))
			})
		}
		switch {
		case with.value == "":
		case slices.ContainsFunc(these, is):
			return services
		case slices.ContainsFunc(all, is):
			return notTheirs
		}
	}
	switch {
	case !mine:
		return nobodys // tied to a user or a workload that nobody here is known as
	case s.oneService():
		return exclusives
	}
	return accounts
}

// mayUse reports whether clients of this protocol can have such a list: MQTT
// clients have no URLs of NATS.
func (s *Situation) mayUse(l checks.URLList) bool {
	if s.Profile == nil || len(s.Profile.Protocols) == 0 || len(l.Endpoints) == 0 {
		return true
	}
	for _, g := range s.Profile.Protocols {
		if g.Other || g.Key != "mqtt" {
			return true
		}
	}
	return slices.ContainsFunc(l.Endpoints, func(e checks.Endpoint) bool { return e.Scheme != "nats" && e.Scheme != "tls" })
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
		n, _ := s.on(server.ID)
		p.Counts = append(p.Counts, n)
		p.Reachable = append(p.Reachable, true)
	}
	return p
}
