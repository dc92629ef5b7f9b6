package cause

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// networks has the clients of n1, n2 and n3 in networks 10.1.0.0/24 to
// 10.3.0.0/24, each with a source address of its own.
func networks(n1, n2, n3 int) change {
	return func(s *scene) {
		counts(n1, n2, n3)(s)
		p := s.Profile
		p.Networks, p.Sources, p.Processes = nil, nil, nil
		for i, n := range []int{n1, n2, n3} {
			at := []int{0, 0, 0}
			at[i] = n
			p.Networks = append(p.Networks, checks.Group{Key: fmt.Sprintf("10.%d.0.0/24", i+1), Counts: at})
			for k := range n {
				one := []int{0, 0, 0}
				one[i] = 1
				p.Sources = append(p.Sources, checks.Source{Addr: netip.AddrFrom4([4]byte{10, byte(i + 1), 0, byte(k + 10)}), Counts: one, Kinds: 1})
			}
		}
	}
}

// nearby has n1 to n3 in the networks 10.1.0.0/24 to 10.3.0.0/24, and clients
// of those networks on their server.
func nearby(s *scene) {
	if len(s.Profile.Networks) == 1 {
		on := s.Profile.Read
		s.Profile.Networks = []checks.Group{{Key: "10.1.0.0/24", Counts: []int{on[0], 0, 0}}, {Key: "10.2.0.0/24", Counts: []int{0, on[1], 0}},
			{Key: "10.3.0.0/24", Counts: []int{0, 0, on[2]}}}
	}
	for i := range 3 {
		d := s.Deployment.Servers[i].Details
		d.Seen = append(d.Seen, netip.AddrFrom4([4]byte{10, byte(i + 1), 0, 1}))
	}
}

// tagged has the users' tags, and those of n1 and n2.
func tagged(groups ...checks.Group) change {
	return func(s *scene) {
		s.Profile.Tags = groups
		on(func(s *checks.Server) { s.Details.Tags = []string{"az:a"} }, 1)(s)
		on(func(s *checks.Server) { s.Details.Tags = []string{"az:b"} }, 2)(s)
	}
}

