package cause

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestSingleURL(t *testing.T) {
	single := list(urlsOf(1)...)
	judgeCause(t, SingleURL, []row{
		{"one URL of the account", with(single), Confirmed, SingleURL},
		{"three strings for one server", with(list("nats://10.0.0.1:4222", "tls://10.0.0.1:4222", "nats://n1.example:4222"),
			dns("n1.example", checks.NameSingle, "10.0.0.1")), Confirmed, SingleURL},
		{"a second URL where nobody listens", with(list("nats://10.0.0.1:4222", "nats://10.0.0.8:4222")), Confirmed, SingleURL},
		{"a second URL of another cluster", with(list("nats://10.0.0.1:4222", "nats://10.0.0.8:4222"), foreign("10.0.0.8:4222")), Confirmed, SingleURL},
		{"the server's own name", with(list("nats://n1.example:4222"), dns("n1.example", checks.NameSingle, "10.0.0.1")), Confirmed, SingleURL},
		{"localhost", with(list("nats://localhost:4222"), dns("localhost", checks.NameSingle, "127.0.0.1"), leads("127.0.0.1:4222", 1, 1)), Confirmed, SingleURL},
		{"other servers restarted after the clients came", with(single, aloneAtFirst), Likely, SingleURL},
		{"IPv6", with(list("nats://[2001:db8::1]:4222"), leads("[2001:db8::1]:4222", 1, 1), on(func(s *checks.Server) {
			s.Details.Seen = append(s.Details.Seen, netip.MustParseAddr("2001:db8::1"))
		}, 1)), Confirmed, SingleURL},
		{"a list cut out of code", with(written(wrote{account: "ORDERS", pattern: true, ordered: checks.Unknown, urls: urlsOf(1)})), Likely, SingleURL},
		{"a list with a variable that has no value", with(written(wrote{account: "ORDERS", lacks: "$NATS_MORE", ordered: checks.Unknown, urls: urlsOf(1)})), Likely, SingleURL},
		{"one URL, and nothing was read", with(single, noProfile), Likely, SingleURL},
		{"anyone's list", with(anyones(urlsOf(1)...)), Likely, SingleURL},
		{"own name by the hosts file of the auditor", with(list("nats://n1.example:4222"), dns("n1.example", checks.NameSingle, "10.0.0.1"), hosts("n1.example")), Likely, SingleURL},
		{"it was not probed, but the server says that it is there", with(single, without("10.0.0.1:4222", checks.ContactNone)), Likely, SingleURL},
		{"a second URL that did not answer", with(list("nats://10.0.0.1:4222", "nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactTimeout)), Likely, SingleURL},
		{"a second URL that may be the server that is missing", with(list("nats://10.0.0.1:4222", "nats://10.0.0.4:4222"), missing("n4")), Likely, SingleURL},
		{"a public address that may be translated", with(list("nats://203.0.113.7:4222"), leads("203.0.113.7:4222", 12, 1)), Likely, SingleURL},

		{"a list of 0 replicas", with(written(wrote{account: "ORDERS", unused: "0 replicas", ordered: checks.Unknown, urls: urlsOf(1)})), NotTested, "none"},
		{"no list", nil, NotTested, "none"},
		{"the list of a user that nobody here is", with(written(wrote{user: "billing", ordered: checks.Unknown, urls: urlsOf(1)})), NotTested, "none"},
		{"the list of another service of the account", with(several, written(wrote{account: "ORDERS", service: "orders-worker", ordered: checks.Unknown, urls: urlsOf(1)})), NotTested, "none"},
		{"all three, of an account of several services", with(several, list(urlsOf(1, 2, 3)...)), NotTested, ""},
		{"all three, of this service, as chance has it", with(withServices(serviceOf("orders-api", 8, 1, 1)), written(wrote{account: "ORDERS", service: "orders-api", ordered: checks.No, urls: urlsOf(1, 2, 3)})), RuledOut, "none"},
		{"all three, of this service, where it is not", with(several, written(wrote{account: "ORDERS", service: "orders-api", ordered: checks.No, urls: urlsOf(1, 2, 3)})), NotTested, "none"},
		{"a list of NATS, and the clients speak MQTT", with(single, profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" }), on(func(s *checks.Server) { s.Details.MQTT = 1883 }, 1, 2, 3)), NotTested, "none"},
		{"an incomplete list that leads to n2", with(written(wrote{account: "ORDERS", lacks: "$NATS_MORE", ordered: checks.Unknown, urls: urlsOf(2)})), NotTested, "none"},
		{"no list, of two services", with(several), NotTested, "none"},
		{"another account's list, of two services", with(several, another(urlsOf(1)...)), NotTested, "none"},
		{"the URL of the audit itself, of two services", with(several, hint(urlsOf(1)...)), NotTested, "none"},
		{"both services have all three", with(several, list(urlsOf(1, 2, 3)...), list(urlsOf(3, 2, 1)...)), NotTested, ""},
		{"a list of the service that leads nowhere", with(several, written(wrote{account: "ORDERS", service: "orders-api", ordered: checks.Unknown, urls: []string{"nats://10.0.0.8:4222"}})), NotTested, "none"},
		{"one URL, and half of the clients are elsewhere", with(counts(20, 8, 5), single), NotTested, "none"},
		{"another account's list", with(another(urlsOf(1)...)), NotTested, "none"},
		{"the URL of the audit itself", with(hint(urlsOf(1)...)), NotTested, "none"},
		{"all three, as chance has it", with(counts(8, 1, 1), list(urlsOf(1, 2, 3)...)), RuledOut, "none"},
		{"all three", with(list(urlsOf(1, 2, 3)...)), NotTested, ""},
		{"two of three", with(list(urlsOf(1, 2)...)), NotTested, ""},
		{"all three, and nothing could be probed", with(list(urlsOf(1, 2)...), without("10.0.0.1:4222", checks.ContactNone), without("10.0.0.2:4222", checks.ContactNone)), NotTested, ""},
		{"all three, but only one answers", with(list(urlsOf(1, 2)...), without("10.0.0.2:4222", checks.ContactTimeout)), Possible, "none"},
		{"one service, and of its two lists one leads further", with(single, list(urlsOf(1, 2, 3)...)), Possible, "none"},
		{"one service, and its two lists lead to a server each", with(single, list(urlsOf(2)...)), Possible, "none"},
		{"two services, of which one has one URL and the other has three", with(several, single, list(urlsOf(1, 2, 3)...)), Confirmed, SingleURL},
		{"anyone's lists, one for each server", with(anyones(urlsOf(1)...), anyones(urlsOf(2)...), anyones(urlsOf(3)...)), Possible, "none"},
		{"anyone's list, but all of it leads further", with(anyones(urlsOf(1, 2, 3)...)), NotTested, ""},
		{"anyone's single URL, and the account's own list", with(anyones(urlsOf(1)...), list(urlsOf(1, 2, 3)...)), NotTested, ""},
		{"one URL of another server", with(list(urlsOf(2)...)), NotTested, "none"},
		{"one URL of another cluster", with(list("nats://10.0.0.8:4222"), foreign("10.0.0.8:4222")), NotTested, "none"},
		{"a dead URL", with(list("nats://10.0.0.8:4222")), NotTested, "none"},
		{"a URL of no scheme's port", with(list("nats://10.0.0.1:9")), NotTested, "none"},
		{"the server's address for WebSocket, where it has no such listener", with(list("ws://10.0.0.1:8080"), without("10.0.0.1:8080", checks.ContactRefused)), NotTested, "none"},
		{"an empty list", with(list()), NotTested, "none"},
		{"a URL that did not answer", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactTimeout)), NotTested, "none"},
		{"a URL that is out of the auditor's reach", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactUnroutable)), NotTested, "none"},
		{"a URL that can't be read", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactUnreadable)), NotTested, "none"},
		{"a URL that was not probed", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactNone)), NotTested, "none"},
		{"a name that was not looked up", with(list("nats://n1.example:4222")), NotTested, "none"},
		{"a name that failed", with(list("nats://n1.example:4222"), dns("n1.example", checks.NameFailed)), NotTested, "none"},
		{"a name for all", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1")), RuledOut, SingleAddressDNS},
		{"a load balancer", with(list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1)), NotTested, StickyLoadBalancer},
		{"a port that is no server's own", with(list("nats://10.0.0.1:5222"), leads("10.0.0.1:5222", 12, 1)), NotTested, StickyLoadBalancer},
		{"the account is missing on the others", with(single, on(noUse, 2, 3), denied("N2", "N3")), Confirmed, SingleURL},
		{"the server did not report", with(single, missing("n1"), gone("N1")), NotTested, "none"},
		{"nobody says where they listen, and nobody was probed", with(single, without("10.0.0.1:4222", checks.ContactNone), on(silentServer, 1, 2, 3)), NotTested, "none"},
		{"a server of this cluster that the audit does not know", with(list("nats://10.0.0.4:4222"),
			answers("10.0.0.4:4222", greets(checks.Server{ID: "N4", Name: "n4", Cluster: "C1"}, 1, 1))), NotTested, "none"},
	})
}

