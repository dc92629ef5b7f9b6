package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/miekg/dns"
)

const (
	// dnsTTL is the time to live of a record that names none, in seconds.
	dnsTTL = 60

	// dnsChain bounds how many aliases are followed for one question.
	dnsChain = 16
)

// DNS is a DNS server on loopback, UDP and TCP on one port, that knows the names
// that it was given and no others: those do not exist (NXDOMAIN). A name without
// addresses of the family that is asked for has no data (NOERROR).
type DNS struct {
	addr    string
	servers [2]*dns.Server
	running sync.WaitGroup

	mu    sync.Mutex
	zone  map[string]DNSRecord
	asked map[string]int // questions for addresses, by name
}

// DNSRecord is what is known of a name. The zero value is a name without an
// address.
type DNSRecord struct {
	// Addresses are IPv4 and IPv6 addresses, those of a family answered in this order.
	Addresses []string
	// Rotate moves the first address to the end with each question.
	Rotate bool
	// CNAME is the name that this one is an alias of. The answer has all of the
	// chain, as a resolver's has. Of a chain without end the answer is SERVFAIL.
	CNAME string
	// Fails answers SERVFAIL.
	Fails bool
	// Silent never answers.
	Silent bool
	// TTL is in seconds, 0 for 60.
	TTL uint32
}

// StartDNS starts a DNS server without names on a free port of 127.0.0.1. The
// context bounds the start only; it runs until [DNS.Stop].
func StartDNS(ctx context.Context) (*DNS, error) {
	d := &DNS{zone: make(map[string]DNSRecord), asked: make(map[string]int)}
	udp, tcp, err := listenDNS(ctx)
	if err != nil {
		return nil, fmt.Errorf("lab: DNS: %w", err)
	}
	d.addr = udp.LocalAddr().String()
	d.servers = [2]*dns.Server{{PacketConn: udp}, {Listener: tcp}}
	started := make(chan struct{}, len(d.servers))
	failed := make(chan error, len(d.servers))
	for _, s := range d.servers {
		s.Handler = dns.HandlerFunc(d.serve)
		s.NotifyStartedFunc = func() { started <- struct{}{} }
		d.running.Go(func() {
			if err := s.ActivateAndServe(); err != nil {
				failed <- err
			}
		})
	}
	for range d.servers {
		select {
		case <-started:
		case err = <-failed:
		}
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		d.Stop()
		_, _ = udp.Close(), tcp.Close() // of a server that did not start
		return nil, fmt.Errorf("lab: DNS: %w", err)
	}
	return d, nil
}

// listenDNS listens on one port with both protocols.
func listenDNS(ctx context.Context) (udp net.PacketConn, tcp net.Listener, err error) {
	// A port that UDP has free is nearly always free for TCP.
	const attempts = 20
	var lc net.ListenConfig
	for range attempts {
		if udp, err = lc.ListenPacket(ctx, "udp", hostPort(loopback, 0)); err != nil {
			return nil, nil, err
		}
		if tcp, err = lc.Listen(ctx, "tcp", udp.LocalAddr().String()); err == nil {
			return udp, tcp, nil
		}
		_ = udp.Close()
	}
	return nil, nil, err
}

// Addr returns host:port of the server.
func (d *DNS) Addr() string { return d.addr }

// Stop stops the server. When it returns, its port is closed. It may be called
// more than once.
func (d *DNS) Stop() {
	for _, s := range d.servers {
		_ = s.Shutdown() // an error says that it is stopped
	}
	d.running.Wait()
}

// Set says what is known of a name from now on. Names are the same in upper and
// lower case.
func (d *DNS) Set(name string, r DNSRecord) error {
	for _, a := range r.Addresses {
		if _, err := netip.ParseAddr(a); err != nil {
			return fmt.Errorf("lab: DNS: %s: %q is not an IP address", name, a)
		}
	}
	for _, n := range []string{name, r.CNAME} {
		if _, ok := dns.IsDomainName(n); n != "" && !ok || name == "" {
			return fmt.Errorf("lab: DNS: %q is not a name", n)
		}
	}
	r.Addresses = slices.Clone(r.Addresses)
	if r.TTL == 0 {
		r.TTL = dnsTTL
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.zone[dns.CanonicalName(name)] = r
	return nil
}

// Resolver returns a resolver that asks this server and no other. It looks into
// the hosts file first, as every resolver of Go does.
func (d *DNS) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		nd := net.Dialer{Control: onlyLoopback}
		return nd.DialContext(ctx, network, d.addr)
	}}
}

// serve answers one message.
func (d *DNS) serve(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	size := dns.MinMsgSize
	if o := q.IsEdns0(); o != nil {
		size = max(size, int(o.UDPSize()))
		m.SetEdns0(o.UDPSize(), false)
	}
	if len(q.Question) != 1 || q.Question[0].Qclass != dns.ClassINET {
		m.Rcode = dns.RcodeRefused
	} else if !d.answer(m, q.Question[0]) {
		return
	}
	if w.LocalAddr().Network() == "udp" {
		m.Truncate(size)
	}
	_ = w.WriteMsg(m) // who asked is gone
}

// answer fills m in for a question. False is for never answering.
func (d *DNS) answer(m *dns.Msg, q dns.Question) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	owner := q.Name
	for range dnsChain {
		name := dns.CanonicalName(owner)
		r, ok := d.zone[name]
		header := dns.RR_Header{Name: owner, Class: dns.ClassINET, Ttl: r.TTL}
		switch {
		case !ok:
			m.Rcode = dns.RcodeNameError
			return true
		case r.Silent:
			return false
		case r.Fails:
			m.Rcode, m.Answer = dns.RcodeServerFailure, nil
			return true
		case r.CNAME != "":
			header.Rrtype = dns.TypeCNAME
			m.Answer = append(m.Answer, &dns.CNAME{Hdr: header, Target: dns.Fqdn(r.CNAME)})
			if q.Qtype == dns.TypeCNAME {
				return true
			}
			owner = dns.Fqdn(r.CNAME)
			continue
		}
		if q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA {
			header.Rrtype = q.Qtype
			for _, a := range d.addresses(name, r, q.Qtype) {
				switch ip := net.ParseIP(a); {
				case ip.To4() != nil && q.Qtype == dns.TypeA:
					m.Answer = append(m.Answer, &dns.A{Hdr: header, A: ip})
				case ip.To4() == nil && q.Qtype == dns.TypeAAAA:
					m.Answer = append(m.Answer, &dns.AAAA{Hdr: header, AAAA: ip})
				}
			}
		}
		return true
	}
	m.Rcode, m.Answer = dns.RcodeServerFailure, nil
	return true
}

// addresses returns the addresses of a name in the order of this answer.
func (d *DNS) addresses(name string, r DNSRecord, family uint16) []string {
	n := d.asked[name]
	if family == dns.TypeA { // who asks for both has them in the same order
		d.asked[name]++
	}
	if !r.Rotate || len(r.Addresses) == 0 {
		return r.Addresses
	}
	n %= len(r.Addresses)
	return slices.Concat(r.Addresses[n:], r.Addresses[:n])
}
