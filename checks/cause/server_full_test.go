package cause

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestServerFull(t *testing.T) {
	fill := func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections }
	over := func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections + 1 }
	unlimited := func(s *checks.Server) { s.MaxConnections = nil }
	tiny := func(s *checks.Server) { *s.MaxConnections, *s.Details.Connections = 1, 1 }
	judgeCause(t, ServerFull, []row{
		{"the others are full, and the clients know them", with(on(fill, 2, 3), list(urlsOf(2, 1, 3)...)), Confirmed, ServerFull},
		{"the others are full", with(on(fill, 2), on(over, 3)), Likely, ServerFull},
		{"the others are full with one connection", with(on(tiny, 2, 3)), Likely, ServerFull},
		{"one is full, the other does not say", with(on(fill, 2), on(silentServer, 3)), Likely, ServerFull},
		{"the others are full, and one is missing", with(on(fill, 2, 3), missing("n4")), Likely, ServerFull},
		{"the others are full, and the clients' list was not probed", with(on(fill, 2, 3), list(urlsOf(2, 1, 3)...), without("10.0.0.1:4222", checks.ContactNone),
			without("10.0.0.2:4222", checks.ContactNone), without("10.0.0.3:4222", checks.ContactNone)), Likely, ServerFull},

		{"all have room", nil, RuledOut, "none"},
		{"nobody has a limit", with(on(unlimited, 1, 2, 3)), RuledOut, "none"},
		{"only this one is full", with(on(fill, 1)), RuledOut, "none"},
		{"one short of the limit", with(on(func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections - 1 }, 2, 3)), RuledOut, "none"},
		{"one is full", with(on(fill, 2)), Possible, "none"},
		{"one is full, the other has no limit", with(on(fill, 2), on(unlimited, 3)), Possible, "none"},
		{"nobody says", with(on(silentServer, 2, 3)), NotTested, "none"},
		{"one does not say", with(on(silentServer, 3)), NotTested, "none"},
		{"one says no number", with(on(func(s *checks.Server) { s.Details.Connections = nil }, 3)), NotTested, "none"},
		{"one is missing", with(missing("n4")), NotTested, "none"},
		{"full, but the clients have one URL", with(on(fill, 2, 3), list(urlsOf(1)...)), Possible, SingleURL},
		{"full, but the name has one address", with(on(fill, 2, 3), list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1")), Possible, SingleAddressDNS},
		{"one is full, and the account is missing on the other, which has room", with(on(fill, 2), on(noUse, 3), denied("N3"), list(urlsOf(2, 1, 3)...)), Possible, AccountGap},
		{"one is full, and the other refuses the user", with(on(fill, 2), counts(24, 0, 0), loginAs("api"), closed("N2", "api", "Client Closed", 9), closed("N3", "api", "Authentication Failure", 4)), Possible, AccountGap},
		{"full, but the account is missing there", with(on(fill, 2, 3), on(noUse, 2, 3), denied("N2", "N3")), RuledOut, AccountGap},
	})
}

// Counts have thousands separators, whoever formats the rest of the sentence.
func TestNumbersOfSentences(t *testing.T) {
	t.Parallel()
	for text, e := range map[string]Evidence{
		"n2 is full: it has 1,400 connections, its limit is 1,400.": say("VARZ", "%s is full: it has %s, its limit is %d.", "n2", connectionsOf(1400), 1400),
		"999 of 12,345,678":   notTested("CONNZ", "%d of %d", 999, 12_345_678).evidence[0],
		"1,000 of the -1,000": ruledOut("CONNZ", "%v of the %5d", 1000, -1000).evidence[0],
	} {
		if e.Text != text {
			t.Errorf("%q, want %q", e.Text, text)
		}
	}
}
