package remedy

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// Input is a finding with what its remedies are to be filled in with.
type Input struct {
	cause.Diagnosis
	// Tool is how this program is called: "nats-balance" or "nats balance".
	Tool string
	// Plugin reports whether it is called through the nats CLI.
	Plugin bool
	// Flags are the connection flags to repeat in commands, quoted for a shell
	// and without secrets: "--context system", or empty.
	Flags string
	// Again are those of an audit like this one: Flags, or "--monitor URL".
	Again string
	// NoSystem reports whether Flags are not known to lead to the system account,
	// which moving connections takes.
	NoSystem bool
	// ListFlags are the flags that say what clients are configured with, for this
	// program's commands, quoted like Flags.
	ListFlags string
	// Expect is the flag that says how many servers there are, or which, where this
	// audit was given it: others refuse where it is what says that all are here.
	Expect string
	// Resolvers are the DNS servers that were asked rather than the system's.
	Resolvers []string // HOST:PORT
	// Operator reports whether accounts are JWTs, rather than in the servers'
	// configuration.
	Operator bool
}

// Remedy is what to do about a finding, filled in for its cluster, its account
// and its causes. Commands and snippets hold no credentials.
type Remedy struct {
	Code       cause.Remedy
	When       cause.When
	Title, Why string
	// Line is what it comes down to in a line, such as the URLs of all servers;
	// empty where the title says it.
	Line string
	// Open reports whether Line has something to fill in, as not all of it is known.
	Open bool
	// ByHand is what to do where no command does it, in a short clause.
	ByHand   string
	Commands []string // command lines, ready to paste
	// ForAll are Commands for all accounts of a group, in the same order; nil where they
	// name none. The flags that the user passed stay in them: without those they would
	// decide by less than the audit knew.
	ForAll []string
	// Checks are those of Commands that only check what was done.
	Checks   []string
	Snippets []Snippet
}

// Snippet is a piece of code or configuration.
type Snippet struct {
	Lang string // what it is written in: "go", "yaml", "zone"
	Text string
}

// Advice is what to do about a finding, and what happens otherwise.
type Advice struct {
	// Remedies are in the order of [cause.When], and then of the causes that call
	// for them.
	Remedies []Remedy
	// ByCause are the codes of those that help with each cause.
	ByCause map[cause.Code][]cause.Remedy
	// Forecast is what happens if the concentrated server is restarted now.
	Forecast string
}

// safe is what helps, or does no harm, whatever the cause is.
func safe() []cause.Help {
	return []cause.Help{{Remedy: cause.RemedyClientConfig, When: cause.ShortTerm}, {Remedy: cause.RemedyRebalance, When: cause.ShortTerm}}
}

// build writes a remedy; ok is false where it does not apply. It may come later
// than it was called for, never sooner.
func (x *facts) build(a cause.Help) (r Remedy, ok bool) {
	switch a.Remedy {
	case cause.RemedyClientConfig:
		r, ok = x.clientConfig()
	case cause.RemedyDNS:
		r, ok = x.dns()
	case cause.RemedyDrain:
		r, ok = x.drain(&a), true
	case cause.RemedyRebalance:
		r, ok = x.move(&a)
	case cause.RemedyLoadBalancer:
		r, ok = x.loadBalancer(), true
	case cause.RemedyLimits:
		r, ok = x.limits()
	case cause.RemedyPlacement:
		r, ok = x.placement(), true
	case cause.RemedyRestartOrder:
		r, ok = x.restartOrder(), true
	case cause.RemedyListener:
		r, ok = x.listener(), true
	case cause.RemedyAccount:
		r, ok = x.accountEverywhere(), true
	case cause.RemedyAdvertise:
		r, ok = x.advertise(), !x.HearsOfNobody()
	case cause.RemedyCapacity:
		r, ok = x.capacity()
	case cause.RemedyOrdered:
		r, ok = x.orderOff(), true
	case cause.RemedyProcess:
		r, ok = x.oneConnection(), true
	case cause.RemedyLeafnodes:
		r, ok = x.leafnodes(), true
	case cause.RemedyRemotes:
		r, ok = x.remotes(), true
	case cause.RemedyKeepItSo:
		r, ok = x.keepItSo(), true
	}
	r.Code, r.When = a.Remedy, a.When
	return r, ok
}