func TestNetworkAffinity(t *testing.T) {
	all := list(urlsOf(1, 2, 3)...)
	judgeCause(t, NetworkAffinity, []row{
		{"each server's clients are in its network, and know all servers", with(networks(20, 2, 2), nearby, all), Confirmed, NetworkAffinity},
		{"each server's clients are in its network", with(networks(20, 2, 2), nearby), Likely, NetworkAffinity},
		{"each network has its clients on one server", with(networks(40, 4, 4)), Likely, NetworkAffinity},
		{"the same, and the clients know all servers", with(networks(40, 4, 4), all), Likely, NetworkAffinity},
		{"few other clients, each in the network of its server", with(networks(12, 1, 0), nearby), Likely, NetworkAffinity},
		{"the users' tags are those of the servers", with(counts(20, 2, 0), tagged(checks.Group{Key: "az:a", Counts: []int{20, 0, 0}}, checks.Group{Key: "az:b", Counts: []int{0, 2, 0}})), Likely, NetworkAffinity},
		{"the same, and one is elsewhere", with(counts(60, 3, 0), tagged(checks.Group{Key: "az:a", Counts: []int{59, 1, 0}}, checks.Group{Key: "az:b", Counts: []int{1, 2, 0}})), Likely, NetworkAffinity},
		{"in 100 clients one is astray", with(networks(90, 9, 0), profile(func(p *checks.Profile) { p.Networks[0].Counts[1] = 1 })), Likely, NetworkAffinity},

		{"all in one network", nil, RuledOut, "none"},
		{"all in one network, on one server", with(counts(24, 0, 0)), NotTested, "none"},
		{"all in networks of their own, on one server", with(networks(24, 0, 0)), NotTested, "none"},
		{"all in the network of their server", with(networks(24, 0, 0), nearby), Possible, "none"},
		{"nearly all in the network of their server, one of them elsewhere", with(counts(24, 1, 0), nearby, profile(func(p *checks.Profile) {
			p.Networks = []checks.Group{{Key: "10.1.0.0/24", Counts: []int{24, 1, 0}}}
		})), Possible, "none"},
		{"in the network of all servers", with(counts(24, 0, 0), on(func(s *checks.Server) { s.Details.Seen = []netip.Addr{netip.MustParseAddr("10.9.0.1")} }, 1, 2, 3)), NotTested, "none"},
		{"too few elsewhere", with(networks(20, 1, 0)), NotTested, "none"},
		{"some elsewhere", with(networks(20, 2, 2)), Likely, NetworkAffinity},
		{"one network is on one server, others are spread", with(counts(26, 2, 2), profile(func(p *checks.Profile) {
			p.Networks = []checks.Group{{Key: "10.1.0.0/24", Counts: []int{24, 0, 0}}, {Key: "10.2.0.0/24", Counts: []int{2, 2, 2}}}
		}), list(urlsOf(1, 2, 3)...)), Possible, "none"},
		{"the same, and each of the others is alone in its network", with(counts(26, 2, 2), profile(func(p *checks.Profile) {
			p.Networks, p.Sources = []checks.Group{{Key: "10.1.0.0/24", Counts: []int{24, 0, 0}}}, nil
			for i := range 24 {
				p.Sources = append(p.Sources, checks.Source{Addr: netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), Counts: []int{1, 0, 0}, Kinds: 1})
			}
			for i := range 6 {
				on := []int{0, 0, 0}
				on[i%3] = 1
				p.Sources = append(p.Sources, checks.Source{Addr: netip.AddrFrom4([4]byte{10, byte(20 + i), 0, 1}), Counts: on, Kinds: 1})
				p.Networks = append(p.Networks, checks.Group{Key: fmt.Sprintf("10.%d.0.0/24", 20+i), Counts: on})
			}
		})), Possible, "none"},
		{"the networks are mixed", with(networks(20, 2, 2), profile(func(p *checks.Profile) { p.Networks[0].Counts = []int{16, 2, 2} })), RuledOut, "none"},
		{"clients are in the networks of other servers", with(networks(20, 2, 2), nearby, on(func(s *checks.Server) {
			s.Details.Seen = []netip.Addr{netip.MustParseAddr("10.7.0.1")}
		}, 1), on(func(s *checks.Server) { s.Details.Seen = append(s.Details.Seen, netip.MustParseAddr("10.1.0.9")) }, 2)), RuledOut, "none"},
		{"more networks than are told apart", with(networks(40, 4, 4), profile(func(p *checks.Profile) {
			p.Networks = append(p.Networks, checks.Group{Other: true, Counts: []int{9, 1, 1}})
		})), NotTested, "none"},
		{"clients without an address", with(networks(40, 4, 4), profile(func(p *checks.Profile) { p.Networks[2].Key = "" })), NotTested, "none"},
		{"not all were read", with(networks(40, 4, 4), partProfile), NotTested, "none"},
		{"nothing was read", with(noProfile), NotTested, "none"},
		{"but the clients have one URL", with(networks(40, 4, 4), nearby, list(urlsOf(1)...)), Possible, SingleURL},
		{"but the name has one address", with(networks(40, 4, 4), nearby, list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1")), Possible, SingleAddressDNS},
		{"tags, all of one server", with(counts(20, 0, 0), tagged(checks.Group{Key: "az:a", Counts: []int{20, 0, 0}})), NotTested, "none"},
		{"tags of one server, and clients of it elsewhere", with(tagged(checks.Group{Key: "az:a", Counts: []int{20, 2, 2}})), RuledOut, "none"},
		{"tags that no server has", with(tagged(checks.Group{Key: "team:x", Counts: []int{20, 2, 2}})), RuledOut, "none"},
		{"tags of few users", with(counts(20, 2, 2), tagged(checks.Group{Key: "az:a", Counts: []int{5, 0, 0}}, checks.Group{Key: "az:b", Counts: []int{0, 2, 0}})), RuledOut, "none"},
		{"tags that several servers have", with(tagged(checks.Group{Key: "az:a", Counts: []int{20, 2, 2}}), on(func(s *checks.Server) { s.Details.Tags = []string{"az:a"} }, 2, 3)), RuledOut, "none"},
	})
}

// TestNetworksOfIPv6 has clients and servers in networks of IPv6.
func TestNetworksOfIPv6(t *testing.T) {
	t.Parallel()
	c := caseOf(networks(40, 4, 4), func(s *scene) {
		for i := range s.Profile.Networks {
			s.Profile.Networks[i].Key = fmt.Sprintf("2001:db8:%d::/64", i+1)
			s.Deployment.Servers[i].Details.Seen = []netip.Addr{netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::1", i+1))}
		}
	})
	causes := Diagnose(c).Causes
	sound(t, c, causes)
	if firstRoot(causes) != NetworkAffinity || causes[0].Verdict != Likely || causes[0].Explains != 40 {
		t.Errorf("got\n%s", tell(causes))
	}
}
