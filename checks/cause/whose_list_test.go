package cause

import (
	"net/netip"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// shop has an account SHOP in the cluster, with clients on n1, n2 and n3. Its
// connections were read if it has a name for them.
func shop(stem string, on ...int) change {
	return func(s *scene) {
		s.Deployment.Accounts = append(s.Deployment.Accounts, checks.Account{ID: "SHOP", Name: "SHOP"})
		for i, n := range on {
			s.Deployment.Servers[i].Usage = append(s.Deployment.Servers[i].Usage, checks.Usage{Account: uint32(len(s.Deployment.Accounts) - 1), Connections: uint32(n)}) //nolint:gosec // small
		}
		profiles := map[string]*checks.Profile{"ORDERS": s.Profile}
		if stem != "" {
			profiles["SHOP"] = &checks.Profile{Servers: []string{"N1", "N2", "N3"}, Read: on, Whole: true,
				Services: []checks.Service{{Stem: stem, Protocol: "nats", Counts: on}}, Names: []checks.Group{{Key: stem, Counts: on}}}
		}
		s.Neighbours = NewNeighbours(s.Deployment, "C1", profiles, nil)
	}
}

// A WebSocket carries what its path says; what is not known may be any.
func TestSpeaks(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		scheme, path, protocol string
		want                   bool
	}{
		{"nats", "", "nats", true},
		{"tls", "", "nats", true},
		{"tls", "", "websocket", false},
		{"nats", "", "mqtt", false},
		{"ws", "", "websocket", true},
		{"wss", "/nats", "websocket", true},
		{"ws", "", "mqtt", false},
		{"ws", "", "nats", false},
		{"wss", "/nats", "mqtt", false},
		{"ws", "/mqtt", "mqtt", true},
		{"wss", "/iot/mqtt", "mqtt", true},
		{"wss", "/mqtt", "websocket", false},
		{"wss", "/nomqtt", "mqtt", false},
		{"mqtts", "", "mqtt", true},
		{"mqtt", "", "websocket", false},
		{"mqtt", "", "nats", false},
		{"mqtt", "", "", true},
		{"ws", "", "", true},
		{"", "", "nats", true},
	} {
		if got := speaks(checks.Endpoint{Scheme: r.scheme, Path: r.path}, r.protocol); got != r.want {
			t.Errorf("%q can have %s://host%s: %v", r.protocol, r.scheme, r.path, got)
		}
	}
}

// A list speaks for clients of its protocol, and a name beside it for those of an
// account only where no other account can have clients of that name.
func TestWhoseListItIs(t *testing.T) {
	t.Parallel()
	api := withServices(serviceOf("api", 24, 0, 0))
	workload := written(wrote{workload: "api", ordered: checks.Unknown, urls: urlsOf(1)})
	web := func(n int) checks.Service {
		x := serviceOf("web-portal", n, 0, 0)
		x.Protocol = "websocket"
		return x
	}
	listens := with(on(func(s *checks.Server) { s.Details.WebSocket, s.Details.WebSocketPlain = 8080, true }, 1, 2, 3), leads("10.0.0.1:8080", 1, 1))
	socket := func(changes ...change) []change { return append(with(listens...), changes...) }
	for _, r := range []struct {
		name    string
		changes []change
		want    Verdict // of single-url
		ordered Verdict // of ordered-connect; empty where it does not matter
	}{
		{"no other account", with(api, workload), Confirmed, RuledOut},
		{"another account, whose clients were not read", with(api, shop("", 5, 7, 3), workload), Likely, NotTested},
		{"the same, and a workload of another name", with(api, shop("", 5, 7, 3), workload, written(wrote{workload: "batch", ordered: checks.Unknown, urls: urlsOf(2)})), Likely, NotTested},
		{"another account, whose clients have other names", with(api, shop("web", 5, 7, 3), workload), Confirmed, RuledOut},
		{"another account, whose clients have the name", with(api, shop("api", 5, 7, 3), workload), Possible, NotTested},
		{"another account without clients", with(api, shop("", 0, 0, 0), workload), Confirmed, RuledOut},
		{"anyone's, and another account is spread", with(api, shop("web", 5, 7, 3), anyones(urlsOf(1)...)), Likely, NotTested},
		{"anyone's, and another account is there too", with(api, shop("web", 15, 0, 0), anyones(urlsOf(1)...)), Possible, NotTested},
		{"the account's, and another account is there too", with(api, shop("web", 15, 0, 0), list(urlsOf(1)...)), Confirmed, RuledOut},

		{"a WebSocket list, of NATS clients", socket(withServices(serviceOf("orders-api", 15, 0, 0)), list("ws://10.0.0.1:8080")), NotTested, NotTested},
		{"a WebSocket list, of 15 NATS clients and 3 WebSocket clients", socket(withServices(serviceOf("orders-api", 15, 0, 0), web(3)), list("ws://10.0.0.1:8080")), Possible, ""},
		{"a WebSocket list, of 3 NATS clients and 15 WebSocket clients", socket(withServices(serviceOf("orders-api", 3, 0, 0), web(15)), list("ws://10.0.0.1:8080")), Confirmed, ""},
		{"a NATS list, of WebSocket clients", socket(withServices(web(15)), list(urlsOf(1)...)), NotTested, NotTested},
		{"a list of both, of NATS clients", socket(withServices(serviceOf("orders-api", 15, 0, 0)), list("nats://10.0.0.1:4222", "ws://10.0.0.1:8080")), Confirmed, RuledOut},
	} {
		d := Diagnose(caseOf(r.changes...))
		if got := d.Cause(SingleURL).Verdict; got != r.want {
			t.Errorf("%s: single-url is %s, want %s\n%s", r.name, got, r.want, tell(d.Causes))
		}
		if got := d.Cause(OrderedConnect).Verdict; r.ordered != "" && got != r.ordered {
			t.Errorf("%s: ordered-connect is %s, want %s\n%s", r.name, got, r.ordered, tell(d.Causes))
		}
		for _, x := range d.Services {
			if x.Stem == "web-portal" && x.Here() < 10 && x.Verdict != Confirmed {
				t.Errorf("%s: %s is %s by %s", r.name, x.Stem, x.Verdict, x.Cause)
			}
		}
		lessIsNotMore(t, func() Case { return caseOf(r.changes...) })
	}
}

