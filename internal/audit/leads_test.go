package audit

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Three servers that all have routes to each other are configured with 127.0.0.1 and with
// localhost, which leads there: a second name of one is not a server that nobody has a route
// to. Where names may not be looked up, that is unknown, and is not said to be otherwise.
func TestSecondNameOfAServerInTheRoutes(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ports := []string{"127.0.0.1:6001", "127.0.0.1:6002", "127.0.0.1:6003"}
	for _, c := range []struct {
		name   string
		routes []string
		noDNS  bool
		want   int
		says   string
	}{
		{"of one", append(slices.Clone(ports), "localhost:6001"), false, 0, ""},
		{"of two", append(slices.Clone(ports), "localhost:6001", "localhost:6002"), false, 0, ""},
		{"of one, beside seeds", []string{ports[0], ports[1], "localhost:6001"}, false, 0, ""},
		{"of one, beside a server that never came", append(slices.Clone(ports), "localhost:6001", "127.0.0.1:6009"), false, 1, "nobody has a route to 1 of the 4 addresses that others have routes configured to: "},
		{"of one that never came", append(slices.Clone(ports), "localhost:6009", "127.0.0.1:6009"), false, 1, "nobody has a route to 1 of the 4 addresses that others have routes configured to: "},
		{"which nobody looks up", append(slices.Clone(ports), "localhost:6001"), true, 1, "configured to, unless localhost:6001 is another name of a server that is there: "},
	} {
		d := &checks.Deployment{Expected: 4}
		for i := range 4 { // the fourth has routes of its own, and is in nobody's
			s := listening(i+1, "127.0.0.1", 6001+i, c.routes)
			if i == 3 {
				s.Links.Routes = nil
			}
			d.Servers = append(d.Servers, joined(s, []string{"n1", "n2", "n3"}...))
		}
		Expected{DNS: !c.noDNS}.Add(ctx, d)
		if len(d.Missing) != c.want || c.want > 0 && !strings.Contains(d.Missing[0].Reason, c.says) {
			t.Errorf("%s: %+v", c.name, d.Missing)
		}
	}
}
