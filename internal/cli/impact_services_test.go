package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// impactOf is the document of impact with these arguments, and its exit status.
func impactOf(t *testing.T, args ...string) (int, report.Impacts, string) {
	t.Helper()
	var out, errs watched
	status := runHere(t.Context(), &out, &errs, append([]string{"impact", "--no-context", "--timeout", "15s", "--json"}, args...)...)
	var doc report.Impacts
	if err := json.Unmarshal([]byte(out.String()), &doc); err != nil {
		t.Fatalf("status %d, %v: %s%s", status, err, out.String(), errs.String())
	}
	return status, doc, out.String()
}

// answers are what impact says of the services on the first of its servers.
func answers(doc report.Impacts) map[string]string {
	out := map[string]string{}
	for _, a := range doc.Servers[0].Accounts {
		for _, s := range a.Services {
			out[s.Name] = s.CanFailOver
		}
	}
	return out
}

// orders-api has all servers in its list and orders-legacy one. A list of the account says
// nothing of which of them it is; the server is stopped, and the clients show who was
// right.
func TestImpactOfOneListForTwoServices(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, NoAdvertise: true}}, Accounts: []string{"ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	var all []string
	for _, name := range []string{"C1-n1", "C1-n2", "C1-n3"} {
		all = append(all, l.Server(name).ClientURL())
		if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", URLs: all[len(all)-1:], Count: 4, Name: "orders-api", Options: []nats.Option{nats.IgnoreDiscoveredServers()}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", URLs: all[:1], Count: 9, Name: "orders-legacy"}); err != nil {
		t.Fatal(err)
	}
	urls := strings.Join(all, ",")
	for _, c := range []struct {
		lists       []string
		status      int
		api, legacy string
	}{
		{[]string{"ORDERS=" + urls}, ExitNotAudited, "yes", "unknown"},
		{[]string{"ORDERS=" + urls, "ORDERS=" + all[0]}, ExitFinding, "yes", "no"},
		{[]string{"ORDERS=" + all[0]}, ExitFinding, "unknown", "no"}, // the api is on the others too
	} {
		args := []string{"C1-n1", "--server", l.Server("C1-n2").URL(lab.SystemAccount)}
		for _, x := range c.lists {
			args = append(args, "--client-url", x)
		}
		status, doc, text := impactOf(t, args...)
		if got := answers(doc); status != c.status || got["orders-api"] != c.api || got["orders-legacy"] != c.legacy {
			t.Errorf("%q: status %d, %v\n%s", c.lists, status, got, text)
		}
	}
}

// The user of orders-api has another password on C1-n2 and C1-n3, which refused it.
// That orders-new has the new one does not show that orders-api has it too.
func TestImpactOfAPasswordThatOthersHave(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: func(i int, o *server.Options) {
		for _, u := range o.Users {
			if u.Account.Name == "ORDERS" && i > 0 {
				u.Password = "new"
			}
		}
	}}}, Accounts: []string{"ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	user := nats.UserInfo(lab.UserOf("ORDERS"), "new")
	if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", URLs: []string{l.Server("C1-n2").ClientURL(), l.Server("C1-n3").ClientURL(), l.Server("C1-n1").ClientURL()}, NoRandomize: true, Count: 8, Name: "orders-api"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"C1-n2", "C1-n3"} {
		if _, err := l.Connect(ctx, lab.Clients{Account: "ORDERS", Server: l.Server(name), Count: 3, Name: "orders-new", Options: []nats.Option{user, nats.IgnoreDiscoveredServers()}}); err != nil {
			t.Fatal(err)
		}
	}
	urls := strings.Join([]string{l.Server("C1-n1").ClientURL(), l.Server("C1-n2").ClientURL(), l.Server("C1-n3").ClientURL()}, ",")
	status, doc, text := impactOf(t, "C1-n1", "--server", l.Server("C1-n2").URL(lab.SystemAccount), "--client-url", "ORDERS="+urls)
	if got := answers(doc); status != ExitNotAudited || got["orders-api"] != "unknown" || !strings.Contains(text, "only other services with their user have logged in there") {
		t.Errorf("status %d, %v\n%s", status, got, text)
	}
}
