package checks

// clusterLoad has what is needed to judge the servers of one cluster.
type clusterLoad struct {
	p       HotspotParameters
	d       *Deployment
	c       cluster
	missing capacity // of connections of all accounts together
	members int      // servers that the cluster is known to have
	totals  []int    // client connections of each server that reported
	total   int      // of all of them
}

// over is the rule's comparison, in integers: more than the factor times the
// average.
func (p HotspotParameters) over(onServer, servers, connections int) bool {
	return compareProducts(times(onServer, servers), maxPercent, p.FactorPercent, connections) > 0
}

// averaged is how many servers the average is of. Where missing ones are accepted,
// it is of those of which it is known what they carry: what others carry is in no
// sum, and to count them would make every other server look busier than it is. One
// that is down carries nothing, which is known.
func (c cluster) averaged(allowPartial bool) int {
	n := len(c.servers) + len(c.missing)
	for _, m := range c.missing {
		if allowPartial && m.Kind != Down {
			n--
		}
	}
	return n
}

// averaged is the same for the cluster of this load.
func (h clusterLoad) averaged() int { return h.c.averaged(h.p.AllowPartial) }

// possible reports whether a server can have more than the factor times the average.
// Of as few as the factor none can: where others are missing, and that was accepted,
// nothing is judged then.
func (h clusterLoad) possible() bool {
	return !h.p.AllowPartial || h.averaged() == h.members || times(h.averaged(), maxPercent) > h.p.FactorPercent
}

// answer says whether a server that reported so many connections is a hotspot:
// unknown if that depends on what the missing servers hold, and on whether
// those of unknown cluster belong here.
func (h clusterLoad) answer(n int) Answer {
	hot := h.total >= h.p.MinConnections && h.members >= h.p.MinServers && h.p.over(n, h.averaged(), h.total)
	switch {
	// Connections that nobody counted may be on any server.
	case !h.p.AllowPartial && h.members >= h.p.MinServers && h.d.lacksCounts(h.c.name):
		return Unknown
	case hot && (h.p.AllowPartial || h.staysHot(n)):
		return Yes
	case !h.p.AllowPartial && (hot || h.couldBeHot(n)):
		return Unknown
	}
	return No
}

// staysHot: what is hot by those that reported is so in every case. The worst
// is that all missing are full, and that of those of unknown cluster just the
// ones belong here that raise the factor's part of the sum by more than this
// server's part of it.
func (h clusterLoad) staysHot(n int) bool {
	if h.missing.unlimited > 0 {
		return false
	}
	members, total := h.members, h.total
	for _, m := range h.c.missing {
		total = plus(total, max(0, *m.Bound))
	}
	if h.c.name != "" {
		for _, m := range h.d.Missing {
			if !m.ClusterKnown && !m.Apart && compareProducts(h.p.FactorPercent, max(0, *m.Bound), maxPercent, n) > 0 {
				members++
				total = plus(total, max(0, *m.Bound))
			}
		}
	}
	return h.p.over(n, members, total)
}

// couldBeHot: it is hot if all that may belong here do, with just enough
// connections to reach the minimum.
func (h clusterLoad) couldBeHot(n int) bool {
	return h.reachesMinimums() && h.p.over(n, plus(h.members, h.missing.unplaced), max(h.total, h.p.MinConnections))
}

// missingCouldBeHot: a missing server with so many connections, or with any
// number of them, is hot if all that may belong here do, with just enough
// connections to reach the minimum.
func (h clusterLoad) missingCouldBeHot(bound int) bool {
	if !h.reachesMinimums() {
		return false
	}
	members := plus(h.members, h.missing.unplaced)
	if bound == unbounded { // then the others' connections do not matter
		return times(members, maxPercent) > h.p.FactorPercent
	}
	return h.p.over(bound, members, max(plus(h.total, bound), h.p.MinConnections))
}

func (h clusterLoad) reachesMinimums() bool {
	return plus(h.members, h.missing.unplaced) >= h.p.MinServers && plus(h.total, h.missing.total) >= h.p.MinConnections
}

// times multiplies up to unbounded; neither is negative.
func times(a, b int) int {
	if b > 0 && a > unbounded/b {
		return unbounded
	}
	return a * b
}
