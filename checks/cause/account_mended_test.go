package cause

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// TestAccountMended: the others lacked the account as the clients came, and have it
// now, as somebody showed who logged in there once.
func TestAccountMended(t *testing.T) {
	after := func(d time.Duration) change {
		return on(func(o *checks.Server) { o.Details.Loaded = started().Add(d) }, 2, 3)
	}
	// probed has somebody log in to each of the others, and leave.
	probed := func(s *scene) {
		at := started().Add(4 * time.Hour)
		for _, id := range []string{"N2", "N3"} {
			s.History = append(s.History, checks.Closed{Server: id, User: "api", Reason: "Client Closed", Connections: 1, First: at, Newest: at, Last: at})
		}
	}
	refused := func(n int, by ...string) change {
		return func(s *scene) {
			for _, id := range by {
				closed(id, "api", "Authentication Failure", n)(s)
			}
		}
	}
	both, full := refused(5, "N2", "N3"), list(urlsOf(1, 2, 3)...)
	all := func(more ...change) []change {
		return slices.Concat(with(counts(24, 0, 0), loginAs("api"), after(3*time.Hour+time.Minute), probed), more)
	}
	later := profile(func(p *checks.Profile) { p.Oldest, p.Newest = started().Add(5*time.Hour), started().Add(6*time.Hour) })
	few := slices.Concat(with(refused(1, "N2", "N3")), with(full))
	judgeRows(t, AccountGap, []row{
		{"the account was added, and a user logged in once", all(both), Likely, AccountGap},
		{"the same, and the list has all servers", all(both, full), Likely, AccountGap},
		{"one server does not remember refusals, and the list has all servers", all(refused(5, "N2"), full), NotTested, "none"},
		{"all clients came after that", all(both, later), NotTested, "none"},
		{"somebody mistyped a password on each, and the list has all servers", all(few...), Possible, "none"},
		{"nobody was refused", all(), RuledOut, "none"},
	})
	for name, c := range map[string][]change{"refused": all(both, full), "refused by one": all(refused(5, "N2"), full), "refused once": all(few...)} {
		if d := Diagnose(caseOf(c...)); d.Cause(OrderedConnect).Verdict != Possible {
			t.Errorf("%s: ordered-connect is %s where the others refused the clients before", name, d.Cause(OrderedConnect).Verdict)
		}
	}
	d := Diagnose(caseOf(all(both)...))
	if users, by := d.LoginFirst(AccountGap); len(users)+len(by) > 0 || !d.Cause(AccountGap).Past {
		t.Errorf("%v are to log in to %v first, and it is over: %v", users, by, d.Cause(AccountGap).Past)
	}
}
