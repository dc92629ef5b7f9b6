package remedy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
)

// What an audit says is to be moved is what a rebalance then plans, also where a
// server joined after the clients had connected to two others.
func TestMovesAreThoseOfTheRebalancer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		counts []int
		want   string
	}{
		{[]int{20, 2, 2}, "Move 12 connections of ORDERS off n1"},
		{[]int{20, 16, 0}, "Move 12 connections of ORDERS off n1 and n2"},
		{[]int{10, 8, 7}, "Move 1 connection of ORDERS off n1"},
	} {
		in := inputOf(spread(c.counts...))
		var title string
		for _, r := range For(in).Remedies {
			if r.Code == cause.RemedyRebalance {
				title = r.Title
			}
		}
		if title != c.want {
			t.Errorf("%v: got %q, want %q", c.counts, title, c.want)
		}
		d := in.Deployment
		state := balance.Counted(d, balance.Scope{Cluster: "C1", Servers: balance.Members(d, "C1", []string{"ORDERS"}),
			Accounts: []balance.Account{{ID: "ORDERS", Name: "ORDERS", Rule: checks.Defaults()}}})
		plan := balance.PlanMoves(state, balance.Goal{To: -1})
		moves, _ := newFacts(in).excess()
		if plan.Excess != moves || !strings.HasPrefix(title, "Move ") {
			t.Errorf("%v: the rebalancer plans %d moves, the audit says %d", c.counts, plan.Excess, moves)
		}
	}
}

// What is mended is not to be mended again, and nothing is to wait for it.
func TestAccountThatWasAdded(t *testing.T) {
	t.Parallel()
	for _, past := range []bool{false, true} {
		in := inputOf(spread(20, 0, 0))
		in.Diagnosis = cause.Conclude(in.Case, []cause.Cause{{Code: cause.AccountGap, Role: cause.Root, Verdict: cause.Likely, Past: past}})
		var codes []string
		for _, r := range For(in).Remedies {
			codes = append(codes, string(r.Code))
			if waits := strings.Contains(r.Why, "Only after account"); r.Code == cause.RemedyRebalance && waits == past {
				t.Errorf("past %v: %s", past, r.Why)
			}
			if r.Code == cause.RemedyRebalance && (r.When == cause.Immediate) != past {
				t.Errorf("past %v: a rebalance is %s", past, r.When)
			}
		}
		if slices.Contains(codes, string(cause.RemedyAccount)) == past {
			t.Errorf("past %v: %v", past, codes)
		}
	}
}

// TestAccountBeforeMoves: where one server refuses the clients, that is not why they are
// where they are, and is mended before any of them is moved.
func TestAccountBeforeMoves(t *testing.T) {
	t.Parallel()
	for _, times := range []int{20, 1} {
		in := inputOf(spread(20, 0, 0))
		in.Accounts = map[string]checks.AccountOn{}
		for _, s := range in.Deployment.Servers {
			in.Accounts[s.ID] = checks.AccountOn{Usable: checks.Yes}
		}
		last := in.Deployment.Servers[len(in.Deployment.Servers)-1]
		in.History = []checks.Closed{{Server: last.ID, User: "api", Reason: "Authentication Failure", Connections: times}}
		in.Profile = &checks.Profile{Servers: in.Profile.Servers, Read: []int{20, 0, 0}, Whole: true, Users: []checks.Group{{Key: "api", Counts: []int{20, 0, 0}}}}
		in.Diagnosis = cause.Conclude(in.Case, []cause.Cause{{Code: cause.RestartDrift, Role: cause.Root, Verdict: cause.Likely}, {Code: cause.AccountGap, Role: cause.Root, Verdict: cause.Possible}})
		var order []cause.Remedy
		for _, r := range For(in).Remedies {
			order = append(order, r.Code)
			if waits := strings.Contains(r.Why, "Only after account: until then they may be lost"); r.Code == cause.RemedyRebalance && waits != (times > 1) {
				t.Errorf("refused %d times: %s", times, r.Why)
			}
			if r.Code == cause.RemedyAccount && strings.Contains(r.Why, "so the clients are on") {
				t.Errorf("refused %d times: %s", times, r.Why)
			}
		}
		if first := slices.Index(order, cause.RemedyAccount) < slices.Index(order, cause.RemedyRebalance); first != (times > 1) {
			t.Errorf("refused %d times: %v", times, order)
		}
	}
}

