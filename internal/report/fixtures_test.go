package report

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// fixture is an audit that every format is made of.
type fixture struct {
	name string
	in   Input
}

// fleet makes a deployment of rows: what each account has on each server.
type fleet struct {
	checks.Deployment
	accounts map[string]uint32
}

func newFleet() *fleet { return &fleet{accounts: map[string]uint32{}} }

// account adds an account with an id of its own.
func (f *fleet) account(id, name string, system bool) *fleet {
	f.accounts[name] = uint32(len(f.Accounts))
	f.Accounts = append(f.Accounts, checks.Account{ID: id, Name: name, System: system})
	return f
}

// server adds a server; a limit of 0 is not known. Each use is an account, its
// connections and, if there is another number, its leafnodes.
func (f *fleet) server(cluster, name string, limit int, uses ...any) *fleet {
	s := checks.Server{ID: fmt.Sprintf("N%02dXQ7LGEAP5RJDVUOTM3XKZ4CWBIYSFNH6A2T5QLMOPR3VEJXK7WD", len(f.Servers)),
		Name: name, Host: "10.0.0." + fmt.Sprint(len(f.Servers)+1), Cluster: cluster}
	if limit > 0 {
		s.MaxConnections = &limit
	}
	for i, use := range uses {
		switch use := use.(type) {
		case string:
			if _, ok := f.accounts[use]; !ok {
				f.account(use, use, false)
			}
			s.Usage = append(s.Usage, checks.Usage{Account: f.accounts[use]})
		case int:
			last := &s.Usage[len(s.Usage)-1]
			if _, second := uses[i-1].(int); second {
				last.Leafnodes = uint32(use)
			} else {
				last.Connections = uint32(use)
			}
		}
	}
	f.Servers = append(f.Servers, s)
	f.Expected++
	return f
}

// missing adds a server that did not report; a bound below 0 is not known, nor
// is a cluster "?".
func (f *fleet) missing(cluster, name string, bound int, reason string) *fleet {
	m := checks.Missing{Name: name, Cluster: cluster, ClusterKnown: true, Reason: reason}
	if name != "" && bound >= 0 {
		m.ID = "NMISSING" + strings.ToUpper(name)
	}
	if cluster == "?" {
		m.Cluster, m.ClusterKnown = "", false
	}
	if bound >= 0 {
		m.Bound = &bound
	}
	f.Missing = append(f.Missing, m)
	f.Expected++
	return f
}

func (f *fleet) note(format string, args ...any) *fleet {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
	return f
}

const silent = "it answered the roster, but sent no account report within 4s, asked twice"

func skewed() *fleet {
	return newFleet().account("SYSID", "SYS", true).
		server("C1", "C1-n1", 0, "ORDERS", 17, "BILLING", 4, "SYS", 1).
		server("C1", "C1-n2", 0, "ORDERS", 1, "BILLING", 4).
		server("C1", "C1-n3", 0, "ORDERS", 0, "BILLING", 4, "SMALL", 3)
}

func fixtureInput(f *fleet) Input {
	return Input{
		Check: checks.Concentration(), Version: "1.2.3",
		Time:       time.Date(2026, 2, 3, 4, 5, 6, 789, time.FixedZone("", 3600)),
		SourceKind: system.Kind(), SourceDetail: []string{"nats://10.0.0.1:4222", "server C1-n1"},
		Parameters: checks.Defaults(), Deployment: &f.Deployment,
	}
}

// evil is text that would do harm to a terminal.
const evil = "\x1b[31mX\x1b[0m\r\nFinding: none\u202e\u200b\x9b"

