package profile

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// BenchmarkAdd is what a connection costs beyond reading it, which takes about
// 2 µs: compare with BenchmarkConnz of package wire.
func BenchmarkAdd(b *testing.B) {
	const n = 20_000
	for _, what := range []struct{ name, format string }{
		{"one name", "orders-api"}, {"counters", "gw-%d"}, {"pods", "orders-api-7f9c6d5b8-x%04d"}, {"all different", "%[1]dx%[1]d"},
	} {
		b.Run(what.name, func(b *testing.B) {
			var all []*wire.Connection
			for i := range n {
				name := what.format
				if what.name != "one name" {
					name = fmt.Sprintf(name, i)
				}
				all = append(all, client(i, address(i%500).String(), name))
			}
			p := newProfiler(servers(3))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p.add(i%3, all[i%n])
				i++
			}
		})
	}
}

// named are the services of a profile by the names of their stems.
func named(t *testing.T, all []checks.Service) map[string]checks.Service {
	t.Helper()
	out := map[string]checks.Service{}
	for _, x := range all {
		key := x.Stem + "/" + x.User + "/" + x.Protocol + "/" + x.Language
		if x.Remainder {
			key = "remainder"
		}
		if x.Stem == "" && len(x.Networks) == 1 {
			key += "/" + x.Networks[0].Key
		}
		if _, again := out[key]; again {
			t.Errorf("%s is there twice", key)
		}
		out[key] = x
	}
	return out
}

