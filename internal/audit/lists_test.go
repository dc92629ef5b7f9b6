package audit

import (
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// A list for an account that does not exist is said once, by flag and name.
func TestListsOfStrangers(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "AORDERS", Name: "ORDERS"}}}
	got := ClientLists{
		Given: []checks.URLList{{}, {Account: "ORDERS"}, {Account: "NOPE"}, {Account: "NOPE"}},
		Paths: []ClientPath{{Path: "-"}, {Account: "AORDERS"}, {Account: "NOPE"}},
	}.strangers(d)
	want := []string{
		"--client-url is for account NOPE, which no server reported, so it is not used: check the name",
		"--client-config is for account NOPE, which no server reported, so it is not used: check the name",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// With one account that is asked for, a URL that was passed is that account's; what was
// read from a folder may be any other's, which is not asked for.
func TestListsOfTheAccountAskedFor(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "A", Name: "ORDERS"}, {ID: "B", Name: "BILLING"}},
		Servers: []checks.Server{{ID: "n1", Usage: []checks.Usage{{Account: 0, Connections: 9}, {Account: 1, Connections: 9}}}}}
	alone := &checks.Deployment{Accounts: d.Accounts, Servers: []checks.Server{{ID: "n1", Usage: []checks.Usage{{Account: 0, Connections: 9}}}}}
	for _, c := range []struct {
		name  string
		d     *checks.Deployment
		asked []string
		want  []string
	}{
		{"of all accounts", d, nil, []string{"", "BILLING", "", ""}},
		{"of one", d, []string{"ORDERS"}, []string{"ORDERS", "BILLING", "", ""}},
		{"of two", d, []string{"ORDERS", "BILLING"}, []string{"", "BILLING", "", ""}},
		{"there is one only", alone, nil, []string{"A", "BILLING", "A", ""}},
	} {
		lists := []checks.URLList{{Origin: "passed"}, {Origin: "passed", Account: "BILLING"}, {Origin: "read"}, {Origin: "advertised", Hint: true}}
		tie(lists, 2, c.d, c.asked)
		var got []string
		for _, l := range lists {
			got = append(got, l.Account)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
