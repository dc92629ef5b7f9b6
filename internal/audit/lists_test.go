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
