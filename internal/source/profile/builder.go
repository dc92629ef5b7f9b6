package profile

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// How many groups of each kind are kept apart; what comes after these many is
// counted together.
const (
	mostProtocols = 4
	mostLanguages = 32
	mostVersions  = 128
	mostNames     = 128
	mostNetworks  = 256
	// mostMeasured is how many round trips of a server make its median.
	mostMeasured = 256
)

// profiler sums up connections, one by one, into a profile. Its size is bounded
// by the number of servers. Not for concurrent use.
type profiler struct {
	ids    []string
	clocks []clock
	read   []int
	seed   maphash.Seed

	protocols, languages, versions, names, users, tags, networks table

	sources   sources
	processes processes
	services  services

	order          []int // of servers, see newProfiler
	position       []int // of a server in order
	bounds         []time.Time
	starts         [][]int
	latest         []time.Time // bounds of the other side; zero where there is none
	lateOrder      []int       // of servers, by those; without those that have none
	sure           []int       // by how many of these were up
	oldest, newest time.Time
	measured       []smallest[time.Duration]

	text, network []byte // keys that are put together
}

// clock is what is known of a server's clock.
type clock struct {
	known          bool
	offset, margin time.Duration
}

func clockOf(s *checks.Server) clock {
	if s.Details == nil || s.Details.Margin == 0 {
		return clock{}
	}
	return clock{true, s.Details.Offset, s.Details.Margin}
}

// here turns a time of the server into one of the auditor.
func (c clock) here(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-c.offset)
}

// newProfiler starts a profile of these servers, the concentrated one first.
//
// StartOrder is the order of the earliest moments at which the servers may have
// started, by the auditor's clock. Of a server whose start or clock is not
// known that is the beginning of time: it is first, and counts as up always, so
// that nobody is said to have been down who may have been up.
func newProfiler(servers []*checks.Server) *profiler {
	n := len(servers)
	p := &profiler{
		seed:      maphash.MakeSeed(),
		protocols: newTable(mostProtocols, n), languages: newTable(mostLanguages, n), versions: newTable(mostVersions, n),
		names: newTable(mostNames, n), users: newTable(mostNames, n), tags: newTable(mostNames, n), networks: newTable(mostNetworks, n),
		read: make([]int, n), position: make([]int, n), measured: make([]smallest[time.Duration], n),
	}
	p.sources, p.processes = newSources(n, p.seed), newProcesses(n)
	p.services = newServices(n)
	for i, s := range servers {
		c, earliest, latest := clockOf(s), time.Time{}, time.Time{}
		if c.known && !s.Start.IsZero() {
			earliest = c.here(s.Start).Add(-c.margin)
			latest = c.here(s.Start).Add(c.margin)
			p.lateOrder = append(p.lateOrder, i)
		}
		p.latest = append(p.latest, latest)
		p.ids = append(p.ids, s.ID)
		p.clocks = append(p.clocks, c)
		p.bounds = append(p.bounds, earliest)
		p.order = append(p.order, i)
		p.starts = append(p.starts, make([]int, n+1))
	}
	slices.SortStableFunc(p.order, func(a, b int) int {
		return cmp.Or(p.bounds[a].Compare(p.bounds[b]), servers[a].Start.Compare(servers[b].Start))
	})
	slices.SortStableFunc(p.lateOrder, func(a, b int) int { return p.latest[a].Compare(p.latest[b]) })
	p.sure = make([]int, len(p.lateOrder)+1)
	for at, i := range p.order {
		p.position[i] = at
	}
	return p
}

// add takes in a connection of a server.
func (p *profiler) add(server int, c *wire.Connection) {
	p.read[server]++
	p.protocols.add(protocolOf(c), server)
	p.languages.add(c.Language, server)
	p.names.add(c.Name, server)
	p.users.add(c.User, server)
	p.text = append(p.text[:0], c.Language...)
	if len(c.Language) > 0 && len(c.Version) > 0 {
		p.text = append(p.text, ' ')
	}
	p.text = append(p.text, c.Version...)
	p.versions.add(p.text, server)
	for i, tag := range c.Tags {
		if !slices.ContainsFunc(c.Tags[:i], func(b []byte) bool { return string(b) == string(tag) }) {
			p.tags.add(tag, server)
		}
	}
	p.network = appendNetwork(p.network[:0], c)
	p.networks.add(p.network, server)
	start := p.clocks[server].here(c.Start)
	p.text = appendClient(p.text[:0], c)
	kind := maphash.Bytes(p.seed, p.text)
	p.sources.add(c.Addr, server, kind)
	addr := c.Addr.As16()
	p.text = append(p.text, addr[:]...)
	p.processes.add(p.text, c, server, start)
	up := p.upAt(server, start)
	p.starts[server][up]++
	sure := p.sureAt(server, start)
	if server == 0 {
		p.sure[sure]++
	}
	p.services.add(c, seen{server: server, up: up, sure: sure, start: start, kind: kind, network: p.network})
	if server == 0 && !start.IsZero() {
		p.oldest, p.newest = span(p.oldest, p.newest, start)
	}
	if c.RTT > 0 {
		p.measured[server].add(maphash.Comparable(p.seed, c.ID), c.RTT, mostMeasured)
	}
}

