package cause

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// starts are the connections of each server by how many servers were up.
func starts(by ...[]int) change {
	return func(s *scene) {
		var on []int
		for _, counts := range by {
			on = append(on, sum(counts))
		}
		counts(on...)(s)
		aloneAtFirst(s)
		s.Profile.Starts = by
		exactly(s.Profile)
	}
}

// exactly has clocks without margins.
func exactly(p *checks.Profile) {
	p.SurelyUp = make([]int, len(p.Servers))
	for position, server := range p.StartOrder {
		if row := p.Starts[0]; position+1 < len(row) {
			p.SurelyUp[server] = sum(row[position+1:])
		}
	}
}

// oneService has all clients be one service.
func oneService(s *scene) {
	p := s.Profile
	x := serviceOf("orders", p.Read[0], p.Read[1], p.Read[2])
	x.Starts, x.SurelyUp, x.Sources = p.Starts, p.SurelyUp, p.Sources
	p.Services = []checks.Service{x}
}

// unsure has clocks so wide that nobody was surely up.
func unsure(s *scene) { s.Profile.SurelyUp = make([]int, 3) }

// order3 is the order in which the servers started.
func order3(servers ...int) change {
	return profile(func(p *checks.Profile) {
		p.StartOrder = servers
		exactly(p)
	})
}

func TestRestartDrift(t *testing.T) {
	all, otherFirst := list(urlsOf(1, 2, 3)...), list(urlsOf(2, 1, 3)...)
	later := starts([]int{0, 24, 0, 3}, []int{0, 0, 0, 3}, []int{0, 0, 0, 3})
	judgeCause(t, RestartDrift, []row{
		{"only one server was up, and who came later is spread", with(later, all), Confirmed, RestartDrift},
		{"only one server was up, and another comes first in the list", with(aloneAtFirst, otherFirst), Likely, RestartDrift},
		{"only one server was up, and DNS rotates", with(aloneAtFirst, list("nats://nats.example:4222"),
			dns("nats.example", checks.NameRotating, "10.0.0.1", "10.0.0.2", "10.0.0.3")), Likely, RestartDrift},
		{"only one server was up, and clients shuffle their list", with(aloneAtFirst, unordered(urlsOf(1, 2, 3)...)), Confirmed, RestartDrift},
		{"only one server was up", with(aloneAtFirst), Likely, RestartDrift},
		{"only one server was up, and it comes first in the list", with(aloneAtFirst, all), Likely, RestartDrift},
		{"only one server was up, and nobody was probed", with(aloneAtFirst, otherFirst, without("10.0.0.1:4222", checks.ContactNone),
			without("10.0.0.2:4222", checks.ContactNone), without("10.0.0.3:4222", checks.ContactNone)), Likely, RestartDrift},
		{"who came later is spread", with(later), Likely, RestartDrift},
		{"two servers were up at first, and clients came to both", with(starts([]int{0, 0, 30, 2}, []int{0, 0, 4, 2}, []int{0, 0, 0, 1}), order3(0, 1, 2), oneService), RuledOut, "none"},
		{"most came when only one was up, some when two", with(starts([]int{0, 30, 5, 0}, []int{0, 0, 5, 0}, []int{0, 0, 0, 0})), Likely, RestartDrift},
		{"a load balancer, when only one server was up", with(aloneAtFirst, list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2, 3)), Likely, RestartDrift},
		{"the profile is a little newer than the finding", with(aloneAtFirst, profile(func(p *checks.Profile) {
			p.Read, p.Starts[0] = []int{22, 2, 2}, []int{0, 22, 0, 0}
		})), Likely, RestartDrift},

		{"all were up", nil, RuledOut, "none"},
		{"all were up, and the list has all", with(otherFirst), RuledOut, "none"},
		{"restarted long before", with(on(func(s *checks.Server) { s.Start = started().Add(-time.Hour) }, 2, 3)), RuledOut, "none"},
		{"only one server was up, but the list has one URL", with(aloneAtFirst, list(urlsOf(1)...)), Possible, SingleURL},
		{"only one server was up, but the name has one address", with(aloneAtFirst, list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1")), Possible, SingleAddressDNS},
		{"the name has one address in the hosts file", with(aloneAtFirst, list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1"), hosts("nats.example")), Possible, SingleAddressDNS},
		{"anyone's list has one URL", with(aloneAtFirst, anyones(urlsOf(1)...)), Likely, RestartDrift},
		{"who came later went there as well", with(starts([]int{0, 10, 0, 20}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2}), oneService), RuledOut, "none"},
		{"the same, and which services these are is unknown", with(starts([]int{0, 10, 0, 20}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2})), NotTested, "none"},
		{"few came when only one was up", with(starts([]int{0, 3, 0, 21}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2}), oneService), RuledOut, "none"},
		{"the server itself started last", with(starts([]int{0, 0, 0, 20}, []int{0, 1, 1, 0}, []int{0, 0, 2, 0}), order3(1, 2, 0)), RuledOut, "none"},
		{"started before, by clocks that agree", with(starts([]int{0, 0, 0, 20}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2})), RuledOut, "none"},
		{"started within the margin of the clocks", with(starts([]int{0, 0, 0, 20}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2}), on(func(s *checks.Server) {
			s.Details.Margin = 24 * time.Hour
		}, 2, 3), unsure), NotTested, "none"},
		{"started seconds after, within the margin of the clocks", with(starts([]int{0, 0, 0, 20}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2}), on(func(s *checks.Server) {
			s.Details.Margin = 3 * time.Second
		}, 2, 3), unsure), NotTested, "none"},
		{"an old connection, and all the others began when all were up", with(starts([]int{0, 1, 0, 19}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2})), RuledOut, "none"},
		{"the starts of the servers are not known", with(on(func(s *checks.Server) { s.Start = time.Time{} }, 2)), NotTested, "none"},
		{"the clocks of the servers are not known", with(on(silentServer, 2, 3)), NotTested, "none"},
		{"the clock of the server is not known", with(on(func(s *checks.Server) { s.Details.Margin = 0 }, 1)), NotTested, "none"},
		{"no order of starts", with(order3()), NotTested, "none"},
		{"not all were read", with(partProfile), NotTested, "none"},
		{"nothing was read", with(noProfile), NotTested, "none"},
		{"the account is missing on the others", with(aloneAtFirst, on(noUse, 2, 3), denied("N2", "N3")), Possible, AccountGap},
		{"MQTT clients, which only this server takes", with(aloneAtFirst, profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" })), Possible, ListenerGap},
		{"a new deployment: servers in quick order, clients after", with(starts([]int{0, 0, 1, 19}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2})), RuledOut, "none"},
		{"one server was missing", with(missing("n4")), NotTested, "none"},
		{"who came later came to one and no other", with(starts([]int{0, 12, 0, 12}, []int{0, 0, 0, 1}, []int{0, 0, 0, 1}), oneService), RuledOut, "none"},
		{"one server was down, and another one up all the time", with(starts([]int{0, 2, 8, 0}, []int{0, 0, 2, 0}, []int{0, 0, 0, 0}), order3(0, 1, 2)), Possible, "none"},
		{"one server came up late, the others take the clients", with(starts([]int{0, 0, 20, 0}, []int{0, 0, 2, 0}, []int{0, 0, 0, 2}), oneService), RuledOut, "none"},
		{"no connection is left", with(counts(20, 2, 2), profile(func(p *checks.Profile) { p.Starts = [][]int{{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}} })), NotTested, "none"},
		{"none were counted by start", with(profile(func(p *checks.Profile) { p.Starts = nil })), NotTested, "none"},
		{"the finding's server is not the profile's first", with(order3(2, 1, 0), starts([]int{0, 0, 0, 20}, []int{0, 0, 2, 0}, []int{0, 2, 0, 0})), RuledOut, "none"},
	})
}

