package report

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

// fileFixtures are audits with what files of --config and --baseline have.
func fileFixtures() []fixture {
	var out []fixture
	add := func(name string, f *fleet, list []checks.Acceptance, change func(*Input)) {
		in := fixtureInput(f)
		change(&in)
		p := in.Parameters
		p.All = p.All || in.Baseline != nil
		in.Result = checks.Accept(checks.CheckConcentration(in.Deployment, p), list, in.Time)
		out = append(out, fixture{name, in})
	}
	several := func() *fleet {
		return newFleet().
			server("C1", "C1-n1", 0, "ORDERS", 17, "BATCH-1", 85, "BILLING", 20, "NEW", 40, "LEGACY", 60).
			server("C1", "C1-n2", 0, "ORDERS", 1, "BATCH-1", 10, "BILLING", 22, "NEW", 2, "LEGACY", 10).
			server("C1", "C1-n3", 0, "BATCH-1", 5, "BILLING", 21, "LEGACY", 5, "EVEN", 12).
			server("C2", "C2-n1", 0, "ORDERS", 90).server("C2", "C2-n2", 0, "ORDERS", 5).server("C2", "C2-n3", 0, "ORDERS", 5)
	}
	accept := func(account, cluster, expires string, most int, origin string) checks.Acceptance {
		return checks.Acceptance{Account: account, Cluster: cluster, Reason: "moves in Q1, OPS-123", Expires: day(expires), MaxSharePercent: most, Origin: origin}
	}
	nothing := func(*Input) {}
	critical := func(in *Input) { in.Parameters.CriticalPercent = 80 }
	add("accepted", several(), []checks.Acceptance{
		accept("ORDERS", "*", "2026-12-31", 0, "nats-balance.yaml:4"), accept("BATCH-*", "C1", "2026-02-03", 85, "nats-balance.yaml:5"),
		accept("NEW", "C1", "2026-12-31", 90, "nats-balance.yaml:6"), accept("LEGACY", "C1", "2026-02-02", 0, "nats-balance.yaml:7"),
		accept("OLD", "*", "2026-12-31", 0, "nats-balance.yaml:8"), accept("LEGACY", "C2", "2025-12-31", 0, "nats-balance.yaml:9"),
	}, func(in *Input) { critical(in); in.Parameters.All = true })
	add("all-accepted", skewed(), []checks.Acceptance{accept("*", "*", "2026-12-31", 0, "nats-balance.yaml:4")}, nothing)
	n := func(n int) *int { return &n }
	overrides := []checks.Override{
		{Match: "BATCH-*", ThresholdPercent: n(90), MinConnections: n(20)}, {Match: "ORDERS", ThresholdPercent: n(60), CriticalPercent: n(95)},
		{Match: "LEGACY", ReviewPercent: n(90), ThresholdPercent: n(95)}}
	add("overrides", several(), nil, func(in *Input) { in.Parameters.Overrides = overrides; in.Parameters.All = true })
	add("overrides-pass", newFleet().server("C1", "C1-n1", 0, "ORDERS", 17).server("C1", "C1-n2", 0, "ORDERS", 3).server("C1", "C1-n3", 0), nil,
		func(in *Input) { in.Parameters.Overrides = []checks.Override{{Match: "*", ThresholdPercent: n(90)}} })
	row := func(account, cluster, server string, on, connections int) Row {
		return Row{Account: Account{ID: account, Name: account}, Cluster: cluster, Server: ServerRef{Name: server}, Connections: connections, OnServer: on, SharePercent: percent(on, connections)}
	}
	past := func(rows ...Row) *Past {
		return &Past{Time: time.Date(2026, 1, 27, 3, 5, 6, 0, time.UTC), Source: "system-account", Code: "OPT_BALANCE_006", Outcome: "finding",
			Parameters: Parameters{ThresholdPercent: 70, MinServers: 3, MinConnections: 10, ReviewPercent: 50}, Findings: rows}
	}
	before := past(row("ORDERS", "C1", "C1-n1", 15, 18), row("ORDERS", "C2", "C2-n2", 90, 100), row("BATCH-1", "C1", "C1-n1", 99, 100),
		row("BILLING", "C1", "C1-n2", 60, 63), row("EVEN", "C1", "C1-n1", 30, 31), row("AWAY", "C1", "C1-n1", 20, 21), row("LEGACY", "C1", "C1-n1", 60, 75))
	add("baseline", several(), []checks.Acceptance{accept("LEGACY", "C1", "2026-12-31", 0, "nats-balance.yaml:4")}, func(in *Input) { in.Baseline = before })
	add("baseline-new-only", several(), nil, func(in *Input) {
		in.NewOnly = true
		in.Baseline = past(row("ORDERS", "C1", "C1-n1", 17, 18), row("ORDERS", "C2", "C2-n1", 90, 100), row("BATCH-1", "C1", "C1-n1", 85, 100),
			row("NEW", "C1", "C1-n1", 40, 42), row("LEGACY", "C1", "C1-n1", 60, 75))
	})
	add("baseline-incomplete", skewed().missing("C1", "C1-n4", -1, silent), nil, func(in *Input) {
		in.Baseline = past(row("ORDERS", "C1", "C1-n1", 17, 18), row("AWAY", "C1", "C1-n1", 20, 21))
		in.Baseline.Outcome, in.Baseline.Parameters.ThresholdPercent, in.Baseline.Source = "incomplete", 60, "archive"
	})
	add("baseline-some", skewed(), nil, func(in *Input) {
		in.Parameters.Accounts = []string{"ORDERS"}
		in.Baseline = past(row("AWAY", "C1", "C1-n1", 20, 21))
	})
	add("hostile-file", newFleet().server(evil, evil+"1", 0, evil, 90, "B", 50).server(evil, evil+"2", 0, evil, 4).server(evil, "n3", 0, evil, 1), []checks.Acceptance{
		{Account: "B", Cluster: "*", Reason: evil + " nats://user:p@ss/w@10.0.0.1:4222", Expires: day("2026-12-31"), Origin: evil + ".yaml:1"},
		{Account: evil, Cluster: "*", Reason: evil, Expires: day("2026-01-31"), Origin: evil + ".yaml:1"},
		{Account: evil + "none", Cluster: evil, Reason: evil, Expires: day("2026-12-31"), Origin: evil + ".yaml:1"},
	}, func(in *Input) {
		in.Parameters.Overrides = []checks.Override{{Match: evil + "*", ThresholdPercent: n(60)}}
		in.Baseline = past(row(words.Harmless(evil), words.Harmless(evil), words.Harmless(evil), 50, 60), row(words.Harmless(evil)+"gone", words.Harmless(evil), words.Harmless(evil), 50, 60))
	})
	return out
}
