package cause

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

func TestAccountGap(t *testing.T) {
	unknown := func(ids ...string) change {
		return func(s *scene) {
			for _, id := range ids {
				s.Accounts[id] = checks.AccountOn{Usable: checks.Unknown, Detail: "it did not answer in time"}
			}
		}
	}
	refusedBy := func(servers ...string) change {
		return func(s *scene) {
			for _, id := range servers {
				closed(id, "api", "Authentication Failure", 5)(s)
			}
		}
	}
	loaded := func(after time.Duration, servers ...int) change {
		return on(func(s *checks.Server) { s.Details.Loaded = started().Add(after + s.Details.Offset) }, servers...)
	}
	// All on n1, as n2 and n3 refused them.
	kept := with(counts(24, 0, 0), loginAs("api"), refusedBy("N2", "N3"))
	also := func(more ...change) []change { return append(slices.Clone(kept), more...) }
	probe := users(checks.Group{Key: "api", Counts: []int{24, 1, 1}})
	// All on n1: n3 refused them, n2 knows the account, and who its users are is unknown.
	part := with(counts(24, 0, 0), loginAs("api"), refusedBy("N3"))
	partly := func(more ...change) []change { return slices.Concat(part, more) }
	restarted := func(s *scene) {
		aloneAtFirst(s)
		s.Deployment.Servers[2].Start = started() // n3 was there
		s.Profile.StartOrder, s.Profile.Starts = []int{0, 2, 1}, [][]int{{0, 0, 24, 0}, nil, nil}
		s.Profile.SurelyUp = []int{24, 0, 24}
	}
	judgeCause(t, AccountGap, []row{
		{"they refused the user", kept, Confirmed, AccountGap},
		{"they refused the user, and loaded their configuration after that", also(loaded(4*time.Hour, 2, 3)), Likely, AccountGap},
		{"the same, by clocks that are ahead", also(on(func(s *checks.Server) { s.Details.Offset = 30 * time.Hour }, 2, 3), loaded(2*time.Hour, 2, 3)), Confirmed, AccountGap},
		{"one of them loaded its configuration after that", also(loaded(4*time.Hour, 2)), Likely, AccountGap},
		{"when they loaded their configuration is unknown", also(on(func(s *checks.Server) { s.Details.Loaded = time.Time{} }, 2, 3)), Likely, AccountGap},
		{"the same, and the clients came after that", also(loaded(4*time.Hour, 2, 3), profile(func(p *checks.Profile) { p.Newest = started().Add(5 * time.Hour) })), Possible, "none"},
		{"the same, and all came after that", also(loaded(4*time.Hour, 2, 3), profile(func(p *checks.Profile) { p.Oldest, p.Newest = started().Add(5*time.Hour), started().Add(6*time.Hour) })), NotTested, "none"},
		{"they take the user now", also(probe), Likely, AccountGap},
		{"they refused another user", with(counts(24, 0, 0), loginAs("web"), refusedBy("N2", "N3")), NotTested, "none"},
		{"they closed them for another reason", with(counts(24, 0, 0), loginAs("api"), closed("N2", "api", "Stale Connection", 2), closed("N3", "api", "Stale Connection", 2)), RuledOut, "none"},
		{"they closed them as the account was at its limit, which counts those that logged in", with(counts(24, 0, 0), loginAs("api"), closed("N2", "api", checks.ReasonAccountFull, 2), closed("N3", "api", checks.ReasonAccountFull, 2)), RuledOut, ServerFull},
		{"they waited for the end of a login", with(counts(24, 0, 0), loginAs("api"), closed("N2", "api", checks.ReasonAuthTimeout, 2), closed("N3", "api", checks.ReasonAuthTimeout, 2)), NotTested, "none"},
		{"they let the user in by a proxy only", with(counts(24, 0, 0), loginAs("api"), closed("N2", "api", checks.ReasonProxyRequired, 2), closed("N3", "api", checks.ReasonProxyNotTrusted, 2)), NotTested, "none"},
		{"one refused the user, and the other one takes it", with(counts(24, 0, 0), users(checks.Group{Key: "api", Counts: []int{24, 0, 1}}), refusedBy("N2")), Possible, "none"},
		{"one refused the user and loaded its configuration after that, and the other one takes it",
			with(counts(24, 0, 0), users(checks.Group{Key: "api", Counts: []int{24, 0, 1}}), refusedBy("N2"), loaded(4*time.Hour, 2)), NotTested, "none"},
		{"they loaded their configuration after that, and one is missing", also(loaded(4*time.Hour, 2, 3), missing("n4")), NotTested, "none"},
		{"they take the user now, and did not say what they remember", with(counts(24, 0, 0), probe, func(s *scene) { s.Remember = nil }), NotTested, "none"},
		{"no other server knows it", with(on(noUse, 2, 3), denied("N2", "N3")), Confirmed, AccountGap},
		{"no other server knows it, and the clients have one URL", with(on(noUse, 2, 3), denied("N2", "N3"), list(urlsOf(1)...)), Confirmed, SingleURL},
		{"one does not know it, the other does not say", with(on(noUse, 2, 3), denied("N2"), unknown("N3")), Possible, "none"},
		{"none knows it, and one is missing", with(on(noUse, 2, 3), denied("N2", "N3"), missing("n4")), Possible, "none"},
		{"no reason is given", with(on(noUse, 2, 3), denied("N2", "N3"), func(s *scene) {
			s.Accounts["N2"], s.Accounts["N3"] = checks.AccountOn{Usable: checks.No}, checks.AccountOn{Usable: checks.No}
		}), Confirmed, AccountGap},

		{"one refused the user, and the other one may take it", part, Possible, "none"},
		{"the same, and all have one list", partly(list(urlsOf(1, 2, 3)...)), Possible, "none"},
		{"the same, and the other one is full", partly(on(func(s *checks.Server) { s.Details.Connections = s.MaxConnections }, 2)), Likely, AccountGap},
		{"the same, and the list does not name it", partly(list(urlsOf(3, 1)...)), Likely, AccountGap},
		{"the same, and the list may be another service's", partly(anyones(urlsOf(3, 1)...)), Possible, "none"},
		{"the same, and the list names this server alone", partly(list(urlsOf(1)...)), Possible, SingleURL},
		{"the same, and the other one started after they had connected", partly(restarted), Possible, "none"},
		{"the same, and the list has all", partly(restarted, list(urlsOf(1, 2, 3)...)), Possible, "none"},
		{"the same, and the others hold them back both", with(counts(24, 0, 0), loginAs("api"), restarted, refusedBy("N2", "N3"), list(urlsOf(1, 2, 3)...)), Confirmed, AccountGap},

		{"they have not loaded it, and refused these users", also(on(noUse, 2, 3), unknown("N2", "N3")), Confirmed, AccountGap},
		{"they have not loaded it, and nobody was refused", with(counts(24, 0, 0), loginAs("api"), on(noUse, 2, 3), unknown("N2", "N3")), NotTested, "none"},

		{"two of operator mode revoked the user", with(counts(24, 0, 0), loginAs("api"), inOperatorMode, closed("N2", "api", "Credentials Revoked", 5), closed("N3", "api", "Credentials Revoked", 5)), NotTested, "none"},
		{"the same, and somebody logged in after that", with(counts(24, 0, 0), loginAs("api"), inOperatorMode, closed("N2", "api", "Credentials Revoked", 5), closed("N3", "api", "Credentials Revoked", 5), loginsOn("N2", "N3")), RuledOut, "none"},
		{"two of operator mode closed the user's connections", with(counts(24, 0, 0), loginAs("api"), inOperatorMode, closed("N2", "api", "Client Closed", 5), closed("N3", "api", "Client Closed", 5)), RuledOut, "none"},

		{"all know it", nil, RuledOut, "none"},
		{"all have connections of it", with(func(s *scene) { s.Accounts = nil }), RuledOut, "none"},
		{"they say no, and have connections of it", with(denied("N2", "N3")), RuledOut, "none"},
		{"one knows it", with(on(noUse, 2, 3), denied("N2")), Possible, "none"},
		{"nobody was asked", with(on(noUse, 2, 3), func(s *scene) { s.Accounts = nil }), NotTested, "none"},
		{"nobody answered", with(on(noUse, 2, 3), unknown("N2", "N3")), NotTested, "none"},
		{"one did not answer", with(on(noUse, 3), unknown("N3")), NotTested, "none"},
		{"one is missing", with(missing("n4")), NotTested, "none"},
		{"others have another user's clients", with(counts(20, 2, 2), users(checks.Group{Key: "api", Counts: []int{18, 0, 0}}, checks.Group{Key: "web", Counts: []int{2, 2, 2}})), NotTested, "none"},
		{"others have clients of both users", with(counts(20, 2, 2), users(checks.Group{Key: "api", Counts: []int{16, 1, 1}}, checks.Group{Key: "web", Counts: []int{4, 1, 1}})), RuledOut, "none"},
		{"others have clients of users that were left out", with(counts(20, 2, 2), users(checks.Group{Key: "web", Counts: []int{2, 1, 1}}, checks.Group{Other: true, Counts: []int{18, 1, 1}})), NotTested, "none"},
		{"the services were left out of which the users are", with(withServices(remainder(20, 2, 2))), NotTested, "none"},
		{"only this server says no", with(denied("N1")), RuledOut, "none"},
		{"a server of another cluster says no", with(foreign("10.0.0.8:4222"), denied("F1")), RuledOut, "none"},
	})
}

// users are who logs in.
func users(groups ...checks.Group) change {
	return profile(func(p *checks.Profile) { p.Users = groups })
}

// remainder is services that did not fit.
func remainder(on ...int) checks.Service {
	return checks.Service{Remainder: true, Protocol: "nats", Language: "go", Counts: on}
}

// inOperatorMode gives the account the id of one in operator mode.
func inOperatorMode(s *scene) {
	id := "A" + strings.Repeat("B", 55)
	s.Deployment.Accounts[1].ID, s.Finding.Account.ID = id, id
}

// loginsOn has the user log in to servers, later than what [closed] says, and leave.
func loginsOn(servers ...string) change {
	return func(s *scene) {
		for _, id := range servers {
			at := started().Add(4 * time.Hour)
			s.History = append(s.History, checks.Closed{Server: id, User: "api", Reason: "Client Closed", Connections: 1, First: at, Newest: at, Last: at})
		}
	}
}
