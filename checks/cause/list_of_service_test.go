package cause

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// Account ORDERS has services orders-worker and ledger-sts and connections without a
// name, all of one user and all on n1, and cron spread over all. Which lists speak
// for which of them follows from the names and the user beside the lists.
func TestListsOfServices(t *testing.T) {
	t.Parallel()
	as := func(user string, x checks.Service) checks.Service {
		x.User = user
		return x
	}
	account := withServices(as("orders", serviceOf("orders-worker", 20, 0, 0)), as("orders", serviceOf("", 12, 0, 0)),
		as("orders", serviceOf("ledger-sts", 18, 0, 0)), as("orders", serviceOf("cron", 3, 3, 3)))
	alone := withServices(as("orders", serviceOf("orders-worker", 20, 0, 0)))
	of := func(workload, user string, servers ...int) change {
		return written(wrote{workload: workload, user: user, ordered: checks.Unknown, urls: urlsOf(servers...)})
	}
	full := func(s *scene) {
		for _, workload := range []string{"orders-worker", "orders-api", "ledger-sts"} {
			of(workload, "orders", 1, 2, 3)(s)
		}
	}
	for _, r := range []struct {
		name    string
		changes []change
		want    string // single-url for orders-worker, connections without a name, ledger-sts
	}{
		{"each its own, and one URL of a workload that has no connections", with(account, full, of("legacy-batch", "orders", 1)), "unknown possible unknown"},
		{"only that one", with(account, of("legacy-batch", "orders", 1)), "likely likely likely"},
		{"one URL of one of them", with(account, of("ledger-sts", "orders", 1)), "unknown unknown confirmed"},
		{"one URL of a user of several", with(account, of("", "orders", 1)), "confirmed confirmed confirmed"},
		{"a user's full list beside one URL of its own", with(account, of("", "orders", 1, 2, 3), of("orders-worker", "orders", 1)), "confirmed unknown unknown"},
		{"a user's one URL beside a full list of its own", with(account, of("", "orders", 1), of("orders-worker", "orders", 1, 2, 3)), "unknown confirmed confirmed"},
		{"a workload of two lists", with(account, of("orders-worker", "orders", 1), of("orders-worker", "orders", 2, 3)), "possible unknown unknown"},
		{"a user of two lists, one for each server", with(alone, of("", "orders", 2), of("", "orders", 1)), "possible"},
		{"a user of two lists, one of them to nowhere", with(alone, of("", "orders", 1), written(wrote{user: "orders", ordered: checks.Unknown, urls: []string{"nats://10.0.0.8:4222"}})), "confirmed"},
		{"the name of another service, by another user", with(account, of("orders-worker", "cron", 1)), "unknown unknown unknown"},
		{"the same without a user", with(account, of("legacy-batch", "", 1), of("orders-worker", "", 1, 2, 3)), "unknown likely likely"},
	} {
		d := Diagnose(caseOf(r.changes...))
		var got []string
		for _, x := range d.Profile.Services {
			if x.Stem == "cron" {
				continue
			}
			verdict := NotTested
			for _, v := range d.views {
				if slices.ContainsFunc(v.Profile.Services, func(o checks.Service) bool { return o.Stem == x.Stem && o.User == x.User }) {
					verdict = v.judged[0].verdict
					for _, e := range v.judged[0].evidence {
						if verdict != Confirmed && strings.Contains(e.Text, "its clients are not those") {
							t.Errorf("%s: %s", r.name, e.Text)
						}
					}
				}
			}
			got = append(got, string(verdict))
		}
		if strings.Join(got, " ") != r.want {
			t.Errorf("%s: %s, want %s\n%s", r.name, strings.Join(got, " "), r.want, tell(d.Causes))
		}
		lessIsNotMore(t, func() Case { return caseOf(r.changes...) })
	}
}

// What would settle whose list it is, is never what was passed already.
func TestWhoseListSettles(t *testing.T) {
	t.Parallel()
	service := serviceOf("orders-api", 24, 0, 0)
	service.User = "orders"
	user := func(servers ...int) change {
		return written(wrote{user: "orders", ordered: checks.Unknown, urls: urlsOf(servers...)})
	}
	for _, r := range []struct {
		name    string
		changes []change
		code    Code
		want    Need
	}{
		{"the account's, of several services", with(several, list(urlsOf(1, 2, 3)...)), SingleURL, NeedServiceURLs},
		{"two of the account, of one service", with(withServices(service), list(urlsOf(1)...), list(urlsOf(1, 2, 3)...)), SingleAddressDNS, NeedOneList},
		{"two of the same user", with(withServices(service), user(1), user(1, 2, 3)), SingleURL, NeedOneList},
	} {
		c := Diagnose(caseOf(r.changes...)).Cause(r.code)
		if n := len(c.Evidence); n == 0 || c.Evidence[n-1].Settle != r.want {
			t.Errorf("%s: want %s\n%s", r.name, r.want, tell([]Cause{c}))
		}
	}
}
