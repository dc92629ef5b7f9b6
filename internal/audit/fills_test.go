package audit

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// One that is only counted is taken for the server that is expected besides. Which that is is
// kept: what is counted may be the former process of another one.
func TestWhoIsMissingIfACountedOneIsAnother(t *testing.T) {
	t.Parallel()
	ports := []string{"127.0.0.1:6001", "127.0.0.1:6002", "127.0.0.1:6003", "127.0.0.1:6004"}
	running := func(n int, routes []string) (out []checks.Server) {
		for i := range n {
			out = append(out, listening(i+1, "127.0.0.1", 6001+i, routes))
		}
		return out
	}
	counted := checks.Missing{Kind: checks.Counted, Cluster: "C1", ClusterKnown: true}
	silent := checks.Missing{Name: "n4", Kind: checks.Silent, Cluster: "C1", ClusterKnown: true}
	const none, unnamed = "-", ""
	for _, c := range []struct {
		name     string
		servers  []checks.Server
		expected Expected
		missing  []checks.Missing
		want     []string // what those that were missing fill
	}{
		{"all are there", running(4, ports), Expected{}, []checks.Missing{counted}, []string{none}},
		{"no routes are configured", running(3, []string{}), Expected{}, []checks.Missing{counted}, []string{none}},
		{"the other one is known to be missing", running(3, ports), Expected{}, []checks.Missing{silent, counted}, []string{none, none}},
		{"the number says that these are all", running(3, ports), Expected{Count: 3}, []checks.Missing{counted, silent}, []string{none, none}},
		{"the names of all", running(3, ports), Expected{Names: []string{"n1", "n2", "n3"}}, []checks.Missing{counted, silent}, []string{none, none}},
		{"nobody is counted", running(3, ports), Expected{}, nil, nil},
		{"one is counted, and lacking", running(3, ports), Expected{}, []checks.Missing{counted}, []string{ports[3]}},
		{"two are counted, one is lacking", running(3, ports), Expected{}, []checks.Missing{counted, counted}, []string{ports[3], none}},
		{"one is counted, two are lacking", running(2, ports), Expected{}, []checks.Missing{counted}, []string{unnamed}},
		{"one more is expected", running(3, []string{}), Expected{Count: 4}, []checks.Missing{counted}, []string{unnamed}},
		{"one more is expected, of which the address is known", running(3, ports), Expected{Count: 4}, []checks.Missing{counted}, []string{ports[3]}},
	} {
		d := &checks.Deployment{Servers: c.servers, Missing: slices.Clone(c.missing), Expected: len(c.servers) + len(c.missing)}
		c.expected.Add(t.Context(), d)
		for i, want := range c.want {
			got := none
			if i < len(d.Missing) && d.Missing[i].Fills != nil {
				m := d.Missing[i].Fills
				if got = m.Name; m.Reason == "" || m.Fills != nil || !m.Nameless() {
					t.Errorf("%s: %+v", c.name, m)
				}
			}
			if got != want {
				t.Errorf("%s: %d fills %q, want %q: %+v", c.name, i, got, want, d.Missing)
			}
		}
	}
}

// A server that has just started and that others count by its former process, too, may only
// seem to lack the others.
func TestJoinsInBesideAFormerProcess(t *testing.T) {
	t.Parallel()
	now := time.Now()
	d := &checks.Deployment{Missing: []checks.Missing{{Kind: checks.Counted, Cluster: "C1", ClusterKnown: true}}}
	for i, to := range [][]string{{}, {"n1"}} {
		s := joined(listening(i+1, "127.0.0.1", 6001+i, []string{"127.0.0.1:6001", "127.0.0.1:6002"}), to...)
		s.Start = now.Add(-time.Duration(2-i) * time.Second / 2)
		d.Servers = append(d.Servers, s)
	}
	d.Servers[1].Configured = []string{}
	if wait := joinsIn(d, now); wait <= 0 || wait > joins {
		t.Error(wait)
	}
}
