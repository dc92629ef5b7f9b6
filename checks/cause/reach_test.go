package cause

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// went is where a list leads, in a line: a server with "?" where it did not
// answer itself, "(lb)" where the address is not its own, "(own?)" where that is
// not known and "(name)" where a name of others leads there; then dead URLs,
// foreign addresses, and why it is open.
func went(d *checks.Deployment, r Reach) string {
	var out []string
	for _, a := range r.Arrivals {
		word := d.Servers[a.Server].Name
		if !a.Sure {
			word += "?"
		}
		switch a.Own {
		case checks.No:
			word += "(lb)"
		case checks.Unknown:
			word += "(own?)"
		case checks.Yes:
		}
		if !a.OwnName {
			word += "(name)"
		}
		out = append(out, word)
	}
	for _, dead := range r.Dead {
		out = append(out, "dead:"+dead)
	}
	for _, at := range r.Foreign {
		out = append(out, "foreign:"+at)
	}
	for _, o := range r.Open {
		out = append(out, "open:"+o.String())
	}
	return strings.Join(out, " ")
}

func TestReach(t *testing.T) {
	t.Parallel()
	listens := func(host string, servers ...int) change {
		return on(func(s *checks.Server) { s.Details.Host, s.Details.Seen, s.Details.ConnectURLs = host, nil, nil }, servers...)
	}
	for _, r := range []struct {
		name    string
		changes []change
		want    string
	}{
		{"in the order of the list", with(list(urlsOf(3, 1, 2)...)), "n3 n1 n2"},
		{"the same twice", with(list(urlsOf(1, 1)...)), "n1 n1"},
		{"in the order of DNS", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSeveral, "10.0.0.2", "10.0.0.1")), "n2(name) n1(name)"},
		{"nobody listens", with(list("nats://10.0.0.8:4222")), "dead:nats://10.0.0.8:4222"},
		{"closed without a greeting", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactClosed)), "dead:nats://10.0.0.8:4222"},
		{"another cluster", with(list("nats://10.0.0.8:4222"), foreign("10.0.0.8:4222")), "dead:nats://10.0.0.8:4222 foreign:10.0.0.8:4222"},
		{"no such name", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameMissing)), "dead:nats://nats.example:4222"},
		{"a name without an address", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameNoData)), "dead:nats://nats.example:4222"},
		{"DNS fails", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameFailed)), "open:nats://nats.example:4222: nats.example has addresses: none"},
		{"DNS was not asked", with(list("nats://nats.example:4222")), "open:nats://nats.example:4222: DNS was not asked"},
		{"a part of DNS", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1"), partly("nats.example")),
			"n1(name) open:nats://nats.example:4222: nats.example has addresses: 10.0.0.1"},
		{"no answer", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactTimeout)), "open:nats://10.0.0.8:4222 did not answer here, but may answer the clients"},
		{"no route", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactUnroutable)), "open:nats://10.0.0.8:4222: this machine can't get to 10.0.0.8:4222"},
		{"unreadable", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactUnreadable)), "open:nats://10.0.0.8:4222: some detail"},
		{"not probed", with(list("nats://10.0.0.8:4222"), without("10.0.0.8:4222", checks.ContactNone)), "open:nats://10.0.0.8:4222 was not probed, and no server says that it is there"},
		{"not probed, but a server says that it is there", with(list(urlsOf(1)...), without("10.0.0.1:4222", checks.ContactNone)), "n1?"},
		{"no answer, but a server says that it is there", with(list(urlsOf(1)...), without("10.0.0.1:4222", checks.ContactTimeout)), "n1?"},
		{"refused, but a server says that it is there", with(list(urlsOf(1)...), without("10.0.0.1:4222", checks.ContactRefused)),
			"open:nats://10.0.0.1:4222 is an address of n1, but refused the connection"},
		{"several servers say so", with(list("nats://10.0.0.1:4222"), without("10.0.0.1:4222", checks.ContactNone), listens("10.0.0.1", 1, 2)),
			"open:nats://10.0.0.1:4222 was not probed, and no server says that it is there"},
		{"on another port nobody says so", with(list("nats://10.0.0.1:4333"), without("10.0.0.1:4333", checks.ContactNone)),
			"open:nats://10.0.0.1:4333 was not probed, and no server says that it is there"},
		{"WebSocket, by what the server says", with(list("ws://10.0.0.1:8080"), without("10.0.0.1:8080", checks.ContactNone), on(func(s *checks.Server) { s.Details.WebSocket = 8080 }, 1)), "n1?"},
		{"a port that is not its own", with(list("nats://10.0.0.1:5222"), leads("10.0.0.1:5222", 12, 1)), "n1(lb)"},
		{"an address that is not its own", with(list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1)), "n1(lb)"},
		{"several servers at an address", with(list("nats://10.0.0.1:4222"), leads("10.0.0.1:4222", 12, 1, 2)), "n1(lb) n2(lb)"},
		{"a public address", with(list("nats://203.0.113.7:4222"), leads("203.0.113.7:4222", 12, 1)), "n1(own?)"},
		{"loopback", with(list("nats://127.0.0.1:4222"), leads("127.0.0.1:4222", 12, 1)), "n1"},
		{"loopback, but the server listens on one address", with(list("nats://127.0.0.9:4222"), leads("127.0.0.9:4222", 12, 1), listens("127.0.0.1", 1)), "n1(lb)"},
		{"a server of one address", with(list(urlsOf(1)...), listens("10.0.0.1", 1)), "n1"},
		{"a server that listens on a name", with(list(urlsOf(1)...), listens("n1.internal", 1)), "n1(own?)"},
		{"a server that says nothing", with(list(urlsOf(1)...), on(silentServer, 1)), "n1"},
		{"IPv6", with(list("nats://[2001:db8::1]:4222"), leads("[2001:db8::1]:4222", 1, 1), listens("2001:db8::1", 1)), "n1"},
		{"all of IPv6", with(list("nats://[fd00::1]:4222"), leads("[fd00::1]:4222", 1, 1), on(func(s *checks.Server) {
			s.Details.Host, s.Details.Seen = "::", []netip.Addr{netip.MustParseAddr("fd00::1")}
		}, 1)), "n1"},
		{"a server that did not report", with(list("nats://10.0.0.4:4222"), missing("n4"), answers("10.0.0.4:4222", greets(checks.Server{ID: "Mn4", Name: "n4", Cluster: "C1"}, 1, 1))),
			"open:nats://10.0.0.4:4222 is a server that did not report"},
		{"a server that has a new id since", with(list("nats://10.0.0.1:4222"), answers("10.0.0.1:4222", greets(checks.Server{ID: "N1b", Name: "n1", Cluster: "C1"}, 1, 1))),
			"open:nats://10.0.0.1:4222 is a server of this cluster that the audit does not know"},
		{"a server of nobody's", with(list("nats://10.0.0.8:4222"), answers("10.0.0.8:4222", greets(checks.Server{ID: "X", Name: "x"}, 1, 1))), "dead:nats://10.0.0.8:4222 foreign:10.0.0.8:4222"},
		{"an empty list", with(list()), ""},
	} {
		c := caseOf(r.changes...)
		reach := ReachOf(c.Deployment, "C1", c.Lists[0])
		if got := went(c.Deployment, reach); got != r.want {
			t.Errorf("%s:\ngot  %s\nwant %s", r.name, got, r.want)
		}
		if servers := reach.Servers(); len(slices.Compact(slices.Sorted(slices.Values(servers)))) != len(servers) {
			t.Errorf("%s: a server is there twice: %v", r.name, servers)
		}
	}
}

