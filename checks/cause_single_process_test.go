package checks

import (
	"net/netip"
	"testing"
	"time"
)

// oneProcess has 18 of the 20 connections of n1 from one process.
func oneProcess(s *scene) { process(18, 0, 0)(s) }

// process is the largest one's connections.
func process(on ...int) change {
	return profile(func(p *Profile) {
		first := Process{Addr: netip.MustParseAddr("10.9.0.50"), Name: "batch", Language: "java", Version: "2.20", Counts: on,
			First: p.Oldest, Last: p.Oldest.Add(300 * time.Millisecond)}
		p.Processes = append([]Process{first}, p.Processes[:min(2, len(p.Processes))]...)
	})
}

func TestSingleProcess(t *testing.T) {
	largest := func(f func(*Process)) change { return profile(func(p *Profile) { f(&p.Processes[0]) }) }
	judgeRows(t, "single-process", []row{
		{"one process has nearly all", with(oneProcess), Likely, "single-process"},
		{"one process has all", with(process(20, 0, 0)), Likely, "single-process"},
		{"one process has nearly all, and some elsewhere", with(process(18, 1, 1)), Likely, "single-process"},
		{"one process has nearly all, without a name", with(oneProcess, largest(func(p *Process) { p.Name, p.Language, p.Version = "", "", "" })), Likely, "single-process"},
		{"one process on another host of this network", with(counts(24, 0, 0), process(24, 0, 0)), Likely, "single-process"},
		{"one process, and nobody knows its address or when", with(oneProcess, largest(func(p *Process) {
			p.Addr, p.First, p.Last = netip.Addr{}, time.Time{}, time.Time{}
		})), Likely, "single-process"},

		{"ten services", nil, RuledOut, "none"},
		{"a process has less than half", with(process(9, 0, 0)), RuledOut, "none"},
		{"a process has half, but the rest is concentrated", with(counts(40, 1, 1), process(21, 0, 0)), RuledOut, "none"},
		{"no process is known", with(profile(func(p *Profile) { p.Processes = nil })), RuledOut, "none"},
		{"the process is spread", with(counts(20, 4, 4), process(18, 3, 3)), RuledOut, "none"},
		{"the address is shared, and the others are elsewhere", with(oneProcess, largest(func(p *Process) { p.SharedByOthers = true })), Likely, "single-process"},
		{"the address is shared, and it has no name", with(oneProcess, largest(func(p *Process) { p.SharedByOthers, p.Name = true, "" })), Possible, "none"},
		{"the address is shared, and the others are there too", with(counts(24, 0, 0), process(18, 0, 0), largest(func(p *Process) {
			p.SharedByOthers = true
		})), RuledOut, "none"},
		{"all clients are on this machine and look the same", with(counts(24, 0, 0), process(24, 0, 0), largest(func(p *Process) {
			p.Name, p.Addr = "", netip.MustParseAddr("127.0.0.1")
		})), Possible, "none"},
		{"not all were read", with(oneProcess, partProfile), NotTested, "none"},
		{"nothing was read", with(noProfile), NotTested, "none"},
		{"but it has one URL", with(oneProcess, list(urlsOf(1)...)), Possible, "single-url"},
		{"but its name has one address", with(oneProcess, list("nats://nats.example:4222"), dns("nats.example", NameSingle, "10.0.0.1")), Possible, "single-address-dns"},
		{"but it came when only one was up", with(oneProcess, aloneAtFirst), Possible, "restart-drift"},
		{"but a load balancer sends it there", with(oneProcess, list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1)), Possible, "sticky-load-balancer"},
		{"but the account is missing on the others", with(oneProcess, on(noUse, 2, 3), denied("N2", "N3")), Possible, "account-gap"},
		{"but it speaks MQTT, which only this server takes", with(oneProcess, profile(func(p *Profile) { p.Protocols[0].Key = "mqtt" })), Possible, "listener-gap"},
	})
}
