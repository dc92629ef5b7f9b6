package rebalance

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// TestOutlook refuses what leads back, and says what else to expect.
func TestOutlook(t *testing.T) {
	t.Parallel()
	root := func(code cause.Code, v cause.Verdict) cause.Cause {
		return cause.Cause{Code: code, Verdict: v, Role: cause.Root}
	}
	told := cause.Cause{Code: cause.DiscoveryOff, Verdict: cause.RuledOut, Role: cause.Contributing}
	for _, c := range []struct {
		name      string
		causes    []cause.Cause
		refuses   Consequence
		note      NoteCode
		allReturn bool
	}{
		{"nothing known", []cause.Cause{root(cause.SingleURL, cause.Possible)}, "", NoteUnknown, false},
		{"one URL", []cause.Cause{root(cause.SingleURL, cause.Likely)}, StraightBack, "", true},
		{"one URL, and told of others", []cause.Cause{root(cause.SingleURL, cause.Confirmed), told}, BackAfterRestarts, "", false},
		{"one address", []cause.Cause{root(cause.SingleAddressDNS, cause.Confirmed), told}, StraightBack, "", true},
		{"in order", []cause.Cause{root(cause.OrderedConnect, cause.Likely)}, "", NoteInOrder, false},
		{"near", []cause.Cause{root(cause.NetworkAffinity, cause.Likely)}, "", NoteMayReturn, false},
		{"restart", []cause.Cause{root(cause.RestartDrift, cause.Likely)}, "", "", false},
	} {
		got := OutlookOf(cause.Diagnosis{Causes: c.causes}, 0, nil)
		var refused, noted []string
		for _, r := range got.Refusals {
			refused = append(refused, string(r.Why.(LedBack).Then))
		}
		for _, n := range got.Notes {
			noted = append(noted, string(n.Code))
		}
		for _, have := range []struct{ codes, want string }{{strings.Join(refused, " "), string(c.refuses)}, {strings.Join(noted, " "), string(c.note)}} {
			if have.codes != have.want {
				t.Errorf("%s: %q, want %q", c.name, have.codes, have.want)
			}
		}
		if len(got.Refusals) > 0 && got.Refusals[0].Code != RefusalCode(c.causes[0].Code) || got.AllReturn != c.allReturn {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	anyones := cause.Diagnosis{Situation: cause.Situation{Own: []cause.List{{}}}}
	if got := OutlookOf(anyones, 0, nil).Notes; len(got) != 1 || got[0].Code != NoteUntied {
		t.Errorf("a list of nobody in particular was passed: %+v", got)
	}
	name := cause.List{Reach: cause.Reach{Arrivals: []cause.Arrival{{OwnName: true, Own: checks.Yes}, {OwnName: false, Own: checks.Yes}}}}
	service := cause.ServiceDiagnosis{Service: checks.Service{Stem: "orders"}, Strong: []cause.Code{cause.RestartDrift, cause.SingleAddressDNS}}
	profile := &checks.Profile{Servers: []string{"A"}, Services: []checks.Service{service.Service}}
	got := OutlookOf(cause.Diagnosis{Causes: []cause.Cause{root(cause.SingleAddressDNS, cause.Likely)}, Services: []cause.ServiceDiagnosis{service}, Situation: cause.Situation{
		Case: cause.Case{Profile: profile, Deployment: &checks.Deployment{}}, Server: &checks.Server{}, Own: []cause.List{name}}}, 3, nil)
	if len(got.Services) != 1 || !got.Services[0].ByName || got.Services[0].Account != 3 || got.Services[0].Stays != Stay(WouldReturn{Lead{Code: cause.SingleAddressDNS, Verdict: cause.Likely}}) {
		t.Errorf("clients that come by another name than the server's own, to one address: %+v", got.Services)
	}
}

// TestOutlookOfAFew: a service whose own cause brings it back is left out, where most
// clients of the account are of another one and why those are there is not known.
func TestOutlookOfAFew(t *testing.T) {
	t.Parallel()
	services := []cause.ServiceDiagnosis{
		{Service: checks.Service{Stem: "orders"}, Concentrated: true},
		{Service: checks.Service{Stem: "meter"}, Concentrated: true, Cause: cause.SingleURL, Verdict: cause.Confirmed, Strong: []cause.Code{cause.SingleURL}},
		{Service: checks.Service{Stem: "report"}, Concentrated: true, Cause: cause.RestartDrift, Verdict: cause.Likely, Strong: []cause.Code{cause.RestartDrift}},
	}
	d := cause.Diagnosis{Causes: []cause.Cause{{Code: cause.SingleURL, Verdict: cause.Possible, Role: cause.Root}}, Services: services}
	d.Case = cause.Case{Profile: &checks.Profile{Servers: []string{"A"}, Services: []checks.Service{services[0].Service, services[1].Service, services[2].Service}}, Deployment: &checks.Deployment{}}
	d.Server = &checks.Server{}
	got := OutlookOf(d, 0, nil)
	if len(got.Refusals) > 0 || got.AllReturn || len(got.Services) != 3 || got.Services[0].Stays != nil || got.Services[2].Stays != nil ||
		got.Services[1].Stays != Stay(WouldReturn{Lead{Code: cause.SingleURL, Verdict: cause.Confirmed}}) {
		t.Errorf("%+v", got)
	}
}

// TestOutlookWhereOneRefuses: whatever the cause is, clients are not moved as long as one
// of the other servers refuses them: their library may give up there.
func TestOutlookWhereOneRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		user    string
		times   int
		account checks.Answer
		refuses bool
	}{
		{"as many as are here", "api", 20, checks.Yes, true},
		{"it lacks the account", "", 0, checks.No, true},

		{"one typing error", "api", 1, checks.Yes, false},
		{"another user", "web", 20, checks.Yes, false},
		{"none", "", 0, checks.Yes, false},
		{"it does not say", "", 0, checks.Unknown, false},
	} {
		d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS"}}, Servers: []checks.Server{{ID: "A", Name: "n1", Cluster: "C1"}, {ID: "B", Name: "n2", Cluster: "C1"}, {ID: "C", Name: "n3", Cluster: "C1"}}}
		on := []int{20, 0, 0}
		x := checks.Service{Stem: "orders", User: "api", Counts: on}
		one := cause.Case{Deployment: d, Finding: checks.Finding{Row: checks.Row{Account: d.Accounts[0], Cluster: "C1", Server: d.Servers[0].Ref(), OnServer: 20, Connections: 20}},
			Profile:  &checks.Profile{Servers: []string{"A", "B", "C"}, Read: on, Whole: true, Users: []checks.Group{{Key: "api", Counts: on}}, Services: []checks.Service{x}},
			Accounts: map[string]checks.AccountOn{"A": {Usable: checks.Yes}, "B": {Usable: checks.Yes}, "C": {Usable: c.account}}}
		if c.times > 0 {
			one.History = []checks.Closed{{Server: "C", User: c.user, Reason: "Authentication Failure", Connections: c.times}}
		}
		got := OutlookOf(cause.Diagnose(one), 0, nil)
		refused := false
		if len(got.Refusals) == 1 && got.Refusals[0].Code == "account-gap" {
			lost, ok := got.Refusals[0].Why.(MayBeLost)
			refused = ok && slices.Equal(lost.Servers, []string{"n3"})
		}
		if refused != c.refuses {
			t.Errorf("%s: %+v", c.name, got.Refusals)
		}
		if len(got.Services) != 1 || reflect.DeepEqual(got.Services[0].Stays, Refusing{[]string{"n3"}}) != c.refuses {
			t.Errorf("%s: %+v", c.name, got.Services)
		}
	}
}

