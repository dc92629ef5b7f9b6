package bench

import (
	"fmt"
	"math"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// The fleets that the goals are for.
var (
	middle = fleet.Size{Servers: 100, Clusters: 10, Accounts: 10_000, Connections: 266_000, Seed: 1, Skewed: 20}
	large  = fleet.Size{Servers: 1000, Clusters: 50, Accounts: 100_000, Connections: 2_700_000, Seed: 1, Skewed: 200}
)

// fewestPairs is how often the audit and the drain are run at least, in turn;
// -benchtime=15x makes it 15 times.
const fewestPairs = 5

// BenchmarkAudit runs the audit against a drain of the same replies, and
// against the nats CLI.
func BenchmarkAudit(b *testing.B) {
	for _, size := range []fleet.Size{middle, large} {
		b.Run(fmt.Sprintf("servers=%d", size.Servers), func(b *testing.B) {
			if testing.Short() && size.Servers > middle.Servers {
				b.Skip("short: no large fleet")
			}
			exe := build(b)
			f := startFleet(b, size)
			b.Run("causes", func(b *testing.B) { withCauses(b, f, exe) })
			b.Run("drain", func(b *testing.B) { againstDrain(b, f, exe) })
			// The least that nats can do: a table, and its own time-out.
			b.Run("nats", func(b *testing.B) { againstNats(b, f, exe, "--top", "10000000") })
			// What a program can read, and the audit's time-out. It lists the
			// thousand largest accounts: with all, with every connection of
			// each, it takes more memory than most machines have.
			b.Run("nats-json", func(b *testing.B) { againstNats(b, f, exe, "--json", "--timeout", "60s") })
		})
	}
}

// againstDrain alternates: drain, audit, drain, audit.
func againstDrain(b *testing.B, f *fleetProcess, exe string) {
	var drain, audit record
	pair := func() {
		u, d := f.drain(b)
		drain.add(u)
		drain.inner = append(drain.inner, ms(d.Inner))
		audit.audited(f.audit(b, exe))
	}
	f.drain(b) // warm up
	f.audit(b, exe)
	for b.Loop() {
		pair()
	}
	for len(audit.wall) < fewestPairs {
		pair()
	}
	b.Logf("%d servers, the carrier one of them, %d accounts, %d connections, %d rows; a round of reports is %s, compressed %s",
		f.Servers, f.Accounts, f.Connections, f.Rows, mib(f.Plain), mib(f.Packed))
	ratio, inner := audit.wall.over(drain.wall), audit.wall.over(drain.inner)
	b.Logf("drain: %v; of it from request to last reply %s ms", &drain, drain.inner.spread("%.0f"))
	b.Logf("audit: %v; notes %q", &audit, audit.notes)
	b.Logf("audit / drain: %s wall, pair by pair %s; to the drain's inner time %s; %.2f CPU",
		ratio.spread("%.2f"), ratio.list("%.2f"), inner.spread("%.2f"), audit.cpu.over(drain.cpu).median())
	b.ReportMetric(audit.wall.median()*1e6, "ns/op")
	b.ReportMetric(audit.wall.median(), "audit-ms")
	b.ReportMetric(drain.wall.median(), "drain-ms")
	b.ReportMetric(drain.inner.median(), "drain-inner-ms")
	b.ReportMetric(ratio.median(), "audit/drain")
	b.ReportMetric(audit.cpu.median(), "audit-cpu-ms")
	b.ReportMetric(drain.cpu.median(), "drain-cpu-ms")
	b.ReportMetric(audit.peak.median(), "audit-MiB")
	b.ReportMetric(drain.peak.median(), "drain-MiB")
}

// withCauses alternates: the verdict only, with causes, the verdict only, …
func withCauses(b *testing.B, f *fleetProcess, exe string) {
	var verdict, causes record
	f.audit(b, exe) // warm up
	pair := func() {
		verdict.audited(f.audit(b, exe, "--no-causes"))
		causes.audited(f.audit(b, exe))
	}
	for b.Loop() {
		pair()
	}
	for len(causes.wall) < fewestPairs {
		pair()
	}
	ratio := causes.wall.over(verdict.wall)
	b.Logf("verdict only: %v; with causes of %d findings: %v; notes %q", &verdict, len(f.Skewed), &causes, causes.notes)
	b.Logf("causes / verdict: %s wall, pair by pair %s", ratio.spread("%.2f"), ratio.list("%.2f"))
	b.ReportMetric(causes.wall.median()*1e6, "ns/op")
	b.ReportMetric(causes.wall.median(), "causes-ms")
	b.ReportMetric(verdict.wall.median(), "verdict-ms")
	b.ReportMetric(ratio.median(), "causes/verdict")
	b.ReportMetric(causes.peak.median(), "causes-MiB")
	b.ReportMetric(verdict.peak.median(), "verdict-MiB")
}

// againstNats runs the nats CLI, each time between two audits.
func againstNats(b *testing.B, f *fleetProcess, exe string, flags ...string) {
	cli, err := tool.Build(interrupted, tool.ProgramCLI)
	if err != nil {
		b.Fatal(err)
	}
	var nats, audit record
	var accounts, connections series
	f.audit(b, exe) // warm up
	audit.audited(f.audit(b, exe))
	for b.Loop() {
		u, c := f.nats(b, cli, flags...)
		nats.add(u)
		accounts, connections = append(accounts, float64(c.accounts)), append(connections, float64(c.connections))
		audit.audited(f.audit(b, exe))
	}
	faster, smaller := nats.wall.median()/audit.wall.median(), nats.peak.median()/audit.peak.median()
	b.Logf("nats:  %v; it listed %.0f of %d accounts, with %.0f connections: there are %d, and %d leafnodes, which it counts too",
		&nats, accounts.median(), f.Accounts, connections.median(), f.Connections, f.Leafnodes)
	b.Logf("audit: %v; it counted every connection; notes %q", &audit, audit.notes)
	b.Logf("nats / audit: %.1f times the wall time, %.1f times the memory, %.1f times the CPU time",
		faster, smaller, nats.cpu.median()/audit.cpu.median())
	b.ReportMetric(audit.wall.median()*1e6, "ns/op")
	b.ReportMetric(audit.wall.median(), "audit-ms")
	b.ReportMetric(nats.wall.median(), "nats-ms")
	b.ReportMetric(faster, "nats/audit-time")
	b.ReportMetric(audit.peak.median(), "audit-MiB")
	b.ReportMetric(nats.peak.median(), "nats-MiB")
	b.ReportMetric(smaller, "nats/audit-memory")
	b.ReportMetric(connections.median(), "nats-connections")
}

// BenchmarkScaling runs the audit on fleets that double, all of them up at the
// same time and audited in turn.
func BenchmarkScaling(b *testing.B) {
	exe := build(b)
	type point struct {
		f *fleetProcess
		record
	}
	var points []*point
	// The first shows what a process and a connection take.
	for _, servers := range []int{1, 50, 100, 200, 400} {
		size := fleet.Size{Servers: servers, Clusters: max(1, servers/10), Accounts: 100 * servers, Connections: 2700 * servers, Seed: 1}
		if servers == 1 {
			size.Accounts, size.Connections = 1, 1
		}
		p := &point{f: startFleet(b, size)}
		p.f.audit(b, exe) // warm up
		points = append(points, p)
	}
	turn := func() {
		for _, p := range points {
			p.audited(p.f.audit(b, exe))
		}
	}
	for b.Loop() {
		turn()
	}
	for len(points[0].wall) < fewestPairs {
		turn()
	}
	base := points[0].wall.median()
	b.Logf("an audit of 1 row: %s ms", points[0].wall.spread("%.0f"))
	net := func(p *point) float64 { return p.wall.median() - base }
	small := points[1]
	for _, p := range points[1:] {
		rows := float64(p.f.Rows)
		b.Logf("%3d servers, %7d rows: %s ms wall, %.0f ms CPU, %.0f MiB; %.0f ns per row, %.0f without the audit of 1 row; %.2f times the rows take %.2f times as long",
			p.f.Servers-1, p.f.Rows, p.wall.spread("%.0f"), p.cpu.median(), p.peak.median(), p.wall.median()*1e6/rows, net(p)*1e6/rows,
			rows/float64(small.f.Rows), net(p)/net(small))
		b.ReportMetric(net(p)*1e6/rows, fmt.Sprintf("ns/row-%d", p.f.Servers-1))
	}
	last := points[len(points)-1]
	exponent := math.Log(net(last)/net(small)) / math.Log(float64(last.f.Rows)/float64(small.f.Rows))
	b.Logf("time grows as rows to the power of %.2f", exponent)
	b.ReportMetric(last.wall.median()*1e6, "ns/op")
	b.ReportMetric(exponent, "exponent")
}

// TestBench keeps the benchmarks working, on a small fleet and without a time.
func TestBench(t *testing.T) {
	t.Parallel()
	f := startFleet(t, fleet.Size{Servers: 12, Clusters: 3, Accounts: 60, Connections: 1500, Seed: 1, Skewed: 3})
	if len(f.Skewed) != 3 || f.Connections != 1500 || f.Servers != 13 {
		t.Fatal(f)
	}
	f.drain(t)
	f.audit(t, build(t))
	var doc document
	if f.check(doc) == nil {
		t.Error("an empty audit passes")
	}
}