// A balancer through which other clients come says nothing of those that come from
// addresses of their own.
func TestBesideABalancer(t *testing.T) {
	t.Parallel()
	const balancer = "10.0.0.9"
	lists := map[string]change{"anyone's": anyones("nats://10.0.0.9:4222"), "the account's": list("nats://10.0.0.9:4222")}
	others := func(addr string, n int) change {
		return func(s *scene) {
			shop("web", n, 0, 0)(s)
			s.Neighbours.Profiles["SHOP"].Sources = []checks.Source{{Addr: netip.MustParseAddr(addr), Counts: []int{n, 0, 0}, Kinds: 1}}
		}
	}
	web := serviceOf("web", 2, 2, 2)
	web.Sources = []checks.Source{{Addr: netip.MustParseAddr(balancer), Counts: web.Counts, Kinds: 1}}
	leadsThere := func(s *scene) {
		leads("10.0.0.9:4222", 12, 1)(s)
		through("10.0.0.9:4222", balancer)(s)
	}
	api := withServices(serviceOf("api", 24, 0, 0))
	for _, r := range []struct {
		name    string
		list    string
		changes []change
		want    Verdict
	}{
		{"others come through it", "anyone's", with(api, others(balancer, 11)), NotTested},
		{"the same, and it is said to be theirs", "the account's", with(api, others(balancer, 11)), Possible},
		{"nobody is seen to come through it", "anyone's", with(api, others("10.8.0.1", 11)), Likely},
		{"one client comes through it, perhaps a test", "anyone's", with(api, others(balancer, 1)), Likely},
		{"these come through it as well", "anyone's", with(api, from(balancer), others(balancer, 11)), Likely},
		{"its address is that of a NAT before the auditor", "anyone's", with(api, others(balancer, 11), another(urlsOf(2)...), through("10.0.0.2:4222", balancer)), Likely},
		{"another service of the account comes through it", "the account's", with(withServices(serviceOf("api", 24, 0, 0), web)), Possible},
	} {
		build := func() Case { return caseOf(append(with(r.changes...), lists[r.list], leadsThere)...) }
		d := Diagnose(build())
		if got := d.Cause(StickyLoadBalancer).Verdict; got != r.want {
			t.Errorf("%s: %s, want %s\n%s", r.name, got, r.want, tell(d.Causes))
		}
		lessIsNotMore(t, build)
	}
}

// An address that leads to one server alone may be one forward of several, where
// clients of other accounts come from the same source to other servers.
func TestForwardBesideOthers(t *testing.T) {
	t.Parallel()
	const gateway = "10.9.0.77"
	for _, r := range []struct {
		name string
		on   []int // where clients of SHOP from there are
		want Verdict
	}{
		{"others are there too, and these come from addresses of their own", []int{9, 1, 1}, Possible},
		{"others are on all servers", []int{3, 4, 4}, Possible},
	} {
		build := func() Case {
			return caseOf(withServices(serviceOf("api", 24, 0, 0)), list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1), through("10.0.0.9:4222", gateway), shop("web", r.on...),
				func(s *scene) {
					s.Neighbours.Profiles["SHOP"].Sources = []checks.Source{{Addr: netip.MustParseAddr(gateway), Counts: r.on, Kinds: 1}}
				})
		}
		d := Diagnose(build())
		if got := d.Cause(StickyLoadBalancer).Verdict; got != r.want {
			t.Errorf("%s: %s, want %s\n%s", r.name, got, r.want, tell(d.Causes))
		}
		lessIsNotMore(t, build)
	}
}
