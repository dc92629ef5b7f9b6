package checks

import (
	"net/netip"
	"slices"
	"testing"
)

// Servers of cluster B are known by their names only, as from an earlier audit, and at
// addresses nobody answers: the larger number of them is missing, all are named, and
// each cluster stays as open as it was.
func TestNamesAndAddressesCountOnce(t *testing.T) {
	t.Parallel()
	of := func(cluster string, names ...string) (out []Missing) {
		for _, name := range names {
			out = append(out, Missing{Name: name, Cluster: cluster, ClusterKnown: true, Kind: Forgotten, Reason: "in the baseline"})
		}
		return out
	}
	at := func(all ...string) (out []Missing) {
		for _, address := range all {
			out = append(out, Missing{Name: address, At: address, Kind: Refusing, Reason: "nobody listens there"})
		}
		return out
	}
	with := func(change func(*Missing), all []Missing) []Missing {
		for i := range all {
			change(&all[i])
		}
		return all
	}
	none, few := 0, 7
	in := func(cluster string) func(*Missing) {
		return func(m *Missing) { m.Cluster, m.ClusterKnown = cluster, true }
	}
	resolved := func(at string) func(*Missing) {
		return func(m *Missing) { m.Addr = netip.MustParseAddrPort(at) }
	}
	b, three := of("B", "b1", "b2", "b3"), at("h:1", "h:2", "h:3")
	for _, c := range []struct {
		name    string
		missing [][]Missing
		silent  []string
		want    int    // are missing
		perhaps string // what the addresses that are not counted say
	}{
		{name: "as many names as addresses", missing: [][]Missing{b, three}, want: 3, perhaps: "perhaps one of b1, b2, b3: nobody listens there"},
		{name: "the addresses come first", missing: [][]Missing{three, b}, want: 3, perhaps: "perhaps one of b1, b2, b3: nobody listens there"},
		{name: "more names", missing: [][]Missing{b, three[:1]}, want: 3, perhaps: "perhaps one of b1, b2, b3: nobody listens there"},
		{name: "more addresses", missing: [][]Missing{b[:1], three}, want: 3, perhaps: "perhaps b1: nobody listens there"},
		{name: "more than are shown", missing: [][]Missing{of("B", "b1", "b2", "b3", "b4", "b5"), three}, want: 5, perhaps: "perhaps one of b1, b2, b3, …: nobody listens there"},
		{name: "names only", missing: [][]Missing{b}, want: 3},
		{name: "addresses only", missing: [][]Missing{three}, want: 3},
		{name: "one has a name, others none", missing: [][]Missing{b[:1], of("B", ""), three[:2]}, want: 2, perhaps: "perhaps one of b1, or one of unknown name: nobody listens there"},
		{name: "none has a name", missing: [][]Missing{of("B", "", ""), three[:2]}, want: 2, perhaps: "perhaps one of unknown name: nobody listens there"},
		{name: "not connected to", missing: [][]Missing{b, {{Kind: Unseen, Reason: "not checked"}}}, want: 3, perhaps: "perhaps one of b1, b2, b3: not checked"},
		{name: "monitoring URLs", missing: [][]Missing{b, {{Host: "h", Kind: Unreachable, Reason: "refused"}}}, want: 3, perhaps: "perhaps one of b1, b2, b3: refused"},
		{name: "their addresses are known", missing: [][]Missing{with(func(m *Missing) { m.Placed = true }, slices.Clone(b)), three}, want: 6},
		{name: "they reported, but not all", missing: [][]Missing{with(func(m *Missing) { m.Bound = &few }, slices.Clone(b)), three}, want: 6},
		{name: "they said that they shut down", missing: [][]Missing{with(func(m *Missing) { m.Bound, m.Kind = &none, Down }, slices.Clone(b)), three}, want: 3, perhaps: "perhaps one of b1, b2, b3: nobody listens there"},
		{name: "addresses of that cluster", missing: [][]Missing{b, with(in("B"), slices.Clone(three))}, want: 3, perhaps: "perhaps one of b1, b2, b3: nobody listens there"},
		{name: "addresses of another cluster", missing: [][]Missing{b, with(in("C"), slices.Clone(three))}, want: 6},
		{name: "one address of each", missing: [][]Missing{b, with(in("C"), at("c:1")), three[:1]}, want: 4, perhaps: "perhaps one of b1, b2, b3: nobody listens there"},
		{name: "one of them stands for a silent cluster", missing: [][]Missing{b, three}, silent: []string{"C"}, want: 4, perhaps: "perhaps one of b1, b2, b3: nobody listens there"},
		{name: "routes that are configured", missing: [][]Missing{with(func(m *Missing) { m.At, m.Kind = m.Name, Configured }, of("B", "r:1", "r:2")), three}, want: 3, perhaps: "perhaps one of r:1, r:2: nobody listens there"},
		{name: "IPv4 and IPv6 of one machine", missing: [][]Missing{at("10.0.0.2:4222", "[fd00::2]:4222")}, want: 1, perhaps: "perhaps another address of 10.0.0.2:4222: nobody listens there"},
		{name: "two machines with both", missing: [][]Missing{at("10.0.0.2:4222", "10.0.0.3:4222", "[fd00::2]:4222", "[fd00::3]:4222")}, want: 2, perhaps: "perhaps another address of one of 10.0.0.2:4222, 10.0.0.3:4222: nobody listens there"},
		{name: "a name, of this machine, private and public", missing: [][]Missing{at("n2.example:4222", "127.0.0.1:4222", "10.0.0.2:4222", "192.0.2.2:4222", "[2001:db8::2]:4222")}, want: 1, perhaps: "perhaps another address of 127.0.0.1:4222: nobody listens there"},
		{name: "both families of this machine", missing: [][]Missing{at("127.0.0.1:4222", "[::1]:4222")}, want: 1, perhaps: "perhaps another address of 127.0.0.1:4222: nobody listens there"},
		{name: "of two ports", missing: [][]Missing{at("10.0.0.2:4222", "[fd00::2]:4223")}, want: 2},
		{name: "a name that resolves, and an address with another port", missing: [][]Missing{with(resolved("127.0.0.1:4222"), at("localhost:4222")), at("127.0.0.1:4223")}, want: 2},
		{name: "a name that resolves, and its address", missing: [][]Missing{with(resolved("10.0.0.2:4222"), at("n2.example:4222")), at("10.0.0.2:4222")}, want: 1, perhaps: "perhaps another address of n2.example:4222: nobody listens there"},
		{name: "a name that resolves, and another address", missing: [][]Missing{with(resolved("10.0.0.2:4222"), at("n2.example:4222")), at("10.0.0.3:4222")}, want: 2},
		{name: "two names that resolve, and their addresses", missing: [][]Missing{with(resolved("10.0.0.2:4222"), at("n2.example:4222")), at("10.0.0.2:4222"), at("10.0.0.3:4222"), with(resolved("10.0.0.3:4222"), at("n3.example:4222"))},
			want: 2, perhaps: "perhaps another address of one of n2.example:4222, 10.0.0.3:4222: nobody listens there"},
		{name: "a name that does not resolve may have any port", missing: [][]Missing{at("n2.example:4222", "10.0.0.2:14222")}, want: 1, perhaps: "perhaps another address of 10.0.0.2:14222: nobody listens there"},
		{name: "of one kind", missing: [][]Missing{at("10.0.0.2:4222", "10.0.0.3:4222", "192.168.0.4:4222")}, want: 3},
		{name: "of one host", missing: [][]Missing{at("127.0.0.1:4222", "127.0.0.1:4223")}, want: 2},
		{name: "names", missing: [][]Missing{at("n2.example:4222", "n3.example:4222")}, want: 2},
		{name: "both families in two clusters", missing: [][]Missing{with(in("B"), at("10.0.0.2:4222")), with(in("C"), at("[fd00::2]:4222"))}, want: 2},
		{name: "advertised, and of a URL", missing: [][]Missing{with(in("B"), at("10.0.0.2:4222")), at("[fd00::2]:4222")}, want: 1, perhaps: "perhaps another address of 10.0.0.2:4222: nobody listens there"},
		{name: "one of two is advertised", missing: [][]Missing{with(in("B"), at("10.0.0.2:4222")), at("10.0.0.3:4222")}, want: 2},
		{name: "another one of a server whose address is known", missing: [][]Missing{with(func(m *Missing) { m.Placed, m.At = true, "127.0.0.1:4222" }, of("B", "b1")), at("10.0.0.2:4222")}, want: 1, perhaps: "perhaps another address of b1: nobody listens there"},
		{name: "of the kind that is known", missing: [][]Missing{with(func(m *Missing) { m.Placed, m.At = true, "10.0.0.1:4222" }, of("B", "b1")), at("10.0.0.2:4222")}, want: 2},
		{name: "one stands for each of two silent clusters", missing: [][]Missing{at("10.0.0.2:4222", "[fd00::2]:4222")}, silent: []string{"C", "D"}, want: 2},
		{name: "a name, and both addresses", missing: [][]Missing{b[:1], at("10.0.0.2:4222", "[fd00::2]:4222")[:1]}, want: 1, perhaps: "perhaps b1: nobody listens there"},
		{name: "monitoring URLs of both families", missing: [][]Missing{{{Host: "10.0.0.2", Kind: Unreachable, Reason: "refused"}, {Host: "fd00::2", Kind: Unreachable, Reason: "refused"}}}, want: 2},
	} {
		d := &Deployment{Gateways: true, Accounts: []Account{{ID: "APP", Name: "APP"}}, Missing: slices.Concat(c.missing...), Silent: c.silent}
		for _, name := range []string{"a1", "a2", "a3"} {
			d.Servers = append(d.Servers, Server{ID: name, Name: name, Cluster: "A", Usage: []Usage{{Account: 0, Connections: 5}}})
		}
		before := *d
		before.Missing = slices.Clone(d.Missing)
		all := len(d.Missing)
		for range 2 { // as after a recorder was asked
			d.CountOnce()
		}
		said := 0
		for i := range d.Missing {
			if m := &d.Missing[i]; m.Perhaps {
				said++
				if got := d.Reasons()(m); got != c.perhaps {
					t.Errorf("%s: %q, want %q", c.name, got, c.perhaps)
				}
			}
		}
		if d.Absent() != c.want || len(d.Missing) != all || said != all-c.want {
			t.Errorf("%s: %d are missing, %d named, %d perhaps; want %d of %d", c.name, d.Absent(), len(d.Missing), said, c.want, all)
		}
		for _, clusters := range [][]string{nil, {"A"}, {"B"}} {
			p := Defaults()
			p.Clusters = clusters
			h := ClientConnections().Defaults()
			h.Clusters = clusters
			is, was := CheckConcentration(d, p), CheckConcentration(&before, p)
			if is.Outcome != was.Outcome || !slices.Equal(is.OpenClusters, was.OpenClusters) {
				t.Errorf("%s, clusters %q: %s and open %q, and without counting %s and %q", c.name, clusters, is.Outcome, is.OpenClusters, was.Outcome, was.OpenClusters)
			}
			if is, was := CheckHotspots(d, h), CheckHotspots(&before, h); is.Outcome != was.Outcome {
				t.Errorf("%s, clusters %q: hotspots %s, and without counting %s", c.name, clusters, is.Outcome, was.Outcome)
			}
		}
	}
}

// A server that is not counted is none that its cluster surely has: two of a cluster
// are no three.
func TestAddressMakesNoClusterLarger(t *testing.T) {
	t.Parallel()
	d := &Deployment{Accounts: []Account{{ID: "APP", Name: "APP"}}, Servers: []Server{{ID: "b1", Name: "b1", Cluster: "B", Usage: []Usage{{Account: 0, Connections: 20}}}},
		Missing: []Missing{{Name: "b2", Cluster: "B", ClusterKnown: true, Kind: Forgotten}, {Name: "h:2", At: "h:2", Cluster: "B", ClusterKnown: true, Kind: Refusing}}}
	d.CountOnce()
	p := Defaults()
	if r := CheckConcentration(d, p); r.Outcome != OutcomeIncomplete || r.Summary.Servers != 2 {
		t.Errorf("%s, with %d servers", r.Outcome, r.Summary.Servers)
	}
	p.AllowPartial = true
	if r := CheckConcentration(d, p); r.Outcome == OutcomeFinding || r.Outcome == OutcomePass {
		t.Errorf("partly it is %s", r.Outcome)
	}
}