// TestReachWithoutCluster: servers without a cluster go by the empty name.
func TestReachWithoutCluster(t *testing.T) {
	t.Parallel()
	alone := checks.Server{ID: "A", Name: "alone"}
	c := caseOf(list("nats://10.0.0.8:4222"), answers("10.0.0.8:4222", greets(alone, 1, 1)), func(s *scene) {
		s.Deployment.Servers = append(s.Deployment.Servers, alone)
	})
	if got := went(c.Deployment, ReachOf(c.Deployment, "", c.Lists[0])); got != "alone(own?)" {
		t.Errorf("it leads to %s", got)
	}
	if got := went(c.Deployment, ReachOf(c.Deployment, "C1", c.Lists[0])); got != "dead:nats://10.0.0.8:4222 foreign:10.0.0.8:4222" {
		t.Errorf("in the cluster it leads to %s", got)
	}
}

func TestOwnNames(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		host, server string
		advertises   bool
		addresses    int
		want         bool
	}{
		{"n1", "n1", false, 1, true},
		{"N1.Example.", "n1", false, 1, true},
		{"n1.example", "n1.other", false, 1, true},
		{"n1.example", "C1-n1", false, 1, true},
		{"c1.example", "C1-n1", false, 1, true},
		{"alpha.example", "prod-alpha", false, 1, true},
		{"prod.example", "prod-alpha", false, 1, false}, // the others are of prod as well
		{"nats.example", "n1", false, 1, false},
		{"nats.example", "n1", true, 1, true},
		{"nats7.example", "n1", false, 1, false},
		{"nats7.example", "n1", false, 2, false},
		{"localhost", "n1", false, 2, true},
		{"app.localhost", "n1", false, 1, true},
		{"", "n1", false, 1, false},
		{"nats.example", "", false, 1, false},
	} {
		d := &checks.Deployment{}
		for i := range 3 {
			s := checks.Server{ID: fmt.Sprint(i), Name: fmt.Sprintf("prod-other%d", i), Cluster: "C1"}
			if i == 0 {
				s.Name = r.server
			}
			if i == 0 && r.advertises {
				s.Details = &checks.Details{Host: r.host, Port: 4222}
			}
			d.Servers = append(d.Servers, s)
		}
		e := checks.Endpoint{Host: r.host, Port: 4222}
		for i := range r.addresses {
			e.Addresses = append(e.Addresses, checks.Address{IP: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})})
		}
		if got := ownName(d, "C1", 0, e); got != r.want {
			t.Errorf("%q with %d addresses is a name of %q: %v, want %v", r.host, r.addresses, r.server, got, r.want)
		}
	}
}