// TestLoginBeforeMoves: as long as nobody has logged in where clients were refused, the
// rebalancer refuses, and the audit says what comes first.
func TestLoginBeforeMoves(t *testing.T) {
	t.Parallel()
	for _, unproven := range []bool{true, false} {
		in := inputOf(spread(20, 0, 0))
		in.Accounts = map[string]checks.AccountOn{}
		for i := range in.Deployment.Servers {
			s := &in.Deployment.Servers[i]
			in.Accounts[s.ID] = checks.AccountOn{Usable: checks.Yes}
			if unproven && s.ID != in.Finding.Server.ID {
				s.Details.Loaded = time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)
				in.History = append(in.History, checks.Closed{Server: s.ID, User: "api", Reason: "Authentication Failure", Connections: 20,
					First: s.Details.Loaded.Add(-time.Hour), Last: s.Details.Loaded.Add(-time.Hour), Newest: s.Details.Loaded.Add(-time.Hour)})
			}
		}
		in.Profile = &checks.Profile{Servers: in.Profile.Servers, Read: []int{20, 0, 0}, Whole: true, Users: []checks.Group{{Key: "api", Counts: []int{20, 0, 0}}}}
		in.Diagnosis = cause.Conclude(in.Case, []cause.Cause{{Code: cause.AccountGap, Role: cause.Root, Verdict: cause.Likely, Past: true}})
		refused := len(balance.OutlookOf(in.Diagnosis, 0, nil).Refusals) > 0
		for _, r := range For(in).Remedies {
			if r.Code != cause.RemedyRebalance {
				continue
			}
			if now := r.When == cause.Immediate; now == refused || refused != unproven || strings.Contains(r.ByHand, " as api once") != unproven {
				t.Errorf("unproven %v: refused %v, and the audit says %s: %q", unproven, refused, r.When, r.ByHand)
			}
		}
	}
}

// An account that has a lower limit on the other servers gets the same one there, and no
// other limit.
func TestLowerLimitOnOthers(t *testing.T) {
	t.Parallel()
	over := func(servers ...string) change {
		return func(in *Input) {
			for _, id := range servers {
				in.History = append(in.History, checks.Closed{Server: id, User: "api", Reason: "Maximum Account Connections Exceeded", Connections: 9})
			}
			in.Profile.Users = []checks.Group{{Key: "api", Counts: []int{20, 0, 0}}}
		}
	}
	for _, c := range []struct {
		name    string
		refused []string
		want    bool
	}{
		{"all others refused them", []string{"N2", "N3"}, true},
		{"one of the others did", []string{"N2"}, false},
		{"all servers did", []string{"N1", "N2", "N3"}, false},
		{"none did", nil, false},
	} {
		var titles []string
		for _, r := range For(inputOf(spread(20, 0, 0), over(c.refused...), withCause(cause.ServerFull, cause.Likely))).Remedies {
			titles = append(titles, r.Title)
		}
		same := slices.Contains(titles, "Raise the limit of ORDERS on n2 and n3 to that on n1")
		other := slices.ContainsFunc(titles, func(s string) bool { return strings.HasPrefix(s, "Limit ORDERS to") })
		if same != c.want || other { // it did not fill the servers
			t.Errorf("%s: %q", c.name, titles)
		}
	}
}

// Where the clients get to some of the servers only, as many are to be moved as the
// rebalancer moves to these.
func TestMovesWhereClientsGet(t *testing.T) {
	t.Parallel()
	in := inputOf(spread(20, 0, 0))
	on := []int{20, 0, 0}
	in.Profile.Read = on
	in.Profile.Services = []checks.Service{{Stem: "api", Protocol: "nats", Language: "go", Counts: on}}
	l := checks.URLList{Origin: "a list", Account: "ORDERS", Ordered: checks.Unknown}
	d := in.Deployment
	for i := range d.Servers {
		s := &d.Servers[i]
		s.Details.ConnectURLs = nil
		if i < 2 {
			at := netip.AddrPortFrom(s.Details.Seen[0], 4222)
			l.Endpoints = append(l.Endpoints, checks.Endpoint{URL: "nats://" + at.String(), Scheme: "nats", Host: at.Addr().String(), Port: 4222, Literal: true,
				Addresses: []checks.Address{{IP: at.Addr(), Port: 4222, Contact: checks.Contact{Outcome: checks.ContactServer, Tries: 1,
					Greetings: []checks.Greeting{{ID: s.ID, Name: s.Name, Cluster: "C1", Host: "0.0.0.0", Port: 4222, Count: 1}}}}}})
		}
	}
	in.Lists = []checks.URLList{l}
	in.Diagnosis = cause.Diagnose(in.Case)
	members := balance.Members(d, "C1", []string{"ORDERS"})
	state := balance.Counted(d, balance.Scope{Cluster: "C1", Servers: members, Accounts: []balance.Account{{ID: "ORDERS", Name: "ORDERS", Rule: checks.Defaults()}}})
	state.Services[0].Unreached = balance.OutlookOf(in.Diagnosis, 0, members).Services[0].Unreached
	plan := balance.PlanMoves(state, balance.Goal{To: -1})
	if moves, off := newFacts(in).excess(); moves != 10 || plan.Excess != 10 || !slices.Equal(off, []string{"n1"}) {
		t.Errorf("the rebalancer plans %d moves, the audit says %d off %v; %v", plan.Excess, moves, off, state.Services[0].Unreached)
	}
}

