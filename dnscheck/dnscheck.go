package dnscheck

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/internal/words"
)

// Config is whom to ask, and how.
type Config struct {
	// Resolvers are host:port, see [Resolver]. Where there are none, [Lookup]
	// takes the resolvers, the search list and ndots of [System], and where
	// that has none, the resolver of Go's net package.
	Resolvers []string
	// Fallback is for resolvers that stand in for one another, as those of
	// resolv.conf do: a later one is asked only where those before it failed,
	// and there is one [Answer]. Without it each is asked and compared.
	Fallback bool
	// Search are the domains to append, Ndots the number of dots from which a
	// name is tried as it is before them; see resolv.conf(5). With Ndots 0
	// every name is.
	Search []string
	Ndots  int
	// Timeout bounds one exchange of a question and its answer; 2 seconds
	// where it is not positive.
	Timeout time.Duration
	// Attempts is how often a question is sent that gets no usable answer; 2
	// where it is not positive.
	Attempts int
	// Repeat is how often each question is put, to tell rotating answers from
	// fixed ones; 4 where it is not positive. A name without addresses is
	// asked once.
	Repeat int
	// HostsFile is the path of a hosts file; empty: none is looked at.
	HostsFile string
}

// Defaults of [Config].
const (
	defaultTimeout  = 2 * time.Second
	defaultAttempts = 2
	defaultRepeat   = 4
)

// SystemResolver is [Answer.Resolver] where Go's net package was asked, which
// does not tell whom it asks.
const SystemResolver = "the system's resolver"

// Verdict is what a name resolves to.
type Verdict string

// The verdicts. Only [Result] can have Differs.
const (
	// Single: every answer had the same one address, over both families.
	Single Verdict = "single"
	// Several: every answer had the same addresses in the same order.
	Several Verdict = "several"
	// Rotating: the order or the choice of addresses changes.
	Rotating Verdict = "rotating"
	// Differs: resolvers disagree on the set of addresses, be it that they
	// serve different views or that each has another choice in its cache.
	Differs Verdict = "differs"
	// NoData: the name exists and has no address.
	NoData Verdict = "no-data"
	// NXDomain: there is no such name.
	NXDomain Verdict = "nxdomain"
	// Failed: a resolver failed, refused, did not answer in time, or sent what
	// can't be used. Addresses that it gave nevertheless are kept.
	Failed Verdict = "failed"
	// Unknown: nobody was asked, as the name is none or the time was up.
	Unknown Verdict = "unknown"
)

// Result is what a name resolves to.
type Result struct {
	// Name is the name as it was given.
	Name string
	// Answers are those of the resolvers in the order of [Config.Resolvers].
	// With [Config.Fallback], for an address and for localhost there is one.
	Answers []Answer
	// Hosts are the addresses that the hosts file has for the name, in its
	// order. Programs of this machine use them in place of DNS, so they decide
	// the verdict; DNS is asked all the same.
	Hosts   []netip.Addr
	Verdict Verdict
	// Detail is one sentence for people, without control characters.
	Detail string
	// Complete reports whether nothing is missing that the verdict rests on: the
	// hosts file, or else every resolver, could be read to the end.
	Complete bool
}

// Answer is what one resolver says.
type Answer struct {
	// Resolver is host:port or [SystemResolver]; empty where none was needed.
	Resolver string
	// Asked is the name that was asked for, with the domain of the search list
	// and the final dot; empty where it is not known.
	Asked string
	// CNAME are the names that the name is an alias for, in order, with final
	// dots and with RFC 1035 escapes (\DDD) for unusual bytes.
	CNAME []string
	// Addresses are in the order of the first answer, IPv4 before IPv6; those
	// that only later answers had are behind the others of their family.
	Addresses []Address
	Verdict   Verdict
	// Detail is one sentence for people, without control characters.
	Detail string
	// Complete reports whether A and AAAA were answered every time.
	Complete bool
	// Queries is how many messages were sent.
	Queries int
}

// Address is an address of a name.
type Address struct {
	IP netip.Addr
	// TTL is for how long the record may be kept, in seconds, as the first
	// answer with it had it; nil where it is not known.
	TTL *uint32
}

// Lookup finds out what a name resolves to. It always returns a result, also
// when the context ends: what was not asked is then missing and said so. It may
// be called from several goroutines.
func Lookup(ctx context.Context, cfg Config, name string) Result {
	return lookup(ctx, cfg, name, System, net.DefaultResolver)
}

