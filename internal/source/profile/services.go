package profile

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// mostServices is how many services are kept while connections are read. With
	// 100 servers one takes about 1.5 KiB, and 150 bytes for each of its hosts and
	// networks that are kept, of which there are at most mostHosts and
	// mostServiceNetworks in all: 8 MiB where no connection has anything in common
	// with another.
	mostServices = 1024
	// largestServices is how many of them are in a profile each for itself.
	largestServices = 32
	// mostServiceVersions is how many versions of a client library are kept of one.
	mostServiceVersions = 8
	// mostStarts is how many pairs of a server and of what was up are counted of a
	// service. What comes after these counts as if all servers had been up, from
	// which nothing follows.
	mostStarts = 256
	// mostTexts is for how many different texts of connections it is remembered
	// which service they are of.
	mostTexts = 2048

	mostServiceNetworks, mostNetworksOfOne, leastNetworksOfOne = 8192, 64, 4
)

// services divides connections into services. When there are more than it can
// keep, it puts the smaller half into the remainder: a service that has more than
// one connection in 500 of those read so far is never among these.
type services struct {
	servers int
	byKey   map[string]*service
	// byText has the services of connections that say the same, as to find the stem
	// of a name takes longer than to read the connection.
	byText    map[string]*service
	remainder *service // nil where there is none
	text, key []byte
}

// seen is what a profiler knows of a connection beyond what it says.
type seen struct {
	server, up int
	sure       int       // how many servers surely were up, see sureAt
	start      time.Time // by the auditor's clock
	kind       uint64    // a hash of what tells clients of an address apart
	network    []byte
}

func newServices(servers int) services {
	return services{servers: servers, byKey: map[string]*service{}, byText: map[string]*service{}}
}

func (s *services) add(c *wire.Connection, at seen) {
	x := s.of(c, at.network)
	x.counts[at.server]++
	x.total++
	if c.TLS {
		x.tls++
	}
	x.addVersion(c.Version, 1)
	x.addStarts(at.server, at.up, 1)
	if at.server == 0 {
		x.addSure(at.sure, 1)
	}
	if at.server == 0 && !at.start.IsZero() {
		x.first, x.last = span(x.first, x.last, at.start)
	}
	if c.Addr.IsValid() {
		if h := x.hosts.at(c.Addr, s.share(mostHosts, leastHostsOfOne, hostsOfOne(s.servers))); h != nil {
			h.counts.add(at.server, 1)
			h.addKind(at.kind)
		}
	}
	x.network(at.network, s.share(mostServiceNetworks, leastNetworksOfOne, mostNetworksOfOne)).add(at.server, 1)
}

// share is how many of so many there are for one service.
func (s *services) share(all, least, most int) int {
	return min(most, max(least, all/max(1, len(s.byKey))))
}

// of is the service that a connection is of.
func (s *services) of(c *wire.Connection, network []byte) *service {
	protocol, name := protocolOf(c), nameOf(c)
	s.key = appendText(appendText(appendText(s.key[:0], protocol), c.User), c.Language)
	s.text = append(appendText(append(s.text[:0], s.key...), name), network...)
	if x := s.byText[string(s.text)]; x != nil {
		return x
	}
	stem := cause.Stem(string(name))
	switch {
	case stem != "":
		s.key = append(append(s.key, 1), stem...)
	case len(name) > 0: // nothing but an identifier: what names its clients so is one program
		s.key = append(s.key, 2)
	default:
		s.key = append(append(s.key, 0), network...)
	}
	x := s.byKey[string(s.key)]
	if x == nil {
		if len(s.byKey) >= mostServices {
			s.fold()
		}
		x = newService(s.servers)
		x.key, x.stem = string(s.key), stem
		x.protocol, x.user, x.language = string(protocol), string(c.User), string(c.Language)
		s.byKey[x.key] = x
	}
	if len(s.byText) >= mostTexts {
		clear(s.byText)
	}
	s.byText[string(s.text)] = x
	return x
}

// nameOf is what a connection is called: with MQTT that is the client id.
func nameOf(c *wire.Connection) []byte {
	if string(c.Protocol) == checks.MQTT {
		return c.MQTTClient
	}
	return c.Name
}

// fold puts the smaller half of the services into the remainder.
func (s *services) fold() {
	all := s.sorted(func(x *service) int { return x.total })
	for _, x := range all[len(all)/2:] {
		s.leave(x)
		delete(s.byKey, x.key)
	}
	clear(s.byText)
}

// leave puts a service into the remainder.
func (s *services) leave(x *service) {
	if s.remainder == nil {
		s.remainder = newService(s.servers)
	}
	s.remainder.merge(x, s.servers)
}

// sorted are the services, the largest first.
func (s *services) sorted(size func(*service) int) []*service {
	all := make([]*service, 0, len(s.byKey))
	for _, x := range s.byKey {
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b *service) int {
		if c := cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(b.total, a.total)); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	return all
}

// list is the services, the largest on the concentrated server first, and last
// the remainder. It is told how to turn counts into those of [checks.Service.SurelyUp].
func (s *services) list(surelyUp func(count func(sure int) int) []int) []checks.Service {
	all := s.sorted(func(x *service) int { return x.counts[0] })
	for _, x := range all[min(len(all), largestServices):] {
		s.leave(x)
	}
	var out []checks.Service
	for _, x := range all[:min(len(all), largestServices)] {
		out = append(out, x.service(s.servers, surelyUp))
	}
	if s.remainder != nil {
		x := s.remainder.service(s.servers, surelyUp)
		x.Versions, x.Remainder = nil, true
		out = append(out, x)
	}
	return out
}