// For writes the remedies of a finding.
//
// Causes that are confirmed, likely or possible call for remedies; possible root
// causes only where none is confirmed. Where no root cause is known, there is
// what is safe whatever it is. What is only possibly the cause is never
// immediate. Connections that no other server takes call for a listener, whatever
// the cause is.
func For(in Input) Advice {
	x := newFacts(in)
	out := Advice{ByCause: map[cause.Code][]cause.Remedy{}}
	var order []cause.Help // each remedy once, at its earliest
	call := func(a cause.Help) {
		at := slices.IndexFunc(order, func(o cause.Help) bool { return o.Remedy == a.Remedy })
		if at < 0 {
			order = append(order, a)
		} else if rank(a.When) < rank(order[at].When) {
			order[at].When = a.When
		}
	}
	roots := 0
	for _, c := range x.Causes {
		if !x.calls(c) {
			continue
		}
		if c.Role == cause.Root {
			roots++
		}
		d, _ := cause.Define(c.Code)
		for _, a := range d.Helps {
			if c.Past && a.Remedy == d.First {
				continue // that is done, and nothing is to wait for it
			}
			if c.Past && c.Verdict.Strong() && a.Remedy == cause.RemedyRebalance && x.loginFirst() == "" {
				a.When = cause.Immediate
			}
			if c.Verdict == cause.Possible && a.When == cause.Immediate {
				a.When = cause.ShortTerm
			}
			call(a)
			out.ByCause[c.Code] = append(out.ByCause[c.Code], a.Remedy)
		}
	}
	if roots == 0 {
		x.unknown = true
		for _, a := range safe() {
			call(a)
		}
	}
	if x.Unserved.Connections > 0 {
		call(cause.Help{Remedy: cause.RemedyListener, When: cause.ShortTerm})
	}
	if x.manyLeafnodes() {
		call(cause.Help{Remedy: cause.RemedyRemotes, When: cause.ShortTerm})
	}
	if x.refused() > 0 {
		call(cause.Help{Remedy: cause.RemedyLimits, When: cause.ShortTerm})
	}
	call(cause.Help{Remedy: cause.RemedyKeepItSo, When: cause.LongTerm})
	for _, a := range order {
		if r, ok := x.build(a); ok {
			out.Remedies = append(out.Remedies, r)
		}
	}
	slices.SortStableFunc(out.Remedies, func(a, b Remedy) int {
		return cmp.Or(cmp.Compare(rank(a.When), rank(b.When)), cmp.Compare(x.first(b.Code), x.first(a.Code)))
	})
	for code, helps := range out.ByCause {
		out.ByCause[code] = slices.DeleteFunc(helps, func(help cause.Remedy) bool {
			return !slices.ContainsFunc(out.Remedies, func(r Remedy) bool {
				return r.Code == help && len(r.Commands)+len(r.Snippets) > 0 // what only warns does not help
			})
		})
	}
	out.Forecast = x.forecast() + x.crash()
	return out
}

// first is 1 for what the URLs of the others are of no use without, and for what keeps
// clients from being lost that are moved.
func (x *facts) first(code cause.Remedy) int {
	if code == cause.RemedyListener && x.listenerFirst() || code == cause.RemedyAccount && x.losing() {
		return 1
	}
	return 0
}

// calls reports whether a cause calls for remedies.
func (x *facts) calls(c cause.Cause) bool {
	switch {
	case c.Verdict.Strong():
		return true
	case c.Verdict == cause.Possible:
		return c.Role == cause.Contributing || !slices.ContainsFunc(x.Causes, func(o cause.Cause) bool {
			return o.Role == cause.Root && o.Verdict == cause.Confirmed
		})
	default:
		return false
	}
}

func rank(w cause.When) int {
	return slices.Index([]cause.When{cause.Immediate, cause.ShortTerm, cause.LongTerm}, w)
}
