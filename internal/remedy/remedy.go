package remedy

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Input is a finding with what its remedies are to be filled in with.
type Input struct {
	// Case is the finding, with its causes set, and all that is known of it.
	Case checks.Case
	// Tool is how this program is called: "nats-balance" or "nats balance".
	Tool string
	// Flags are the connection flags to repeat in commands, quoted for a shell
	// and without secrets: "--context system", or empty.
	Flags string
	// Again are those of an audit like this one: Flags, or "--monitor URL".
	Again string
	// NoSystem is whether Flags are not known to lead to the system account,
	// which moving connections takes.
	NoSystem bool
	// Sources are the flags that say what clients are configured with, for this
	// program's commands, quoted like Flags.
	Sources string
	// Operator is whether accounts are JWTs, rather than in the servers'
	// configuration.
	Operator bool
}

// The codes of remedies.
const (
	codeClientConfig = "client-config"
	codeDNS          = "dns"
	codeDrain        = "drain"
	codeRebalance    = "rebalance"
	codeLoadBalancer = "load-balancer"
	codeLimits       = "limits"
	codePlacement    = "placement"
	codeRestartOrder = "restart-order"
	codeListener     = "listener"
	codeAccount      = "account"
	codeAdvertise    = "advertise"
	codeCapacity     = "capacity"
	codeOrdered      = "ordered"
	codeProcess      = "process"
	codeLeafnodes    = "leafnodes"
	codeRemotes      = "leafnode-remotes"
	codeKeepItSo     = "keep-it-so"
)

// advice is a remedy that a cause calls for.
type advice struct {
	code string
	when checks.When
}

// adviceFor are the remedies of a cause. They agree with the page of the cause
// in docs/causes.
func adviceFor(cause string) []advice {
	switch cause {
	case "account-gap":
		return []advice{{codeAccount, checks.Immediate}, {codeRebalance, checks.ShortTerm}}
	case "listener-gap":
		return []advice{{codeListener, checks.ShortTerm}, {codeClientConfig, checks.ShortTerm}, {codeDNS, checks.ShortTerm}, {codeRebalance, checks.ShortTerm}}
	case "single-url":
		return []advice{{codeClientConfig, checks.ShortTerm}, {codeRebalance, checks.ShortTerm}, {codeDrain, checks.LongTerm}, {codeDNS, checks.LongTerm}}
	case "single-address-dns":
		return []advice{{codeDNS, checks.Immediate}, {codeRebalance, checks.ShortTerm}, {codeDrain, checks.ShortTerm}}
	case "sticky-load-balancer":
		return []advice{{codeLoadBalancer, checks.Immediate}, {codeRebalance, checks.ShortTerm}, {codeDrain, checks.ShortTerm}, {codeClientConfig, checks.LongTerm}}
	case "server-full":
		return []advice{{codeCapacity, checks.Immediate}, {codeRebalance, checks.ShortTerm}, {codeLimits, checks.ShortTerm}}
	case "restart-drift":
		return []advice{{codeRebalance, checks.Immediate}, {codeDrain, checks.ShortTerm}, {codeRestartOrder, checks.ShortTerm}, {codeKeepItSo, checks.LongTerm}}
	case "network-affinity":
		return []advice{{codePlacement, checks.ShortTerm}, {codeClientConfig, checks.ShortTerm}, {codeLeafnodes, checks.LongTerm}}
	case "ordered-connect":
		return []advice{{codeOrdered, checks.ShortTerm}, {codeClientConfig, checks.ShortTerm}, {codeKeepItSo, checks.LongTerm}}
	case "single-process":
		return []advice{{codeRebalance, checks.Immediate}, {codeProcess, checks.ShortTerm}, {codeLimits, checks.ShortTerm}, {codeLeafnodes, checks.LongTerm}}
	case "discovery-off":
		return []advice{{codeClientConfig, checks.ShortTerm}, {codeAdvertise, checks.LongTerm}}
	case "small-account":
		return []advice{{codeClientConfig, checks.ShortTerm}, {codeRebalance, checks.ShortTerm}, {codeKeepItSo, checks.LongTerm}}
	}
	return nil
}

// safe is what helps, or does no harm, whatever the cause is.
func safe() []advice {
	return []advice{{codeClientConfig, checks.ShortTerm}, {codeRebalance, checks.ShortTerm}}
}

