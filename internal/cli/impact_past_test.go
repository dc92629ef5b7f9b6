package cli

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/report"
)

// A server that fell silent may live with its clients, cut off from the others: that is
// said also where others have as many more. One that said that it shuts down has none.
func TestServerThatMayStillHaveItsClients(t *testing.T) {
	t.Parallel()
	counted := checks.Missing{Name: "n3", Cluster: "C1", ClusterKnown: true, Kind: checks.Counted, Placed: true, Reason: "n1 counts 3 servers"}
	for _, c := range []struct {
		recorded checks.MissingKind
		missing  []checks.Missing
		allBack  bool
		want     string
	}{
		{checks.Silent, nil, false, "n3 may still have connections that are not back: no server that answered knows whether it is stopped, or hangs, or is cut off from them"},
		{checks.Silent, []checks.Missing{counted}, false, "n3 may still have connections that are not back: n1 counts 3 servers"},
		{checks.Silent, []checks.Missing{counted}, true, "n3 may still have all of them, if those that others have more are others: n1 counts 3 servers"},
		{checks.Down, []checks.Missing{counted}, false, ""},
		{checks.Down, nil, true, ""},
		{"", nil, true, ""}, // of a baseline
	} {
		d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}, Missing: c.missing}
		got := stillThere(d, &report.PastImpact{Server: "n3", Cluster: "C1", Recorded: c.recorded}, c.allBack)
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s, %+v, all back is %t: %q, want %q", c.recorded, c.missing, c.allBack, got, c.want)
		}
	}
}
