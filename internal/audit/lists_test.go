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

// A list without an account is that of the only one that has clients, and nobody's in
// particular where there are several, whichever of them is asked for.
func TestListsWithoutAnAccount(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "A", Name: "ORDERS"}, {ID: "B", Name: "BILLING"}},
		Servers: []checks.Server{{ID: "n1", Usage: []checks.Usage{{Account: 0, Connections: 9}, {Account: 1, Connections: 9}}}}}
	alone := &checks.Deployment{Accounts: d.Accounts, Servers: []checks.Server{{ID: "n1", Usage: []checks.Usage{{Account: 0, Connections: 9}}}}}
	silent := &checks.Deployment{Accounts: d.Accounts, Servers: alone.Servers, Missing: []checks.Missing{{Name: "n2"}}}
	for _, c := range []struct {
		name string
		d    *checks.Deployment
		want []string
	}{
		{"of several accounts", d, []string{"", "BILLING", ""}},
		{"there is one only", alone, []string{"A", "BILLING", ""}},
		{"a server that is missing may have others", silent, []string{"", "BILLING", ""}},
	} {
		lists := []checks.URLList{{Origin: "passed"}, {Origin: "passed", Account: "BILLING"}, {Origin: "advertised", Hint: true}}
		tie(lists, c.d)
		var got []string
		for _, l := range lists {
			got = append(got, l.Account)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
