package dnscheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// maxChain is how many aliases are followed for one name.
const maxChain = 16

// outcome is what came of one question, its aliases followed to the end.
type outcome struct {
	cname     []string
	addresses []Address
	missing   bool  // NXDOMAIN, for the name or what it is an alias for
	err       error // why there is no clean answer, in a clause
}

// resolve asks for a name, and on for what it is an alias for where the answer
// does not have that.
func (a *asker) resolve(ctx context.Context, name string, qtype uint16) outcome {
	var o outcome
	for at := name; ; {
		m, err := a.ask(ctx, at, qtype)
		if err != nil {
			o.err = err
			return o
		}
		if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
			o.err = fmt.Errorf("the resolver answered %s", rcodeName(m.Rcode))
			return o
		}
		end, err := o.follow(m, name, at, qtype)
		switch {
		case err != nil:
			o.err = err
			return o
		case len(o.addresses) > 0 && m.Rcode == dns.RcodeNameError:
			o.addresses, o.err = nil, errors.New("a malformed answer came: it has addresses and says that there is no such name")
			return o
		case len(o.addresses) > 0:
			return o
		case m.Rcode == dns.RcodeNameError:
			o.missing = true
			return o
		case end == at && isReferral(m):
			o.err = errors.New("the resolver answered with a referral to other servers")
			return o
		case end == at:
			return o
		}
		at = end
	}
}

// follow goes along the aliases of an answer from one name on, and takes the
// addresses at the end of them. It returns the name that it ended at.
func (o *outcome) follow(m *dns.Msg, start, at string, qtype uint16) (string, error) {
	records := map[string][]dns.RR{}
	for _, rr := range m.Answer {
		if h := rr.Header(); h.Class == dns.ClassINET && (h.Rrtype == qtype || h.Rrtype == dns.TypeCNAME) {
			owner := dns.CanonicalName(h.Name)
			records[owner] = append(records[owner], rr)
		}
	}
	for {
		target, addresses, err := read(records[dns.CanonicalName(at)])
		if err != nil {
			return "", err
		}
		if target == "" {
			o.addresses = addresses
			return at, nil
		}
		same := func(s string) bool { return dns.CanonicalName(s) == dns.CanonicalName(target) }
		if same(start) || slices.ContainsFunc(o.cname, same) {
			return "", fmt.Errorf("its aliases (CNAME) lead in a loop, back to %s", target)
		}
		if len(o.cname) == maxChain {
			return "", fmt.Errorf("it is an alias of an alias more than %d times (CNAME chain too long)", maxChain)
		}
		o.cname = append(o.cname, target)
		at = target
	}
}

// read takes the records of one name: an alias, or addresses, or nothing.
func read(records []dns.RR) (target string, addresses []Address, err error) {
	for _, rr := range records {
		ttl := rr.Header().Ttl
		if ttl > 1<<31-1 {
			ttl = 0 // RFC 2181, section 8
		}
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.CNAME:
			if rr.Target == "" || target != "" && dns.CanonicalName(target) != dns.CanonicalName(rr.Target) {
				return "", nil, errors.New("a malformed answer came: a name is an alias of nothing, or of two names")
			}
			target = rr.Target
			continue
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		addr, ok := netip.AddrFromSlice(ip)
		if !ok {
			return "", nil, errors.New("a malformed answer came: an address record without an address")
		}
		addresses = add(addresses, Address{IP: addr.Unmap(), TTL: &ttl})
	}
	if target != "" && len(addresses) > 0 {
		return "", nil, errors.New("a malformed answer came: a name is an alias and has addresses of its own")
	}
	return target, addresses, nil
}

// add appends an address that is not there yet.
func add(list []Address, a Address) []Address {
	if slices.ContainsFunc(list, func(b Address) bool { return a.IP == b.IP }) {
		return list
	}
	return append(list, a)
}

// isReferral reports whether an answer without data sends elsewhere, which is not
// the same as that there are no data (RFC 2308, section 2.2).
func isReferral(m *dns.Msg) bool {
	isType := func(t uint16) func(dns.RR) bool {
		return func(rr dns.RR) bool { return rr.Header().Rrtype == t }
	}
	return !m.Authoritative && slices.ContainsFunc(m.Ns, isType(dns.TypeNS)) && !slices.ContainsFunc(m.Ns, isType(dns.TypeSOA))
}

func rcodeName(rcode int) string {
	if s, ok := dns.RcodeToString[rcode]; ok {
		return s
	}
	return fmt.Sprintf("the unknown code %d", rcode)
}