// lookup is Lookup with what it takes from the machine.
func lookup(ctx context.Context, cfg Config, name string, system func() (Config, error), own netResolver) Result {
	res := Result{Name: name}
	if ip, err := netip.ParseAddr(name); err == nil {
		return res.settled(literal(ip))
	}
	if err := checkName(name); err != nil {
		return res.settled(Answer{Verdict: Unknown, Detail: sentence("%s", err)})
	}
	hosts, hostsErr := readHosts(cfg.HostsFile, name)
	res.Hosts = hosts
	if isLocalhost(name) {
		return res.settled(localhost()).overridden(cfg.HostsFile, hostsErr)
	}
	if ctx.Err() != nil {
		unasked := Answer{Verdict: Unknown, Detail: sentence("nobody was asked: %s", ctx.Err())}
		return res.settled(unasked).overridden(cfg.HostsFile, hostsErr)
	}
	cfg = cfg.withDefaults(system)
	switch {
	case len(cfg.Resolvers) == 0:
		res.Answers = []Answer{askOwn(ctx, own, name, cfg.Repeat)}
	case cfg.Fallback:
		res.Answers = []Answer{askInTurn(ctx, cfg, name)}
	default:
		res.Answers = askEach(ctx, cfg, name)
	}
	res.Verdict, res.Detail, res.Complete = judge(res.Answers)
	return res.overridden(cfg.HostsFile, hostsErr)
}

// withDefaults fills in what is not given.
func (c Config) withDefaults(system func() (Config, error)) Config {
	if len(c.Resolvers) == 0 {
		// A resolv.conf that can't be read leaves the net package's resolver.
		if s, err := system(); err == nil && len(s.Resolvers) > 0 {
			c.Resolvers, c.Fallback, c.Search, c.Ndots = s.Resolvers, s.Fallback, s.Search, s.Ndots
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Attempts <= 0 {
		c.Attempts = defaultAttempts
	}
	if c.Repeat <= 0 {
		c.Repeat = defaultRepeat
	}
	return c
}

// askEach asks all resolvers at the same time.
func askEach(ctx context.Context, cfg Config, name string) []Answer {
	out := make([]Answer, len(cfg.Resolvers))
	var all sync.WaitGroup
	for i, resolver := range cfg.Resolvers {
		all.Go(func() { out[i] = ask(ctx, cfg, resolver, name) })
	}
	all.Wait()
	return out
}

// askInTurn asks the resolvers in turn until one answers. Where none does, it
// is the first answer that has addresses at all, or else the first.
func askInTurn(ctx context.Context, cfg Config, name string) Answer {
	var best Answer
	var failed []string
	queries := 0
	for i, resolver := range cfg.Resolvers {
		a := ask(ctx, cfg, resolver, name)
		queries += a.Queries
		if i == 0 || a.Verdict != Failed || len(best.Addresses) == 0 && len(a.Addresses) > 0 {
			best = a
		}
		if a.Verdict != Failed || ctx.Err() != nil {
			break
		}
		failed = append(failed, fmt.Sprintf("%s: %s", resolver, a.Detail))
	}
	best.Queries = queries
	switch {
	case len(failed) == 0 || best.Verdict == Failed && len(failed) == 1:
	case best.Verdict == Failed:
		best.Detail = sentence("no resolver could be used: %s", strings.Join(failed, "; "))
	default:
		best.Detail = sentence("%s, answered by %s as an earlier resolver failed: %s",
			best.Detail, best.Resolver, strings.Join(failed, "; "))
	}
	return best
}

// settled is a result that needs no resolver.
func (r Result) settled(a Answer) Result {
	if a.Verdict != Unknown {
		r.Answers = []Answer{a}
	}
	r.Verdict, r.Detail, r.Complete = a.Verdict, a.Detail, a.Complete
	return r
}

// overridden applies the hosts file.
func (r Result) overridden(file string, err error) Result {
	switch {
	case err != nil:
		// Entries may be missing, so whatever else was found is not certain.
		r.Complete = false
		if r.Verdict == Single {
			r.Verdict = Failed
		}
		r.Detail = sentence("%s, but the hosts file may say otherwise: %s", r.Detail, err)
	case len(r.Hosts) == 1:
		r.Verdict, r.Complete = Single, true
		r.Detail = sentence("on this machine %s has one address for the name, and overrides DNS", file)
	case len(r.Hosts) > 1:
		r.Verdict, r.Complete = Several, true
		r.Detail = sentence("on this machine %s has %s addresses for the name, and overrides DNS", file, words.Count(len(r.Hosts)))
	}
	return r
}

// literal is the answer for a name that is an address.
func literal(ip netip.Addr) Answer {
	return Answer{
		Addresses: []Address{{IP: ip}}, Verdict: Single, Complete: true,
		Detail: "it is an address, which needs no resolver",
	}
}

// localhost is the answer for localhost and the names below it, for which
// nobody is to be asked (RFC 6761, section 6.3).
func localhost() Answer {
	return Answer{
		Addresses: []Address{{IP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}, {IP: netip.IPv6Loopback()}},
		Verdict:   Several, Complete: true,
		Detail: "the name always stands for this machine (RFC 6761)",
	}
}
