package cause

import (
	"net/netip"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// offices are shared source addresses with all of their clients on one server.
func offices(n1, n2, n3 int) change {
	return func(s *scene) {
		counts(n1*6, n2*6, n3*6)(s)
		s.Profile.Sources, s.Profile.Processes, s.Profile.Names = nil, nil, nil
		for _, name := range []string{"browser", "mobile", "printer", "scanner", "till"} {
			s.Profile.Names = append(s.Profile.Names, checks.Group{Key: name, Counts: []int{n1, n2, n3}})
		}
		for i := range n1 + n2 + n3 {
			at := []int{0, 0, 0}
			switch {
			case i < n1:
				at[0] = 6
			case i < n1+n2:
				at[1] = 6
			default:
				at[2] = 6
			}
			s.Profile.Sources = append(s.Profile.Sources, checks.Source{Addr: netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), Counts: at, Kinds: 5})
		}
	}
}

// advertised has all servers advertise one address.
func advertised(url string) change {
	return func(s *scene) {
		on(func(s *checks.Server) { s.Details.ConnectURLs = []string{url} }, 1, 2, 3)(s)
		for at, c := range s.contacts {
			for i := range c.Greetings {
				s.contacts[at].Greetings[i].ConnectURLs = []string{url}
			}
		}
	}
}

