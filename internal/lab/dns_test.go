package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/nats-balance/nats-balance/internal/lab"
)

func startDNS(t *testing.T, zone map[string]lab.DNSRecord) *lab.DNS {
	t.Helper()
	d, err := lab.StartDNS(within(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	for name, r := range zone {
		if err := d.Set(name, r); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// askDNS puts one question and returns the answer as "RCODE record record".
func askDNS(t *testing.T, d *lab.DNS, network, name string, kind uint16) string {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), kind)
	m, _, err := (&dns.Client{Net: network, Timeout: 20 * time.Second}).ExchangeContext(within(t), q, d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	got := []string{dns.RcodeToString[m.Rcode]}
	for _, rr := range m.Answer {
		value := strings.TrimPrefix(rr.String(), rr.Header().String())
		got = append(got, fmt.Sprintf("%s=%s/%d", dns.TypeToString[rr.Header().Rrtype], value, rr.Header().Ttl))
	}
	return strings.Join(got, " ")
}

func TestDNSAnswers(t *testing.T) {
	t.Parallel()
	d := startDNS(t, map[string]lab.DNSRecord{
		"one.example":      {Addresses: []string{"127.0.1.1"}, TTL: 5},
		"three.example":    {Addresses: []string{"127.0.1.3", "127.0.1.1", "127.0.1.2"}},
		"none.example":     {},
		"fails.example":    {Fails: true},
		"alias.example":    {CNAME: "middle.example", TTL: 300},
		"middle.example":   {CNAME: "One.Example"},
		"dangling.example": {CNAME: "gone.example"},
		"loop.example":     {CNAME: "pool.example"},
		"pool.example":     {CNAME: "loop.example"},
		"to-fails.example": {CNAME: "fails.example"},
		"UPPER.example":    {Addresses: []string{"127.0.1.9"}},
		"to-none.example":  {CNAME: "none.example"},
		"large.example":    {Addresses: many(100)},
	})
	for _, c := range []struct {
		name string
		kind uint16
		want string
	}{
		{"one.example", dns.TypeA, "NOERROR A=127.0.1.1/5"},
		{"oNe.eXample", dns.TypeA, "NOERROR A=127.0.1.1/5"},
		{"upper.example", dns.TypeA, "NOERROR A=127.0.1.9/60"},
		{"one.example", dns.TypeAAAA, "NOERROR"},
		{"one.example", dns.TypeTXT, "NOERROR"},
		{"three.example", dns.TypeA, "NOERROR A=127.0.1.3/60 A=127.0.1.1/60 A=127.0.1.2/60"},
		{"none.example", dns.TypeA, "NOERROR"},
		{"nowhere.example", dns.TypeA, "NXDOMAIN"},
		{"nowhere.example", dns.TypeAAAA, "NXDOMAIN"},
		{"fails.example", dns.TypeA, "SERVFAIL"},
		{"fails.example", dns.TypeAAAA, "SERVFAIL"},
		{"alias.example", dns.TypeA, "NOERROR CNAME=middle.example./300 CNAME=One.Example./60 A=127.0.1.1/5"},
		{"alias.example", dns.TypeAAAA, "NOERROR CNAME=middle.example./300 CNAME=One.Example./60"},
		{"alias.example", dns.TypeCNAME, "NOERROR CNAME=middle.example./300"},
		{"dangling.example", dns.TypeA, "NXDOMAIN CNAME=gone.example./60"},
		{"loop.example", dns.TypeA, "SERVFAIL"},
		{"to-fails.example", dns.TypeA, "SERVFAIL"},
		{"to-none.example", dns.TypeA, "NOERROR CNAME=none.example./60"},
	} {
		for _, network := range []string{"udp", "tcp"} {
			for range 2 { // the order is fixed
				if got := askDNS(t, d, network, c.name, c.kind); got != c.want {
					t.Errorf("%s %s over %s: %s, want %s", c.name, dns.TypeToString[c.kind], network, got, c.want)
				}
			}
		}
	}
	// What does not fit is cut off, and whole over TCP.
	q := new(dns.Msg)
	q.SetQuestion("large.example.", dns.TypeA)
	m, _, err := (&dns.Client{Timeout: 20 * time.Second}).ExchangeContext(within(t), q, d.Addr())
	if err != nil || !m.Truncated || len(m.Answer) >= 100 {
		t.Errorf("large answer: %v, %d records", err, len(m.Answer))
	}
	if n := strings.Count(askDNS(t, d, "tcp", "large.example", dns.TypeA), "A="); n != 100 {
		t.Errorf("%d of 100 addresses over TCP", n)
	}
	q.SetEdns0(4096, false)
	m, _, err = (&dns.Client{Timeout: 20 * time.Second}).ExchangeContext(within(t), q, d.Addr())
	if err != nil || m.Truncated || len(m.Answer) != 100 || m.IsEdns0() == nil {
		t.Errorf("large answer with EDNS: %v, %d records", err, len(m.Answer))
	}
}

func many(n int) []string {
	var addrs []string
	for i := range n {
		addrs = append(addrs, fmt.Sprintf("127.0.1.%d", i+1))
	}
	return addrs
}

func TestDNSRotates(t *testing.T) {
	t.Parallel()
	d := startDNS(t, map[string]lab.DNSRecord{"nats.example": {Addresses: []string{"127.0.1.1", "127.0.1.2", "127.0.1.3"}, Rotate: true}})
	var firsts []string
	for range 6 {
		// Questions for IPv6 in between turn nothing.
		askDNS(t, d, "udp", "nats.example", dns.TypeAAAA)
		hosts := strings.Split(askDNS(t, d, "udp", "nats.example", dns.TypeA), " ")
		if len(hosts) != 4 {
			t.Fatalf("answer %v", hosts)
		}
		firsts = append(firsts, hosts[1][len("A=127.0.1."):][:1])
	}
	if strings.Join(firsts, "") != "123123" {
		t.Errorf("first addresses %v", firsts)
	}
	// What is known of a name may change.
	if err := d.Set("nats.example", lab.DNSRecord{Fails: true}); err != nil {
		t.Fatal(err)
	}
	if got := askDNS(t, d, "udp", "nats.example", dns.TypeA); got != "SERVFAIL" {
		t.Errorf("after a change: %s", got)
	}
}

func TestDNSSilence(t *testing.T) {
	t.Parallel()
	d := startDNS(t, map[string]lab.DNSRecord{"hole.example": {Silent: true}, "nats.example": {Addresses: []string{"127.0.0.1"}}})
	for _, network := range []string{"udp", "tcp"} {
		q := new(dns.Msg)
		q.SetQuestion("hole.example.", dns.TypeA)
		m, _, err := (&dns.Client{Net: network, Timeout: 100 * time.Millisecond}).ExchangeContext(within(t), q, d.Addr())
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("over %s: %v, %v", network, m, err)
		}
	}
	// Garbage does not disturb it.
	c, err := net.Dial("udp", d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, junk := range []string{"", "x", strings.Repeat("\xff", 12), strings.Repeat("\x00", 500), strings.Repeat("\xc0\x0c", 200)} {
		c.Write([]byte(junk))
	}
	if got := askDNS(t, d, "udp", "nats.example", dns.TypeA); got != "NOERROR A=127.0.0.1/60" {
		t.Errorf("after garbage: %s", got)
	}
}

func TestDNSForClients(t *testing.T) {
	t.Parallel()
	d := startDNS(t, map[string]lab.DNSRecord{"three.example": {Addresses: []string{"127.0.1.3", "127.0.1.1", "127.0.1.2"}}})
	hosts, err := d.Resolver().LookupHost(within(t), "three.example")
	if err != nil || !slices.Equal(hosts, []string{"127.0.1.3", "127.0.1.1", "127.0.1.2"}) {
		t.Errorf("%v, %v", hosts, err)
	}
	var missing *net.DNSError
	if _, err := d.Resolver().LookupHost(within(t), "nowhere.example"); !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("a name that does not exist: %v", err)
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}, Accounts: []string{"APP"}})
	if err := d.Set("n2.example", lab.DNSRecord{Addresses: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("nats://n2.example:%d", l.Server("C1-n2").Port())
	if _, err := l.Connect(within(t), lab.Clients{Account: "APP", URLs: []string{url}, Count: 5, Resolver: d.Resolver()}); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitCounts(within(t), "APP", map[string]int{"C1-n1": 0, "C1-n2": 5, "C1-n3": 0}); err != nil {
		t.Error(err)
	}
	for name, r := range map[string]lab.DNSRecord{
		"no.example": {Addresses: []string{"x"}}, "": {}, "a..b": {}, "c.example": {CNAME: "a..b"},
	} {
		if err := d.Set(name, r); err == nil {
			t.Errorf("%q: %v was accepted", name, r)
		}
	}
}

// TestDNSStops is not parallel, so that what it sees left is its own.
func TestDNSStops(t *testing.T) {
	before := goleak.IgnoreCurrent()
	d := startDNS(t, map[string]lab.DNSRecord{"nats.example": {Addresses: []string{"127.0.0.1"}}})
	if got := askDNS(t, d, "tcp", "nats.example", dns.TypeA); got != "NOERROR A=127.0.0.1/60" {
		t.Errorf("answer %s", got)
	}
	// A connection that stays open does not keep it.
	c, err := net.Dial("tcp", d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	d.Stop()
	d.Stop()
	c.Close()
	checkRefused(t, d.Addr())
	u, err := net.ListenPacket("udp", d.Addr())
	if err != nil {
		t.Errorf("the port is still taken: %v", err)
	} else {
		u.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if d, err := lab.StartDNS(ctx); err == nil {
		d.Stop()
		t.Error("started after the context's end")
	}
	goleak.VerifyNone(t, before)
}
