package cause

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// speak are the languages of the clients on n1, by number.
func speak(languages map[string]int) change {
	return profile(func(p *checks.Profile) {
		p.Languages = nil
		for l, n := range languages {
			p.Languages = append(p.Languages, checks.Group{Key: l, Counts: []int{n, 0, 0}})
		}
	})
}

// wereOn has clients like these on a server before, while n1 was up.
func wereOn(server string, n int) change {
	return func(s *scene) {
		p := s.Profile
		p.Users, p.Names = []checks.Group{{Key: "ORDERS", Counts: p.Read}}, []checks.Group{{Key: "app", Counts: p.Read}}
		s.History = append(s.History, checks.Closed{Stem: "app", User: "ORDERS", Server: server, Reason: "Client Closed", Connections: n,
			First: p.Oldest.Add(-time.Minute), Last: p.Oldest})
	}
}

func TestOrderedConnect(t *testing.T) {
	const url = "nats://nats.example:4222"
	fixed := dns("nats.example", checks.NameSeveral, "10.0.0.1", "10.0.0.2", "10.0.0.3")
	python := speak(map[string]int{"python3": 20})
	fullAt := func(servers ...int) change {
		return on(func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections }, servers...)
	}
	full := fullAt(2, 3)
	judgeCause(t, OrderedConnect, []row{
		{"a list with the option, and the server comes first", with(inOrder(urlsOf(1, 2, 3)...)), Confirmed, OrderedConnect},
		{"a name with several, with the option", with(inOrder(url), fixed), Confirmed, OrderedConnect},
		{"the file of a workload with the option", with(written(wrote{account: "ORDERS", workload: "orders", ordered: checks.Yes, urls: urlsOf(1, 2, 3)})), Confirmed, OrderedConnect},
		{"a dead URL comes first", with(inOrder(append([]string{"nats://10.0.0.8:4222"}, urlsOf(1, 2)...)...)), Confirmed, OrderedConnect},
		{"a list that may have the option", with(list(urlsOf(1, 2, 3)...)), Likely, OrderedConnect},
		{"the list of some other's, with the option", with(written(wrote{ordered: checks.Yes, urls: urlsOf(1, 2)})), Likely, OrderedConnect},
		{"with the option, and a list without", with(inOrder(urlsOf(1, 2, 3)...), unordered(urlsOf(1, 2, 3)...)), Likely, OrderedConnect},
		{"with the option, but what comes first did not answer", with(inOrder(append([]string{"nats://10.0.0.8:4222"}, urlsOf(1, 2)...)...),
			without("10.0.0.8:4222", checks.ContactTimeout)), Likely, OrderedConnect},
		{"DNS in a fixed order, for clients that keep it", with(list(url), fixed, python), Likely, OrderedConnect},
		{"DNS in a fixed order by the hosts file, with the option", with(inOrder(url), fixed, hosts("nats.example")), Likely, OrderedConnect},
		{"names of both families, in order", with(list("nats://n1.example:4222", "nats://10.0.0.2:4222"),
			dns("n1.example", checks.NameSeveral, "10.0.0.1", "2001:db8::1"), leads("[2001:db8::1]:4222", 1, 1)), Likely, OrderedConnect},

		{"the file of a workload, which may have been changed since these clients came", with(written(wrote{account: "ORDERS", workload: "orders", ordered: checks.Unknown, urls: urlsOf(1, 2, 3)})), Possible, "none"},
		{"DNS in a fixed order by the hosts file, for clients that keep it", with(list(url), fixed, hosts("nats.example"), python), Possible, "none"},
		{"a list that may have the option, and no server says when it started", with(list(urlsOf(1, 2, 3)...), on(func(o *checks.Server) { o.Start = time.Time{} }, 1, 2, 3)), Possible, "none"},
		{"DNS in a fixed order, for clients that shuffle", with(list(url), fixed), NotTested, "none"},
		{"DNS in a fixed order, for clients of both kinds", with(list(url), fixed, speak(map[string]int{"go": 10, "java": 10})), Possible, "none"},
		{"DNS in a fixed order, for clients that do not say", with(list(url), fixed, speak(map[string]int{"": 20})), Possible, "none"},
		{"DNS in a fixed order, and nothing was read", with(list(url), fixed, noProfile), NotTested, "none"},
		{"DNS in a fixed order that begins with another", with(list(url), dns("nats.example", checks.NameSeveral, "10.0.0.2", "10.0.0.1"), python), NotTested, "none"},
		{"DNS that rotates", with(list(url), dns("nats.example", checks.NameRotating, "10.0.0.1", "10.0.0.2"), python), NotTested, "none"},
		{"a list that begins with another", with(inOrder(urlsOf(2, 1, 3)...)), NotTested, "none"},
		{"a list that begins with another, which is full", with(list(urlsOf(2, 1, 3)...), fullAt(2)), Possible, "none"},
		{"a list with the option that begins with another, which is full", with(inOrder(urlsOf(2, 1, 3)...), fullAt(2)), Possible, "none"},
		{"a list that is shuffled and begins with another, which is full", with(unordered(urlsOf(2, 1, 3)...), fullAt(2)), NotTested, "none"},
		{"a list that begins with two others, of which one is full", with(list(urlsOf(2, 3, 1)...), fullAt(2)), NotTested, "none"},
		{"a list that is shuffled, as chance has it", with(counts(8, 1, 1), unordered(urlsOf(1, 2, 3)...)), RuledOut, "none"},
		{"a list that is shuffled", with(unordered(urlsOf(1, 2, 3)...)), NotTested, "none"},
		{"a list that begins with a load balancer", with(inOrder("nats://10.0.0.9:4222", urlsOf(2)[0]), leads("10.0.0.9:4222", 12, 1, 2)), NotTested, "none"},
		{"chance may do it", with(counts(8, 1, 1), list(urlsOf(1, 2, 3)...)), Possible, "none"},
		{"only the first answered", with(list(urlsOf(1, 2)...), without("10.0.0.2:4222", checks.ContactTimeout)), Possible, "none"},
		{"the option, but with the only URL that leads anywhere", with(inOrder("nats://10.0.0.8:4222", urlsOf(1)[0])), RuledOut, SingleURL},
		{"the option, and the account is missing on the others", with(inOrder(urlsOf(1, 2)...), on(noUse, 2, 3), denied("N2", "N3")), Possible, AccountGap},
		{"a list of another cluster", with(inOrder("nats://10.0.0.8:4222", "nats://10.0.0.9:4222"), foreign("10.0.0.8:4222"), foreign("10.0.0.9:4222")), NotTested, "none"},
		{"DNS that fails", with(list(url), dns("nats.example", checks.NameFailed), python), NotTested, "none"},
		{"anyone's list that begins with another", with(anyones(urlsOf(3, 2, 1)...)), NotTested, "none"},
		{"one URL", with(inOrder(urlsOf(1)...)), RuledOut, SingleURL},
		{"no list", nil, NotTested, "none"},
		{"another account's list", with(another(urlsOf(1, 2, 3)...)), NotTested, "none"},
		{"the URLs of the audit", with(hint(urlsOf(1, 2, 3)...)), NotTested, "none"},
		{"a list whose other URL did not answer", with(inOrder(urlsOf(1)[0], "nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactTimeout)), NotTested, ""},
		{"a list of dead URLs", with(inOrder("nats://10.0.0.7:4222", "nats://10.0.0.8:4222")), NotTested, "none"},
		{"the option, and only one server was up", with(inOrder(urlsOf(1, 2, 3)...), aloneAtFirst), Likely, RestartDrift},
		{"perhaps the option, and only one server was up", with(list(urlsOf(1, 2, 3)...), aloneAtFirst), Possible, RestartDrift},
		{"the option, and the first two of the list restarted after they came", with(inOrder(urlsOf(2, 3, 1)...), aloneAtFirst), Likely, RestartDrift},
		{"perhaps the option, and the first two of the list restarted after they came", with(list(urlsOf(2, 3, 1)...), aloneAtFirst), Possible, RestartDrift},
		{"perhaps the option, and the one before in the list restarted", with(list(urlsOf(2, 3, 1)...), starts([]int{0, 0, 20, 0}, []int{0, 0, 0, 2}, []int{0, 0, 2, 0}), order3(1, 0, 2)), Possible, "none"},
		{"perhaps the option, and the one before in the list restarted, and it is one service", with(list(urlsOf(2, 3, 1)...), starts([]int{0, 0, 20, 0}, []int{0, 0, 0, 2}, []int{0, 0, 2, 0}), order3(1, 0, 2), oneService), Likely, OrderedConnect},
		{"another one restarted, and the one before was up", with(list(urlsOf(3, 2, 1)...), starts([]int{0, 0, 20, 0}, []int{0, 0, 0, 2}, []int{0, 0, 2, 0}), order3(1, 0, 2)), NotTested, ""},
		{"perhaps the option, and those that came when all were up are spread", with(list(urlsOf(2, 3, 1)...), starts([]int{0, 24, 0, 3}, []int{0, 0, 0, 3}, []int{0, 0, 0, 3})), RuledOut, RestartDrift},
		{"a list that begins with another, and when that one started is unknown", with(list(urlsOf(2, 1, 3)...), on(func(s *checks.Server) { s.Start = time.Time{} }, 2)), NotTested, ""},
		{"perhaps the option, and the others are full", with(list(urlsOf(1, 2, 3)...), full), Possible, ServerFull},
		{"perhaps the option, and each network has its server", with(networks(20, 2, 2), nearby, list(urlsOf(1, 2, 3)...)), Possible, NetworkAffinity},
		{"perhaps the option, but they were on the others before", with(list(urlsOf(1, 2, 3)...), wereOn("N2", 6), wereOn("N3", 4)), Possible, "none"},
		{"perhaps the option, and one was elsewhere before", with(list(urlsOf(1, 2, 3)...), wereOn("N2", 1)), Likely, OrderedConnect},
		{"perhaps the option, and one server did not say who was there before", with(list(urlsOf(1, 2, 3)...), func(s *scene) { s.Remember["N2"] = false }), Possible, "none"},
		{"the option, and nobody said who was there before", with(inOrder(urlsOf(1, 2, 3)...), func(s *scene) { s.Remember = nil }), Confirmed, OrderedConnect},
		{"perhaps the option, and one process", with(list(urlsOf(1, 2, 3)...), oneProcess), Possible, SingleProcess},
		{"perhaps the option, and a second list with one URL", with(list(urlsOf(1, 2, 3)...), list(urlsOf(1)...)), Possible, "none"},
	})
}
