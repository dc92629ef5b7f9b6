package report

import (
	"errors"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
)

// What closing connections showed of a cause is worded where its evidence is.
func TestEvidenceOfCloses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown cause.Shown
		want  string
	}{
		{balance.WentElsewhere{Stayed: 1, Closed: 1}, "After 1 of 1 close the clients went to other servers."},
		{balance.WentElsewhere{Stayed: 1400, Closed: 2000}, "After 1,400 of 2,000 closes the clients went to other servers."},
		{balance.Returned{Back: 4, Closed: 5}, "After 4 of 5 closes the clients came back to the same server."},
		{balance.Miss{Closes: 9, Services: []string{"api"}, Servers: []string{"n3"}, Expected: 4}, "After 9 closes of api no client came to n3, where about 4 would have by chance: they do not know it, or can't get in."},
	} {
		if got := EvidenceText(cause.Evidence{Shown: c.shown}, checks.Account{ID: "A"}); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// A connection that was not closed has the reason beside it, if there is one.
func TestNotClosed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why  balance.NotClosed
		want string // empty for none
	}{
		{nil, ""},
		{balance.NotAClient{}, "it is not a client of the account any more"},
		{balance.OwnConnection{}, "it is the connection of this program"},
		{balance.ServerSaid{Description: "no such client"}, "no such client"},
		{balance.ServerSaid{}, ""},
		{balance.Forbidden{Violation: "it may not publish"}, "it may not publish"},
		{balance.NotAsked{Err: errors.New("no answer in time")}, "no answer in time"},
	} {
		if got := NotClosed(c.why); deref(got) != c.want || (got == nil) != (c.want == "") {
			t.Errorf("%#v: %q, want %q", c.why, deref(got), c.want)
		}
	}
}
