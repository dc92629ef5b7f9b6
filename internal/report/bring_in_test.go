package report

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// A longer time-out is advice only where it may help.
func TestWhatBringsMissingServersIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kinds []checks.MissingKind
		want  string
	}{
		{[]checks.MissingKind{checks.Silent}, "A longer --timeout"},
		{[]checks.MissingKind{checks.Draining}, "Audit again when they have restarted"},
		{[]checks.MissingKind{checks.Draining, checks.Silent}, "A longer --timeout"},
		{[]checks.MissingKind{checks.Counted}, "Others count a server that died for up to 4 minutes: audit again then, or pass --expect-servers 3 "},
		{[]checks.MissingKind{checks.Counted, checks.Silent}, "A longer --timeout"},
		{[]checks.MissingKind{checks.Behind}, "An audit from there"},
		{[]checks.MissingKind{checks.Forgotten}, "Find out whether they are stopped, and expect them no longer"},
		{[]checks.MissingKind{checks.Refusing, checks.Forgotten}, "Find out whether they are stopped, or drain"},
		{[]checks.MissingKind{checks.Refusing}, "Find out whether they are stopped, or drain and still have clients, and leave their addresses out"},
		{[]checks.MissingKind{checks.Hanging}, "Find out who is there"}, // at an address
		{[]checks.MissingKind{checks.OtherSystem}, "Give them the system account of the others"},
		{[]checks.MissingKind{checks.Unseen}, "An audit that connects"},
		{[]checks.MissingKind{checks.Contradiction}, "Find out who else"},
		{nil, "A longer --timeout"},
	} {
		missing := make([]Missing, len(c.kinds))
		if got := (Coverage{kinds: c.kinds, Missing: missing, ServersAnswered: 3}).bringIn(system.Kind()); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q, want %q", c.kinds, got, c.want)
		}
	}
	named := Coverage{kinds: []checks.MissingKind{checks.Hanging}, Missing: []Missing{{Server: ServerRef{Name: "n3"}}}}
	if got := named.bringIn(system.Kind()); got != "Find out why they hang, or restart them" {
		t.Error(got)
	}
}
