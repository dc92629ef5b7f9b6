package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/report"
)

// Whatever the source, the same cluster has the same finding and the same first
// cause, and what a source can't tell is unknown. Other sources are in tests of
// their own: operator mode, a collection of jsm.go, a nats with the command built
// in.
func TestEverySource(t *testing.T) {
	t.Parallel()
	l := startScenario(t, monitoredScenario(nil))
	if l == nil {
		t.FailNow()
	}
	file := gatherArchive(t, l.SystemURL())
	monitors := monitorList(l.Servers()...)
	const system = "take a user of the system account"
	var table strings.Builder
	var verdicts map[string]string // by the system account
	for _, tt := range []struct {
		kind string
		args []string
		// unknown are the causes of which less is known than by the system account.
		unknown []string
		hint    string // beside the commands that move connections
	}{
		{"system-account", []string{"--server", l.SystemURL()}, nil, ""},
		{"account", []string{"--server", l.Server("C1-n1").URL("APP")}, []string{"restart-drift", "server-full", "listener-gap", "network-affinity"}, system},
		// To the clocks of an archive the clients came as the servers started, and it has
		// no closed connections, which would say whether an account's limit refused them.
		{"archive", []string{"--archive", file}, []string{"restart-drift", "network-affinity", "server-full"}, system},
		{"monitoring", []string{"--monitor", monitors}, nil, system},
	} {
		// The connection of the audit before may be one of APP.
		if err := l.WaitCounts(t.Context(), "APP", map[string]int{"C1-n1": 18, "C1-n2": 1}); err != nil {
			t.Fatal(err)
		}
		doc := documentOf(t, ExitFinding, append(tt.args, "--client-url=APP="+l.Server("C1-n1").ClientURL())...)
		if len(doc.Findings) != 1 || doc.Source.Kind != tt.kind {
			t.Fatalf("%s: source %+v, findings %+v", tt.kind, doc.Source, doc.Findings)
		}
		f := doc.Findings[0]
		first, c := f.Causes[0], doc.Coverage
		fmt.Fprintf(&table, "%-15s %s %d of %d on %s; %s %s; %d of %d servers\n", doc.Source.Kind, f.Account.Name, f.OnServer, f.Connections, f.Server.Name,
			first.Code, first.Verdict, c.ServersAnswered, c.ServersExpected)
		if f.Account.Name != "APP" || f.Server.Name != "C1-n1" || f.OnServer != 18 || f.Connections != 19 {
			t.Errorf("%s: finding %+v", tt.kind, f)
		}
		if first.Code != "single-url" || first.Verdict != "confirmed" && first.Verdict != "likely" || first.Verdict == "likely" && !slices.Contains(tt.unknown, "restart-drift") {
			t.Errorf("%s: first cause %+v", tt.kind, first)
		}
		if !c.Complete || c.ServersExpected != 4 {
			t.Errorf("%s: coverage %+v", tt.kind, c)
		}
		by := map[string]string{}
		for _, cause := range f.Causes {
			by[cause.Code] = cause.Verdict
		}
		if verdicts == nil {
			verdicts = by
		}
		for code, verdict := range by {
			want := verdicts[code]
			if slices.Contains(tt.unknown, code) {
				want = "unknown"
			}
			if code != "single-url" && verdict != want {
				t.Errorf("%s: %s is %s, want %s", tt.kind, code, verdict, want)
			}
		}
		commands, why := moves(f)
		if !strings.Contains(commands, "nats-balance rebalance --account APP --cluster C1 --force --client-url") || !strings.Contains(why, tt.hint) || tt.hint != "" && strings.Contains(commands, "--server") {
			t.Errorf("%s: to move connections: %s\n%s", tt.kind, commands, why)
		}
	}
	t.Log("\n" + table.String())
}

// moves is the remedy that moves connections.
func moves(f report.Finding) (commands, why string) {
	for _, r := range f.Remedies {
		if r.Code == "rebalance" {
			return strings.Join(r.Commands, "\n"), r.Why
		}
	}
	return "", ""
}
