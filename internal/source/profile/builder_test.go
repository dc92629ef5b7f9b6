package profile

import (
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// servers are n servers with clocks that are right to a millisecond, started a
// minute apart from noon on.
func servers(n int) []*checks.Server {
	var out []*checks.Server
	for i := range n {
		out = append(out, &checks.Server{ID: fmt.Sprintf("S%d", i), Name: fmt.Sprintf("s%d", i), Start: noon.Add(time.Duration(i) * time.Minute),
			Details: &checks.Details{Margin: time.Millisecond}})
	}
	return out
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// client is a connection of a client that says who it is.
func client(cid int, addr, name string) *wire.Connection {
	return &wire.Connection{ID: uint64(cid), Client: true, Addr: netip.MustParseAddr(addr), Name: []byte(name), User: []byte("u"), Language: []byte("go"), Version: []byte("1.0")}
}

func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// total is how many connections there are in groups, and in how many of them.
func total(groups []checks.Group) (connections, n int) {
	for _, g := range groups {
		connections += sum(g.Counts)
	}
	return connections, len(groups)
}

func TestGroups(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(2))
	for i, c := range []*wire.Connection{
		{Addr: netip.MustParseAddr("10.1.2.3"), Language: []byte("go"), Version: []byte("1.55.0"), Name: []byte("a"), Tags: [][]byte{[]byte("az:a"), []byte("az:a"), []byte("x")}},
		{Addr: netip.MustParseAddr("10.1.2.99"), Language: []byte("go"), Version: []byte("1.55.0"), User: []byte("u"), Protocol: []byte("websocket")},
		{Addr: netip.MustParseAddr("2001:db8:1:2:3::4"), Protocol: []byte("mqtt"), Tags: [][]byte{[]byte("az:a")}},
		{Version: []byte("3")},
	} {
		p.add(i/3, c)
	}
	got := p.profile()
	for what, c := range map[string]struct{ got, want []checks.Group }{
		"protocols": {got.Protocols, []checks.Group{{Key: "nats", Counts: []int{1, 1}}, {Key: "mqtt", Counts: []int{1, 0}}, {Key: "websocket", Counts: []int{1, 0}}}},
		"languages": {got.Languages, []checks.Group{{Key: "", Counts: []int{1, 1}}, {Key: "go", Counts: []int{2, 0}}}},
		"versions":  {got.Versions, []checks.Group{{Key: "go 1.55.0", Counts: []int{2, 0}}, {Key: "", Counts: []int{1, 0}}, {Key: "3", Counts: []int{0, 1}}}},
		"names":     {got.Names, []checks.Group{{Key: "", Counts: []int{2, 1}}, {Key: "a", Counts: []int{1, 0}}}},
		"users":     {got.Users, []checks.Group{{Key: "", Counts: []int{2, 1}}, {Key: "u", Counts: []int{1, 0}}}},
		"tags":      {got.Tags, []checks.Group{{Key: "az:a", Counts: []int{2, 0}}, {Key: "x", Counts: []int{1, 0}}}},
		"networks": {got.Networks, []checks.Group{{Key: "10.1.2.0/24", Counts: []int{2, 0}}, {Key: "", Counts: []int{0, 1}},
			{Key: "2001:db8:1:2::/64", Counts: []int{1, 0}}}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %+v, want %+v", what, c.got, c.want)
		}
	}
	if len(got.Sources) != 3 || got.SourcesSampled || !slices.Equal(got.Read, []int{3, 1}) {
		t.Errorf("sources %+v, read %v", got.Sources, got.Read)
	}
}

func TestGroupsBeyondTheCap(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(2))
	const n = 1000
	for i := range n {
		c := client(i, fmt.Sprintf("10.%d.%d.1", i/256, i%256), fmt.Sprint("name", i))
		c.User, c.Language, c.Version = fmt.Append(nil, "user", i), fmt.Append(nil, "lang", i), fmt.Append(nil, i)
		c.Protocol, c.Tags = fmt.Append(nil, "proto", i), [][]byte{fmt.Append(nil, "tag", i)}
		p.add(i%2, c)
	}
	got := p.profile()
	for what, c := range map[string]struct {
		groups []checks.Group
		most   int
	}{
		"protocols": {got.Protocols, 4}, "languages": {got.Languages, 32}, "versions": {got.Versions, 128}, "names": {got.Names, 128},
		"users": {got.Users, 128}, "tags": {got.Tags, 128}, "networks": {got.Networks, 256},
	} {
		last := c.groups[len(c.groups)-1]
		if connections, groups := total(c.groups); connections != n || groups != c.most+1 || !last.Other || last.Key != "" || sum(last.Counts) != n-c.most {
			t.Errorf("%s: %d connections in %d groups, the last %+v", what, connections, groups, last)
		}
	}
}

