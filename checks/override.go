package checks

import (
	"slices"
	"strings"
)

// Override gives the accounts that it matches thresholds of their own. What is
// nil is as in the general [Parameters], and so are the ranges.
type Override struct {
	// Match is an id or a name, in which a * stands for any characters, also
	// for none. There is no other wildcard.
	Match string

	ThresholdPercent, MinServers, MinConnections, ReviewPercent, CriticalPercent *int
}

// Override is the first one that matches an account by id or name; nil where
// none does.
func (p Parameters) Override(a Account) *Override {
	for i := range p.Overrides {
		if a.fits(p.Overrides[i].Match) {
			return &p.Overrides[i]
		}
	}
	return nil
}

// For are the parameters by which an account is judged.
func (p Parameters) For(a Account) Parameters {
	if o := p.Override(a); o != nil {
		return p.with(*o)
	}
	return p
}

func (p Parameters) with(o Override) Parameters {
	set := func(to *int, n *int) {
		if n != nil {
			*to = *n
		}
	}
	set(&p.ThresholdPercent, o.ThresholdPercent)
	set(&p.MinServers, o.MinServers)
	set(&p.MinConnections, o.MinConnections)
	set(&p.ReviewPercent, o.ReviewPercent)
	set(&p.CriticalPercent, o.CriticalPercent)
	return p
}

// fits reports whether a pattern matches the account's id or name.
func (a Account) fits(pattern string) bool { return matches(pattern, a.ID) || matches(pattern, a.Name) }

// matches reports whether a name fits a pattern, in which a * stands for any
// characters. It takes each part at its first place, which leaves the most for
// those that follow.
func matches(pattern, name string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == name
	}
	name, found = strings.CutPrefix(name, first)
	if !found {
		return false
	}
	at := strings.LastIndexByte(rest, '*')
	last := rest[at+1:]
	for part := range strings.SplitSeq(rest[:max(at, 0)], "*") {
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = after
	}
	return strings.HasSuffix(name, last)
}

// settings are all thresholds in use: the overrides', then the general ones.
type settings struct {
	all []Parameters
	of  []int // which ones an account has; nil: all have the first
	// wanted is how many of the accounts to judge have each, unknown whether one
	// that nobody reported may have them.
	wanted  []int
	unknown []bool
}

// fewestServers is the lowest minimum of servers that any of them has.
func (s settings) fewestServers() int {
	fewest := s.all[0].MinServers
	for _, p := range s.all {
		fewest = min(fewest, p.MinServers)
	}
	return fewest
}

func (p Parameters) settings(d *Deployment) settings {
	n := len(p.Overrides)
	s := settings{wanted: make([]int, n+1), unknown: make([]bool, n+1)}
	for _, o := range p.Overrides {
		s.all = append(s.all, p.with(o))
	}
	s.all = append(s.all, p)
	if n > 0 {
		s.of = make([]int, len(d.Accounts))
	}
	for i, a := range d.Accounts {
		if n > 0 {
			s.of[i] = n
			if at := slices.IndexFunc(p.Overrides, func(o Override) bool { return a.fits(o.Match) }); at >= 0 {
				s.of[i] = at
			}
		}
		if !a.System && p.wantsAccount(a) {
			s.wanted[s.at(uint32(i))]++
		}
	}
	unknown := len(p.Accounts) == 0
	for _, name := range p.Accounts {
		unknown = unknown || !slices.ContainsFunc(d.Accounts, func(a Account) bool { return a.Is(name) })
	}
	var before []string // patterns, of which the general parameters have the last
	for i := range s.unknown {
		pattern := "*"
		if i < n {
			pattern = p.Overrides[i].Match
		}
		covered := slices.ContainsFunc(before, func(b string) bool { return matches(b, pattern) }) // by one before, with all that it matches
		s.unknown[i] = unknown && !covered
		before = append(before, pattern)
	}
	return s
}

func (s settings) at(account uint32) int {
	if s.of == nil {
		return 0
	}
	return s.of[account]
}

// unseen reports whether an account that no server of the cluster reported could be
// a finding there. Pairs are how many accounts to judge were reported, by their
// thresholds.
func (s settings) unseen(j judge, pairs []int) bool {
	for i, p := range s.all {
		j.p = p
		if (s.unknown[i] || pairs[i] < s.wanted[i]) && j.couldBeFinding(tally{}) {
			return true
		}
	}
	return false
}