// build writes a remedy; ok is false where it does not apply. It may come later
// than it was called for, never sooner.
func (x *facts) build(a advice) (r checks.Remedy, ok bool) {
	switch a.code {
	case codeClientConfig:
		r, ok = x.clientConfig()
	case codeDNS:
		r, ok = x.dns()
	case codeDrain:
		r, ok = x.drain(&a), true
	case codeRebalance:
		r, ok = x.move(&a)
	case codeLoadBalancer:
		r, ok = x.loadBalancer(), true
	case codeLimits:
		r, ok = x.limits()
	case codePlacement:
		r, ok = x.placement(), true
	case codeRestartOrder:
		r, ok = x.restartOrder(), true
	case codeListener:
		r, ok = x.listener(), true
	case codeAccount:
		r, ok = x.accountEverywhere(), true
	case codeAdvertise:
		r, ok = x.advertise(), true
	case codeCapacity:
		r, ok = x.capacity(), true
	case codeOrdered:
		r, ok = x.orderOff(), true
	case codeProcess:
		r, ok = x.oneConnection(), true
	case codeLeafnodes:
		r, ok = x.leafnodes(), true
	case codeRemotes:
		r, ok = x.remotes(), true
	case codeKeepItSo:
		r, ok = x.keepItSo(), true
	}
	r.Code, r.When = a.code, a.when
	return r, ok
}

// For writes the remedies of a finding, in the order of [checks.When] and then
// of the causes that call for them, the codes of those that help with each
// cause, and a forecast of what happens if the concentrated server is restarted
// now.
//
// Causes that are confirmed, likely or possible call for remedies; possible root
// causes only where none is confirmed. Where no root cause is known, there is
// what is safe whatever it is. What is only possibly the cause is never
// immediate. Connections that no other server takes call for a listener, whatever
// the cause is.
func For(in Input) (remedies []checks.Remedy, byCause map[string][]string, forecast string) {
	x := newFacts(in)
	byCause = map[string][]string{}
	var order []advice // each code once, at its earliest
	call := func(a advice) {
		at := slices.IndexFunc(order, func(o advice) bool { return o.code == a.code })
		if at < 0 {
			order = append(order, a)
		} else if rank(a.when) < rank(order[at].when) {
			order[at].when = a.when
		}
	}
	roots := 0
	for _, c := range x.f.Causes {
		if !x.calls(c) {
			continue
		}
		if c.Role == checks.Root {
			roots++
		}
		for _, a := range adviceFor(c.Code) {
			if c.Verdict == checks.Possible && a.when == checks.Immediate {
				a.when = checks.ShortTerm
			}
			call(a)
			byCause[c.Code] = append(byCause[c.Code], a.code)
		}
	}
	if roots == 0 {
		x.unknown = true
		for _, a := range safe() {
			call(a)
		}
	}
	if x.unserved > 0 {
		call(advice{codeListener, checks.ShortTerm})
	}
	if x.manyLeafnodes() {
		call(advice{codeRemotes, checks.ShortTerm})
	}
	if x.refused() > 0 {
		call(advice{codeLimits, checks.ShortTerm})
	}
	call(advice{codeKeepItSo, checks.LongTerm})
	for _, a := range order {
		if r, ok := x.build(a); ok {
			remedies = append(remedies, r)
		}
	}
	slices.SortStableFunc(remedies, func(a, b checks.Remedy) int { return cmp.Compare(rank(a.When), rank(b.When)) })
	for cause, codes := range byCause {
		byCause[cause] = slices.DeleteFunc(codes, func(code string) bool {
			return !slices.ContainsFunc(remedies, func(r checks.Remedy) bool {
				return r.Code == code && len(r.Commands)+len(r.Snippets) > 0 // what only warns does not help
			})
		})
	}
	return remedies, byCause, x.forecast() + x.crash()
}

// calls is whether a cause calls for remedies.
func (x *facts) calls(c checks.Cause) bool {
	switch c.Verdict {
	case checks.Confirmed, checks.Likely:
		return true
	case checks.Possible:
		return c.Role == checks.Contributing || !slices.ContainsFunc(x.f.Causes, func(o checks.Cause) bool {
			return o.Role == checks.Root && o.Verdict == checks.Confirmed
		})
	default:
		return false
	}
}

func rank(w checks.When) int {
	return slices.Index([]checks.When{checks.Immediate, checks.ShortTerm, checks.LongTerm}, w)
}
