package dnscheck

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// family is one of the two questions with its answers.
type family struct {
	asker
	record   string
	qtype    uint16
	first    outcome
	union    []Address // of all answers
	turning  bool      // an answer was not as the first
	failure  error     // of whichever answer
	negative bool      // the name was said not to exist
}

// ask finds out what one resolver says.
func ask(ctx context.Context, cfg Config, resolver, name string) Answer {
	with := asker{server: resolver, timeout: cfg.Timeout, attempts: cfg.Attempts}
	v4 := &family{asker: with, record: "A", qtype: dns.TypeA}
	v6 := &family{asker: with, record: "AAAA", qtype: dns.TypeAAAA}
	a := Answer{Resolver: resolver}
	a.Asked = search(ctx, cfg, name, v4, v6)
	if len(v4.union)+len(v6.union) > 0 && v4.failure == nil && v6.failure == nil {
		repeat(ctx, cfg.Repeat-1, a.Asked, v4, v6)
	}
	a.Queries = v4.queries + v6.queries
	for _, addr := range append(slices.Clone(v4.union), v6.union...) {
		a.Addresses = add(a.Addresses, addr)
	}
	if a.CNAME = v4.first.cname; len(a.CNAME) == 0 {
		a.CNAME = v6.first.cname
	}
	a.Verdict, a.Detail, a.Complete = judgeFamilies(v4, v6, a)
	return a
}

// search asks for the candidates of a name until one has addresses or fails,
// and returns the one that decides. A failure ends it: the next candidate could
// be another machine. Without addresses it is the name as it is, where that
// comes first, else one that exists, else the last; so does res_search.
func search(ctx context.Context, cfg Config, name string, v4, v6 *family) string {
	names, direct := candidates(cfg, name)
	var asked string
	var kept [2]outcome
	for i, candidate := range names {
		var both sync.WaitGroup
		both.Go(func() { v4.begin(ctx, candidate) })
		both.Go(func() { v6.begin(ctx, candidate) })
		both.Wait()
		if v4.failure != nil || v6.failure != nil || len(v4.union)+len(v6.union) > 0 {
			return candidate
		}
		exists := !kept[0].missing || !kept[1].missing
		if i == 0 || !direct && !exists {
			asked, kept = candidate, [2]outcome{v4.first, v6.first}
		}
	}
	v4.keep(kept[0])
	v6.keep(kept[1])
	return asked
}

// repeat puts both questions again until one fails. The families take turns in
// going first: a resolver that turns its answers with every question that it
// gets would look fixed to a question that is always every other one.
func repeat(ctx context.Context, times int, name string, v4, v6 *family) {
	for i := range times {
		order := []*family{v6, v4}
		if i%2 == 1 {
			order = []*family{v4, v6}
		}
		for _, f := range order {
			if f.again(ctx, name); f.failure != nil {
				return
			}
		}
	}
}

// begin asks for a candidate.
func (f *family) begin(ctx context.Context, name string) {
	f.keep(f.resolve(ctx, name, f.qtype))
}

// keep makes an outcome the first.
func (f *family) keep(o outcome) {
	f.first, f.union, f.failure, f.negative = o, o.addresses, o.err, o.missing
}

// again asks once more and compares.
func (f *family) again(ctx context.Context, name string) {
	o := f.resolve(ctx, name, f.qtype)
	if o.err != nil {
		f.failure = o.err
		return
	}
	if !slices.Equal(ips(o.addresses), ips(f.first.addresses)) {
		f.turning = true
	}
	f.negative = f.negative || o.missing
	for _, addr := range o.addresses {
		f.union = add(f.union, addr)
	}
}

func ips(list []Address) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, a := range list {
		out[i] = a.IP
	}
	return out
}

// netResolver is what is used of [net.Resolver].
type netResolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// unseen is what Go's net package does not tell.
const unseen = "as the system's resolver says, which shows neither TTLs nor aliases nor who answered"

// askOwn asks Go's net package. That sorts the addresses, hides a family that
// fails behind one that does not, and does not tell a name without addresses
// from no name: nothing that it says is complete.
func askOwn(ctx context.Context, own netResolver, name string, times int) Answer {
	a := Answer{Resolver: SystemResolver}
	var first []netip.Addr
	turning := false
	for i := range times {
		list, err := own.LookupNetIP(ctx, "ip", name)
		if a.Queries++; err != nil {
			a.Verdict, a.Detail = ownFailure(err, i)
			return a
		}
		var got []netip.Addr
		for _, ip := range list {
			if ip = ip.Unmap(); !slices.Contains(got, ip) {
				got = append(got, ip)
			}
			a.Addresses = add(a.Addresses, Address{IP: ip})
		}
		if i == 0 {
			first = got
		}
		turning = turning || !slices.Equal(first, got)
	}
	slices.SortStableFunc(a.Addresses, func(x, y Address) int { return x.IP.BitLen() - y.IP.BitLen() })
	var what string
	a.Verdict, what = judgeAddresses(len(a.Addresses), turning)
	a.Detail = sentence("%s, %s", what, unseen)
	if strings.Contains(name, ".") && strings.HasSuffix(name, ".") {
		a.Asked = name
	}
	return a
}
