package cause

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestSmallAccount(t *testing.T) {
	named := func(names ...string) change {
		return profile(func(p *checks.Profile) {
			p.Names = nil
			for _, n := range names {
				p.Names = append(p.Names, checks.Group{Key: n, Counts: []int{1, 0, 0}})
			}
		})
	}
	judgeCause(t, SmallAccount, []row{
		{"10 of two services", with(counts(8, 1, 1), named("a", "b")), Confirmed, "none"},
		{"15 of one service", with(counts(13, 1, 1), named("a")), Confirmed, "none"},
		{"15 of ten services", with(counts(13, 1, 1), named("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")), Likely, "none"},
		{"15 of ten instances of one service", with(counts(13, 1, 1)), Confirmed, "none"},
		{"10 without names", with(counts(8, 1, 1), named("")), Likely, "none"},
		{"10, and not all was read", with(counts(8, 1, 1), named("a"), partProfile), Likely, "none"},
		{"10, and nothing was read", with(counts(8, 1, 1), noProfile), Likely, "none"},
		{"1, by --min-connections", with(counts(1, 0, 0), noProfile), Likely, "none"},

		{"16", with(counts(14, 1, 1), named("a")), RuledOut, "none"},
		{"24", nil, RuledOut, "none"},
		{"17 of one service", with(counts(15, 1, 1)), RuledOut, "none"},
		{"18 of one URL", with(counts(18, 0, 0), list(urlsOf(1)...)), RuledOut, SingleURL},
		{"1,000", with(counts(900, 50, 50)), RuledOut, ""},
		{"24 of one service", with(named("a")), RuledOut, "none"},
		{"24 with one URL", with(list(urlsOf(1)...)), RuledOut, SingleURL},
		{"16, and nothing was read", with(counts(14, 1, 1), noProfile), RuledOut, "none"},
		{"24, and one server is missing", with(missing("n4")), RuledOut, "none"},
		{"24 without names", with(named("")), RuledOut, "none"},
		{"24, without names or addresses", with(named(), profile(func(p *checks.Profile) { p.Processes, p.Sources = nil, nil })), RuledOut, "none"},
		{"24 of MQTT", with(profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" })), RuledOut, ListenerGap},
		{"24 of an account that the others do not know", with(on(noUse, 2, 3), denied("N2", "N3")), RuledOut, AccountGap},
		{"24 of one process", with(oneProcess), RuledOut, SingleProcess},
		{"24 when only one server was up", with(aloneAtFirst), RuledOut, RestartDrift},
		{"24 by networks", with(networks(20, 2, 2), nearby), RuledOut, NetworkAffinity},
	})
}
