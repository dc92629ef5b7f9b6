package cause

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// view is the services for which causes are found together: those that make the
// finding and of which the same is known. Without services it is the account.
type view struct {
	*Situation
	name   string // of the services; empty where there is one view only
	which  []int  // indexes into Profile.Services
	judged []judgement
}

// views divides the services that make the finding.
func (s *Situation) views() []view {
	if s.Profile == nil || len(s.Profile.Services) == 0 {
		return []view{{Situation: s}}
	}
	made := checks.Concentrated(s.Profile.Services, s.Exceeds)
	if len(made) == 0 {
		return []view{{Situation: s}}
	}
	by := map[string]int{}
	var out []view
	for _, i := range made {
		key := s.project([]int{i}).alike()
		at, ok := by[key]
		if !ok {
			at = len(out)
			by[key] = at
			out = append(out, view{})
		}
		out[at].which = append(out[at].which, i)
	}
	var parts []view
	for _, v := range out {
		for _, which := range s.byRestart(v.which) {
			parts = append(parts, view{Situation: s.project(which), which: which})
		}
	}
	for i := range parts {
		if len(parts) > 1 {
			parts[i].name = s.serviceNames(parts[i].which)
		}
	}
	return parts
}

// byRestart divides services of which restarts explain some, and not all of them together:
// what is true of a service is not made untrue by others that came at another time.
func (s *Situation) byRestart(which []int) [][]int {
	if len(which) < 2 || judgeRestartDrift(s.project(which)).verdict != RuledOut {
		return [][]int{which}
	}
	var out, open []int
	for _, i := range which {
		if judgeRestartDrift(s.project([]int{i})).verdict == RuledOut {
			out = append(out, i)
		} else {
			open = append(open, i)
		}
	}
	switch {
	case len(open) == 0:
		return [][]int{out}
	case len(out) > 0:
		return append(s.byRestart(open), out)
	}
	var each [][]int
	for _, i := range open {
		each = append(each, []int{i})
	}
	return each
}

// alike is the same for services of which the same is known: how the lists are
// tied to them, which servers take their protocol and their user, and whether they came
// when no restart moved clients any more.
func (s *Situation) alike() string {
	var b strings.Builder
	for _, l := range s.Lists {
		fmt.Fprintf(&b, "%d ", s.tieOf(l))
	}
	fmt.Fprint(&b, s.serves(), s.accepts(), cameAfter(s.Profile))
	return b.String()
}

// project is the situation of some of the account's services alone.
func (s *Situation) project(which []int) *Situation {
	c := s.Case
	if len(which) == len(s.Profile.Services) {
		return s
	}
	p := *s.Profile
	n := len(p.Servers)
	p.Services, p.Read = nil, make([]int, n)
	p.Protocols, p.Languages, p.Names, p.Users, p.Networks, p.Tags = nil, nil, nil, nil, nil, nil
	p.Sources, p.SourcesSampled, p.Processes, p.Starts, p.SurelyUp = nil, false, nil, nil, nil
	p.Oldest, p.Newest = s.Profile.Services[which[0]].First, s.Profile.Services[which[0]].Last
	sources := map[string]int{}
	stems := make([]string, len(s.Profile.Processes))
	for k, process := range s.Profile.Processes {
		stems[k] = Stem(process.Name)
	}
	for _, i := range which {
		x := s.Profile.Services[i]
		p.Services = append(p.Services, x)
		p.Read = added(p.Read, x.Counts)
		p.Protocols = group(p.Protocols, checks.Group{Key: x.Protocol, Other: x.Remainder, Counts: x.Counts})
		p.Languages = group(p.Languages, checks.Group{Key: x.Language, Other: x.Remainder, Counts: x.Counts})
		p.Names = group(p.Names, checks.Group{Key: x.Stem, Other: x.Remainder, Counts: x.Counts})
		if len(s.Profile.Users) > 0 { // else the source does not say who logs in
			p.Users = group(p.Users, checks.Group{Key: x.User, Other: x.Remainder, Counts: x.Counts})
		}
		for _, g := range x.Networks {
			p.Networks = group(p.Networks, g)
		}
		for _, source := range x.Sources {
			at, ok := sources[source.Addr.String()]
			if !ok {
				at = len(p.Sources)
				sources[source.Addr.String()] = at
				p.Sources = append(p.Sources, checks.Source{Addr: source.Addr})
			}
			p.Sources[at].Counts = added(p.Sources[at].Counts, source.Counts)
			p.Sources[at].Kinds = max(p.Sources[at].Kinds, source.Kinds)
		}
		p.SourcesSampled = p.SourcesSampled || x.SourcesSampled
		for at, row := range x.Starts {
			if at == len(p.Starts) {
				p.Starts = append(p.Starts, nil)
			}
			p.Starts[at] = added(p.Starts[at], row)
		}
		p.SurelyUp = added(p.SurelyUp, x.SurelyUp)
		if x.First.Before(p.Oldest) {
			p.Oldest = x.First
		}
		if x.Last.After(p.Newest) {
			p.Newest = x.Last
		}
		for k, process := range s.Profile.Processes {
			is := func(o checks.Service) bool { return isProcessOf(process, stems[k], o) }
			if is(x) || x.Remainder && !slices.ContainsFunc(s.Profile.Services, is) {
				p.Processes = append(p.Processes, process)
			}
		}
	}
	c.Profile = &p
	c.Finding.OnServer, c.Finding.Connections = min(p.Read[0], s.Finding.OnServer), sum(p.Read)
	c.Finding.Chance = checks.Chance(c.Finding.Connections, n, c.Finding.OnServer)
	out := situationOf(c, s.whole, s.everyone)
	out.over, out.accounts = s.over, s.accounts
	return out
}