// TestWhoWasDown: the evidence names which servers were down, and which were not.
func TestWhoWasDown(t *testing.T) {
	t.Parallel()
	for want, changes := range map[string][]change{
		"Most of them connected before n2 and n3 last started.":         with(aloneAtFirst),
		"Most of them connected before n3 last started, but n2 was up.": with(starts([]int{0, 2, 8, 0}, []int{0, 0, 2, 0}, []int{0, 0, 0, 0}), order3(0, 1, 2)),
	} {
		c := Diagnose(caseOf(changes...)).Cause(RestartDrift)
		if !slices.ContainsFunc(c.Evidence, func(e Evidence) bool { return e.Text == want }) {
			t.Errorf("want %s\n%s", want, tell([]Cause{c}))
		}
	}
}

// TestClocks: the times in the evidence are by one clock, the auditor's.
func TestClocks(t *testing.T) {
	t.Parallel()
	c := caseOf(aloneAtFirst, on(func(s *checks.Server) { s.Details.Offset = 2 * time.Hour }, 2), on(func(s *checks.Server) { s.Details.Offset = -time.Hour }, 3))
	causes := Diagnose(c).Causes
	sound(t, c, causes)
	want := "20 of the 20 connections on n1 began before any other server last started. The first of these, n2, started at 2026-05-04 13:00:00 UTC, the oldest connection at 2026-05-04 13:00:00."
	if got := causes[0].Evidence[0].Text; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestStartsOfReached: n2 and n3 are there all the time, but the list does not lead to
// n3: that n2 was down is all that the start times say, and n3 has no part in it. Nor is
// a time told that would speak against the sentence, as where n3 started first.
func TestStartsOfReached(t *testing.T) {
	t.Parallel()
	n2Late := with(starts([]int{0, 0, 18, 0}, []int{0, 0, 0, 0}, []int{0, 0, 0, 0}), order3(0, 2, 1), on(func(s *checks.Server) { s.Start = started().Add(3 * time.Hour) }, 2))
	for _, r := range []struct {
		name, want string
		changes    []change
	}{
		{"the list leads to n1 and n2", "18 of the 18 connections on n1 began before n2 last started. It started at 2026-05-04 15:00:00 UTC, the oldest connection at 2026-05-04 13:00:00.",
			append(n2Late, unordered(urlsOf(1, 2)...))},
		{"the clock of n2 is not exact", "18 of the 18 connections on n1 began before n2 last started.",
			append(n2Late, unordered(urlsOf(1, 2)...), on(func(s *checks.Server) { s.Details.Offset = 3 * time.Hour }, 2))},
	} {
		d := Diagnose(caseOf(r.changes...))
		c := d.Cause(RestartDrift)
		if !c.Verdict.Strong() || c.Evidence[0].Text != r.want {
			t.Errorf("%s: %s", r.name, tell(d.Causes))
		}
	}
}