// explained gives the first finding causes, remedies and client URLs, in which
// a host and a text are found wherever text from outside can be.
func explained(in *Input, host, said string) {
	f := &in.Result.Findings[0]
	var d cause.Diagnosis
	advice := remedy.Advice{ByCause: map[cause.Code][]cause.Remedy{}}
	add := func(code cause.Code, role cause.Role, verdict cause.Verdict, confidence float64, texts ...string) {
		definition, _ := cause.Define(code)
		c := cause.Cause{Code: code, Title: "Title of " + string(code), Role: role, Step: definition.Step, Verdict: verdict, Confidence: confidence}
		for _, t := range texts {
			c.Evidence = append(c.Evidence, cause.Evidence{Text: t + " " + said, Where: said})
		}
		if verdict == cause.Confirmed {
			advice.ByCause[code] = []cause.Remedy{cause.RemedyDNS, cause.RemedyRebalance}
		}
		d.Causes = append(d.Causes, c)
	}
	add(cause.SingleAddressDNS, cause.Root, cause.Confirmed, 0.95, "It leads to one server only, which is quite a long sentence that has to go on in another line:", "And a second one:")
	add(cause.SmallAccount, cause.Contributing, cause.Confirmed, 1, "It is small:")
	add(cause.RestartDrift, cause.Root, cause.Likely, 0.75, "They came early:")
	add(cause.OrderedConnect, cause.Root, cause.Possible, 0.3, "Perhaps:")
	add(cause.NetworkAffinity, cause.Root, cause.NotTested, 0, "Pass something:")
	add(cause.SingleProcess, cause.Root, cause.NotTested, 0, "Pass something:")
	add(cause.AccountGap, cause.Root, cause.RuledOut, 0, "Known everywhere:")
	add(cause.ServerFull, cause.Root, cause.RuledOut, 0, "Room everywhere:")
	advice.Forecast = "If it is restarted now, " + said + "."
	advice.Remedies = []remedy.Remedy{
		{Code: cause.RemedyDNS, When: cause.Immediate, Title: "Put all servers into " + host, Why: "It has one address now: " + said + ".", Snippets: []remedy.Snippet{
			{Lang: "zone", Text: host + ".  300  IN  A  10.0.0.1\n\t; " + said + "\n"}, {Lang: "yaml", Text: "kind: Service"}}},
		{Code: cause.RemedyRebalance, When: cause.ShortTerm, Title: "Move 11 connections", Why: "They choose again.", Commands: []string{
			"nats-balance rebalance --account 'A B --c' --cluster C1 --max-moves 5 --apply --client-url ORDERS=nats://n1:4222", "echo " + said}},
	}
	d.Profile = &checks.Profile{Servers: []string{f.Server.ID, f.Distribution[1].Server.ID}}
	d.Services = []cause.ServiceDiagnosis{
		{Concentrated: true, Cause: cause.SingleAddressDNS, Service: checks.Service{Stem: "orders-api " + said, User: said, Protocol: "nats", Language: "go", Versions: []string{"1.55.0", said}, Hosts: 4,
			HostExamples: []netip.Addr{netip.MustParseAddr("10.0.1.1")}, Counts: []int{14, 1}, First: time.Date(2026, 2, 1, 0, 0, 0, 5, time.UTC), Last: time.Date(2026, 2, 2, 0, 0, 0, 5, time.UTC)}},
		{Service: checks.Service{Protocol: "mqtt", Hosts: 340, SourcesSampled: true, Networks: []checks.Group{{Key: "10.0.1.0/24", Counts: []int{2, 0}}}, Counts: []int{2, 0}}},
		{Service: checks.Service{Remainder: true, Hosts: 1, Counts: []int{1, 0}}},
	}
	refs := []checks.ServerRef{f.Server, f.Distribution[1].Server}
	d.Funnel = []cause.Step{
		{Name: cause.Listed, Servers: refs, Passes: []checks.Answer{checks.Yes, checks.Unknown}, Left: []checks.Answer{checks.Yes, checks.Unknown}, Text: said},
		{Name: cause.Resolved, Servers: refs, Passes: []checks.Answer{checks.Yes, checks.No}, Left: []checks.Answer{checks.Yes, checks.No}, Leaves: true, Text: said},
	}
	d.FailOver, d.Priority = checks.FailOver{CanFailOver: checks.No, Stranded: &f.OnServer, Why: cause.HeldBack{By: cause.Listed}}, f.Priority
	in.Explained = make([]Explained, len(in.Result.Findings))
	in.Explained[0] = Explained{Diagnosis: &d, Advice: advice}
	ttl := 30
	ip := netip.MustParseAddr("10.0.0.1")
	name := &checks.Name{Host: host, Verdict: checks.NameSingle, Detail: said, Complete: true, Answers: []checks.NameAnswer{
		{Resolver: "10.0.0.53:53", CNAME: []string{host}, Verdict: checks.NameSingle, Detail: said, Addresses: []checks.NameAddress{{IP: ip, TTL: &ttl}}},
		{Resolver: said, Verdict: checks.NameMissing, Detail: said}}}
	in.Lists = []checks.URLList{
		{Origin: "deploy/values.yaml:3", Account: "ORDERS", Endpoints: []checks.Endpoint{{URL: "nats://" + host, Scheme: "nats", Host: host, Port: 4222, Name: name,
			Addresses: []checks.Address{{IP: ip, Port: 4222, Contact: checks.Contact{Outcome: checks.ContactServer, Tries: 1,
				Greetings: []checks.Greeting{{ID: f.Server.ID, Name: f.Server.Name, Cluster: f.Cluster, Host: "10.0.0.1", Port: 4222, Count: 1}}}}}}}},
		{Origin: said, Endpoints: []checks.Endpoint{
			{URL: "nats://10.0.0.8:4222", Scheme: "nats", Host: "10.0.0.8", Port: 4222, Literal: true,
				Addresses: []checks.Address{{IP: netip.MustParseAddr("10.0.0.8"), Port: 4222, Contact: checks.Contact{Outcome: checks.ContactRefused}}}},
			{URL: "nats://10.0.0.9:4222", Scheme: "nats", Host: "10.0.0.9", Port: 4222, Literal: true}}},
		{Origin: "a hint", Hint: true},
	}
}

