package cli

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
)

// TestRebalanceCountsWhatItCantRead: connections that servers count and do not list are
// shown as what they are, and not as 0; whether there is something to do is unknown.
func TestRebalanceCountsWhatItCantRead(t *testing.T) {
	t.Parallel()
	s := &assessment{cluster: "C1", deployment: &checks.Deployment{}, unread: [][]int{{19, 11, 0}}}
	for _, name := range []string{"n1", "n2", "n3"} {
		s.scope.Servers = append(s.scope.Servers, balance.Server{ID: name, Name: name})
	}
	s.scope.Accounts = []balance.Account{{ID: "ORDERS", Name: "ORDERS", Rule: checks.Defaults()}}
	s.goal.To = -1
	s.settle(&balance.State{Servers: s.scope.Servers, Accounts: s.scope.Accounts})
	doc := (&rebalance{force: true}).document(s, &nats.Conn{})
	for i, n := range s.unread[0] {
		if row := doc.Servers[i]; row.Before != n || row.Predicted != n {
			t.Errorf("%+v, and it has %d", row, n)
		}
	}
	if a := doc.Accounts[0]; doc.Before.OnServer != 19 || doc.Before.Connections != 30 || a.Connections != 30 || a.Predicted.OnServer != 19 || doc.Plan.Connections != 30 {
		t.Errorf("%+v, %+v", doc.Before, a)
	}
	if doc.Outcome != "refused" || doc.Refusals[0].Text != "There is no connection that can be moved: not all connections could be read." {
		t.Errorf("%s: %+v", doc.Outcome, doc.Refusals)
	}
}

// TestRebalanceDuration: what a plan says of the time is what asking the servers took,
// also where one did not answer, and the moves at the rate. A dry run is planned anew.
func TestRebalanceDuration(t *testing.T) {
	t.Parallel()
	s := &assessment{gathered: 4 * time.Second, looked: 125 * time.Millisecond, planned: 5 * time.Second, forecast: balance.Forecast{Moves: 100, Rounds: 7}}
	for apply, want := range map[bool]time.Duration{true: 10 * time.Second, false: 15 * time.Second} {
		if got := (&rebalance{apply: apply, rate: 50, batch: 12}).duration(s); got != want+500*time.Millisecond {
			t.Errorf("apply %v: %s, want %s and the look of 9 rounds", apply, got, want)
		}
	}
	if got := (&rebalance{rate: 50, batch: 12}).duration(&assessment{gathered: time.Second}); got != 0 {
		t.Errorf("nothing takes %s", got)
	}
}
