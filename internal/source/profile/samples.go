package profile

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// mostSources is how many source addresses are kept.
	mostSources = 1024
	// mostKinds is how far the different clients of an address are counted.
	mostKinds = 8
	// mostProcesses is how many processes are counted, largestProcesses how
	// many of them are in the profile.
	mostProcesses    = 256
	largestProcesses = 16
)

// smallest keeps the values with the smallest hashes: a uniform sample, with
// one value of each hash.
type smallest[T any] struct {
	kept map[uint64]*T
	last uint64 // the largest hash of a full sample
	more bool   // something was left out
}

// at is the place of the value with this hash; nil where it does not fit. What
// was left out once never comes in again: what is kept was kept from its first
// time on.
func (s *smallest[T]) at(hash uint64, most int) *T {
	if v, ok := s.kept[hash]; ok {
		return v
	}
	if s.kept == nil {
		s.kept = map[uint64]*T{}
	}
	if len(s.kept) >= most {
		s.more = true
		if hash > s.last {
			return nil
		}
		delete(s.kept, s.last)
	}
	v := new(T)
	s.kept[hash] = v
	if len(s.kept) >= most {
		s.last = 0
		for h := range s.kept {
			s.last = max(s.last, h)
		}
	}
	return v
}

func (s *smallest[T]) add(hash uint64, value T, most int) {
	if v := s.at(hash, most); v != nil {
		*v = value
	}
}

func (s *smallest[T]) values() []T {
	out := make([]T, 0, len(s.kept))
	for _, v := range s.kept {
		out = append(out, *v)
	}
	return out
}

// sources counts connections by source address. Of more addresses than fit it
// keeps a uniform sample, with exact counts.
type sources struct {
	servers int
	seed    maphash.Seed
	sample  smallest[sourceAddress]
}

type sourceAddress struct {
	addr   netip.Addr
	counts []int
	kinds  []uint64 // hashes of different clients
}

func newSources(servers int, seed maphash.Seed) sources { return sources{servers: servers, seed: seed} }

func (s *sources) add(addr netip.Addr, server int, kind uint64) {
	if !addr.IsValid() {
		return
	}
	at := s.sample.at(maphash.Comparable(s.seed, addr), mostSources)
	if at == nil {
		return
	}
	if at.counts == nil {
		at.addr, at.counts = addr, make([]int, s.servers)
	}
	at.counts[server]++
	if len(at.kinds) < mostKinds && !slices.Contains(at.kinds, kind) {
		at.kinds = append(at.kinds, kind)
	}
}

// shared reports whether different clients are known to come from an address.
func (s *sources) shared(addr netip.Addr) bool {
	at, ok := s.sample.kept[maphash.Comparable(s.seed, addr)]
	return ok && len(at.kinds) > 1
}

// list is by address.
func (s *sources) list() (all []checks.Source, sampled bool) {
	for _, at := range s.sample.kept {
		all = append(all, checks.Source{Addr: at.addr, Counts: at.counts, Kinds: len(at.kinds)})
	}
	slices.SortFunc(all, func(a, b checks.Source) int { return a.Addr.Compare(b.Addr) })
	return all, s.sample.more
}

// processes counts connections that look like one process's. Of more than fit
// it keeps the largest, as the space-saving algorithm of Metwally, Agrawal and
// El Abbadi (2005) does: all with more than 1/256 of the connections are in.
type processes struct {
	servers int
	index   map[string]int // key → place in kept
	kept    []process
	// weights are of the kept ones, by place: the counts, and with them the
	// weight of the one that left for it.
	weights []int
}

// process has the counts since it came in, which are never too high.
type process struct {
	checks.Process
	key string
}

func newProcesses(servers int) processes {
	return processes{servers: servers, index: map[string]int{}}
}

// add counts a connection that began at start. The key is the same for all of
// a process, and only for those.
func (p *processes) add(key []byte, c *wire.Connection, server int, start time.Time) {
	i, ok := p.index[string(key)]
	if !ok {
		i = p.place()
		p.kept[i] = process{key: string(key), Process: checks.Process{Addr: c.Addr, Name: string(c.Name), User: string(c.User),
			Language: string(c.Language), Version: string(c.Version), Counts: p.kept[i].Counts, AtLeast: p.weights[i] > 0}}
		p.index[p.kept[i].key] = i
	}
	at := &p.kept[i]
	at.Counts[server]++
	p.weights[i]++
	if !start.IsZero() {
		at.First, at.Last = span(at.First, at.Last, start)
	}
}

// place is a place for a process, with counts of zero: if need be that of the
// one with the smallest weight, which stays.
func (p *processes) place() int {
	if len(p.kept) < mostProcesses {
		p.kept = append(p.kept, process{Process: checks.Process{Counts: make([]int, p.servers)}})
		p.weights = append(p.weights, 0)
		return len(p.kept) - 1
	}
	i := 0
	for k, weight := range p.weights {
		if weight < p.weights[i] {
			i = k
		}
	}
	delete(p.index, p.kept[i].key)
	clear(p.kept[i].Counts)
	return i
}

func (p *processes) largest(from *sources) []checks.Process {
	clients := map[netip.Addr]int{}
	for i := range p.kept {
		clients[p.kept[i].Addr]++
	}
	all := slices.SortedFunc(slices.Values(p.kept), func(a, b process) int {
		return cmp.Or(cmp.Compare(sum(b.Counts), sum(a.Counts)), a.Addr.Compare(b.Addr), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.User, b.User), cmp.Compare(a.Language, b.Language), cmp.Compare(a.Version, b.Version))
	})
	var out []checks.Process
	for _, at := range all[:min(len(all), largestProcesses)] {
		if at.Addr.IsValid() {
			at.SharedByOthers = clients[at.Addr] > 1 || from.shared(at.Addr)
		}
		out = append(out, at.Process)
	}
	return out
}
