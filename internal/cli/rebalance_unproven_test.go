package cli

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// TestRebalanceOfUsersOfOneServer: two of three servers do not know the users, and have
// forgotten that they refused them. Of a service one client is tried, not twenty: nats.go
// gives up for good after the second refusal.
func TestRebalanceOfUsersOfOneServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := lab.Cluster{Name: "C1", Servers: 3, Configure: func(i int, o *server.Options) {
		if i > 0 {
			o.Users = slices.DeleteFunc(o.Users, func(u *server.User) bool { return u.Username == "NEWU" })
		}
	}}
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{c}, Accounts: []string{"NEWU", "OLDU"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	for _, account := range []string{"NEWU", "OLDU"} {
		if _, err := l.Connect(ctx, lab.Clients{Account: account, Server: l.Server("C1-n1"), Name: strings.ToLower(account) + "-api", Count: 24}); err != nil {
			t.Fatal(err)
		}
	}
	dry := rebalanced(t, l, generous, 0, "--account", "NEWU")
	if dry.Outcome != "planned" || !slices.ContainsFunc(dry.Notes, func(n string) bool {
		return strings.Contains(n, "No other server is known to take the users of newu-api")
	}) {
		t.Errorf("%s: %q", dry.Outcome, dry.Notes)
	}
	if lost := "those that do not, up to 1, are lost before the first check."; !strings.Contains(strings.Join(dry.Notes, " "), lost) {
		t.Errorf("%q is not in %q", lost, dry.Notes)
	}
	doc := rebalanced(t, l, generous, 3, "--account", "NEWU", "--apply", "--yes", "--rate", "100")
	if doc.Outcome != "stopped" || doc.Batches[0].Kicked != 1 || len(doc.Batches) != 1 {
		t.Errorf("%s: %+v, %+v", doc.Outcome, doc.Stop, doc.Batches)
	}
	// Where the others take them it goes on after the first.
	doc = rebalanced(t, l, generous, 0, "--account", "OLDU", "--apply", "--yes", "--rate", "100")
	if doc.Outcome != "balanced" || doc.Batches[0].Kicked != 1 || len(doc.Batches) < 2 {
		t.Errorf("%s: %+v, %+v", doc.Outcome, doc.Stop, doc.Batches)
	}
}