// isProcessOf reports whether a process, with the stem of its name, is one of a service.
func isProcessOf(p checks.Process, stem string, x checks.Service) bool {
	return !x.Remainder && stem == x.Stem && p.User == x.User && p.Language == x.Language
}

// group adds counts to the group of the same key.
func group(groups []checks.Group, g checks.Group) []checks.Group {
	for i := range groups {
		if groups[i].Key == g.Key && groups[i].Other == g.Other {
			groups[i].Counts = added(groups[i].Counts, g.Counts)
			return groups
		}
	}
	g.Counts = slices.Clone(g.Counts)
	return append(groups, g)
}

// added is the sum of two counts, of which one may be shorter.
func added(a, b []int) []int {
	out := make([]int, max(len(a), len(b)))
	copy(out, a)
	for i, n := range b {
		out[i] += n
	}
	return out
}

// serviceNames names services for a sentence.
func (s *Situation) serviceNames(which []int) string {
	var names []string
	for _, i := range which {
		names = append(names, ServiceName(s.Profile.Services[i]))
	}
	return words.Few(names)
}

// ServiceName says what people call a service: its name, or else its user.
func ServiceName(x checks.Service) string {
	switch {
	case x.Remainder:
		return "the other services"
	case x.Stem != "":
		return x.Stem
	case x.User != "":
		return "user " + x.User
	case x.Language != "":
		return "clients without a name (" + x.Language + ")"
	}
	return "clients without a name"
}

// lowerMinor makes a root cause less sure that is surer for part of the services only,
// where for others, with more connections, no cause is as sure: theirs is the
// finding's.
func (s *Situation) lowerMinor(all []rule, views []view, causes []Cause) {
	every := 0
	for _, v := range views {
		every += v.Finding.OnServer
	}
	for i := range causes {
		c := &causes[i]
		for _, lower := range []Verdict{Likely, Possible} { // what is surer than that
			if c.Role != Root || c.Verdict.Compare(lower) >= 0 {
				continue
			}
			known, open, of := 0, 0, []string(nil)
			for _, v := range views {
				switch {
				case v.of(all, c.Code).verdict.Compare(lower) < 0:
					known += v.Finding.OnServer
				case !v.rootSurerThan(all, lower):
					open, of = open+v.Finding.OnServer, append(of, v.name)
				}
			}
			if known >= open {
				continue
			}
			c.Verdict, c.Confidence = lower, min(c.Confidence, 0.8)
			if lower == Possible {
				c.Confidence = min(c.Confidence, 0.4)
				c.Evidence = append(c.Evidence, say("CONNZ", "That is %d of the %d connections on %s: why those of %s are there is unknown.",
					known, every, label(s.Server), words.Few(of)).settledBy(NeedServiceURLs))
			}
		}
	}
}

// rootSurerThan reports whether some root cause is surer than that.
func (v view) rootSurerThan(all []rule, verdict Verdict) bool {
	return slices.ContainsFunc(all, func(r rule) bool { return r.Role == Root && v.of(all, r.Code).verdict.Compare(verdict) < 0 })
}

// of is what was judged of a cause.
func (v view) of(all []rule, code Code) judgement {
	return v.judged[slices.IndexFunc(all, func(r rule) bool { return r.Code == code })]
}