func TestServices(t *testing.T) {
	t.Parallel()
	const uuid = "0b5f3c1e-7c1d-4c55-9a3c-1f2e3d4c5b6a"
	for _, c := range []struct {
		what        string
		connections []wire.Connection // one each on the servers in turn
		want        map[string][]int
	}{
		{"pods of a deployment", []wire.Connection{{Name: []byte("orders-api-7f9c6d5b8-x2x9q")}, {Name: []byte("orders-api-7f9c6d5b8-b4b2z")}, {Name: []byte("orders-worker-0")}},
			map[string][]int{"orders-api//nats/": {1, 1, 0}, "orders-worker//nats/": {0, 0, 1}}},
		{"users", []wire.Connection{{Name: []byte("a"), User: []byte("u")}, {Name: []byte("a"), User: []byte("v")}, {Name: []byte("a"), User: []byte("u")}},
			map[string][]int{"a/u/nats/": {1, 0, 1}, "a/v/nats/": {0, 1, 0}}},
		{"languages and protocols", []wire.Connection{{Name: []byte("a"), Language: []byte("go")}, {Name: []byte("a"), Language: []byte("java")}, {Name: []byte("a"), Language: []byte("go"), Protocol: []byte("websocket")}},
			map[string][]int{"a//nats/go": {1, 0, 0}, "a//nats/java": {0, 1, 0}, "a//websocket/go": {0, 0, 1}}},
		{"without names", []wire.Connection{{Addr: netip.MustParseAddr("10.0.1.1")}, {Addr: netip.MustParseAddr("10.0.1.9")}, {Addr: netip.MustParseAddr("10.0.2.1")}},
			map[string][]int{"//nats//10.0.1.0/24": {1, 1, 0}, "//nats//10.0.2.0/24": {0, 0, 1}}},
		{"names that are only identifiers", []wire.Connection{{Name: []byte(uuid), Addr: netip.MustParseAddr("10.0.1.1")}, {Name: []byte("17"), Addr: netip.MustParseAddr("10.0.2.2")}, {Name: []byte("ip-10-0-1-23"), Addr: netip.MustParseAddr("10.0.1.23")}},
			map[string][]int{"//nats/": {1, 1, 1}}},
		{"MQTT goes by the client id", []wire.Connection{{Protocol: []byte("mqtt"), MQTTClient: []byte("meter-1")}, {Protocol: []byte("mqtt"), MQTTClient: []byte("meter-2")}, {MQTTClient: []byte("x"), Name: []byte("meter")}},
			map[string][]int{"meter//mqtt/": {1, 1, 0}, "meter//nats/": {0, 0, 1}}},
		{"no text passes for another", []wire.Connection{{User: []byte("ab"), Language: []byte("c"), Name: []byte("n")}, {User: []byte("a"), Language: []byte("bc"), Name: []byte("n")}},
			map[string][]int{"n/ab/nats/c": {1, 0, 0}, "n/a/nats/bc": {0, 1, 0}}},
	} {
		p := newProfiler(servers(3))
		for i := range c.connections {
			p.add(i%3, &c.connections[i])
		}
		got := named(t, p.profile().Services)
		for key, counts := range c.want {
			if !slices.Equal(got[key].Counts, counts) {
				t.Errorf("%s: %s has %v, want %v", c.what, key, got[key].Counts, counts)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}

func TestWhatAServiceHas(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(3))
	for i := range 12 {
		c := client(i, address(i%5).String(), fmt.Sprint("gw-", i))
		c.Start = noon.Add(time.Duration(i) * time.Hour)
		c.TLS = true
		if i > 8 {
			c.Version = []byte("1.1")
		}
		server := 0
		if i == 3 || i == 11 {
			server = 2
		}
		p.add(server, c)
	}
	all := p.profile().Services
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	got := all[0]
	if got.Stem != "gw" || !slices.Equal(got.Counts, []int{10, 0, 2}) || got.TLS != checks.Yes || got.Remainder {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Versions, []string{"1.0", "1.1"}) || !got.First.Equal(noon) || !got.Last.Equal(noon.Add(10*time.Hour)) {
		t.Errorf("versions %v, from %s to %s", got.Versions, got.First, got.Last)
	}
	if got.Hosts != 5 || got.SourcesSampled || len(got.Sources) != 5 || !slices.Equal(got.HostExamples, []netip.Addr{address(0), address(1), address(2)}) {
		t.Errorf("%d hosts, %v", got.Hosts, got.HostExamples)
	}
	if s := got.Sources[1]; s.Addr != address(1) || !slices.Equal(s.Counts, []int{2, 0, 1}) || s.Kinds != 3 {
		t.Errorf("%+v", s)
	}
	if len(got.Networks) != 1 || got.Networks[0].Key != "10.0.0.0/24" || !slices.Equal(got.Networks[0].Counts, got.Counts) {
		t.Errorf("%+v", got.Networks)
	}
	// The first began when one server was up, all others when three were.
	if got.Starts[0][1] != 1 || got.Starts[0][3] != 9 || got.Starts[2][3] != 2 {
		t.Errorf("%v", got.Starts)
	}
	p.add(0, client(99, "10.0.0.1", "gw-99"))
	if got := p.profile().Services[0]; got.TLS != checks.Unknown {
		t.Errorf("some without TLS: %v", got.TLS)
	}
}

// TestMoreServicesThanAreShown: the largest on the concentrated server are apart.
func TestMoreServicesThanAreShown(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(2))
	id := 0
	for i := range 40 {
		name := fmt.Sprint("s", string(rune('a'+i/26)), string(rune('a'+i%26)))
		for range i + 1 {
			p.add(0, client(id, address(i).String(), name))
			id++
		}
		for range 50 - i {
			p.add(1, client(id, address(100+i).String(), name))
			id++
		}
	}
	got := p.profile().Services
	if len(got) != largestServices+1 || got[0].Stem != "sbn" || !slices.Equal(got[0].Counts, []int{40, 11}) || got[31].Stem != "sai" {
		t.Fatalf("%d services, the first %+v", len(got), got[0])
	}
	rest := got[largestServices]
	if !rest.Remainder || rest.Stem != "" || !slices.Equal(rest.Counts, []int{36, 372}) || rest.Hosts != 16 {
		t.Errorf("%+v", rest)
	}
	if n := sum(rest.Networks[0].Counts); len(rest.Networks) != 1 || n != 408 {
		t.Errorf("%+v", rest.Networks)
	}
	if n := sum(rest.Starts[0]) + sum(rest.Starts[1]); n != 408 {
		t.Errorf("%d connections have a start, want 408", n)
	}
}

// TestServicesAmongHostileNames: a service that is large is found however many
// names there are that come only once, wherever it comes among them.
func TestServicesAmongHostileNames(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for _, when := range []string{"before", "among", "after"} {
		p := newProfiler(servers(2))
		large := func(i int) { p.add(0, client(i, address(i%300).String(), "orders-api")) }
		for i := range 500 {
			if when == "before" {
				large(i)
			}
		}
		for i := range n {
			c := client(i, address(i).String(), string([]rune{rune('a' + i%26), rune('a' + i/26%26), rune('a' + i/676%26), rune('a' + i/17576)}))
			c.User = c.Name
			p.add(i%2, c)
			if when == "among" && i%40 == 0 {
				large(i)
			}
		}
		for i := range 500 {
			if when == "after" {
				large(i)
			}
		}
		got := p.profile().Services
		rest := got[len(got)-1]
		if len(got) != largestServices+1 || got[0].Stem != "orders-api" || !slices.Equal(got[0].Counts, []int{500, 0}) || !rest.Remainder {
			t.Errorf("%s: %d services, the first %q %v", when, len(got), got[0].Stem, got[0].Counts)
		}
		all := 0
		for _, x := range got {
			all += x.Connections()
		}
		if all != n+500 {
			t.Errorf("%s: %d connections in services, want %d", when, all, n+500)
		}
		if rest.Hosts < n*8/10 || rest.Hosts > n*12/10 || !rest.SourcesSampled {
			t.Errorf("%s: %d hosts, sampled: %v; want about %d", when, rest.Hosts, rest.SourcesSampled, n)
		}
	}
}

// TestHosts: few are counted, of many it is reckoned how many there are.
func TestHosts(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 256, 257, 3000, 100_000} {
		h := hosts{}
		for i := range 2 * n {
			h.at(address(i%n), mostHostsOfOne)
		}
		got := h.count()
		if n <= mostHostsOfOne && (got != n || h.more) || n > mostHostsOfOne && (math.Abs(float64(got-n)) > float64(n)/4 || !h.more || len(h.kept) != mostHostsOfOne) {
			t.Errorf("%d hosts are counted as %d", n, got)
		}
	}
}
