package rebalance

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Servers remember which connections were closed on request: what became of the clients
// of each service shows what closing more of them does, on whatever server it was.
func TestRecall(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name     string
		on       []int // connections of the service
		server   string
		reason   checks.Reason
		closed   int
		stem     string
		newest   time.Duration // of the connections on that server, from the last close on
		language string
		start    time.Duration // of the last server, from the last close on
		back     bool
		protocol string
		unproven bool // no other server is known to take its users
	}{
		{"back in a second", []int{24, 0, 0}, "A", "Kicked", 16, "app", time.Second, "go", -time.Hour, true, "nats", false},
		{"on another server than most", []int{0, 12, 0}, "B", "Kicked", 4, "app", time.Second, "go", -time.Hour, true, "nats", false},
		{"three are enough", []int{24, 0, 0}, "A", "Kicked", 3, "app", time.Second, "go", -time.Hour, true, "nats", false},
		{"as is one, of a library that goes elsewhere", []int{24, 0, 0}, "A", "Kicked", 1, "app", time.Second, "go", -time.Hour, true, "nats", false},
		{"and not of one that may come back", []int{24, 0, 0}, "A", "Kicked", 2, "app", time.Second, "python3", -time.Hour, false, "nats", false},
		{"but of a device, which has one address", []int{24, 0, 0}, "A", "Kicked", 1, "app", time.Second, "", -time.Hour, true, "mqtt", false},
		{"some devices went away", []int{22, 2, 0}, "A", "Kicked", 4, "app", time.Second, "", -time.Hour, false, "mqtt", false},
		{"they went away", []int{8, 8, 8}, "A", "Kicked", 16, "app", time.Second, "go", -time.Hour, false, "nats", false},
		{"half went away", []int{20, 2, 2}, "A", "Kicked", 8, "app", time.Second, "go", -time.Hour, false, "nats", false},
		{"they closed themselves", []int{24, 0, 0}, "A", "Client Closed", 16, "app", time.Second, "go", -time.Hour, false, "nats", false},
		{"another service's", []int{24, 0, 0}, "A", "Kicked", 16, "other", time.Second, "go", -time.Hour, false, "nats", false},
		{"processes started since", []int{24, 0, 0}, "A", "Kicked", 16, "app", time.Hour, "go", -time.Hour, false, "nats", false},
		{"none came since", []int{24, 0, 0}, "A", "Kicked", 16, "app", -time.Second, "go", -time.Hour, false, "nats", false},
		{"a server started since", []int{24, 0, 0}, "A", "Kicked", 16, "app", time.Second, "go", time.Minute, false, "nats", false},
		{"by chance, as its library may", []int{24, 0, 0}, "A", "Kicked", 4, "app", time.Second, "python3", -time.Hour, false, "nats", false},
		{"beyond chance", []int{24, 0, 0}, "A", "Kicked", 16, "app", time.Second, "python3", -time.Hour, true, "nats", false},
		{"one of a trial, by chance", []int{24, 0, 0}, "A", "Kicked", 1, "app", time.Second, "python3", -time.Hour, false, "nats", true},
		{"three of a trial", []int{24, 0, 0}, "A", "Kicked", 3, "app", time.Second, "python3", -time.Hour, true, "nats", true},
	} {
		s := &State{Servers: []Server{{ID: "A", Name: "n1"}, {ID: "B", Name: "n2"}, {ID: "C", Name: "n3", Start: at.Add(c.start)}}, Accounts: make([]Account, 2),
			Services: []Service{{Account: 1, Stem: "app", User: "u", Language: c.language, Protocol: c.protocol, Name: "app", Unproven: c.unproven}}}
		for i, n := range c.on {
			for range n {
				s.Connections = append(s.Connections, Connection{Server: i, Start: at.Add(c.newest)})
			}
		}
		history := []checks.Closed{{Server: c.server, Stem: c.stem, User: "u", Reason: c.reason, Connections: c.closed, Last: at}}
		got := s.Recall(1, history)
		if len(got) > 0 != c.back || c.back && got[0].Closed != c.closed || len(s.Recall(0, history)) > 0 {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		if s.LeaveOut(got); (s.Services[0].Stays != nil) != c.back {
			t.Errorf("%s: %+v", c.name, s.Services[0].Stays)
		}
	}
}