// service is a service while its connections are read.
type service struct {
	key                            string
	stem, user, protocol, language string

	counts        []int
	total         int // of the counts
	tls           int
	versions      []checks.Group // with one count each
	starts        tally          // by pairs of a server and how many were up
	sure          tally          // of the concentrated server, by how many surely were
	first, last   time.Time
	hosts         hosts
	networks      map[string]*tally
	otherNetworks tally
}

func newService(servers int) *service {
	return &service{counts: make([]int, servers), networks: map[string]*tally{}}
}

// merge adds what another one has.
func (x *service) merge(other *service, servers int) {
	for i, n := range other.counts {
		x.counts[i] += n
	}
	x.total += other.total
	x.tls += other.tls
	for _, at := range other.starts {
		x.addStarts(at.key/(servers+1), at.key%(servers+1), at.count)
	}
	for _, at := range other.sure {
		x.addSure(at.key, at.count)
	}
	if !other.first.IsZero() {
		x.first, x.last = span(x.first, x.last, other.first)
		x.first, x.last = span(x.first, x.last, other.last)
	}
	for _, addr := range other.hosts.examples {
		x.hosts.show(addr)
	}
	for _, h := range other.hosts.kept {
		if to := x.hosts.at(h.addr, hostsOfOne(servers)); to != nil {
			to.counts.addAll(h.counts)
			for _, kind := range h.kinds {
				to.addKind(kind)
			}
		}
	}
	x.hosts.more = x.hosts.more || other.hosts.more
	for network, counts := range other.networks {
		x.network([]byte(network), mostNetworksOfOne).addAll(*counts)
	}
	x.otherNetworks.addAll(other.otherNetworks)
}

func (x *service) addVersion(version []byte, n int) {
	if len(version) == 0 {
		return
	}
	for i := range x.versions {
		if x.versions[i].Key == string(version) {
			x.versions[i].Counts[0] += n
			return
		}
	}
	if len(x.versions) < mostServiceVersions {
		x.versions = append(x.versions, checks.Group{Key: string(version), Counts: []int{n}})
	}
}

// addStarts counts connections of a server that began when so many were up.
func (x *service) addStarts(server, up, n int) {
	servers := len(x.counts)
	key := server*(servers+1) + up
	if len(x.starts) >= mostStarts && !x.starts.has(key) {
		key = server*(servers+1) + servers
	}
	x.starts.add(key, n)
}

// addSure counts connections of the concentrated server that began when so many
// servers surely were up. What is too much is left out, and so not sure.
func (x *service) addSure(sure, n int) {
	if len(x.sure) < mostStarts || x.sure.has(sure) {
		x.sure.add(sure, n)
	}
}

// network is where connections of a network are counted, of which at most so many
// are kept.
func (x *service) network(network []byte, most int) *tally {
	if to := x.networks[string(network)]; to != nil {
		return to
	}
	if len(x.networks) >= most {
		return &x.otherNetworks
	}
	to := &tally{}
	x.networks[string(network)] = to
	return to
}

func (x *service) service(servers int, surelyUp func(func(int) int) []int) checks.Service {
	out := checks.Service{Stem: x.stem, User: x.user, Protocol: x.protocol, Language: x.language,
		Counts: x.counts, First: x.first, Last: x.last, TLS: checks.Unknown}
	switch x.tls {
	case 0:
		out.TLS = checks.No
	case x.total:
		out.TLS = checks.Yes
	}
	slices.SortFunc(x.versions, func(a, b checks.Group) int {
		return cmp.Or(cmp.Compare(b.Counts[0], a.Counts[0]), strings.Compare(a.Key, b.Key))
	})
	for _, v := range x.versions {
		out.Versions = append(out.Versions, v.Key)
	}
	out.Starts = make([][]int, servers)
	for _, at := range x.starts {
		row := &out.Starts[at.key/(servers+1)]
		if *row == nil { // of servers without any there is none, as it would be long
			*row = make([]int, servers+1)
		}
		(*row)[at.key%(servers+1)] += at.count
	}
	out.SurelyUp = surelyUp(x.sure.at)
	out.Hosts, out.HostExamples = x.hosts.count(), x.hosts.examples
	for _, h := range x.hosts.kept {
		out.Sources = append(out.Sources, checks.Source{Addr: h.addr, Counts: h.counts.dense(servers), Kinds: len(h.kinds)})
	}
	slices.SortFunc(out.Sources, func(a, b checks.Source) int { return a.Addr.Compare(b.Addr) })
	out.SourcesSampled = x.hosts.more
	networks := table{counts: map[string][]int{}}
	for network, counts := range x.networks {
		networks.counts[network] = counts.dense(servers)
	}
	if len(x.otherNetworks) > 0 {
		networks.other = x.otherNetworks.dense(servers)
	}
	out.Networks = networks.groups()
	return out
}

// tally is counts of which most are 0.
type tally []struct{ key, count int }

func (t *tally) add(key, n int) {
	for i := len(*t) - 1; i >= 0; i-- {
		if (*t)[i].key == key {
			(*t)[i].count += n
			return
		}
	}
	*t = append(*t, struct{ key, count int }{key, n})
}

func (t *tally) addAll(other tally) {
	for _, c := range other {
		t.add(c.key, c.count)
	}
}

func (t *tally) has(key int) bool {
	return slices.ContainsFunc(*t, func(c struct{ key, count int }) bool { return c.key == key })
}

func (t *tally) at(key int) int {
	for _, c := range *t {
		if c.key == key {
			return c.count
		}
	}
	return 0
}

func (t *tally) dense(n int) []int {
	out := make([]int, n)
	for _, c := range *t {
		out[c.key] += c.count
	}
	return out
}
