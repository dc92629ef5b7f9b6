package checks

import "testing"

func TestAccountGap(t *testing.T) {
	unknown := func(ids ...string) change {
		return func(s *scene) {
			for _, id := range ids {
				s.Accounts[id] = AccountOn{Usable: Unknown, Detail: "it did not answer in time"}
			}
		}
	}
	judgeRows(t, "account-gap", []row{
		{"no other server knows it", with(on(noUse, 2, 3), denied("N2", "N3")), Confirmed, "account-gap"},
		{"no other server knows it, and the clients have one URL", with(on(noUse, 2, 3), denied("N2", "N3"), list(urlsOf(1)...)), Confirmed, "account-gap"},
		{"one does not know it, the other does not say", with(on(noUse, 2, 3), denied("N2"), unknown("N3")), Likely, "account-gap"},
		{"none knows it, and one is missing", with(on(noUse, 2, 3), denied("N2", "N3"), missing("n4")), Likely, "account-gap"},
		{"no reason is given", with(on(noUse, 2, 3), denied("N2", "N3"), func(s *scene) { s.Accounts["N2"], s.Accounts["N3"] = AccountOn{Usable: No}, AccountOn{Usable: No} }), Confirmed, "account-gap"},

		{"all know it", nil, RuledOut, "none"},
		{"all have connections of it", with(func(s *scene) { s.Accounts = nil }), RuledOut, "none"},
		{"they say no, and have connections of it", with(denied("N2", "N3")), RuledOut, "none"},
		{"one knows it", with(on(noUse, 2, 3), denied("N2")), Possible, "none"},
		{"nobody was asked", with(on(noUse, 2, 3), func(s *scene) { s.Accounts = nil }), NotTested, "none"},
		{"nobody answered", with(on(noUse, 2, 3), unknown("N2", "N3")), NotTested, "none"},
		{"one did not answer", with(on(noUse, 3), unknown("N3")), NotTested, "none"},
		{"one is missing", with(missing("n4")), NotTested, "none"},
		{"only this server says no", with(denied("N1")), RuledOut, "none"},
		{"a server of another cluster says no", with(foreign("10.0.0.8:4222"), denied("F1")), RuledOut, "none"},
	})
}