// TestOutlookBehindAnAddress: what is said of an address is not said of a load
// balancer that nobody has seen.
func TestOutlookBehindAnAddress(t *testing.T) {
	t.Parallel()
	on := []int{20, 0}
	profile := &checks.Profile{Servers: []string{"N1", "N2"}, Read: on, Whole: true, StartOrder: []int{0, 1}, Starts: [][]int{{0, 0, 20}, {0, 0, 0}},
		Sources: []checks.Source{{Addr: netip.MustParseAddr("10.7.7.7"), Counts: on, Kinds: 2}}}
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS"}, {ID: "BILLING"}}}
	for _, id := range profile.Servers {
		d.Servers = append(d.Servers, checks.Server{ID: id, Name: id, Cluster: "C1", Start: time.Unix(1, 0), Details: &checks.Details{Margin: time.Millisecond}})
	}
	c := cause.Case{Deployment: d, Profile: profile, Finding: checks.Finding{Row: checks.Row{Account: d.Accounts[0], Cluster: "C1", Server: d.Servers[0].Ref(), Connections: 20, OnServer: 20}}}
	c.Neighbours = cause.NewNeighbours(d, "C1", map[string]*checks.Profile{"ORDERS": profile, "BILLING": profile}, nil)
	got := OutlookOf(cause.Conclude(c, []cause.Cause{{Code: cause.StickyLoadBalancer, Verdict: cause.Likely, Role: cause.Root}}), 0, nil)
	if len(got.Refusals) != 1 {
		t.Fatalf("%+v", got.Refusals)
	}
	if led, ok := got.Refusals[0].Why.(LedBack); !ok || led.Lead.Address != profile.Sources[0].Addr {
		t.Errorf("%+v", got.Refusals)
	}
}
