package cause

import (
	"maps"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// TestLossOf: an account is counted on the server that is asked about, and what is
// not known of its clients is not known of the loss.
func TestLossOf(t *testing.T) {
	t.Parallel()
	limit, few := 1000, 9
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "A", Name: "A"}, {ID: "B", Name: "B"}}}
	for i, n := range []uint32{20, 5, 5} {
		d.Servers = append(d.Servers, checks.Server{ID: string(rune('1' + i)), Name: "n" + string(rune('1'+i)), Cluster: "C1", MaxConnections: &limit,
			Usage: []checks.Usage{{Account: 0, Connections: n}, {Account: 1, Connections: 10 - uint32(i)}}})
	}
	diagnosed := func(server string) []Diagnosis {
		var out []Diagnosis
		for _, f := range checks.OnServer(d, server) {
			out = append(out, Diagnose(Case{Finding: f, Deployment: d}))
		}
		return out
	}
	l := LossOf(d, d.Servers[1].Ref(), diagnosed("2"))
	if l.Cluster != "C1" || l.Connections != 14 || l.Can != 0 || l.Stranded != 0 || l.Fits != checks.Yes || l.Outcome() != checks.OutcomeIncomplete ||
		len(l.Accounts) != 2 || l.Accounts[0].Account.ID != "B" || l.Accounts[0].OnServer != 9 || l.Accounts[1].Connections != 30 {
		t.Errorf("%+v", l)
	}
	if now, after := *l.Survivors[0].Now, *l.Survivors[0].After; now != 30 || after != 37 {
		t.Errorf("n1 goes from %d to %d", now, after)
	}
	// The others are full: where to go does not matter then.
	for i := range d.Servers {
		d.Servers[i].MaxConnections = &few
	}
	if l := LossOf(d, d.Servers[1].Ref(), diagnosed("2")); l.Fits != checks.No || l.Outcome() != checks.OutcomeFinding {
		t.Errorf("%+v", l)
	} else if l.Can != 0 || l.Stranded != 14 || l.Accounts[0].Services[0].Can != checks.No || l.Accounts[0].Services[0].Why != checks.Obstacle(HeldBack{Room}) {
		t.Errorf("nobody finds room: %+v", l)
	}
	// They have room for 6 of the 14: 8 find none for certain, whoever these are.
	for i, limit := range []int{32, 99, 17} {
		d.Servers[i].MaxConnections = &limit
	}
	if l := LossOf(d, d.Servers[1].Ref(), diagnosed("2")); l.Fits != checks.No || l.Stranded != 8 || l.Can > 6 || l.Accounts[0].Services[0].Can != checks.Unknown {
		t.Errorf("room for 6: %+v", l)
	}
	solo := &checks.Deployment{Accounts: d.Accounts, Servers: []checks.Server{{ID: "1", Name: "solo", Usage: []checks.Usage{{Account: 0, Connections: 20}}}}}
	f := checks.OnServer(solo, "1")
	if l := LossOf(solo, solo.Servers[0].Ref(), []Diagnosis{Diagnose(Case{Finding: f[0], Deployment: solo})}); l.Stranded != 20 || l.Accounts[0].Services[0].Why != checks.Obstacle(checks.NoOtherServer{}) {
		t.Errorf("a server alone: %+v", l)
	}
	if l := LossOf(d, checks.ServerRef{ID: "9"}, nil); l.Outcome() != checks.OutcomePass || l.Connections != 0 {
		t.Errorf("a server with nobody: %+v", l)
	}
	if got := checks.Fullest(d); len(got) != 1 || got[0].ID != "1" {
		t.Errorf("the fullest: %v", got)
	}
}

