package audit

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// routedServer is a server n<i> of cluster C1 at 10.0.0.<i> with these routes.
func routedServer(i int, routes ...string) checks.Server {
	name := fmt.Sprintf("n%d", i)
	s := checks.Server{ID: name, Name: name, Host: "0.0.0.0", Cluster: "C1"}
	if routes != nil {
		s.Links = &checks.Links{Host: "0.0.0.0", Port: 6222, Routes: routes}
	}
	return s
}

// What the configuration of those that answered names is expected. A server that it
// names in two ways counts once, and a name of all servers does not count.
func TestServersThatTheConfigurationNames(t *testing.T) {
	t.Parallel()
	ips := []string{"10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"}
	names := []string{"n1.example:6222", "n2.example:6222", "n3.example:6222"}
	pods := []string{"n1.nats:6222", "n2.nats:6222", "n3.nats:6222", "nats:6222"}
	ports := []string{"127.0.0.1:6001", "127.0.0.1:6002", "127.0.0.1:6003"}
	two := func(routes []string) []checks.Server {
		return []checks.Server{routedServer(1, routes...), routedServer(2)}
	}
	for _, c := range []struct {
		name     string
		servers  []checks.Server
		expected Expected
		missing  []checks.Missing
		want     []string // names of those that are added
	}{
		{"all are there", []checks.Server{routedServer(1, ips...), routedServer(2), routedServer(3)}, Expected{}, nil, nil},
		{"by address", two(ips), Expected{}, nil, []string{""}},
		{"by name", two(names), Expected{}, nil, []string{"n3.example:6222"}},
		{"each names the others", []checks.Server{routedServer(1, ips[1:]...), routedServer(2, ips[0], ips[2])}, Expected{}, nil, []string{""}},
		{"one alone", []checks.Server{routedServer(1, ips...)}, Expected{}, nil, []string{"", ""}},
		{"seeds", []checks.Server{routedServer(1, ips[:2]...), routedServer(2), routedServer(3), routedServer(4)}, Expected{}, nil, nil},
		{"seeds, of which one is gone", []checks.Server{joined(routedServer(2, ips[:2]...)), joined(routedServer(3, ips[:2]...), "n2"), joined(routedServer(4, ips[:2]...), "n2")}, Expected{}, nil, []string{""}},
		{"the same, which is missing already", []checks.Server{joined(routedServer(3, ips[:2]...), "n2"), joined(routedServer(4, ips[:2]...), "n2")}, Expected{}, []checks.Missing{{Name: "n1", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent}}, nil},
		{"seeds, of all of which one has told", []checks.Server{routedServer(2, ips[:2]...), joined(routedServer(3, ips[:2]...), "n2"), routedServer(4, ips[:2]...)}, Expected{}, nil, nil},
		{"seeds that are there", []checks.Server{joined(routedServer(1, ips[:2]...), "n2"), joined(routedServer(2, ips[:2]...), "n1"), routedServer(3, ips[:2]...)}, Expected{}, nil, nil},
		{"one that has its own address besides", []checks.Server{joined(routedServer(1, ips[0]), "n3"), joined(routedServer(2, ips[:2]...), "n1"), joined(routedServer(3, ips[0]), "n1")}, Expected{}, nil, nil},
		{"one name for all, with a route to one each", []checks.Server{joined(routedServer(1, "nats:6222"), "n2"), joined(routedServer(2, "nats:6222"), "n1")}, Expected{}, nil, nil},
		{"one name for all", two([]string{"nats:6222"}), Expected{}, nil, nil},
		{"pods and their service", []checks.Server{routedServer(1, pods...), routedServer(2), routedServer(3)}, Expected{}, nil, nil},
		{"a pod of these", two(pods), Expected{}, nil, []string{"n3.nats:6222"}},
		{"in two spellings", []checks.Server{routedServer(1, "n1:6222", "N2:6222", "n3:6222"), routedServer(2, "n1.example:6222", "n2.example:6222", "n3.example:6222"), routedServer(3)}, Expected{}, nil, nil},
		{"the same, of servers with other names", []checks.Server{routedServer(5, "n1:6222", "N2:6222"), routedServer(6, "n1.example:6222", "n2.example:6222")}, Expected{}, nil, nil},
		{"two were replaced, and the first one has the old ones", []checks.Server{routedServer(1, ips...), routedServer(4, ips[0], "10.0.0.4:6222", "10.0.0.5:6222"), routedServer(5)}, Expected{}, nil, nil},
		{"of these one is not there", []checks.Server{routedServer(1, ips...), routedServer(4, ips[0], "10.0.0.4:6222", "10.0.0.5:6222")}, Expected{}, nil, []string{""}},
		{"the same label in two domains", []checks.Server{routedServer(1, "n1.a:6222", "n1.b:6222", "n1.c:6222"), routedServer(2)}, Expected{}, nil, []string{""}},
		{"no routes are configured", two([]string{}), Expected{}, nil, nil},
		{"nothing is known", two(nil), Expected{}, nil, nil},
		{"the number says that these are all", two(ips), Expected{Count: 2}, nil, nil},
		{"the number says that there is one more", two(names), Expected{Count: 3}, nil, []string{"n3.example:6222"}},
		{"the number says that there are two more", two(names), Expected{Count: 4}, nil, []string{"n3.example:6222", ""}},
		{"the names of all", two(names), Expected{Names: []string{"n1", "n2"}}, nil, nil},
		{"names of some", two(names), Expected{Names: []string{"n1"}}, nil, []string{"n3.example:6222"}},
		{"it is missing already", two(names), Expected{}, []checks.Missing{{Name: "n3", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent}}, nil},
		{"it is counted", two(ips), Expected{}, []checks.Missing{{Kind: checks.Counted}}, nil},
		{"another is missing", two(names), Expected{}, []checks.Missing{{Name: "n9", Cluster: "C1", ClusterKnown: true, Kind: checks.Silent}}, nil},
		{"another is missing elsewhere", two(names), Expected{}, []checks.Missing{{Name: "n9", Cluster: "C2", ClusterKnown: true, Kind: checks.Silent}}, []string{"n3.example:6222"}},
		{"the baseline has it", two(names), Expected{Earlier: []EarlierServer{{Name: "n3", Cluster: "C1"}}}, nil, []string{"n3"}},
		{"ports of one address", []checks.Server{listening(1, "127.0.0.1", 6001, ports), listening(2, "127.0.0.1", 6002, ports)}, Expected{}, nil, []string{"127.0.0.1:6003"}},
		{"a name of one and its address", []checks.Server{seenAt(1, append(names, ips...)), seenAt(2, nil), seenAt(3, nil)}, Expected{}, nil, nil},
		{"alone, with a seed on another port", []checks.Server{without(listening(2, "127.0.0.1", 6002, ports[:1]))}, Expected{}, nil, []string{"127.0.0.1:6001"}},
		{"alone, with a seed at another address", []checks.Server{without(listening(2, "10.0.0.2", 6222, ips[:1]))}, Expected{}, nil, []string{"10.0.0.1:6222"}},
		{"alone, with itself", []checks.Server{without(listening(2, "127.0.0.1", 6002, ports[1:2]))}, Expected{}, nil, nil},
		{"alone, with a seed that may be itself", []checks.Server{without(routedServer(2, ips[:1]...))}, Expected{}, nil, nil},
		{"a seed, and routes to others", []checks.Server{listening(2, "127.0.0.1", 6002, ports[:1])}, Expected{}, nil, nil},
		{"published ports", []checks.Server{seenAt(1, ports), seenAt(2, ports), seenAt(3, ports)}, Expected{}, nil, nil},
		{"an address that is none", two([]string{"", ":", "n1:x", "n1:70000"}), Expected{}, nil, nil},
		{"without a port", two([]string{"n1", "n2", "n3"}), Expected{}, nil, []string{"n3"}},
	} {
		d := &checks.Deployment{Servers: c.servers, Missing: c.missing, Expected: len(c.servers) + len(c.missing)}
		c.expected.Add(t.Context(), d)
		var got []string
		for _, m := range d.Missing[len(c.missing):] {
			got = append(got, m.Name)
			what := fmt.Sprintf("pass --expect-servers %d if no more", len(c.servers)+len(c.missing))
			if n := c.expected.Count; n > 0 {
				what = fmt.Sprintf(": %d servers are expected", n)
			}
			if m.Kind == checks.Configured && (!m.ClusterKnown || m.Cluster != "C1" || !strings.Contains(m.Reason, what)) {
				t.Errorf("%s: %+v", c.name, m)
			}
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) || d.Expected != len(d.Servers)+len(d.Missing) {
			t.Errorf("%s: %q are missing, want %q; %d expected; %+v", c.name, got, c.want, d.Expected, d.Missing)
		}
	}
}

