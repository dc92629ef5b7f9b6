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
	drains, down := counted, counted
	drains.Kind, down.Kind = checks.Draining, checks.Down
	for _, c := range []struct {
		recorded checks.MissingKind
		missing  []checks.Missing
		allBack  bool
		want     string
	}{
		{checks.Silent, nil, false, "n3 may still have connections that are not back: no server that answered knows whether it is stopped, or hangs, or is cut off from them"},
		{checks.Silent, []checks.Missing{counted}, false, "n3 may still have connections that are not back: no server that answered knows whether it is stopped, or hangs, or is cut off from them"},
		{checks.Silent, []checks.Missing{counted}, true, "n3 may still have all of them, if those that others have more are others: no server that answered knows whether it is stopped, or hangs, or is cut off from them"},
		{"", []checks.Missing{drains}, false, "n3 may still have connections that are not back: it is draining, as far as is known"},
		{"", []checks.Missing{down}, false, ""},
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

// A server that is asked about and did not report: the error says what is known of it.
func TestServerThatDidNotReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		missing []checks.Missing
		want    string
	}{
		{nil, "no server \"n3\" reported: pass one of n1, "},
		{[]checks.Missing{{Name: "n3", Kind: checks.Draining, Reason: "n1 has a route to it, and nobody listens there: it is draining"}}, "server \"n3\" did not report: n1 has a route to it, and nobody listens there: it is draining: pass --baseline with"},
		{[]checks.Missing{{Kind: checks.Counted, Reason: "n1 counts 2"}}, "no server \"n3\" reported (1 server did not report, which it may be): pass one of n1, "},
		{[]checks.Missing{{Kind: checks.Counted}, {Kind: checks.Counted}}, "no server \"n3\" reported (2 servers did not report, and it may be one of them): pass one of n1, "},
	} {
		i := &impact{server: "n3", host: Host{args: []string{"impact", "n3"}}}
		d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}, Missing: c.missing}
		if _, err := i.servers(d, nil); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// The clients of a server that shut down may be on one that never came: it is not the
// server itself if it was missing while that one was there.
func TestClientsMayBeOnAServerThatNeverCame(t *testing.T) {
	t.Parallel()
	const address = "127.0.0.1:6009"
	d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}},
		Missing: []checks.Missing{{Name: address, At: address, Cluster: "C1", ClusterKnown: true, Kind: checks.Configured}}}
	for lacked, want := range map[string]report.Open{"": report.OpenSilent{}, address: report.OpenSilent{}, "127.0.0.1:6008": nil} {
		if got := othersMissing(d, &report.PastImpact{Server: "n5", Cluster: "C1", Recorded: checks.Down, Lacked: []string{lacked}}); got != want {
			t.Errorf("%q was missing: %#v, want %#v", lacked, got, want)
		}
	}
}
