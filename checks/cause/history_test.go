package cause

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// TestStandingRefusals: a refusal is over once its user logged in to that server
// after it, and by nothing else.
func TestStandingRefusals(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(1_700_000_000+int64(s), 0) }
	refused := checks.Closed{Stem: "orders", User: "orders", Server: "N2", Reason: "Authentication Failure", First: at(10), Newest: at(20), Last: at(20)}
	in := func(user, server string, reason checks.Reason, first, newest int) checks.Closed {
		return checks.Closed{User: user, Server: server, Reason: reason, First: at(first), Newest: at(newest), Last: at(newest + 60)}
	}
	for _, c := range []struct {
		name  string
		other checks.Closed
		over  bool
	}{
		{"logged in since", in("orders", "N2", "Client Closed", 30, 30), true},
		{"logged in before and since", in("orders", "N2", "Client Closed", 1, 30), true},
		{"logged in before, and stayed longer", in("orders", "N2", "Client Closed", 1, 1), false},
		{"on another server", in("orders", "N3", "Client Closed", 30, 30), false},
		{"another user", in("billing", "N2", "Client Closed", 30, 30), false},
		{"turned away again", in("orders", "N2", "Maximum Connections Exceeded", 30, 30), false},
	} {
		if left, over := standing([]checks.Closed{refused, c.other}); (len(over) == 1) != c.over || len(left)+len(over) != 2 {
			t.Errorf("%s: %d are left, %d are over", c.name, len(left), len(over))
		}
	}
	untimed := refused
	untimed.Last = time.Time{}
	if left, _ := standing([]checks.Closed{untimed, in("orders", "N2", "Client Closed", 30, 30)}); len(left) != 2 {
		t.Error("nobody knows when it was refused")
	}
}
