package cause

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// oneProcess has 18 of the 20 connections of n1 from one process.
func oneProcess(s *scene) { process(18, 0, 0)(s) }

// process is the largest one's connections.
func process(on ...int) change {
	return profile(func(p *checks.Profile) {
		first := checks.Process{Addr: netip.MustParseAddr("10.9.0.50"), Name: "batch", Language: "java", Version: "2.20", Counts: on,
			First: p.Oldest, Last: p.Oldest.Add(300 * time.Millisecond)}
		p.Processes = append([]checks.Process{first}, p.Processes[:min(2, len(p.Processes))]...)
	})
}

func TestSingleProcess(t *testing.T) {
	largest := func(f func(*checks.Process)) change { return profile(func(p *checks.Profile) { f(&p.Processes[0]) }) }
	slowly := largest(func(p *checks.Process) { p.Last = p.First.Add(4 * time.Second) })
	judgeCause(t, SingleProcess, []row{
		{"one process has nearly all", with(oneProcess), Likely, SingleProcess},
		{"one process has all", with(process(20, 0, 0)), Likely, SingleProcess},
		{"one process has nearly all, and some elsewhere", with(process(18, 1, 1)), Likely, SingleProcess},
		{"one process has nearly all, without a name", with(oneProcess, largest(func(p *checks.Process) { p.Name, p.Language, p.Version = "", "", "" })), Likely, SingleProcess},
		{"one process on another host of this network", with(counts(24, 0, 0), process(24, 0, 0)), Possible, "none"},
		{"pods of one name behind a NAT, which began over some seconds", with(oneProcess, slowly), Possible, "none"},
		{"pods without a name behind a balancer, which began over some seconds", with(counts(24, 0, 0), process(24, 0, 0), slowly, largest(func(p *checks.Process) { p.Name = "" })), Possible, "none"},
		{"pods of one name behind a NAT that others are behind too, elsewhere", with(oneProcess, slowly, largest(func(p *checks.Process) { p.SharedByOthers = true })), Possible, "none"},
		{"one process, and nobody knows its address or when", with(oneProcess, largest(func(p *checks.Process) {
			p.Addr, p.First, p.Last = netip.Addr{}, time.Time{}, time.Time{}
		})), Possible, "none"},

		{"ten services", nil, RuledOut, "none"},
		{"a process has less than half", with(process(9, 0, 0)), RuledOut, "none"},
		{"a process has half, but the rest is concentrated", with(counts(40, 1, 1), process(21, 0, 0)), RuledOut, "none"},
		{"no process is known", with(profile(func(p *checks.Profile) { p.Processes = nil })), RuledOut, "none"},
		{"the process is spread", with(counts(20, 4, 4), process(18, 3, 3)), RuledOut, "none"},
		{"the address is shared, and the others are elsewhere", with(oneProcess, largest(func(p *checks.Process) { p.SharedByOthers = true })), Likely, SingleProcess},
		{"the address is shared, and it has no name", with(oneProcess, largest(func(p *checks.Process) { p.SharedByOthers, p.Name = true, "" })), Possible, "none"},
		{"the address is shared, and the others are there too", with(counts(24, 0, 0), process(18, 0, 0), largest(func(p *checks.Process) {
			p.SharedByOthers = true
		})), RuledOut, "none"},
		{"all clients are on this machine and look the same", with(counts(24, 0, 0), process(24, 0, 0), largest(func(p *checks.Process) {
			p.Name, p.Addr = "", netip.MustParseAddr("127.0.0.1")
		})), Possible, "none"},
		{"it runs on the machine of the server", with(counts(24, 0, 0), process(24, 0, 0), largest(func(p *checks.Process) {
			p.Addr = netip.MustParseAddr("10.0.0.1")
		}), on(func(s *checks.Server) { s.Details.Seen = []netip.Addr{netip.MustParseAddr("10.0.0.1")} }, 1)), Possible, "none"},
		{"not all were read", with(oneProcess, partProfile), NotTested, "none"},
		{"nothing was read", with(noProfile), NotTested, "none"},
		{"but it has one URL", with(oneProcess, list(urlsOf(1)...)), Possible, SingleURL},
		{"but its name has one address", with(oneProcess, list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1")), Possible, SingleAddressDNS},
		{"but it came when only one was up", with(oneProcess, aloneAtFirst), Possible, RestartDrift},
		{"but a load balancer sends it there", with(oneProcess, list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1)), Possible, StickyLoadBalancer},
		{"but the account is missing on the others", with(oneProcess, on(noUse, 2, 3), denied("N2", "N3")), Possible, AccountGap},
		{"but it speaks MQTT, which only this server takes", with(oneProcess, profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" })), Possible, ListenerGap},
	})
}

// TestOfTheseConnections: the importer has 30 connections on n1, and other services have 3
// more there. What was counted is told of the importer's 30, as n1 has 33.
func TestOfTheseConnections(t *testing.T) {
	t.Parallel()
	importer := serviceOf("importer", 30, 0, 0)
	importer.Hosts, importer.Sources = 1, []checks.Source{{Addr: netip.MustParseAddr("10.9.7.7"), Counts: []int{30, 0, 0}, Kinds: 1}}
	d := Diagnose(caseOf(withServices(importer, serviceOf("orders-api", 3, 2, 1)), profile(func(p *checks.Profile) {
		p.Processes = []checks.Process{{Addr: netip.MustParseAddr("10.9.7.7"), Name: "importer", Language: "go", Version: "1.55.0", Counts: []int{30, 0, 0}, First: started(), Last: started()}}
	})))
	want := "30 of the 30 connections of importer on n1 come from 10.9.7.7, named importer, go 1.55.0: one process, or several of one program on a host."
	if c := d.Cause(SingleProcess); c.Verdict != Likely || c.Evidence[0].Text != want {
		t.Errorf("want %s\n%s", want, tell(d.Causes))
	}
}