// joined is a server that told which routes of its configuration stand.
func joined(s checks.Server, names ...string) checks.Server {
	s.Configured = []string{}
	for _, name := range names {
		s.Configured = append(s.Configured, "N"+name)
	}
	return s
}

// without is a server that has no routes.
func without(s checks.Server) checks.Server {
	s.Peers = []string{}
	return s
}

// listening is a server of which it is known where it listens.
func listening(i int, host string, port int, routes []string) checks.Server {
	s := routedServer(i, routes...)
	s.Host, s.Links.Host, s.Links.Port = host, host, port
	return s
}

// seenAt is a server that listens everywhere and is seen by others at 10.0.0.<i>.
func seenAt(i int, routes []string) checks.Server {
	s := routedServer(i, append([]string{}, routes...)...)
	s.Details = &checks.Details{Seen: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}}
	return s
}

// A cluster that a gateway is configured to, and of which nobody is known, is one of
// which nobody answered; servers are asked for details where routes lack some only.
func TestClustersThatTheConfigurationNames(t *testing.T) {
	t.Parallel()
	server := func(name, cluster string, gateways ...string) checks.Server {
		return checks.Server{ID: name, Name: name, Cluster: cluster, Links: &checks.Links{Clusters: gateways}}
	}
	for _, c := range []struct {
		name     string
		expected Expected
		missing  []checks.Missing
		want     int
	}{
		{"nobody is known of it", Expected{}, nil, 1},
		{"the number says that these are all", Expected{Count: 2}, nil, 0},
		{"somebody has a gateway to it", Expected{}, []checks.Missing{{Cluster: "C3", ClusterKnown: true, Kind: checks.Silent}}, 1},
	} {
		d := &checks.Deployment{Gateways: true, Missing: c.missing, Servers: []checks.Server{server("a", "C1", "C1", "C2", "C3"), server("b", "C2", "C1", "C2", "C3")}}
		c.expected.Details = func(context.Context, []string) error { t.Error("asked"); return nil }
		c.expected.Add(t.Context(), d)
		if len(d.Missing) != c.want || c.want > 0 && (d.Missing[0].Cluster != "C3" || !d.Missing[0].ClusterKnown) {
			t.Errorf("%s: %+v", c.name, d.Missing)
		}
	}
}

// Servers may claim any number of routes.
func TestRoutesAreBounded(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{}
	for i := range 4 {
		var routes []string
		for k := range mostAddresses {
			routes = append(routes, fmt.Sprintf("n%d.example:%d", i*mostAddresses+k, 6222))
		}
		d.Servers = append(d.Servers, routedServer(i+1, routes...))
	}
	Expected{}.Add(t.Context(), d)
	if n := len(d.Missing); n > mostAddresses || n < mostAddresses-len(d.Servers) {
		t.Errorf("%d are missing", n)
	}
}
