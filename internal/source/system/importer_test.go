package system

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// exported is a configuration in which the system account exports its services
// to a monitoring account.
func exported(int) string { return exports("response_type: stream, ") }

// exports is that with options of the service's export.
func exports(options string) string {
	user := func(account string) string {
		return fmt.Sprintf(`users: [{user: %q, password: %q}]`, lab.UserOf(account), lab.Password)
	}
	return `accounts {
  ` + lab.SystemAccount + ` { ` + user(lab.SystemAccount) + `
    exports: [ {service: "$SYS.REQ.>", ` + options + `accounts: [MON]}, {stream: "$SYS.>", accounts: [MON]} ] }
  MON { ` + user("MON") + `, imports: [ {service: {account: ` + lab.SystemAccount + `, subject: "$SYS.REQ.>"}} ] }
  ORDERS { ` + user("ORDERS") + ` }
}`
}

// Every server answers an account that imports the system's services twice, for
// that account and for all, in any order.
func TestAccountThatImportsTheSystemServices(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, nil, exported)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	for i, n := range []int{20, 2, 0} {
		for range n {
			sourcetest.Connect(t, c.Processes()[i].URL("ORDERS"))
		}
	}
	sourcetest.Connect(t, c.Processes()[2].URL(lab.SystemAccount), nats.Name("of the system account"))
	for _, as := range []struct {
		account string
		times   int
	}{{"MON", 20}, {lab.SystemAccount, 3}} {
		nc := sourcetest.Connect(t, c.Processes()[1].URL(as.account))
		for range as.times {
			d := audit(t, nc, source.Options{Timeout: sourcetest.Long})
			sourcetest.Complete(t, d, 3)
			wantCounts(t, "ORDERS", sourcetest.Connections(d, "ORDERS"), map[string]int{"P/P-n1": 20, "P/P-n2": 2, "P/P-n3": 0})
			wantCounts(t, "MON", sourcetest.Connections(d, "MON"), map[string]int{"P/P-n1": 0, "P/P-n2": 0, "P/P-n3": 0})
			r := checks.CheckConcentration(d, checks.Defaults())
			if r.Outcome != checks.OutcomeFinding || len(r.Findings) != 1 || r.Findings[0].OnServer != 20 || r.Findings[0].Connections != 22 {
				t.Errorf("as %s: %s, %+v", as.account, r.Outcome, r.Findings)
			}
			if got := sourcetest.SystemAccounts(d); len(got) != 1 || got[0] != lab.SystemAccount {
				t.Errorf("as %s: the system accounts are %q", as.account, got)
			}
		}
		d := audit(t, nc, source.Options{Timeout: sourcetest.Long})
		// So no command, rebalance among them, takes it for an account.
		var refused *checks.UnknownAccountError
		p := checks.Defaults()
		p.Accounts = []string{lab.SystemAccount}
		if err := p.Select(d); !errors.As(err, &refused) || !refused.System {
			t.Errorf("as %s: the system account is selected: %v", as.account, err)
		}
		for id, known := range map[string]bool{"MON": true, "NONE": false} {
			d.Accounts = nil
			if err := knows(sourcetest.Within(t), nc, d, id); err != nil || (len(d.Accounts) == 1) != known {
				t.Errorf("as %s: %s is known: %v, want %v; %v", as.account, id, d.Accounts, known, err)
			}
		}
		nc.Close()
	}
}

// Without response_type: stream a question to all gets one answer, and each server
// is asked by its name.
func TestAccountThatGetsOneAnswer(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, nil, func(int) string { return exports("") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	for range 3 {
		sourcetest.Connect(t, c.Processes()[2].URL("ORDERS"))
	}
	nc := sourcetest.Connect(t, c.Processes()[0].URL("MON"))
	// The server ends the import with the first answer, and on a busy machine two may be on
	// their way by then: all is there nevertheless, and the note is not.
	const tries = 5
	for range tries {
		s := New(nc, source.Options{Timeout: sourcetest.Long / 2})
		d, err := s.Deployment(sourcetest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		if parts := s.Detail(); parts[len(parts)-1] != "through account MON" {
			t.Errorf("the source is %s", s.Detail())
		}
		sourcetest.Complete(t, d, 3)
		wantCounts(t, "ORDERS", sourcetest.Connections(d, "ORDERS"), map[string]int{"P/P-n1": 0, "P/P-n2": 0, "P/P-n3": 3})
		if sourcetest.CountNotes(d, "one server only answered a question to all") == 1 {
			return
		}
	}
	t.Errorf("in none of %d gatherings one server only answered", tries)
}