// TestMovesOfSomeServices: where the clients of one service come back and those of another
// do not, the audit says of whom the command moves how many, as the rebalancer does.
func TestMovesOfSomeServices(t *testing.T) {
	t.Parallel()
	root := func(code cause.Code) cause.Cause {
		return cause.Cause{Code: code, Role: cause.Root, Verdict: cause.Confirmed}
	}
	told := cause.Cause{Code: cause.DiscoveryOff, Role: cause.Contributing, Verdict: cause.RuledOut}
	for _, c := range []struct {
		name        string
		causes      []cause.Cause
		api, worker []cause.Code // that are strong for the services
		title, why  string
		commands    int
	}{
		{"one has one URL", []cause.Cause{root(cause.SingleURL)}, []cause.Code{cause.SingleURL}, nil,
			"Move 10 connections of ORDERS off n1, not those of api", "Those of api would come straight back, so the command leaves them out. Whether those of worker stay away is unknown", 2},
		{"the same, and servers advertise others", []cause.Cause{root(cause.SingleURL), told}, []cause.Code{cause.SingleURL}, nil,
			"Move 10 connections of ORDERS off n1, not those of api", "Those of api would come back when their processes restart", 2},
		{"the other takes its list in order", []cause.Cause{root(cause.SingleURL), root(cause.OrderedConnect)}, []cause.Code{cause.SingleURL}, []cause.Code{cause.OrderedConnect},
			"Move 10 connections of ORDERS off n1, not those of api", "Those of worker take their servers in order", 2},
		{"one comes by a balancer", []cause.Cause{root(cause.StickyLoadBalancer), root(cause.RestartDrift)}, []cause.Code{cause.StickyLoadBalancer}, []cause.Code{cause.RestartDrift},
			"Move 10 connections of ORDERS off n1, not those of api", "Those of worker choose again", 2},
		{"both have one URL", []cause.Cause{root(cause.SingleURL)}, []cause.Code{cause.SingleURL}, []cause.Code{cause.SingleURL},
			"Do not close connections yet: they would come straight back", "know n1 only", 0},
		{"nobody has", []cause.Cause{root(cause.RestartDrift)}, nil, []cause.Code{cause.RestartDrift}, "Move 16 connections of ORDERS off n1", "nothing that is known brings them back", 2},
	} {
		in := inputOf(spread(25, 0, 0))
		in.Diagnosis = cause.Conclude(in.Case, c.causes)
		of := func(stem string, n int, strong []cause.Code) cause.ServiceDiagnosis {
			return cause.ServiceDiagnosis{Service: checks.Service{Stem: stem, Counts: []int{n, 0, 0}}, Concentrated: true, Strong: strong}
		}
		in.Services = []cause.ServiceDiagnosis{of("api", 15, c.api), of("worker", 10, c.worker)}
		for _, r := range For(in).Remedies {
			if r.Code != cause.RemedyRebalance {
				continue
			}
			if r.Title != c.title || !strings.Contains(r.Why, c.why) || len(r.Commands) != c.commands || strings.Contains(strings.Join(r.Commands, " "), "--force") {
				t.Errorf("%s: %s: %s %q", c.name, r.Title, r.Why, r.Commands)
			}
		}
	}
}

// Clients that put the server that closed them last do not come back at once; what is not
// known may.
func TestReturning(t *testing.T) {
	t.Parallel()
	elsewhere := func(in *Input) {
		in.Profile.Languages = []checks.Group{{Key: "go", Counts: []int{20, 0, 0}}, {Key: "python3", Counts: []int{0, 2, 0}}, {Key: "", Counts: []int{0, 0, 2}}}
	}
	for name, tt := range map[string]struct {
		change change
		want   string
	}{
		"go":                {languages("go"), ""},
		"compiled":          {languages("C", "java", ".NET", "csharp"), ""},
		"scripts":           {languages("nats.js", "nats.ws", "typescript", "node"), ""},
		"elsewhere only":    {elsewhere, ""},
		"nobody looked":     {func(in *Input) { in.Profile = nil }, ""},
		"no languages":      {languages(), ""},
		"python":            {languages("go", "python3"), "Python and Rust clients may"},
		"ruby":              {languages("ruby"), "Clients of unknown libraries may"},
		"they do not say":   {languages("go", ""), "Clients of unknown libraries may"},
		"rust and elixir":   {languages("elixir", "rust"), "Python and Rust clients, and those of unknown libraries, may"},
		"several, together": {func(in *Input) { in.Profile.Languages[0] = checks.Group{Other: true, Counts: []int{20, 0, 0}} }, "Clients of unknown libraries may"},
	} {
		why := written(t, inputOf(withCause(cause.RestartDrift, cause.Likely), tt.change), cause.RemedyRebalance).Why
		if tt.want == "" && strings.Contains(why, "choose the same server again") || !strings.Contains(why, tt.want) {
			t.Errorf("%s: %q, want %q", name, why, tt.want)
		}
	}
}