func TestSourcesAreAUniformSample(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(2))
	const n = 10_000
	for round := range 3 { // an address is met again long after
		for i := range n {
			c := client(round*n+i, address(i).String(), "")
			p.add((round+i)%2, c)
		}
	}
	got := p.profile()
	if len(got.Sources) != mostSources || !got.SourcesSampled {
		t.Fatalf("%d sources, sampled: %v", len(got.Sources), got.SourcesSampled)
	}
	low := 0
	for _, s := range got.Sources {
		if sum(s.Counts) != 3 || s.Kinds != 1 {
			t.Errorf("%+v, want 3 connections of one kind", s)
		}
		if s.Addr.Less(address(n / 2)) {
			low++
		}
	}
	// Half of 1,024, give or take 16: these are 10 standard deviations.
	if low < mostSources/2-160 || low > mostSources/2+160 {
		t.Errorf("%d of %d are of the lower half: the sample is not uniform", low, len(got.Sources))
	}
}

func TestClientsBehindAnAddress(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(1))
	for i := range 100 {
		p.add(0, client(i, "10.0.0.1", fmt.Sprint(i%20)))
		p.add(0, client(i, "10.0.0.2", "same"))
	}
	// Taken together these are the same text.
	for i, names := range [][2]string{{"ab", "c"}, {"a", "bc"}, {"", "abc"}} {
		c := client(i, "10.0.0.3", names[0])
		c.User = []byte(names[1])
		p.add(0, c)
	}
	kinds := map[string]int{}
	for _, s := range p.profile().Sources {
		kinds[s.Addr.String()] = s.Kinds
	}
	if want := map[string]int{"10.0.0.1": mostKinds, "10.0.0.2": 1, "10.0.0.3": 3}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	for _, at := range p.profile().Processes {
		if at.SharedByOthers != (at.Addr.String() != "10.0.0.2") {
			t.Errorf("%+v", at)
		}
	}
}

func TestProcessesThatFit(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(2))
	for i := range 200 {
		for k := range 1 + i%50 {
			c := client(k, address(i).String(), "n")
			c.Start = noon.Add(time.Duration(k) * time.Hour)
			p.add(k%2, c)
		}
	}
	got := p.profile().Processes
	if len(got) != largestProcesses {
		t.Fatalf("%d processes", len(got))
	}
	first := checks.Process{Addr: address(49), Name: "n", User: "u", Language: "go", Version: "1.0", Counts: []int{25, 25}, First: noon, Last: noon.Add(49 * time.Hour)}
	if !reflect.DeepEqual(got[0], first) {
		t.Errorf("%+v, want %+v", got[0], first)
	}
	for i, at := range got {
		if want := 50 - i/4; sum(at.Counts) != want || at.AtLeast || at.SharedByOthers {
			t.Errorf("process %d: %+v, want %d", i, at, want)
		}
	}
}

