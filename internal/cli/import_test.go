package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// An account that imports some of the system account's services is no system account
// unless it gets the reports of all accounts and knows which one the system account
// is: it sees ORDERS' 18 of 20 connections, or does not claim to.
func TestAccountThatImportsSomeServices(t *testing.T) {
	t.Parallel()
	const roster, statz, varz = "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.SERVER.*.VARZ"
	cases := []struct {
		imports []string
		lacks   string // what the refusal names
		all     bool   // it sees all accounts
		neither bool   // nor can it be audited on its own
	}{
		{imports: []string{roster}, lacks: statz},
		{imports: []string{roster, "$SYS.REQ.ACCOUNT.*.INFO", "$SYS.REQ.SERVER.PING.CONNZ"}, lacks: statz},
		{imports: []string{"$SYS.REQ.SERVER.>"}, lacks: statz},
		{imports: []string{roster, statz}, lacks: varz, neither: true},
		{imports: []string{"$SYS.REQ.ACCOUNT.>"}},
		{imports: []string{statz, varz}, neither: true},
		{imports: []string{roster, statz, varz}, all: true},
	}
	user := func(account string) string {
		return fmt.Sprintf("users: [{user: %q, password: %q}]", lab.UserOf(account), lab.Password)
	}
	exports, accounts := map[string]bool{}, "ORDERS { "+user("ORDERS")+" }\n"
	for i, c := range cases {
		var services []string
		for _, s := range c.imports {
			exports[s] = true
			services = append(services, fmt.Sprintf("{service: {account: %s, subject: %q}}", lab.SystemAccount, s))
		}
		accounts += fmt.Sprintf("MON%d { %s, imports: [%s] }\n", i, user(fmt.Sprint("MON", i)), strings.Join(services, ", "))
	}
	var services []string
	for s := range exports {
		services = append(services, fmt.Sprintf("{service: %q, response_type: stream}", s))
	}
	configuration := fmt.Sprintf("accounts {\n%s { %s, exports: [%s] }\n%s}", lab.SystemAccount, user(lab.SystemAccount), strings.Join(services, ", "), accounts)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c, err := tool.StartProcessCluster(ctx, 3, nil, func(int) string { return configuration })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	first := c.Processes()[0]
	hold := func(account string, counts ...int) {
		for i, n := range counts {
			for range n {
				nc, err := nats.Connect(c.Processes()[i].URL(account), nats.NoReconnect(), nats.Timeout(time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(nc.Close)
			}
		}
	}
	hold("ORDERS", 18, 1, 1)
	hold("MON4", 11, 1)
	t.Run("as", func(t *testing.T) {
		for i, c := range cases {
			t.Run(strings.Join(c.imports, " "), func(t *testing.T) {
				t.Parallel()
				name := fmt.Sprint("MON", i)
				url := first.URL(name)
				status, doc, text := auditProcesses(t, url, "--require-system", "--account", "ORDERS")
				if c.all {
					if status != ExitFinding || len(doc.Findings) != 1 || doc.Findings[0].OnServer != 18 || !strings.Contains(text, "through account "+name) {
						t.Errorf("status %d: %s", status, text)
					}
					return
				}
				if status != ExitNotAudited || !strings.Contains(text, fmt.Sprintf(`of account %q, not of the system account`, name)) ||
					c.lacks != "" && !strings.Contains(text, "but not "+c.lacks) {
					t.Errorf("--require-system: status %d: %s", status, text)
				}
				var out, errs watched
				if status := runHere(t.Context(), &out, &errs, "audit", "hotspot", "--no-context", "--server", url); status != ExitNotAudited || !strings.Contains(errs.String(), name) {
					t.Errorf("hotspot: status %d: %s%s", status, out.String(), errs.String())
				}
				// What is left is an audit of that account.
				want := ExitPass
				if i == 4 {
					want = ExitFinding
				}
				status, doc, text = auditProcesses(t, url)
				if c.neither {
					if status != ExitNotAudited || !strings.Contains(text, "have the account import that") {
						t.Errorf("status %d: %s", status, text)
					}
					return
				}
				if status != want || !strings.Contains(text, `"kind": "account"`) || !strings.Contains(text, name+", nats://") {
					t.Errorf("status %d, missing %s: %s", status, doc.reasons(), text)
				}
				if want == ExitFinding && (len(doc.Findings) != 1 || doc.Findings[0].OnServer != 11 || doc.Findings[0].Connections != 12) {
					t.Errorf("findings %+v", doc.Findings)
				}
			})
		}
	})
}
