package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Where servers have just started, it is waited for that they say which routes are the
// configured ones; of those that run for long nothing is to come.
func TestJoinsIn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	routes := []string{"10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"}
	server := func(n string, age time.Duration, to ...string) checks.Server {
		return checks.Server{ID: "N" + n, Name: "n" + n, Host: "10.0.0." + n, Cluster: "C1", Start: now.Add(-age),
			Links: &checks.Links{Port: 6222, Routes: routes}, Configured: to}
	}
	for what, c := range map[string]struct {
		age  time.Duration
		last []string // to whom the third has a route that it is configured to
		want bool
	}{
		"one has started":             {time.Second, []string{}, true},
		"its clock is ahead":          {-time.Second, []string{}, true},
		"its clock is far ahead":      {-time.Hour, []string{}, false},
		"all run for long":            {time.Minute, []string{}, false},
		"one has started, and joined": {time.Second, []string{"N1"}, false},
	} {
		d := &checks.Deployment{Servers: []checks.Server{server("1", time.Hour, "N2"), server("2", time.Hour, append([]string{"N3"}, c.last...)...), server("3", c.age, c.last...)}}
		if len(c.last) == 0 {
			d.Servers[1].Configured = []string{}
		}
		if wait := joinsIn(d, now); (wait > 0) != c.want || wait > joins {
			t.Errorf("%s: %s", what, wait)
		}
		// An audit without the time to wait says so.
		Expected{}.addConfigured(t.Context(), d)
		said := ""
		for _, m := range d.Missing {
			said = m.Reason
		}
		if strings.Contains(said, "n3 has just started, and may not have joined the others yet: try again in a few seconds, or pass --expect-servers 3") != c.want {
			t.Errorf("%s: %q", what, said)
		}
	}
}