// fixtures are all audits that tests look at.
func fixtures() []fixture {
	var out []fixture
	add := func(name string, f *fleet, change ...func(*Input)) {
		in := fixtureInput(f)
		for _, c := range change {
			c(&in)
		}
		in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
		if subscriptions := 51; name == "finding" {
			in.Explained = []Explained{{Subscriptions: &subscriptions}}
		}
		if name == "why" {
			explained(&in, "nats.example", "it is so")
		}
		if name == "hostile-why" {
			explained(&in, evil, evil)
		}
		out = append(out, fixture{name, in})
	}
	critical := func(percent int) func(*Input) { return func(in *Input) { in.Parameters.CriticalPercent = percent } }
	partial := func(in *Input) { in.Parameters.AllowPartial = true }
	all := func(in *Input) { in.Parameters.All = true }

	add("pass", newFleet().
		server("C1", "C1-n1", 0, "ORDERS", 7, "BILLING", 4).
		server("C1", "C1-n2", 0, "ORDERS", 3, "BILLING", 4).
		server("C1", "C1-n3", 0, "BILLING", 4))
	add("none-judged", newFleet().account("SYSID", "SYS", true).
		server("C1", "C1-n1", 0, "ORDERS", 9, "SYS", 2).server("C1", "C1-n2", 0).server("C1", "C1-n3", 0).
		server("C2", "C2-n1", 0, "ORDERS", 90).server("C2", "C2-n2", 0))
	add("idle", newFleet().server("C1", "C1-n1", 0).server("C1", "C1-n2", 0).server("C1", "C1-n3", 0))
	add("finding", skewed())
	add("critical", skewed().note("the connection was lost and came back; what was missing was asked for again"), critical(90))
	add("critical-of-several", newFleet().
		server("C1", "C1-n1", 0, "LARGE", 1800, "BAD", 99).
		server("C1", "C1-n2", 0, "LARGE", 400, "BAD", 1).
		server("C1", "C1-n3", 0, "LARGE", 200), critical(99))
	add("several-clusters", newFleet().
		server("EAST", "east-1", 0, "ORDERS", 120).server("EAST", "east-2", 0, "ORDERS", 11).server("EAST", "east-3", 0, "ORDERS", 9).
		server("WEST", "west-1", 0, "ORDERS", 4).server("WEST", "west-2", 0, "ORDERS", 60).server("WEST", "west-3", 0, "ORDERS", 5).
		server("", "lone", 0, "ORDERS", 500))
	add("limits", newFleet().
		server("C1", "C1-n1", 2000, "ORDERS", 1400, "BILLING", 300).
		server("C1", "C1-n2", 800, "ORDERS", 30, "BILLING", 300).
		server("C1", "C1-n3", 2000, "ORDERS", 20, "BILLING", 300).
		server("C1", "C1-n4", 0, "BILLING", 300))
	add("full", newFleet().
		server("C1", "C1-n1", 500, "ORDERS", 300, "BILLING", 60).
		server("C1", "C1-n2", 100, "ORDERS", 10, "BILLING", 60).
		server("C1", "C1-n3", 100, "BILLING", 60))
	add("leafnodes", newFleet().
		server("C1", "C1-n1", 0, "ORDERS", 20, 3, "EDGE", 0, 40).
		server("C1", "C1-n2", 0, "ORDERS", 0, 1).server("C1", "C1-n3", 0, "ORDERS", 2))

	many := newFleet()
	for n := range 25 {
		name := fmt.Sprintf("ACCOUNT-%02d", n)
		many.account("A"+strings.Repeat(fmt.Sprintf("%02d", n), 27)+"X", name, false)
	}
	for s := range 3 {
		var uses []any
		for n := range 25 {
			connections := 5
			if n%3 == s {
				connections = 40 * (n + 1)
			}
			uses = append(uses, fmt.Sprintf("ACCOUNT-%02d", n), connections)
		}
		many.server("C1", fmt.Sprintf("C1-n%d", s+1), 0, uses...)
	}
	add("many", many)

	add("incomplete", skewed().missing("C1", "C1-n4", -1, "C1-n1 has a route to it, but it did not answer within 4s, asked twice"))
	add("incomplete-sure", newFleet().
		server("C1", "C1-n1", 0, "ORDERS", 170, "BILLING", 72).
		server("C1", "C1-n2", 0, "ORDERS", 10, "BILLING", 14).
		server("C1", "C1-n3", 0, "BILLING", 14, "NEARLY", 60).
		server("C1", "C1-n5", 0, "NEARLY", 40).
		missing("C1", "C1-n4", 12, silent), critical(99))
	add("incomplete-critical", newFleet().
		server("C1", "C1-n1", 0, "ORDERS", 91).
		server("C1", "C1-n2", 0, "ORDERS", 9).
		server("C1", "C1-n3", 0).missing("C1", "C1-n4", 5, silent), critical(90))
	add("missing-but-sure", skewed().missing("C1", "C1-n4", 0, silent))
	add("missing-but-pass", newFleet().
		server("C1", "C1-n1", 0, "ORDERS", 40).server("C1", "C1-n2", 0, "ORDERS", 40).server("C1", "C1-n3", 0, "ORDERS", 40).
		missing("C1", "C1-n4", 9, silent))
	add("silent-cluster", skewed().missing("C2", "", -1, "C1-n1 has a gateway to its cluster, but no server of it answered within 4s"))
	unknown := newFleet()
	for c := range 8 {
		for s := range 3 {
			unknown.server(fmt.Sprintf("REGION-%d", c), fmt.Sprintf("r%d-n%d", c, s), 0, "ORDERS", 10, "BILLING", 10-s*5)
		}
	}
	for range 3 {
		unknown.missing("?", "", -1, "r0-n0 counts 27 servers, and this one did not answer within 4s: one that stopped without a goodbye is counted for up to 4 minutes")
	}
	add("unknown-name", unknown)
	wantedGone := skewed().missing("C1", "C1-n4", 20, silent)
	add("incomplete-account", wantedGone, func(in *Input) {
		in.Parameters.Accounts = []string{"AUDIT"}
		in.Deployment.Accounts = append(in.Deployment.Accounts, checks.Account{ID: "AUDIT", Name: "AUDIT"})
	})
	add("partial", skewed().missing("C1", "C1-n4", -1, silent), partial)
	add("partial-pass", newFleet().server("C1", "C1-n1", 0, "ORDERS", 5).server("C1", "C1-n2", 0, "ORDERS", 5).
		missing("C1", "C1-n3", -1, silent), partial)
	add("partial-alone", newFleet().server("C1", "C1-n1", 0, "ORDERS", 50).
		missing("C1", "C1-n2", -1, silent).missing("C1", "C1-n3", 400, silent), partial, critical(100))

	large := newFleet()
	for s := range 40 {
		orders, limit := 0, 0
		if s < 12 {
			orders = 12 - s
		}
		if s == 17 {
			orders = 4100
		}
		if s%4 == 0 {
			limit = 300
		}
		large.server("BIG", fmt.Sprintf("big-%02d", s), limit, "ORDERS", orders, "OTHER", 200+s)
	}
	add("forty-servers", large.missing("BIG", "big-40", 3, silent), partial)
	huge := newFleet()
	for s := range 60 {
		huge.server("HUGE", fmt.Sprintf("huge-%02d", s), 0, "ORDERS", max(0, 60-s), "OTHER", 100_000_000)
	}
	huge.server("HUGE", "huge-60", 0, "ORDERS", 100_000_000)
	add("sixty-servers", huge.missing("HUGE", "", -1, silent), partial, all)

	add("all", newFleet().account("SYSID", "SYS", true).
		account("ADKGIVQOTPL6NVNPEIOSEQTHQ7CTA3YRFQHFLJBVVCVTAXJIQLAXDRPC", "ORDERS", false).
		account("AAZNEBLJSVOVXL7GV5NTC5D5SYLQXHUTMDK6UYMGHYNDWOWRPZA4MYSC", "ORDERS", false).
		server("EAST", "east-1", 0, "ORDERS", 1_234_567, "BILLING", 400, "EVEN", 5, "SYS", 1).
		server("EAST", "east-2", 0, "ORDERS", 11, "BILLING", 300, "EVEN", 4).
		server("EAST", "east-3", 0, "ORDERS", 9, "EVEN", 4, "FEW", 2).
		server("WEST", "west-1", 0, "ORDERS", 4).server("WEST", "west-2", 0, "ORDERS", 60),
		all, critical(80))
	add("all-incomplete", skewed().missing("C1", "C1-n4", 12, silent), all, func(in *Input) {
		in.Parameters.Accounts, in.Parameters.Clusters = []string{"BILLING", "SMALL", "ORDERS"}, []string{"C1"}
	})
	parameters := func(in *Input) {
		in.Parameters.ThresholdPercent, in.Parameters.MinServers = 99, 2
		in.Parameters.MinConnections, in.Parameters.ReviewPercent = 1_000_000_000, 1
	}
	add("parameters", skewed(), parameters, all)

	review := newFleet()
	for n := range 23 {
		name := fmt.Sprintf("SERVICE-%02d", n)
		review.account(name, name, false)
	}
	for s := range 3 {
		var uses []any
		for n := range 23 {
			uses = append(uses, fmt.Sprintf("SERVICE-%02d", n), []int{60 + n/3, 30, 10}[(s+n)%3])
		}
		review.server("C1", fmt.Sprintf("C1-n%d", s+1), 0, uses...)
	}
	add("review", review)

	notes := skewed()
	for n := range 23 {
		notes.note("C1-n%d sent its account report twice; the first one counts, as the second came after the time to report was over", n)
	}
	add("notes", notes, func(in *Input) {
		in.Warnings = []string{"the limits of 2 of 3 servers are not known", strings.Repeat("a long warning ", 20)}
	})
	gone := newFleet().server("C1", "C1-n1", 0, "ORDERS", 10)
	for n := range 23 {
		gone.missing("C1", fmt.Sprintf("C1-gone-%02d", n), -1, silent)
	}
	add("many-missing", gone)

	add("wide", newFleet().
		account("受注サービス受注サービス受注サービス", "受注サービス受注サービス受注サービス受注サービス受注サービス受注サービス受注サービス", false).
		account("🚀🚀🚀🚀🚀🚀🚀", "🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀", false).
		server("東京リージョン", "東京サーバー一番東京サーバー一番", 0, "受注サービス受注サービス受注サービス受注サービス受注サービス受注サービス受注サービス", 900, "🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀", 60).
		server("東京リージョン", "東京サーバー二番", 0, "🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀", 40).
		server("東京リージョン", "n3", 0).
		missing("東京リージョン", "東京サーバー四番", -1, "応答がありません応答がありません応答がありません応答がありません応答がありません応答がありません"),
		partial, all)
	long := strings.Repeat("very-long-name-", 40)
	add("long", newFleet().server(long, long+"1", 0, long, 90).server(long, long+"2", 0, long, 9).server(long, long+"3", 0, long, 1, "n", 10).
		missing(long, long+"4", 0, long).note("%s", long+" "+long), all,
		func(in *Input) { in.SourceDetail = []string{long}; in.Warnings = []string{long} })
	add("why", skewed())
	add("hostile-why", newFleet().server(evil, evil+"1", 0, evil, 90).server(evil, evil+"2", 0, evil, 4).server(evil, "n3", 0, evil, 1))
	add("hostile", newFleet().server(evil, evil+"1", 0, evil, 90).server(evil, evil+"2", 0, evil, 40, evil+"e\u0301", 10).server(evil, evil+"\xff", 0, evil, 1).
		missing(evil, evil, -1, "nats://user:pass@host refused \x07"+evil).note("asked nats://tok@h1,nats://a:b@h2: %s", evil), all,
		func(in *Input) {
			in.SourceDetail = []string{"nats://user:p@ss/w@10.0.0.1:4222"}
			in.Warnings = []string{evil}
		})
	add("same-name", newFleet().server("C1", "nats", 0, "ORDERS", 18).server("C1", "nats", 0, "ORDERS", 1).server("C1", "nats-with-a-long-name", 0, "ORDERS", 1))
	return append(out, fileFixtures()...)
}

// fixtureNamed is the fixture of that name.
func fixtureNamed(t testing.TB, name string) fixture {
	t.Helper()
	for _, f := range fixtures() {
		if f.name == name {
			return f
		}
	}
	t.Fatalf("no fixture %q", name)
	return fixture{}
}
