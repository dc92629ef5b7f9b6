package cause

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// limitedTo has the account's limit of connections on all servers.
func limitedTo(n int) change {
	return func(s *scene) {
		for id, a := range s.Accounts {
			a.MaxConnections = &n
			s.Accounts[id] = a
		}
	}
}

func TestFailOver(t *testing.T) {
	t.Parallel()
	room := func(s *scene) {
		s.Finding.Impact = checks.Impact{ConnectionsLost: s.Finding.OnServer, FailOver: checks.FailOver{CanFailOver: checks.Unknown, Stranded: new(int)}}
	}
	norm := func(s *scene) {
		s.Finding.Impact = checks.Impact{ConnectionsLost: s.Finding.OnServer, FailOver: checks.FailOver{CanFailOver: checks.Unknown}}
	}
	everyMQTT := func(s *scene) {
		on(func(s *checks.Server) { s.Details.MQTT = 1883 }, 1, 2, 3)(s)
		profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" })(s)
	}
	noRoom := func(s *scene) {
		stranded := 7
		s.Finding.Impact = checks.Impact{FailOver: checks.FailOver{CanFailOver: checks.No, Stranded: &stranded}}
	}
	mute := on(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1)
	for _, r := range []struct {
		name     string
		changes  []change
		want     checks.Answer
		stranded int // -1: not known
		priority checks.Priority
	}{
		{"nothing is known of the clients", with(room), checks.Unknown, 0, checks.Low},
		{"the clients know all servers, and there is room", with(room, list(urlsOf(1, 2, 3)...)), checks.Yes, 0, checks.Low},
		{"the clients know all servers, and room is not known", with(norm, list(urlsOf(1, 2, 3)...)), checks.Unknown, -1, checks.Low},
		{"the clients know all servers, and one is missing", with(room, list(urlsOf(1, 2, 3)...), missing("n4")), checks.Unknown, 0, checks.Low},
		{"the clients know all servers, those were not probed, and the server advertises them", with(room, list(urlsOf(1, 2)...), without("10.0.0.2:4222", checks.ContactNone)), checks.Yes, 0, checks.Low},
		{"the clients know all servers, those were not probed, and the server advertises nobody", with(room, list(urlsOf(1, 2)...), without("10.0.0.2:4222", checks.ContactNone), mute), checks.Unknown, 0, checks.Low},
		{"the clients know all servers by the hosts file of the auditor", with(room, list("nats://nats.example:4222"),
			dns("nats.example", checks.NameSeveral, "10.0.0.1", "10.0.0.2"), hosts("nats.example")), checks.Unknown, 0, checks.Low},
		{"anyone's list has all servers", with(room, anyones(urlsOf(1, 2, 3)...)), checks.Unknown, 0, checks.Low},
		{"one URL, but the server advertises others", with(room, list(urlsOf(1)...)), checks.Yes, 0, checks.Low},
		{"one URL, and the server advertises no other", with(room, list(urlsOf(1)...), mute), checks.No, 20, checks.Low},
		{"anyone's list has one URL, and the server advertises no other", with(room, anyones(urlsOf(1)...), mute), checks.Unknown, 0, checks.Low},
		{"a sticky balancer, and the server advertises no other", with(room, list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1), mute), checks.Unknown, 0, checks.Low},
		{"one URL and one that did not answer, and the server advertises no other", with(room, list(urlsOf(1)[0], "nats://10.0.0.8:4222"),
			without("10.0.0.8:4222", checks.ContactTimeout), mute), checks.Unknown, 0, checks.Low},
		{"no room", with(noRoom, list(urlsOf(1, 2, 3)...)), checks.No, 7, checks.Low},
		{"the account is missing on the others", with(room, list(urlsOf(1, 2, 3)...), on(noUse, 2, 3), denied("N2", "N3")), checks.No, 20, checks.Low},
		{"the others refused the user", with(room, counts(24, 0, 0), loginAs("api"), list(urlsOf(1, 2, 3)...),
			closed("N2", "api", "Authentication Failure", 5), closed("N3", "api", "Authentication Failure", 5)), checks.No, 24, checks.Low},
		{"the others refused the user, and loaded their configuration after that", with(room, counts(24, 0, 0), loginAs("api"), list(urlsOf(1, 2, 3)...),
			closed("N2", "api", "Authentication Failure", 5), closed("N3", "api", "Authentication Failure", 5),
			on(func(s *checks.Server) { s.Details.Loaded = started().Add(4 * time.Hour) }, 2, 3)), checks.Unknown, 0, checks.Low},
		{"one other does not know the account", with(room, on(noUse, 2, 3), denied("N2")), checks.Unknown, 0, checks.Low},
		{"8 of MQTT, which only this server takes, and all know all servers", with(room, list(urlsOf(1, 2, 3)...), profile(func(p *checks.Profile) {
			p.Protocols = []checks.Group{{Key: "mqtt", Counts: []int{8, 0, 0}}, {Key: "nats", Counts: []int{12, 2, 2}}}
		})), checks.No, 8, checks.Low},
		{"8 of MQTT, and one does not say whether it takes it", with(room, profile(func(p *checks.Profile) {
			p.Protocols = []checks.Group{{Key: "mqtt", Counts: []int{8, 0, 0}}, {Key: "nats", Counts: []int{12, 2, 2}}}
		}), on(silentServer, 3)), checks.Unknown, 0, checks.Low},
		{"MQTT, which only this server takes", with(room, profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" })), checks.No, 20, checks.Low},
		{"MQTT, and the list has the server's own address", with(room, everyMQTT, list("mqtt://10.0.0.1:1883"), without("10.0.0.1:1883", checks.ContactNone)), checks.No, 20, checks.Low},
		{"MQTT, and the list has a balancer", with(room, everyMQTT, list("mqtt://10.0.0.9:1883"), without("10.0.0.9:1883", checks.ContactNone)), checks.Unknown, 0, checks.Low},
		{"one URL, the server advertises others, and whether those take the user is unknown", with(withServices(apiOf("orders", 24)), room, list(urlsOf(1)...)), checks.Unknown, 0, checks.Low},
		{"the same list, by its user", with(withServices(apiOf("orders", 24)), room, written(wrote{user: "orders", ordered: checks.Unknown, urls: urlsOf(1)})), checks.Unknown, 0, checks.Low},
		{"the same list, where the user is on the others too", with(withServices(apiOf("orders", 24), apiOf("orders", 3, 3, 3)), room, written(wrote{user: "orders", ordered: checks.Unknown, urls: urlsOf(1)})), checks.Yes, 0, checks.Low},
		{"one URL or all, and the server advertises no other", with(withServices(apiOf("orders", 24)), room, written(wrote{user: "orders", ordered: checks.Unknown, urls: urlsOf(1)}),
			written(wrote{user: "orders", ordered: checks.Unknown, urls: urlsOf(1, 2, 3)}), mute), checks.Unknown, 0, checks.Low},
		{"two lists of two servers each, and the server advertises no other", with(counts(24, 0, 0), room, list(urlsOf(1, 2)...), list(urlsOf(1, 3)...), mute), checks.Yes, 0, checks.Low},
		{"two lists, one of which leads to a server without the account, and the server advertises no other", with(counts(24, 0, 0), room, list(urlsOf(1, 2)...), list(urlsOf(1, 3)...), mute,
			on(noUse, 3), denied("N3")), checks.Unknown, 0, checks.Low},
		{"one of two lists leads to another server, and the server advertises no other", with(withServices(apiOf("", 24)), room, canarys(urlsOf(1)...), list(urlsOf(1, 2, 3)...), mute), checks.Unknown, 0, checks.Low},
		{"one URL, the account's other clients are on the others, and come from other networks", with(withServices(serviceOf("ext", 24, 0, 0), serviceOf("int", 0, 3, 3)), room, list(urlsOf(1)...),
			profile(func(p *checks.Profile) {
				p.Services[0].Networks = []checks.Group{{Key: "192.0.2.0/24", Counts: []int{24, 0, 0}}}
				p.Networks = []checks.Group{{Key: "192.0.2.0/24", Counts: []int{24, 0, 0}}, {Key: "10.9.0.0/24", Counts: []int{0, 3, 3}}}
			})), checks.Unknown, 0, checks.Low},
		{"the same, and they come from the same network", with(withServices(serviceOf("ext", 24, 0, 0), serviceOf("int", 0, 3, 3)), room, list(urlsOf(1)...),
			profile(func(p *checks.Profile) { p.Networks = []checks.Group{{Key: "10.9.0.0/24", Counts: []int{24, 3, 3}}} })), checks.Yes, 0, checks.Low},
		{"the clients know all servers, none is elsewhere, and why is unknown", with(room, counts(24, 0, 0), list(urlsOf(2, 1, 3)...)), checks.Unknown, 0, checks.Low},
		{"the clients know all servers, and the account is at its limit", with(room, list(urlsOf(1, 2, 3)...), limitedTo(26)), checks.Unknown, 0, checks.Low},
		{"the clients know all servers, and the account's limit has room for them twice", with(room, list(urlsOf(1, 2, 3)...), limitedTo(60)), checks.Yes, 0, checks.Low},
		{"the clients know all servers, and some were refused for the account's limit", with(room, loginAs("api"), list(urlsOf(1, 2, 3)...), refusedOver("N2")), checks.Unknown, 0, checks.Low},
		{"one URL, and all servers advertise a balancer", with(room, list(urlsOf(1)...), on(func(s *checks.Server) {
			s.Details.Host, s.Details.Port, s.Details.ConnectURLs = "10.0.0.9", 4222, []string{"10.0.0.9:4222"}
		}, 1, 2, 3)), checks.Unknown, 0, checks.Low},
		{"the account's list has all servers, and the service that makes the finding is here alone", with(withServices(serviceOf("legacy", 24, 0, 0), serviceOf("api", 3, 3, 3)), room, list(urlsOf(1, 2, 3)...), mute), checks.Unknown, 0, checks.Low},
		{"the account's list has one URL, and the service that makes the finding is here alone", with(withServices(serviceOf("legacy", 24, 0, 0), serviceOf("api", 3, 3, 3)), room, list(urlsOf(1)...), mute), checks.No, 24, checks.Low},
		{"one URL and one of another cluster, and the server advertises no other", with(room, west, list(urlsOf(1, 9)...), mute), checks.Unknown, 0, checks.Low},
		{"no room, and a URL of another cluster", with(noRoom, west, list(urlsOf(1, 2, 3, 9)...)), checks.Unknown, 0, checks.Low},
		{"the clients know all servers, and the others require a certificate", with(room, counts(20, 0, 0), list(urlsOf(1, 2, 3)...), on(func(s *checks.Server) { s.Details.VerifiesClients = true }, 2, 3)), checks.Unknown, 0, checks.Low},
		{"many have nowhere to go", with(counts(60, 2, 2), room, list(urlsOf(1)...), mute), checks.No, 60, checks.High},
		{"many can move", with(counts(60, 2, 2), room, list(urlsOf(1, 2)...)), checks.Yes, 0, checks.Normal},
	} {
		c := caseOf(r.changes...)
		before := c.Finding.Impact
		d := Diagnose(c)
		impact, priority := d.FailOver, d.Priority
		stranded := -1
		if impact.Stranded != nil {
			stranded = *impact.Stranded
		}
		if impact.CanFailOver != r.want || stranded != r.stranded || priority != r.priority {
			t.Errorf("%s: it can fail over: %s, %d stranded, priority %s; want %s, %d, %s",
				r.name, impact.CanFailOver, stranded, priority, r.want, r.stranded, r.priority)
		}
		if c.Finding.Impact.CanFailOver != before.CanFailOver || c.Finding.Impact.Stranded != before.Stranded {
			t.Errorf("%s: the finding was changed", r.name)
		}
	}
	if impact := Conclude(caseOf(room), nil).FailOver; impact.CanFailOver != checks.Unknown {
		t.Errorf("without causes it is %s", impact.CanFailOver)
	}
}

// west has a server of another cluster, at 10.0.0.9.
func west(s *scene) {
	o := checks.Server{ID: "W1", Name: "w1", Cluster: "WEST"}
	s.Deployment.Servers = append(s.Deployment.Servers, o)
	s.contacts[netip.MustParseAddrPort("10.0.0.9:4222")] = greets(o, 1, 1)
}

// apiOf is orders-api with a user, or another service where it is spread.
func apiOf(user string, on ...int) checks.Service {
	on = append(on, 0, 0)
	x := serviceOf("orders-api", on[0], on[1], on[2])
	if on[1] > 0 {
		x = serviceOf("orders-worker", on[0], on[1], on[2])
	}
	x.User = user
	return x
}

// canarys is a list of the account's with a name beside it that no connection has.
func canarys(urls ...string) change {
	return written(wrote{account: "ORDERS", workload: "orders-canary", ordered: checks.Unknown, urls: urls})
}

// TestWhyNowhere: each of the other servers is named with what holds back the clients
// there, where that is not the same for all.
func TestWhyNowhere(t *testing.T) {
	t.Parallel()
	fill := func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections }
	all := list(urlsOf(1, 2, 3)...)
	for want, changes := range map[string][]change{
		"the other servers are full":                     with(counts(20, 0, 0), all, on(fill, 2, 3)),
		"the account can't be used on n3 and n2 is full": with(counts(20, 0, 0), all, on(fill, 2), on(noUse, 3), denied("N3")),
		"the account can't be used on the other servers": with(counts(20, 0, 0), all, on(noUse, 2, 3), denied("N2", "N3")),
		"n2 does not take their protocol and n3 is full": with(counts(20, 0, 0), all, on(fill, 3), profile(func(p *checks.Profile) { p.Protocols[0].Key = "websocket" }), on(func(s *checks.Server) { s.Details.WebSocket = 8080 }, 1, 3)),
	} {
		room := func(s *scene) {
			s.Finding.Impact = checks.Impact{ConnectionsLost: s.Finding.OnServer, FailOver: checks.FailOver{CanFailOver: checks.Unknown, Stranded: new(int)}}
		}
		if got := Diagnose(caseOf(append(changes, room)...)).FailOver; got.CanFailOver != checks.No || got.Why.Clause() != want {
			t.Errorf("got %s, %+v; want %q", got.CanFailOver, got.Why, want)
		}
	}
}