func TestLargeProcessAmongMany(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(1))
	const n, large = 20_000, 2_000
	for i := range n {
		p.add(0, client(i, address(i).String(), "small"))
		if i%(n/large) == n/large-1 {
			p.add(0, client(i, "192.0.2.1", "large"))
		}
	}
	got := p.profile().Processes[0]
	if have := sum(got.Counts); got.Name != "large" || have > large || have < large-(n+large)/mostProcesses || have < large && !got.AtLeast {
		t.Errorf("%+v, want the one with %d", got, large)
	}
	p = newProfiler(servers(1))
	for i := range n {
		p.add(0, client(i, address(i).String(), ""))
	}
	for range large {
		p.add(0, client(1, "192.0.2.1", "late"))
	}
	if got := p.profile().Processes[0]; got.Name != "late" || sum(got.Counts) != large || !got.AtLeast {
		t.Errorf("%+v, want the late one with at least %d", got, large)
	}
}

// TestWhoWasUp: three servers, of which the first is the concentrated one. A
// connection of it begins at some time by its clock; how many were up?
func TestWhoWasUp(t *testing.T) {
	t.Parallel()
	type server struct {
		start          time.Duration // after noon by its own clock
		offset, margin time.Duration
	}
	const day = 24 * time.Hour
	ms := time.Millisecond
	for _, c := range []struct {
		what    string
		servers []server
		begins  time.Duration // after noon by the clock of the first
		order   []int
		up      int
		sure    []int
	}{
		{"others start later", []server{{0, 0, ms}, {time.Hour, 0, ms}, {2 * time.Hour, 0, ms}}, 30 * time.Minute, []int{0, 1, 2}, 1, []int{1, 0, 0}},
		{"one later", []server{{0, 0, ms}, {time.Hour, 0, ms}, {2 * time.Hour, 0, ms}}, 90 * time.Minute, []int{0, 1, 2}, 2, []int{1, 1, 0}},
		{"all were there", []server{{2 * time.Hour, 0, ms}, {time.Hour, 0, ms}, {0, 0, ms}}, 150 * time.Minute, []int{2, 1, 0}, 3, []int{1, 1, 1}},
		{"within the margins", []server{{0, 0, 50 * ms}, {time.Hour, 0, 50 * ms}, {2 * time.Hour, 0, ms}}, time.Hour - 90*ms, []int{0, 1, 2}, 2, []int{1, 0, 0}},
		{"just out of the margins", []server{{0, 0, 50 * ms}, {time.Hour, 0, 50 * ms}, {2 * time.Hour, 0, ms}}, time.Hour - 110*ms, []int{0, 1, 2}, 1, []int{1, 0, 0}},
		{"after it, within the margins", []server{{0, 0, 50 * ms}, {time.Hour, 0, 50 * ms}, {2 * time.Hour, 0, ms}}, time.Hour + 90*ms, []int{0, 1, 2}, 2, []int{1, 0, 0}},
		{"after it, out of the margins", []server{{0, 0, 50 * ms}, {time.Hour, 0, 50 * ms}, {2 * time.Hour, 0, ms}}, time.Hour + 110*ms, []int{0, 1, 2}, 2, []int{1, 1, 0}},
		{"its clock is a day ahead", []server{{day, day, ms}, {time.Hour, 0, ms}, {2 * time.Hour, 0, ms}}, day + 90*time.Minute, []int{0, 1, 2}, 2, []int{1, 1, 0}},
		{"another's clock is a day behind", []server{{0, 0, ms}, {time.Hour - day, -day, ms}, {2 * time.Hour, 0, ms}}, 30 * time.Minute, []int{0, 1, 2}, 1, []int{1, 0, 0}},
		{"a clock is not known", []server{{0, 0, ms}, {time.Hour, 0, 0}, {2 * time.Hour, 0, ms}}, 30 * time.Minute, []int{1, 0, 2}, 2, []int{1, 0, 0}},
		{"its own is not known", []server{{0, 0, 0}, {time.Hour, 0, ms}, {2 * time.Hour, 0, ms}}, 30 * time.Minute, []int{0, 1, 2}, 3, []int{0, 0, 0}},
		{"its clock went back", []server{{3 * time.Hour, 0, ms}, {time.Hour, 0, ms}, {2 * time.Hour, 0, ms}}, 0, []int{1, 2, 0}, 3, []int{0, 0, 0}},
	} {
		var all []*checks.Server
		for i, s := range c.servers {
			all = append(all, &checks.Server{ID: fmt.Sprint(i), Start: noon.Add(s.start), Details: &checks.Details{Offset: s.offset, Margin: s.margin}})
		}
		p := newProfiler(all)
		p.add(0, &wire.Connection{ID: 1, Start: noon.Add(c.begins)})
		got := p.profile()
		if !slices.Equal(got.StartOrder, c.order) || len(got.Starts[0]) != 4 || got.Starts[0][c.up] != 1 || sum(got.Starts[0]) != 1 {
			t.Errorf("%s: order %v, up %v; want %v, %d", c.what, got.StartOrder, got.Starts[0], c.order, c.up)
		}
		if !slices.Equal(got.SurelyUp, c.sure) || !slices.Equal(got.Services[0].SurelyUp, c.sure) {
			t.Errorf("%s: surely up %v, of the service %v; want %v", c.what, got.SurelyUp, got.Services[0].SurelyUp, c.sure)
		}
		if want := noon.Add(c.begins - c.servers[0].offset); !got.Oldest.Equal(want) || !got.Newest.Equal(want) {
			t.Errorf("%s: from %s to %s, want %s", c.what, got.Oldest, got.Newest, want)
		}
	}
	// Nor does it say that others were down where no time is known.
	all := servers(3)
	all[2].Start, all[1].Details = time.Time{}, nil
	p := newProfiler(all)
	p.add(0, &wire.Connection{ID: 1})
	p.add(0, &wire.Connection{ID: 2, Start: noon.Add(-time.Hour)})
	if got := p.profile(); got.StartOrder[2] != 0 || got.Starts[0][3] != 2 {
		t.Errorf("order %v, up %v", got.StartOrder, got.Starts)
	}
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	p := newProfiler(servers(3))
	for i := range 10_000 {
		c := client(i, "10.0.0.1", "")
		c.RTT = time.Duration(1+i) * time.Microsecond
		p.add(0, c)
	}
	for i, rtt := range []time.Duration{0, 3, 0, 1, 2} {
		c := client(i, "10.0.0.1", "")
		c.RTT = rtt
		p.add(1, c)
	}
	p.add(2, client(1, "10.0.0.1", ""))
	got := p.profile().RTT
	if got[1] == nil || *got[1] != 2 || got[2] != nil {
		t.Errorf("%v", got)
	}
	// Of 10,000 the median of 256 is within 10 standard deviations, or 0.3 ms each.
	if got[0] == nil || *got[0] < 2*time.Millisecond || *got[0] > 8*time.Millisecond {
		t.Errorf("median %v, want about 5 ms", got[0])
	}
}

// TestProfileIsBounded: hundreds of thousands of connections that have nothing in common.
func TestProfileIsBounded(t *testing.T) {
	if sourcetest.RaceDetector {
		t.Skip("the race detector has memory of its own")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p := newProfiler(servers(100))
	name := []byte(strings.Repeat("x", 128))
	for i := range 100_000 {
		c := client(i, address(i).String(), "")
		copy(name, fmt.Sprint(i))
		c.Name, c.User, c.Language, c.Version, c.Tags = name, name, name, name, [][]byte{name}
		c.RTT, c.Start = time.Duration(i+1), noon
		p.add(i%100, c)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("a profile takes %d bytes", grown)
	}
	got := p.profile()
	if n, _ := total(got.Names); n != 100_000 || sum(got.Read) != n {
		t.Errorf("%d names of %d connections", n, sum(got.Read))
	}
}
