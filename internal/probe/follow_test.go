package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/dnscheck"
	"github.com/nats-balance/nats-balance/internal/lab"
)

// stage is a cluster of three servers on addresses of their own, and DNS.
type stage struct {
	*lab.Lab
	dns *lab.DNS
}

func startStage(t *testing.T) stage {
	t.Helper()
	l, err := lab.Start(within(t), lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"APP"}, DistinctAddresses: true})
	if err != nil {
		t.Skipf("this machine has one loopback address only: %v", err)
	}
	t.Cleanup(l.Stop)
	d, err := lab.StartDNS(within(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	return stage{l, d}
}

func (s stage) set(t *testing.T, name string, r lab.DNSRecord) {
	t.Helper()
	if err := s.dns.Set(name, r); err != nil {
		t.Fatal(err)
	}
}

func (s stage) options(p *Prober) Options {
	return Options{DNS: &dnscheck.Config{Resolvers: []string{s.dns.Addr()}}, Prober: p,
		Own: func(scheme string, at netip.AddrPort, c checks.Contact) checks.Answer {
			return cause.OwnAddress(&checks.Deployment{}, scheme, at, c)
		}, Budget: Budget{Names: part(1, 2), Resolver: part(1, 5), Address: part(2, 5)}}
}

func part(n, of time.Duration) func(time.Duration) time.Duration {
	return func(left time.Duration) time.Duration { return left * n / of }
}

// list is a list of URLs of scheme nats.
func list(hosts ...string) checks.URLList {
	l := checks.URLList{Origin: "test"}
	for _, h := range hosts {
		at := netip.MustParseAddrPort("0.0.0.0:4222")
		host, port, err := net.SplitHostPort(h)
		if err != nil {
			host = h
		} else {
			at = netip.MustParseAddrPort("0.0.0.0:" + port)
		}
		_, err = netip.ParseAddr(host)
		l.Endpoints = append(l.Endpoints, checks.Endpoint{URL: "nats://" + h, Scheme: "nats", Host: host, Port: int(at.Port()), Literal: err == nil})
	}
	return l
}

// whoIs is the servers that answered at the endpoint, by address.
func whoIs(e checks.Endpoint) string {
	var out []string
	for _, a := range e.Addresses {
		who := string(a.Contact.Outcome)
		if len(a.Contact.Greetings) > 0 {
			who = a.Contact.Greetings[0].Name
		}
		out = append(out, who)
	}
	return strings.Join(out, " ")
}

func TestListsAreFollowed(t *testing.T) {
	t.Parallel()
	s := startStage(t)
	port := s.Server("C1-n1").Port()
	at := func(host string) string { return fmt.Sprintf("%s:%d", host, port) }
	n := func(name string) string { return s.Server(name).Host() }
	s.set(t, "all.test", lab.DNSRecord{Addresses: []string{n("C1-n1"), n("C1-n2"), n("C1-n3")}})
	s.set(t, "stale.test", lab.DNSRecord{Addresses: []string{"127.99.0.1", n("C1-n2")}})
	s.set(t, "alias.test", lab.DNSRecord{CNAME: "all.test"})
	s.set(t, "fails.test", lab.DNSRecord{Fails: true})
	lists := []checks.URLList{list(at("all.test"), s.Server("C1-n3").Addr()), list(at("stale.test")), list(at("alias.test")), list(at("fails.test")), list(at("none.test"))}
	if w := Follow(within(t), lists, s.options(&Prober{})); len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
	for _, tt := range []struct {
		list, endpoint int
		want           string
		verdict        checks.NameVerdict
	}{
		{0, 0, "C1-n1 C1-n2 C1-n3", checks.NameSeveral},
		{0, 1, "C1-n3", ""},
		{1, 0, "refused C1-n2", checks.NameSeveral},
		{2, 0, "C1-n1 C1-n2 C1-n3", checks.NameSeveral},
		{3, 0, "", checks.NameFailed},
		{4, 0, "", checks.NameMissing},
	} {
		e := lists[tt.list].Endpoints[tt.endpoint]
		if got := whoIs(e); got != tt.want {
			t.Errorf("%s: %q answered, want %q", e.URL, got, tt.want)
		}
		if tt.verdict == "" != (e.Name == nil) || e.Name != nil && e.Name.Verdict != tt.verdict {
			t.Errorf("%s: name %+v, want verdict %q", e.URL, e.Name, tt.verdict)
		}
	}
	if cname := lists[2].Endpoints[0].Name.Answers[0].CNAME; len(cname) != 1 {
		t.Errorf("aliases %q", cname)
	}
}

// counting counts connections by address.
type counting struct {
	mu    sync.Mutex
	conns map[string]int
}

func (c *counting) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	c.conns[address]++
	c.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

func TestEachAddressIsConnectedToOnce(t *testing.T) {
	t.Parallel()
	s := startStage(t)
	n1, n2 := s.Server("C1-n1").Addr(), s.Server("C1-n2").Addr()
	c := &counting{conns: map[string]int{}}
	lists := []checks.URLList{list(n1, n2), list(n1), list(n2, n1)}
	Follow(within(t), lists, s.options(&Prober{Dial: c.dial}))
	if len(c.conns) != 2 || c.conns[n1] != 1 || c.conns[n2] != 1 {
		t.Errorf("connections %v, want one to each of two", c.conns)
	}
	if got := whoIs(lists[2].Endpoints[1]); got != "C1-n1" {
		t.Errorf("%q answered", got)
	}
}

func TestForwardedAddressIsTriedOften(t *testing.T) {
	t.Parallel()
	s := startStage(t)
	for mode, want := range map[lab.BalancerMode]int{lab.OnlyFirst: 1, lab.RoundRobin: 3, lab.LeastConnections: 3} {
		b, err := lab.StartBalancer(within(t), lab.BalancerConfig{Mode: mode, Backends: []string{
			s.Server("C1-n1").Addr(), s.Server("C1-n2").Addr(), s.Server("C1-n3").Addr()}})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Stop()
		lists := []checks.URLList{list(b.Addr())}
		Follow(within(t), lists, s.options(&Prober{}))
		c := lists[0].Endpoints[0].Addresses[0].Contact
		if c.Tries != tries || len(c.Greetings) != want {
			t.Errorf("mode %v: %d tries, %d servers, want %d tries and %d servers", mode, c.Tries, len(c.Greetings), tries, want)
		}
	}
}

func TestNothingIsAskedThatMayNotBe(t *testing.T) {
	t.Parallel()
	s := startStage(t)
	s.set(t, "n1.test", lab.DNSRecord{Addresses: []string{s.Server("C1-n1").Host()}})
	c := &counting{conns: map[string]int{}}
	o := s.options(nil)
	lists := []checks.URLList{list("n1.test", s.Server("C1-n2").Addr())}
	Follow(within(t), lists, o)
	if name := lists[0].Endpoints[0].Name; name == nil || name.Verdict != checks.NameSingle || whoIs(lists[0].Endpoints[0]) != "not-probed" {
		t.Errorf("without probes: %+v, %q", name, whoIs(lists[0].Endpoints[0]))
	}
	o = s.options(&Prober{Dial: c.dial})
	o.DNS = nil
	lists = []checks.URLList{list("n1.test", s.Server("C1-n2").Addr())}
	Follow(within(t), lists, o)
	if name := lists[0].Endpoints[0].Name; name == nil || name.Verdict != checks.NameUnknown || len(lists[0].Endpoints[0].Addresses) > 0 {
		t.Errorf("without DNS: %+v", lists[0].Endpoints[0])
	}
	if len(c.conns) != 1 {
		t.Errorf("connections %v, want one", c.conns)
	}
}

// TestBlackHoles: a resolver and addresses that never answer take no longer
// than the context gives, and what does answer is known all the same.
func TestBlackHoles(t *testing.T) {
	t.Parallel()
	s := startStage(t)
	s.set(t, "silent.test", lab.DNSRecord{Silent: true})
	n1 := s.Server("C1-n1").Addr()
	hole := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == n1 {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	hosts := []string{"silent.test"}
	for i := range 100 {
		hosts = append(hosts, fmt.Sprintf("192.0.2.%d:4222", i+1))
	}
	lists := []checks.URLList{list(append(hosts, n1)...)}
	ctx, cancel := context.WithTimeout(within(t), 5*time.Second)
	defer cancel()
	started := time.Now()
	Follow(ctx, lists, s.options(&Prober{Dial: hole}))
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %s of 5 s", took)
	}
	end := lists[0].Endpoints
	if end[0].Name.Verdict != checks.NameFailed || end[0].Name.Complete {
		t.Errorf("name %+v", end[0].Name)
	}
	if got := whoIs(end[1]); got != "timeout" && got != "not-probed" {
		t.Errorf("a black hole is %q", got)
	}
}

func TestTooManyOfAll(t *testing.T) {
	t.Parallel()
	s := startStage(t)
	var hosts []string
	for i := range mostNames + 1 {
		hosts = append(hosts, fmt.Sprintf("n%d.test", i))
	}
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, fmt.Errorf("no") }
	for i := range mostAddresses + 1 {
		hosts = append(hosts, fmt.Sprintf("10.0.%d.%d:4222", i/250, i%250))
	}
	w := Follow(within(t), []checks.URLList{list(hosts...)}, s.options(&Prober{Dial: refuse}))
	if len(w) != 2 || !strings.Contains(w[0], "first 200 of 201 host names") || !strings.Contains(w[1], "first 500 of 501 addresses") {
		t.Errorf("warnings %q", w)
	}
}
