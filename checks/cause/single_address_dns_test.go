package cause

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestSingleAddressDNS(t *testing.T) {
	const name = "nats.example"
	clients := list("nats://nats.example:4222")
	one := dns(name, checks.NameSingle, "10.0.0.1")
	judgeCause(t, SingleAddressDNS, []row{
		{"one address", with(clients, one), Confirmed, SingleAddressDNS},
		{"several, and nobody at the others", with(clients, dns(name, checks.NameRotating, "10.0.0.1", "10.0.0.8", "10.0.0.9")), Confirmed, SingleAddressDNS},
		{"several, and another cluster at the others", with(clients, dns(name, checks.NameSeveral, "10.0.0.1", "10.0.0.8"), foreign("10.0.0.8:4222")), Confirmed, SingleAddressDNS},
		{"a name with a number and a dead address", with(list("nats://nats2.example:4222"), dns("nats2.example", checks.NameSeveral, "10.0.0.1", "10.0.0.8")), Confirmed, SingleAddressDNS},
		{"several, and one is the missing server's", with(clients, dns(name, checks.NameSeveral, "10.0.0.1", "10.0.0.8"), missing("n8")), Likely, SingleAddressDNS},
		{"several, and one did not answer", with(clients, dns(name, checks.NameSeveral, "10.0.0.1", "10.0.0.8"), without("10.0.0.8:4222", checks.ContactTimeout)), Likely, SingleAddressDNS},
		{"the resolvers differ, but in dead addresses only", with(clients, one, alsoDNS(name, "10.0.0.1", "10.0.0.8")), Likely, SingleAddressDNS},
		{"the hosts file says so", with(clients, one, hosts(name)), Likely, SingleAddressDNS},
		{"not all of DNS answered", with(clients, one, partly(name)), Likely, SingleAddressDNS},
		{"anyone's", with(anyones("nats://nats.example:4222"), one), Likely, SingleAddressDNS},
		{"the name that the audit uses", with(hint("nats://nats.example:4222"), one), Possible, "none"},

		{"the name that the audit uses, by the hosts file", with(hint("nats://nats.example:4222"), one, hosts(name)), NotTested, "none"},
		{"the name that the audit uses has all three", with(hint("nats://nats.example:4222"), dns(name, checks.NameSeveral, "10.0.0.1", "10.0.0.2")), NotTested, "none"},
		{"the name that the audit uses is a balancer's", with(hint("nats://nats.example:4222"), dns(name, checks.NameSingle, "10.0.0.9"), leads("10.0.0.9:4222", 12, 1)), NotTested, "none"},
		{"no list", with(one), NotTested, "none"},
		{"another account's", with(another("nats://nats.example:4222"), one), NotTested, "none"},
		{"all three rotating, as chance has it", with(counts(8, 1, 1), list("nats://nats.example:4222"), dns("nats.example", checks.NameRotating, "10.0.0.1", "10.0.0.2", "10.0.0.3")), RuledOut, "none"},
		{"all three rotating", with(clients, dns(name, checks.NameRotating, "10.0.0.1", "10.0.0.2", "10.0.0.3")), NotTested, "none"},
		{"all three in a fixed order", with(clients, dns(name, checks.NameSeveral, "10.0.0.1", "10.0.0.2", "10.0.0.3")), NotTested, ""},
		{"two of three", with(clients, dns(name, checks.NameSeveral, "10.0.0.1", "10.0.0.2")), NotTested, ""},
		{"one address, but of another server", with(clients, dns(name, checks.NameSingle, "10.0.0.2")), NotTested, "none"},
		{"a resolver has one, the other all", with(clients, one, alsoDNS(name, "10.0.0.1", "10.0.0.2", "10.0.0.3")), Possible, "none"},
		{"the resolvers have other sets, each of several", with(clients, dns(name, checks.NameSeveral, "10.0.0.1", "10.0.0.2"), alsoDNS(name, "10.0.0.1", "10.0.0.3")), NotTested, "none"},
		{"the name, and a URL of another server", with(list("nats://nats.example:4222", "nats://10.0.0.2:4222"), one), NotTested, ""},
		{"the name, and a list of all", with(clients, one, list(urlsOf(1, 2, 3)...)), Possible, "none"},
		{"no such name", with(clients, dns(name, checks.NameMissing)), NotTested, "none"},
		{"a name without an address", with(clients, dns(name, checks.NameNoData)), NotTested, "none"},
		{"DNS fails", with(clients, dns(name, checks.NameFailed)), NotTested, "none"},
		{"DNS was not asked", with(clients), NotTested, "none"},
		{"one address, where nobody listens", with(clients, dns(name, checks.NameSingle, "10.0.0.8")), NotTested, "none"},
		{"one address, out of the auditor's reach", with(clients, dns(name, checks.NameSingle, "10.0.0.8"), without("10.0.0.8:4222", checks.ContactUnroutable)), NotTested, "none"},
		{"one address that can't be read", with(clients, dns(name, checks.NameSingle, "10.0.0.8"), without("10.0.0.8:4222", checks.ContactUnreadable)), NotTested, "none"},
		{"a name of the server", with(list("nats://n1.example:4222"), dns("n1.example", checks.NameSingle, "10.0.0.1")), RuledOut, SingleURL},
		{"a name with a number", with(list("nats://nats1.example:4222"), dns("nats1.example", checks.NameSingle, "10.0.0.1")), Confirmed, SingleAddressDNS},
		{"a server's own name with both families", with(list("nats://n1.example:4222"), dns("n1.example", checks.NameSeveral, "10.0.0.1", "2001:db8::1"), leads("[2001:db8::1]:4222", 1, 1)),
			RuledOut, SingleURL},
		{"an address", with(list(urlsOf(1)...)), RuledOut, SingleURL},
		{"a load balancer that is sticky", with(clients, dns(name, checks.NameSingle, "10.0.0.9"), leads("10.0.0.9:4222", 12, 1)), RuledOut, StickyLoadBalancer},
		{"a load balancer that is not", with(clients, dns(name, checks.NameSingle, "10.0.0.9"), leads("10.0.0.9:4222", 12, 1, 2, 3)), NotTested, "none"},
		{"MQTT clients, which only this server takes", with(clients, one, profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" })), NotTested, ListenerGap},
	})
}
