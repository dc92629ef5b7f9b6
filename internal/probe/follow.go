package probe

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/dnscheck"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// namesAtOnce and probesAtOnce bound what is under way.
	namesAtOnce  = 8
	probesAtOnce = 32
	// mostNames and mostAddresses bound what is looked at in all.
	mostNames     = 200
	mostAddresses = 500
	// tries is how often an address is connected to that may lead to several
	// servers, see the cause sticky-load-balancer.
	tries = 12
)

// Options say what Follow may do.
type Options struct {
	// DNS is whom to ask; nil: nobody, so that names lead nowhere.
	DNS *dnscheck.Config
	// Prober connects; nil: nothing is connected to.
	Prober *Prober
	// Own reports whether the server that answered at an address listens there
	// itself. Where it is not Yes, the address is connected to several times.
	Own func(scheme string, at netip.AddrPort, c checks.Contact) checks.Answer
	// Budget divides the time that is left; it is asked where the context has an
	// end.
	Budget Budget
}

// Budget is how much of the time that is left all names get, one answer of a
// resolver, and a connection to one address.
type Budget struct {
	Names, Resolver, Address func(left time.Duration) time.Duration
}

// Follow resolves the hosts of the lists and connects to their addresses, each
// once however many lists have it, and fills in what the endpoints lead to.
// What is not done when ctx ends stays unknown. The warnings say what was left
// out.
func Follow(ctx context.Context, lists []checks.URLList, o Options) (warnings []string) {
	names := map[string]*checks.Name{}
	var order []string
	for _, l := range lists {
		for _, e := range l.Endpoints {
			if _, ok := names[e.Host]; !e.Literal && !ok {
				names[e.Host] = &checks.Name{Host: e.Host, Verdict: checks.NameUnknown, Detail: "DNS was not asked.", Unasked: o.DNS == nil}
				order = append(order, e.Host)
			}
		}
	}
	if o.DNS != nil {
		if len(order) > mostNames {
			warnings = append(warnings, fmt.Sprintf("only the first %s of %s host names were looked up", words.Count(mostNames), words.Count(len(order))))
		}
		resolve(ctx, o, names, order[:min(len(order), mostNames)])
	}
	contacts := map[place]*checks.Contact{}
	var places []place
	for i := range lists {
		for j := range lists[i].Endpoints {
			e := &lists[i].Endpoints[j]
			e.Name = names[e.Host]
			if e.Literal {
				e.Name = nil
			}
			for _, p := range placesOf(*e) {
				if contacts[p] == nil {
					contacts[p] = &checks.Contact{Outcome: checks.ContactNone}
					places = append(places, p)
				}
			}
		}
	}
	if o.Prober != nil {
		if len(places) > mostAddresses {
			warnings = append(warnings, fmt.Sprintf("only the first %s of %s addresses were connected to", words.Count(mostAddresses), words.Count(len(places))))
		}
		connect(ctx, o, contacts, places[:min(len(places), mostAddresses)])
	}
	for i := range lists {
		for j := range lists[i].Endpoints {
			e := &lists[i].Endpoints[j]
			e.Addresses = nil
			for _, p := range placesOf(*e) {
				e.Addresses = append(e.Addresses, checks.Address{IP: p.at.Addr(), Port: int(p.at.Port()), Contact: *contacts[p]})
			}
		}
	}
	return warnings
}

// place is what is connected to: with TLS or WebSocket, the name matters too.
type place struct {
	scheme, host, path string
	at                 netip.AddrPort
}

func placesOf(e checks.Endpoint) []place {
	port := uint16(e.Port) //nolint:gosec // ports are checked where URLs are read
	host := ""
	if e.Scheme != "nats" {
		host = e.Host
	}
	if e.Literal {
		ip, err := netip.ParseAddr(e.Host)
		if err != nil {
			return nil
		}
		return []place{{e.Scheme, host, e.Path, netip.AddrPortFrom(ip.Unmap(), port)}}
	}
	var out []place
	if e.Name == nil {
		return nil
	}
	for _, answer := range e.Name.Answers {
		if e.Name.HostsFile && answer.Resolver != hostsFile {
			continue // programs of this machine don't ask DNS then
		}
		for _, a := range answer.Addresses {
			if p := (place{e.Scheme, host, e.Path, netip.AddrPortFrom(a.IP.Unmap(), port)}); !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// resolve looks the names up.
func resolve(ctx context.Context, o Options, names map[string]*checks.Name, order []string) {
	cfg := *o.DNS
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		left := time.Until(deadline)
		ctx, cancel = context.WithTimeout(ctx, o.Budget.Names(left))
		defer cancel()
		if cfg.Timeout <= 0 {
			cfg.Timeout = max(10*time.Millisecond, o.Budget.Resolver(left).Round(10*time.Millisecond))
		}
	}
	each(namesAtOnce, order, func(host string) {
		*names[host] = nameOf(dnscheck.Lookup(ctx, cfg, host), cfg.HostsFile)
	})
}

// hostsFile is the resolver of addresses from the hosts file.
const hostsFile = "the hosts file"

func nameOf(r dnscheck.Result, file string) checks.Name {
	n := checks.Name{Host: r.Name, Verdict: checks.NameVerdict(r.Verdict), Detail: r.Detail, Complete: r.Complete, HostsFile: len(r.Hosts) > 0}
	if n.HostsFile {
		a := checks.NameAnswer{Resolver: hostsFile, Verdict: n.Verdict, Detail: "entries of " + file + " override DNS on this machine"}
		for _, ip := range r.Hosts {
			a.Addresses = append(a.Addresses, checks.NameAddress{IP: ip})
		}
		n.Answers = append(n.Answers, a)
	}
	for _, from := range r.Answers {
		a := checks.NameAnswer{Resolver: from.Resolver, CNAME: from.CNAME, Verdict: checks.NameVerdict(from.Verdict), Detail: from.Detail}
		if a.Resolver == "" {
			a.Resolver = "RFC 6761"
		}
		for _, address := range from.Addresses {
			out := checks.NameAddress{IP: address.IP}
			if address.TTL != nil {
				ttl := int(*address.TTL)
				out.TTL = &ttl
			}
			a.Addresses = append(a.Addresses, out)
		}
		n.Answers = append(n.Answers, a)
	}
	return n
}

// connect finds out what answers at the places.
func connect(ctx context.Context, o Options, contacts map[place]*checks.Contact, places []place) {
	p := *o.Prober
	if deadline, ok := ctx.Deadline(); ok && p.Timeout <= 0 {
		p.Timeout = o.Budget.Address(time.Until(deadline))
	}
	each(probesAtOnce, places, func(at place) {
		p := p
		p.Path = at.path
		c := p.Contact(ctx, at.scheme, at.host, at.at)
		if c.Outcome == checks.ContactServer && o.Own(at.scheme, at.at, c) != checks.Yes {
			c = p.Again(ctx, at.scheme, at.host, at.at, c, tries-c.Tries)
		}
		*contacts[at] = c
	})
}

// each calls f with every item, so many at once.
func each[T any](atOnce int, items []T, f func(T)) {
	work := make(chan T)
	var wg sync.WaitGroup
	for range min(atOnce, len(items)) {
		wg.Go(func() {
			for item := range work {
				f(item)
			}
		})
	}
	for _, item := range items {
		work <- item
	}
	close(work)
	wg.Wait()
}
