package profile

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"slices"
)

const (
	// mostHosts is how many source addresses are kept of all services, and the
	// others are how many of each: fewer of one the more services there are.
	mostHosts, mostHostsOfOne, leastHostsOfOne = 16 << 10, 256, 16
	// mostHostCounts is how many counts by host and server a service has.
	mostHostCounts = 8 << 10
	// hostExamples is how many addresses of a service are shown.
	hostExamples = 3
)

// hostsOfOne is how many addresses are kept of a service where there are so many
// servers, as the profile has a count for each address on each server.
func hostsOfOne(servers int) int {
	return min(mostHostsOfOne, max(leastHostsOfOne, mostHostCounts/servers))
}

// hosts are the source addresses of a service. Of more than fit it keeps those
// with the smallest hashes, a uniform sample with exact counts, and reckons from
// their hashes how many there are (Bar-Yossef et al., 2002): give or take a tenth
// where 100 of them are kept. Equal input gives an equal sample.
type hosts struct {
	kept     map[uint64]*host
	last     uint64 // the largest hash that is kept, where something was left out
	more     bool   // something was left out
	examples []netip.Addr
}

type host struct {
	addr   netip.Addr
	counts tally    // by server
	kinds  []uint64 // hashes of different clients
}

// at is the place of an address, nil where it does not fit; at most so many are
// kept from now on.
func (h *hosts) at(addr netip.Addr, most int) *host {
	h.show(addr)
	hash := hashOf(addr)
	if h.more && hash > h.last {
		return nil
	}
	x := h.kept[hash]
	if x == nil {
		if h.kept == nil {
			h.kept = map[uint64]*host{}
		}
		x = &host{addr: addr}
		h.kept[hash] = x
	}
	for len(h.kept) > most {
		h.more = true
		delete(h.kept, h.largest())
		h.last = h.largest()
	}
	if h.more && hash > h.last {
		return nil
	}
	return x
}

func (h *hosts) largest() (largest uint64) {
	for hash := range h.kept {
		largest = max(largest, hash)
	}
	return largest
}

// show keeps the smallest addresses as examples, so that they are the same in
// whichever order connections come.
func (h *hosts) show(addr netip.Addr) {
	at, there := slices.BinarySearchFunc(h.examples, addr, netip.Addr.Compare)
	if there || at >= hostExamples {
		return
	}
	h.examples = slices.Insert(h.examples, at, addr)
	h.examples = h.examples[:min(len(h.examples), hostExamples)]
}

// count is how many addresses there are: two digits of it where it is reckoned.
func (h *hosts) count() int {
	n := len(h.kept)
	if !h.more {
		return n
	}
	reckoned := float64(n-1) / (float64(h.largest()) / math.MaxUint64)
	unit := math.Pow(10, math.Max(0, math.Floor(math.Log10(reckoned))-1))
	return max(n+1, int(math.Round(reckoned/unit)*unit))
}

func (x *host) addKind(kind uint64) {
	if len(x.kinds) < mostKinds && !slices.Contains(x.kinds, kind) {
		x.kinds = append(x.kinds, kind)
	}
}

// hashOf mixes an address as splitmix64 does, and is the same in every run.
func hashOf(addr netip.Addr) uint64 {
	b := addr.As16()
	mix := func(z uint64) uint64 {
		z += 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
	return mix(mix(binary.BigEndian.Uint64(b[:8])) ^ bits.RotateLeft64(binary.BigEndian.Uint64(b[8:]), 32))
}
