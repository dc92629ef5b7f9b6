package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// operatorsBlocks are the pieces of docs/operators.md between fences.
func operatorsBlocks(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operators.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?s)\n```[a-z]*\n(.*?)\n```\n").FindAllStringSubmatch(string(page), -1) {
		out = append(out, m[1])
	}
	if len(out) != 2 {
		t.Fatalf("docs/operators.md has %d blocks", len(out))
	}
	return out
}

// The users with least privileges, as docs/operators.md has them for nsc: the one
// for auditing sees all that the system account's own user sees and closes
// nothing, the one for rebalancing closes connections.
func TestLeastPrivilegeByNSC(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	commands := operatorsBlocks(t)[0]
	o := startOperated(ctx, t, tool.ResolverMemory)
	for _, line := range strings.Split(commands, "\n") {
		arguments, found := strings.CutPrefix(line, "nsc ")
		if !found {
			t.Fatalf("%q is no command of nsc", line)
		}
		var args []string
		for _, arg := range strings.Fields(arguments) { // none has a blank in it
			args = append(args, strings.Trim(arg, "'"))
		}
		if _, err := o.nsc.Run(ctx, args...); err != nil {
			t.Fatal(err)
		}
	}
	leastPrivilege(ctx, t, o.URL(), func(user string) []string { return []string{"--creds", o.nsc.Creds("SYS", user)} },
		func(user string) nats.Option { return nats.UserCredentials(o.nsc.Creds("SYS", user)) })
}

// The same users in the servers' configuration, as the page has them.
func TestLeastPrivilegeByConfiguration(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	conf := strings.NewReplacer("…", lab.Password, "accounts {\n", fmt.Sprintf("accounts {\n  ORDERS { users: [ { user: ORDERS, password: %q } ] }\n", lab.Password),
		"users: [\n", fmt.Sprintf("users: [\n      { user: sys, password: %q }\n", lab.Password)).Replace(operatorsBlocks(t)[1])
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	l := startScenario(t, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "O", Servers: 3, Configure: func(_ int, o *server.Options) {
			from, err := server.ProcessConfigFile(file)
			if err != nil {
				t.Error(err)
				return
			}
			o.Accounts, o.Users, o.SystemAccount = from.Accounts, from.Users, from.SystemAccount
		}}}, Accounts: []string{"ORDERS"}},
		Clients: []lab.Placement{{Account: "ORDERS", Server: "O-n1", Count: 12}, {Account: "ORDERS", Server: "O-n2", Count: 2}},
	})
	leastPrivilege(ctx, t, l.Server("O-n1").ClientURL(), func(user string) []string { return []string{"--user", user, "--password", lab.Password} },
		func(user string) nats.Option { return nats.UserInfo(user, lab.Password) })
}

// leastPrivilege tells apart what the system account's users may do.
func leastPrivilege(ctx context.Context, t *testing.T, url string, flags func(user string) []string, login func(user string) nats.Option) {
	t.Helper()
	audit := func(user string) string {
		out, said := audited(t, ExitFinding, append([]string{"--no-context", "--server", url, "--json", "--timeout", generous.String(), "--client-url", "ORDERS=" + url}, flags(user)...)...)
		if said != "" {
			t.Errorf("%s: %s", user, said)
		}
		return withoutMoment(strings.ReplaceAll(out, strings.Join(flags(user)[:2], " "), "CREDENTIALS"))
	}
	full, least := audit("sys"), audit("auditor")
	if d := difference(full, least); d != "" {
		t.Errorf("by sys, and by auditor: %s", d)
	}
	if !strings.Contains(full, `"complete": true`) || !strings.Contains(full, `"code": "single-url"`) {
		t.Error(full)
	}
	move := []string{"--account", "ORDERS", "--apply", "--yes", "--rate", "100", "--batch", "2", "--max-moves", "2"}
	refused := rebalancedBy(ctx, t, url, []nats.Option{login("auditor")}, generous, ExitNotAudited, move...)
	if refused.Outcome != "stopped" || refused.Stop == nil {
		t.Errorf("auditor: %s, %+v", refused.Outcome, refused.Stop)
	}
	for _, m := range refused.Moves {
		if m.Outcome == "kicked" {
			t.Errorf("auditor closed %+v", m)
		}
	}
	moved := rebalancedBy(ctx, t, url, []nats.Option{login("balancer")}, generous, ExitFinding, move...)
	if len(moved.Moves) != 2 || moved.Moves[0].Outcome != "kicked" || moved.Moves[1].Outcome != "kicked" {
		t.Errorf("balancer: %s, %+v, %+v", moved.Outcome, moved.Stop, moved.Moves)
	}
}

// withoutMoment is a document without what differs from one moment to the next.
func withoutMoment(document string) string {
	for _, r := range []string{
		`"time": "[^"]*"`, `\d{4}-\d\d-\d\d[T ]\d\d:\d\d[:\d.]*(Z| UTC)?`, `"source": "CONNZ[^"]*"`,
		`\d+(\.\d+)? ?(ns|µs|ms|s)\b`,
	} {
		document = regexp.MustCompile(r).ReplaceAllString(document, "…")
	}
	return fixed(document)
}