// TestForeseen: a forecast leaves out a server that a balancer was not seen to lead to and
// that no server advertises. It does not say that clients can't fail over to it.
func TestForeseen(t *testing.T) {
	t.Parallel()
	mute := on(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1)
	balancer := list("nats://10.0.0.9:4222")
	for _, r := range []struct {
		name             string
		changes          []change
		proven, foreseen checks.Answer // of n3
	}{
		{"a balancer leads to n1 and n2", with(balancer, leads("10.0.0.9:4222", 12, 1, 2), mute), checks.Unknown, checks.No},
		{"the same, and n1 tells of n3", with(balancer, leads("10.0.0.9:4222", 12, 1, 2)), checks.Unknown, checks.Unknown},
		{"the same, seen in few tries", with(balancer, leads("10.0.0.9:4222", 4, 1, 2), mute), checks.Unknown, checks.Unknown},
		{"anyone's list is the balancer", with(anyones("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2), mute), checks.Unknown, checks.Unknown},
		{"a balancer leads to all", with(balancer, leads("10.0.0.9:4222", 12, 1, 2, 3), mute), checks.Yes, checks.Yes},
		{"the URLs of n1 and n2", with(list(urlsOf(1, 2)...), mute), checks.No, checks.No},
		{"half of the clients are on n3", with(counts(10, 0, 10), balancer, leads("10.0.0.9:4222", 12, 1, 2), mute), checks.Unknown, checks.Unknown},
	} {
		where := Diagnose(caseOf(r.changes...)).Reconnect(-1)
		if got, proven := where.Foreseen[1], where.Reached[1]; where.Servers[1].Name != "n3" || got != r.foreseen || proven != r.proven {
			t.Errorf("%s: %s of %s, proven is %s; want %s and %s", r.name, got, where.Servers[1].Name, proven, r.foreseen, r.proven)
		}
	}
}

// TestHome: clients of a service that is elsewhere, by a list of its own, do not get to the
// concentrated server.
func TestHome(t *testing.T) {
	t.Parallel()
	mute := on(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1, 2, 3)
	worker := func(servers ...int) change {
		return written(wrote{account: "ORDERS", workload: "orders-worker", ordered: checks.Unknown, urls: urlsOf(servers...)})
	}
	of := func(n1, n2, n3 int) change {
		return withServices(serviceOf("orders-api", 24, 0, 0), serviceOf("orders-worker", n1, n2, n3))
	}
	for _, r := range []struct {
		name    string
		changes []change
		want    checks.Answer
	}{
		{"a list of n2 and n3", with(of(0, 3, 4), worker(2, 3), mute), checks.No},
		{"the same, and n3 tells of n1", with(of(0, 3, 4), worker(2, 3), on(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1, 2)), checks.Unknown},
		{"the same, and n3 does not say what it tells", with(of(0, 3, 4), worker(2, 3), mute, on(silentServer, 3)), checks.Unknown},
		{"a list of all", with(of(0, 3, 4), worker(1, 2, 3), mute), checks.Unknown},
		{"no list", with(of(0, 3, 4), mute), checks.Unknown},
		{"one of them is there", with(of(1, 3, 4), worker(2, 3), mute), checks.Yes},
	} {
		if got := Diagnose(caseOf(r.changes...)).Reconnect(1).Home; got != r.want {
			t.Errorf("%s: %s, want %s", r.name, got, r.want)
		}
	}
}
