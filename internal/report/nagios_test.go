package report

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// Two accounts of one name are told apart by their ids.
func TestNagiosOfAccountsOfOneName(t *testing.T) {
	t.Parallel()
	doc := &Document{matrix: matrix{deployment: &checks.Deployment{Accounts: []checks.Account{{ID: "AAAAAAAAAAAA1", Name: "ORDERS"}, {ID: "ABBBBBBBBBBB2", Name: "ORDERS"}, {ID: "ACCCCCCCCCCC3", Name: "BILLING"}}}}}
	for want, a := range map[string]Account{"ORDERS (ABBBBBBB…)": {ID: "ABBBBBBBBBBB2", Name: "ORDERS"}, "BILLING": {ID: "ACCCCCCCCCCC3", Name: "BILLING"}} {
		if got := doc.uniqueName(a); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