// A URL that is the address is not told twice; one that only looks like it is.
func TestPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url, at string
		twice   bool
	}{
		{"nats://10.0.0.1:4222", "10.0.0.1:4222", false},
		{"tls://[2001:db8::1]:4222", "[2001:db8::1]:4222", false},
		{"tls://[2001:DB8:0::1]:4222", "[2001:db8::1]:4222", false},
		{"10.0.0.1:4222", "10.0.0.1:4222", false},
		{"nats://10.0.0.1:4222/path", "10.0.0.1:4222", false},
		{"nats://110.0.0.1:4222", "10.0.0.1:4222", true},
		{"nats://10.0.0.10:4222", "10.0.0.1:4222", true},
		{"nats://10.0.0.1:42220", "10.0.0.1:4222", true},
		{"nats://10.0.0.1", "10.0.0.1:4222", true}, // the port is news
		{"nats://lb-10.0.0.1:4222", "10.0.0.1:4222", true},
		{"nats://nats.example:4222", "10.0.0.1:4222", true},
		{"nats://%zz", "10.0.0.1:4222", true},
	} {
		want := c.url
		if c.twice {
			want += " (" + c.at + ")"
		}
		if got := place(Arrival{URL: c.url, Address: netip.MustParseAddrPort(c.at)}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestStickyLoadBalancer(t *testing.T) {
	clients := list("nats://10.0.0.9:4222")
	sticky, spread := leads("10.0.0.9:4222", 12, 1), leads("10.0.0.9:4222", 12, 1, 2, 3)
	throughIt := through("10.0.0.9:4222", "10.0.0.9")
	judgeCause(t, StickyLoadBalancer, []row{
		{"always the same, and the clients come from the balancer", with(clients, sticky, throughIt, from("10.0.0.9")), Confirmed, StickyLoadBalancer},
		{"always the same, and each office is on one server", with(clients, sticky, offices(8, 1, 1)), Confirmed, StickyLoadBalancer},
		{"the auditor is led elsewhere, but each office is on one server", with(clients, leads("10.0.0.9:4222", 12, 2), offices(8, 1, 1)), Confirmed, StickyLoadBalancer},
		{"always the same for the auditor", with(clients, sticky), Likely, StickyLoadBalancer},
		{"the same, by a name", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.9"), sticky), Likely, StickyLoadBalancer},
		{"a port of its own on the server's machine", with(list("nats://10.0.0.1:5222"), leads("10.0.0.1:5222", 12, 1)), Likely, StickyLoadBalancer},
		{"anyone's list", with(anyones("nats://10.0.0.9:4222"), sticky, throughIt, from("10.0.0.9")), Likely, StickyLoadBalancer},
		{"each office is on one server", with(offices(8, 1, 1)), Possible, "none"},
		{"a sample of the sources only", with(clients, sticky, throughIt, from("10.0.0.9"), profile(func(p *checks.Profile) { p.SourcesSampled = true })), Likely, StickyLoadBalancer},
		{"other servers restarted after the clients came", with(clients, sticky, aloneAtFirst), Likely, StickyLoadBalancer},

		{"no list", nil, NotTested, "none"},
		{"leads to all in turn, and the clients are as it leads them", with(counts(8, 1, 1), list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2, 3)), RuledOut, "none"},
		{"leads to all in turn", with(clients, spread), NotTested, "none"},
		{"leads to all in turn, but only one was up", with(clients, spread, aloneAtFirst), RuledOut, RestartDrift},
		{"anyone's balancer leads to all in turn", with(anyones("nats://10.0.0.9:4222"), spread), NotTested, "none"},
		{"leads to two of three", with(clients, leads("10.0.0.9:4222", 12, 1, 2)), NotTested, "none"},
		{"nobody listens at the balancer's address", with(clients, without("10.0.0.9:4222", checks.ContactClosed)), NotTested, "none"},
		{"few tries", with(clients, leads("10.0.0.9:4222", 9, 1), throughIt, from("10.0.0.9")), Possible, "none"},
		{"one try", with(clients, leads("10.0.0.9:4222", 1, 1)), Possible, "none"},
		{"leads to another server", with(clients, leads("10.0.0.9:4222", 12, 2)), Likely, StickyLoadBalancer},
		{"the clients know the servers as well", with(list("nats://10.0.0.9:4222", "nats://10.0.0.2:4222"), sticky), Possible, ""},
		{"servers' own addresses", with(list(urlsOf(1, 2, 3)...)), NotTested, ""},
		{"the server's own address", with(list(urlsOf(1)...)), RuledOut, SingleURL},
		{"the server's own address on another port of its machine", with(list("nats://10.0.0.1:4222"), from("10.0.0.1")), RuledOut, SingleURL},
		{"the server's own address and a balancer", with(list("nats://10.0.0.1:4222", "nats://10.0.0.9:4222"), sticky), Possible, SingleURL},
		{"a public address, perhaps its own", with(list("nats://203.0.113.7:4222"), leads("203.0.113.7:4222", 12, 1)), Possible, SingleURL},
		{"a WebSocket URL of a server that says nothing of itself", with(profile(func(p *checks.Profile) { p.Protocols[0].Key = "websocket" }), list("ws://10.0.0.1:8080"), leads("10.0.0.1:8080", 12, 1), on(silentServer, 1), on(func(s *checks.Server) { s.Details.WebSocket = 8080 }, 2, 3)), RuledOut, SingleURL},
		{"a balancer that all servers advertise", with(clients, sticky, advertised("10.0.0.9:4222")), Likely, StickyLoadBalancer},
		{"a balancer that all servers advertise, which is not sticky", with(clients, advertised("10.0.0.9:4222"), spread), NotTested, "none"},
		{"a server of which only what it advertises is known", with(list("nats://10.0.0.1:4222"), on(func(s *checks.Server) { s.Details.Seen = nil }, 1)), RuledOut, SingleURL},
		{"a balancer, as only one address of a server is known", with(clients, on(func(s *checks.Server) { s.Details.Seen, s.Details.ConnectURLs = nil, nil }, 1), leads("10.0.0.9:4222", 12, 1)), Possible, SingleURL},
		{"anyone's list of servers", with(anyones(urlsOf(1, 2, 3)...)), NotTested, ""},
		{"another account's balancer", with(another("nats://10.0.0.9:4222"), sticky), NotTested, "none"},
		{"a balancer that did not answer", with(clients, without("10.0.0.9:4222", checks.ContactTimeout)), NotTested, "none"},
		{"a balancer that speaks TLS only", with(clients, without("10.0.0.9:4222", checks.ContactUnreadable)), NotTested, "none"},
		{"a dead address", with(clients), NotTested, "none"},
		{"few offices", with(offices(1, 1, 0)), NotTested, "none"},
		{"all offices on one server", with(offices(8, 0, 0)), NotTested, "none"},
		{"an office on two servers", with(offices(8, 1, 1), profile(func(p *checks.Profile) { p.Sources[0].Counts = []int{5, 1, 0} })), NotTested, "none"},
		{"each host has one client", with(offices(8, 1, 1), profile(func(p *checks.Profile) {
			for i := range p.Sources {
				p.Sources[i].Kinds = 1
			}
		})), NotTested, "none"},
		{"not all connections were read", with(offices(8, 1, 1), partProfile), NotTested, "none"},
		{"offices, and a list of all servers", with(offices(8, 1, 1), list(urlsOf(1, 2, 3)...)), Possible, ""},
		{"offices, each with the server of its network", with(offices(8, 1, 1), nearby), Possible, NetworkAffinity},
		{"the account is missing on the others", with(clients, sticky, on(noUse, 2, 3), denied("N2", "N3")), Likely, AccountGap},
	})
}