// upAt is how many servers, in their order, may have been up when a connection
// of a server began: all but those that surely started later. The server itself
// was up, and with it those that are before it in the order.
func (p *profiler) upAt(server int, start time.Time) int {
	c := p.clocks[server]
	if start.IsZero() || !c.known {
		return len(p.order)
	}
	latest := start.Add(c.margin)
	up := sort.Search(len(p.order), func(at int) bool { return p.bounds[p.order[at]].After(latest) })
	return max(up, p.position[server]+1)
}

// sureAt is how many servers, in the order of the latest moments at which they may
// have started, were surely up when a connection began.
func (p *profiler) sureAt(server int, start time.Time) int {
	c := p.clocks[server]
	if start.IsZero() || !c.known {
		return 0
	}
	earliest := start.Add(-c.margin)
	return sort.Search(len(p.lateOrder), func(at int) bool { return !p.latest[p.lateOrder[at]].Before(earliest) })
}

// surelyUp turns counts by how many servers were surely up into counts by server.
func (p *profiler) surelyUp(count func(sure int) int) []int {
	out := make([]int, len(p.ids))
	n := 0
	for at := len(p.lateOrder); at > 0; at-- {
		n += count(at)
		out[p.lateOrder[at-1]] = n
	}
	return out
}

func (p *profiler) profile() *checks.Profile {
	out := &checks.Profile{
		Servers: p.ids, Read: p.read,
		Protocols: p.protocols.groups(), Languages: p.languages.groups(), Versions: p.versions.groups(),
		Names: p.names.groups(), Users: p.users.groups(), Tags: p.tags.groups(), Networks: p.networks.groups(),
		Starts: p.starts, StartOrder: p.order, SurelyUp: p.surelyUp(func(sure int) int { return p.sure[sure] }), Oldest: p.oldest, Newest: p.newest,
		RTT: make([]*time.Duration, len(p.ids)),
	}
	out.Sources, out.SourcesSampled = p.sources.list()
	out.Processes = p.processes.largest(&p.sources)
	out.Services = p.services.list(p.surelyUp)
	for i := range p.measured {
		if all := p.measured[i].values(); len(all) > 0 {
			slices.Sort(all)
			out.RTT[i] = &all[(len(all)-1)/2]
		}
	}
	return out
}

// protocolOf returns the protocol of a connection.
func protocolOf(c *wire.Connection) []byte {
	if len(c.Protocol) == 0 {
		return []byte(checks.NATS) // a server of before 2.4 does not say
	}
	return c.Protocol
}

// appendNetwork appends the /24 or /64 that a connection is from; nothing where
// it has no address.
func appendNetwork(b []byte, c *wire.Connection) []byte {
	if !c.Addr.IsValid() {
		return b
	}
	bits := 64
	if c.Addr.Is4() {
		bits = 24
	}
	network, _ := c.Addr.Prefix(bits) // the address is valid, and long enough
	return network.AppendTo(b)
}

// appendClient appends what tells clients behind one address apart.
func appendClient(b []byte, c *wire.Connection) []byte {
	return appendText(appendText(appendText(appendText(b, c.Name), c.User), c.Language), c.Version)
}

// appendText appends a text of less than 256 bytes with its length in front, so
// that no text can pass for another.
func appendText(b, text []byte) []byte { return append(append(b, byte(len(text))), text...) }

// span widens a span of time; its ends are zero as long as it is empty.
func span(first, last, t time.Time) (time.Time, time.Time) {
	if first.IsZero() || t.Before(first) {
		first = t
	}
	if last.IsZero() || t.After(last) {
		last = t
	}
	return first, last
}

// table counts connections by a text and by server, and together what has a
// text that did not come among the first ones.
type table struct {
	most, servers int
	counts        map[string][]int
	other         []int
}

func newTable(most, servers int) table {
	return table{most: most, servers: servers, counts: map[string][]int{}}
}

func (t *table) add(key []byte, server int) {
	counts, ok := t.counts[string(key)]
	switch {
	case ok:
	case len(t.counts) < t.most:
		counts = make([]int, t.servers)
		t.counts[string(key)] = counts
	default:
		if t.other == nil {
			t.other = make([]int, t.servers)
		}
		counts = t.other
	}
	counts[server]++
}

// groups are the largest first, by name where they are as large, and last what
// is together.
func (t *table) groups() []checks.Group {
	out := make([]checks.Group, 0, len(t.counts)+1)
	for key, counts := range t.counts {
		out = append(out, checks.Group{Key: key, Counts: counts})
	}
	slices.SortFunc(out, func(a, b checks.Group) int {
		return cmp.Or(cmp.Compare(sum(b.Counts), sum(a.Counts)), strings.Compare(a.Key, b.Key))
	})
	if t.other != nil {
		out = append(out, checks.Group{Other: true, Counts: t.other})
	}
	return out
}

func sum(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
