package checks

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// unbounded stands for a number of connections that nothing limits.
const unbounded = math.MaxInt

// capacity is what servers that did not report could hold of one account.
type capacity struct {
	members   int   // of them that belong to the cluster for certain
	unplaced  int   // that may belong to this cluster, or not
	unlimited int   // how many nothing limits
	bounds    []int // of the limited ones
	total     int   // all together, or unbounded
	largest   int   // the largest single one, or unbounded
}

func (r *capacity) add(m Missing) {
	bound := unbounded
	if m.Bound == nil {
		r.unlimited++
	} else {
		bound = max(0, *m.Bound)
		r.bounds = append(r.bounds, bound)
	}
	r.total = plus(r.total, bound)
	r.largest = max(r.largest, bound)
}

// more adds servers of which it is not even certain that there are any.
func (r *capacity) more(n int) {
	for range n {
		r.unplaced++
		r.add(Missing{})
	}
}

// within is what they could hold together if none had more than each.
func (r capacity) within(each int) int {
	sum := unbounded
	if each == 0 || r.unlimited <= unbounded/each {
		sum = r.unlimited * each
	}
	for _, b := range r.bounds {
		sum = plus(sum, min(b, each))
	}
	return sum
}

// maxPercent is the whole.
const maxPercent = 100

// ofUnknownCluster returns what the missing servers could hold whose cluster is unknown.
// Without apart it leaves out those that are in none of the clusters that reported.
func ofUnknownCluster(d *Deployment, apart bool) capacity {
	var r capacity
	for _, m := range d.Missing {
		if !m.ClusterKnown && (apart || !m.Apart) {
			r.unplaced++
			r.add(m)
			r.more(m.More)
		}
	}
	return r
}

// elsewhere returns what the missing servers could hold that may be in a cluster of which
// no server reported. Where the user asked for clusters by name, there is such a cluster
// only if some missing server is in none of those that reported: its cluster may have one
// of these names.
func elsewhere(d *Deployment, clusters []string) capacity {
	if len(clusters) > 0 && !slices.ContainsFunc(d.Missing, func(m Missing) bool { return m.Apart && !m.ClusterKnown }) {
		return capacity{}
	}
	return ofUnknownCluster(d, true)
}

// missingIn returns what the missing servers could hold that are in the cluster, or may be.
// Where no server of the cluster reported, its size is unknown: any number may be missing.
func missingIn(c cluster, unplaced capacity) capacity {
	var r capacity
	if c.name != "" { // without a name it is alone, and no server can join it
		r = unplaced
		r.bounds = slices.Clone(unplaced.bounds)
	}
	for _, m := range c.missing {
		r.members++
		r.add(m)
		r.more(m.More)
	}
	for _, m := range c.perhaps {
		r.unplaced++
		r.add(m)
		r.more(m.More)
	}
	if c.name != "" && len(c.servers) == 0 {
		r.unplaced = unbounded
		r.add(Missing{})
	}
	return r
}

// Exceeds reports whether a share is a finding's by the rule, compared in
// integers: more than the threshold.
func (p Parameters) Exceeds(onServer, connections int) bool {
	return compareProducts(onServer, maxPercent, p.ThresholdPercent, connections) > 0
}

// critical is the comparison with the critical share, in integers: that or more.
func (p Parameters) critical(onServer, connections int) bool {
	return p.CriticalPercent > 0 && compareProducts(onServer, maxPercent, p.CriticalPercent, connections) >= 0
}

// What follows judges the account in every way in which its connections could
// be spread over the missing servers.
//
// With the most on one server being m, the others lower the share most by
// having m each, or their bound. Whether m is that of today's leader or more,
// of a missing one, makes it no lower: 100·m less the threshold's part of
// the sum is a convex function of m, and where it falls at first it is below
// zero there already. So the lowest share is that with today's leader.

// staysFinding: what is a finding by those that reported is one however they
// are spread. The minimums are met more than before.
func (j judge) staysFinding(t tally) bool {
	return j.p.Exceeds(t.top, plus(t.connections, j.missing.within(t.top)))
}

// staysCritical: its share is at or above the critical one however they are spread.
func (j judge) staysCritical(t tally) bool {
	return j.p.critical(t.top, plus(t.connections, j.missing.within(t.top)))
}

// couldBeFinding: it is a finding in some way of spreading them.
func (j judge) couldBeFinding(t tally) bool {
	if plus(j.members(), j.missing.unplaced) < j.p.MinServers || plus(t.connections, j.missing.total) < j.p.MinConnections {
		return false
	}
	// Today's leader does it if others add just enough to reach the minimum,
	// a missing one if it has all that it can, which may be all there is.
	return j.p.Exceeds(t.top, max(t.connections, j.p.MinConnections)) ||
		j.p.Exceeds(j.missing.largest, max(plus(t.connections, j.missing.largest), j.p.MinConnections))
}

// couldBeCritical: a finding is critical in some way of spreading them.
func (j judge) couldBeCritical(t tally) bool {
	if j.p.critical(t.top, t.connections) {
		return true
	}
	if j.missing.largest == unbounded { // comes as close to the whole as one likes, but not there
		return j.p.CriticalPercent > 0 && j.p.CriticalPercent < maxPercent
	}
	return j.p.critical(j.missing.largest, plus(t.connections, j.missing.largest))
}

// plus adds up to unbounded, of which nothing is more.
func plus(a, b int) int {
	if a > unbounded-b {
		return unbounded
	}
	return a + b
}

// compareProducts compares a·b with c·d, none of them negative, without
// overflow.
func compareProducts(a, b, c, d int) int {
	high, low := bits.Mul64(uint64(a), uint64(b))
	otherHigh, otherLow := bits.Mul64(uint64(c), uint64(d))
	return cmp.Or(cmp.Compare(high, otherHigh), cmp.Compare(low, otherLow))
}
