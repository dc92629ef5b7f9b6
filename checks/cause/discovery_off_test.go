package cause

import (
	"net/netip"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestDiscoveryOff(t *testing.T) {
	urls := func(u ...string) func(*checks.Server) { return func(s *checks.Server) { s.Details.ConnectURLs = u } }
	blind := func(s *checks.Server) { s.Details.Seen = nil }
	judgeCause(t, DiscoveryOff, []row{
		{"it tells of nobody", with(on(urls(), 1)), Confirmed, "none"},
		{"it tells of itself", with(on(urls("10.0.0.1:4222"), 1)), Confirmed, "none"},
		{"by its greeting, it tells of nobody", with(on(silentServer, 1), list(urlsOf(1)...), func(s *scene) {
			s.contacts[netip.MustParseAddrPort("10.0.0.1:4222")].Greetings[0].ConnectURLs = nil
		}), Confirmed, SingleURL},

		{"it tells of all", nil, RuledOut, "none"},
		{"it tells of one other", with(on(urls("10.0.0.3:4222"), 1)), RuledOut, "none"},
		{"they all tell of the same public addresses", with(on(urls("198.51.100.1:4222", "198.51.100.2:4222", "198.51.100.3:4222"), 1, 2, 3)), RuledOut, "none"},
		{"they all tell of the same names", with(on(urls("n1.example:4222", "n2.example:4222"), 1, 2, 3)), RuledOut, "none"},
		{"it tells of two addresses of its own", with(on(urls("10.0.0.1:4222", "172.17.0.1:4222"), 1)), NotTested, "none"},
		{"it tells of an address that is nobody's", with(on(urls("198.51.100.1:4222"), 1)), NotTested, "none"},
		{"it tells of an address, and nobody's are known", with(on(urls("10.0.0.1:4222"), 1), on(blind, 1, 2, 3)), NotTested, "none"},
		{"it does not say", with(on(silentServer, 1)), NotTested, "none"},
		{"by its greeting, it tells of all", with(on(silentServer, 1), list(urlsOf(1)...)), RuledOut, SingleURL},
		{"by its greeting, it tells of all, and nobody says more", with(on(silentServer, 1, 2, 3), hint(urlsOf(1)...)), RuledOut, "none"},
	})
}