// TestLossOfServices: what is known of the account as a whole holds for a service only
// where something ties it to that service.
func TestLossOfServices(t *testing.T) {
	t.Parallel()
	spread, legacy := serviceOf("orders-api", 6, 14, 10), serviceOf("orders-legacy", 14, 0, 0)
	as := func(user string, x checks.Service) checks.Service {
		x.User = user
		return x
	}
	mute := on(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1, 2, 3)
	verify := on(func(s *checks.Server) { s.Details.VerifiesClients = true }, 2, 3)
	reloaded := on(func(s *checks.Server) { s.Details.Loaded = started().Add(5 * time.Hour) }, 2, 3)
	named := func(service string, servers ...int) change {
		return written(wrote{account: "ORDERS", workload: service, ordered: checks.Unknown, urls: urlsOf(servers...)})
	}
	// refused: both others refused orders-api, and orders-new has logged in there since.
	refused := func(s *scene) {
		for _, id := range []string{"N2", "N3"} {
			at := started().Add(time.Hour)
			s.History = append(s.History, checks.Closed{Stem: "orders-api", User: "ORDERS", Server: id, Reason: "Authentication Failure", Connections: 24, First: at, Last: at, Newest: at})
		}
	}
	back := func(s *scene) {
		for _, id := range []string{"N2", "N3"} {
			at := started().Add(2 * time.Hour)
			s.History = append(s.History, checks.Closed{Stem: "orders-api", User: "ORDERS", Server: id, Reason: "Client Closed", Connections: 1, First: at, Last: at.Add(time.Second), Newest: at})
		}
	}
	rotated := with(withServices(as("ORDERS", serviceOf("orders-api", 24, 0, 0)), as("ORDERS", serviceOf("orders-new", 0, 5, 5))), named("orders-api", 1, 2, 3), refused)
	late := func(s *scene) { // n2 and n3 started after all of the clients connected
		for i := range 2 {
			s.Deployment.Servers[i+1].Start = started().Add(3 * time.Hour)
		}
		s.Profile.StartOrder, s.Profile.SurelyUp = []int{0, 1, 2}, []int{s.Profile.Read[0], 0, 0}
		s.Profile.Starts = [][]int{{0, s.Profile.Read[0], 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}
		for i := range s.Profile.Services {
			x := &s.Profile.Services[i]
			x.Starts, x.SurelyUp = [][]int{{0, x.Here(), 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, []int{x.Here(), 0, 0}
		}
	}
	// left: both others had connections of the user aa, and closed them.
	left := func(s *scene) {
		closed("N2", "aa", "Client Closed", 9)(s)
		closed("N3", "aa", "Client Closed", 9)(s)
	}
	gapHere := closed("N2", "aa", "Authentication Failure", 3)
	for _, r := range []struct {
		name    string
		changes []change
		want    map[string]checks.Answer
		need    Need
	}{
		{"a list of the account, by which one service is spread", with(withServices(spread, legacy), list(urlsOf(1, 2, 3)...), mute),
			map[string]checks.Answer{"orders-api": checks.Yes, "orders-legacy": checks.Unknown}, NeedServiceURLs},
		{"the same list by a user of both", with(withServices(as("o", spread), as("o", legacy)), written(wrote{user: "o", ordered: checks.Unknown, urls: urlsOf(1, 2, 3)}), mute),
			map[string]checks.Answer{"orders-api": checks.Yes, "orders-legacy": checks.Unknown}, NeedServiceURLs},
		{"each by its name", with(withServices(spread, legacy), named("orders-api", 1, 2, 3), named("orders-legacy", 1), mute),
			map[string]checks.Answer{"orders-api": checks.Yes, "orders-legacy": checks.No}, ""},
		{"both lists, of nobody in particular, and all servers were up", with(withServices(spread, legacy), list(urlsOf(1, 2, 3)...), list(urlsOf(1)...), mute),
			map[string]checks.Answer{"orders-api": checks.Yes, "orders-legacy": checks.No}, ""},
		{"both lists, and the others were down when all connected", with(withServices(serviceOf("orders-api", 20, 0, 0), serviceOf("orders-legacy", 10, 0, 0)), list(urlsOf(1, 2, 3)...), list(urlsOf(1)...), mute, late),
			map[string]checks.Answer{"orders-api": checks.Unknown, "orders-legacy": checks.Unknown}, NeedServiceURLs},
		{"a list that leads here alone, and the others were down when all connected", with(withServices(serviceOf("orders-api", 20, 0, 0), serviceOf("orders-legacy", 10, 0, 0)), list(urlsOf(1)...), mute, late),
			map[string]checks.Answer{"orders-api": checks.Unknown, "orders-legacy": checks.Unknown}, NeedServiceURLs},
		{"a list that leads here alone, and one service is elsewhere", with(withServices(serviceOf("orders-api", 20, 0, 0), serviceOf("orders-ok", 5, 9, 6)), list(urlsOf(1)...), mute),
			map[string]checks.Answer{"orders-api": checks.No, "orders-ok": checks.Unknown}, NeedServiceURLs},
		{"they know all servers, none is elsewhere, and why is unknown", with(withServices(serviceOf("orders-api", 24, 0, 0)), list(urlsOf(2, 1, 3)...)), map[string]checks.Answer{"orders-api": checks.Unknown}, ""},
		{"the same of two, which chance may have put here", with(withServices(serviceOf("orders-api", 2, 0, 0)), list(urlsOf(2, 1, 3)...)), map[string]checks.Answer{"orders-api": checks.Yes}, ""},
		{"the others require a certificate, and only another service is there", with(withServices(serviceOf("orders-new", 9, 6, 5), serviceOf("orders-old", 20, 0, 0)), named("orders-old", 1, 2, 3), named("orders-new", 1, 2, 3), verify),
			map[string]checks.Answer{"orders-new": checks.Yes, "orders-old": checks.Unknown}, NeedTLS},
		{"the others refused them, and others with their user are there now", rotated, map[string]checks.Answer{"orders-api": checks.Unknown}, NeedUsers},
		{"the same, and these have logged in there since", with(append(rotated, back)...), map[string]checks.Answer{"orders-api": checks.Yes}, ""},
		{"the same, and the others loaded their configuration after that", with(append(rotated, reloaded)...), map[string]checks.Answer{"orders-api": checks.Yes}, ""},
		{"the others closed them, and loaded their configuration after that", with(withServices(as("aa", serviceOf("aa-api", 24, 0, 0))), list(urlsOf(1, 2, 3)...), left, reloaded), map[string]checks.Answer{"aa-api": checks.Unknown}, NeedUsers},
		{"the same, and one of them refuses them", with(withServices(as("aa", serviceOf("aa-api", 24, 0, 0))), list(urlsOf(1, 2, 3)...), left, reloaded, closed("N2", "aa", "Authentication Failure", 3)), map[string]checks.Answer{"aa-api": checks.Unknown}, NeedUsers},
		{"the others closed them, and loaded no configuration since", with(withServices(as("aa", serviceOf("aa-api", 24, 0, 0))), list(urlsOf(1, 2, 3)...), left), map[string]checks.Answer{"aa-api": checks.Yes}, ""},
		{"the same, and when they loaded one is unknown", with(withServices(as("aa", serviceOf("aa-api", 24, 0, 0))), list(urlsOf(1, 2, 3)...), left, on(func(s *checks.Server) { s.Details.Loaded = time.Time{} }, 2, 3)), map[string]checks.Answer{"aa-api": checks.Unknown}, NeedUsers},
		{"one cause is possible, and none is likely", with(withServices(as("aa", serviceOf("aa-api", 24, 0, 0))), list(urlsOf(2, 1, 3)...), left, gapHere), map[string]checks.Answer{"aa-api": checks.Unknown}, ""},
		{"none is likely, and the account is at its limit", with(withServices(serviceOf("orders-api", 10, 8, 8)), list(urlsOf(1, 2, 3)...), limitedTo(28)), map[string]checks.Answer{"orders-api": checks.Unknown}, ""},
	} {
		c := caseOf(r.changes...)
		c.Finding.Impact = checks.OnServer(c.Deployment, "N1")[0].Impact
		l := LossOf(c.Deployment, c.Finding.Server, []Diagnosis{Diagnose(c)})
		got, need := map[string]checks.Answer{}, Need("")
		for _, x := range l.Accounts[0].Services {
			if got[x.Service.Stem] = x.Can; x.Can == checks.Unknown {
				need = x.Need
			}
		}
		if !maps.Equal(got, r.want) || need != r.need {
			t.Errorf("%s: %v, settled by %q; want %v, %q", r.name, got, need, r.want, r.need)
		}
	}
}