// noUse takes all connections from a server.
func noUse(s *checks.Server) { s.Usage = nil }

// denied are servers that do not know the account.
func denied(ids ...string) change {
	return func(s *scene) {
		for _, id := range ids {
			s.Accounts[id] = checks.AccountOn{Usable: checks.No, Detail: "Account ORDERS does not exist"}
		}
	}
}

// gone takes a server out of those that reported.
func gone(id string) change {
	return func(s *scene) {
		var left []checks.Server
		for _, server := range s.Deployment.Servers {
			if server.ID != id {
				left = append(left, server)
			}
		}
		s.Deployment.Servers = left
	}
}

// TestStartsThatAreKnown: n2 and n3 started after the clients had connected, which every
// server said. There is nothing to ask servers for; where one did not say it, there is.
func TestStartsThatAreKnown(t *testing.T) {
	t.Parallel()
	late := with(counts(20, 0, 0), aloneAtFirst, list(urlsOf(1)...))
	for _, r := range []struct {
		name    string
		changes []change
		want    Need
		says    string
	}{
		{"all said when they started", late, "", "n2 and n3 started after most of these clients had connected"},
		{"n2 did not say it", append(late, on(func(s *checks.Server) { s.Details.Margin = 0 }, 2)), NeedServerAnswers, "Which servers were up"},
	} {
		c := Diagnose(caseOf(r.changes...)).Cause(SingleURL)
		if c.Verdict != Likely || !slices.ContainsFunc(c.Evidence, func(e Evidence) bool {
			return e.Where == "start times" && e.Settle == r.want && strings.HasPrefix(e.Text, r.says)
		}) {
			t.Errorf("%s: %s", r.name, tell([]Cause{c}))
		}
	}
}
