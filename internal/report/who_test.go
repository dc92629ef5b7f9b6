package report

import (
	"strings"
	"testing"
)

// A server without a name, which others only count, is no column of the counts.
func TestWhoHasNoColumnForAGhost(t *testing.T) {
	t.Parallel()
	name := "orders-api"
	f := Finding{Distribution: []Share{{Server: ServerRef{ID: "N1", Name: "n1"}}, {Server: ServerRef{ID: "N2", Name: "n2"}}, {}},
		Services: []Service{{Name: &name, Hosts: 1, Connections: 14, here: 14, Counts: []ServiceCount{{ServerRef{ID: "N1", Name: "n1"}, 14}}}}}
	p := &printer{width: width}
	p.who(f)
	if got := strings.Fields(p.b.String()); strings.Join(got[len(got)-3:], " ") != "host 14 0" {
		t.Errorf("%q", p.b.String())
	}
}
