package audit

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Clients that come back to a server which has just started are of $G until they
// have logged in.
func TestConnectionsWithoutALogin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		loggedIn map[string]int
		outcome  checks.Outcome
		left     uint32
	}{
		{"none logged in", map[string]int{"n1": 0, "n2": 0, "n3": 0}, checks.OutcomePass, 0},
		{"all did", map[string]int{"n1": 0, "n2": 0, "n3": 42}, checks.OutcomeFinding, 42},
		{"enough did", map[string]int{"n1": 0, "n2": 0, "n3": 11}, checks.OutcomeFinding, 11},
		{"more came since", map[string]int{"n1": 0, "n2": 0, "n3": 50}, checks.OutcomeFinding, 42},
		{"it could not be read", map[string]int{"n1": 0, "n2": 0}, checks.OutcomeIncomplete, 42},
	} {
		d := &checks.Deployment{Accounts: []checks.Account{{ID: "$G", Name: "$G"}, {ID: "APP", Name: "APP"}}}
		for _, name := range []string{"n1", "n2", "n3"} {
			d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Cluster: "C", Usage: []checks.Usage{{Account: 1, Connections: 5}}})
		}
		d.Servers[2].Usage = []checks.Usage{{Account: 0, Connections: 42}, {Account: 1, Connections: 5}}
		doubtful := map[string]int{}
		if _, read := c.loggedIn["n3"]; !read {
			doubtful["n3"] = 42
		}
		leaveOutPending(d, 0, source.Report{LoggedIn: c.loggedIn, Doubtful: doubtful})
		if got := checks.CheckConcentration(d, checks.Defaults()).Outcome; got != c.outcome || d.Servers[2].Usage[0].Connections != c.left {
			t.Errorf("%s: %s with %d left, want %s with %d", c.name, got, d.Servers[2].Usage[0].Connections, c.outcome, c.left)
		}
	}
	for _, c := range []struct {
		c    wire.Connection
		want bool
	}{
		{wire.Connection{ID: 7, Client: true}, false},
		{wire.Connection{User: []byte("app")}, true},
		{wire.Connection{Language: []byte("go")}, true},
		{wire.Connection{MQTTClient: []byte("sensor")}, true},
		{wire.Connection{Subscriptions: 1}, true},
	} {
		if got := c.c.LoggedIn(); got != c.want {
			t.Errorf("%+v logged in: %v", c.c, got)
		}
	}
}
