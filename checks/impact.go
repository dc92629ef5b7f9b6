package checks

import "math"

// unbounded stands for a number of connections that nothing limits.
const unbounded = math.MaxInt

// room is what the servers missing from a cluster could hold.
type room struct {
	total   int // together, or unbounded
	largest int // the largest single one, or unbounded
	// homeless missing servers may belong to this cluster or to another.
	homeless int
}

func missingRoom(d *Deployment, c cluster) room {
	r := room{homeless: d.homeless()}
	if c.name == "" {
		r.homeless = 0 // alone by definition: no server can join it
	}
	if r.homeless > 0 {
		r.total, r.largest = unbounded, unbounded
	}
	for _, m := range c.missing {
		if m.Bound == nil || r.total == unbounded {
			r.total, r.largest = unbounded, unbounded
			continue
		}
		r.total += *m.Bound
		r.largest = max(r.largest, *m.Bound)
	}
	return r
}

// Impact is what failing of the concentrated server means. All its client
// connections move, of every account, so the survivors are reckoned with all.
type Impact struct {
	// ConnectionsLost of the account, that drop at once.
	ConnectionsLost int
	// SubscriptionsLost of the account; nil where not known.
	SubscriptionsLost *int
	// Survivors are the other servers of the cluster, in order of name.
	Survivors []Survivor
	// CanFailOver is whether the account's clients find room elsewhere. Limits
	// alone can say no; yes takes knowing what the clients can reach.
	CanFailOver Answer
	// Stranded is how many of the account's connections find no room by the
	// limits; nil where a limit is not known.
	Stranded *int
}

// Survivor is a server that stays. Counts are client connections of all
// accounts; Now and After are nil where the server did not report, Limit where
// it is not known or there is none.
type Survivor struct {
	Server            ServerRef
	Now, After, Limit *int
}

func (s Survivor) overLimit() bool { return s.After != nil && s.Limit != nil && *s.After > *s.Limit }

// impact shares the failed server's connections evenly among the survivors
// that reported, the remainder going to the first.
func (j judge) impact(t tally) Impact {
	i := Impact{ConnectionsLost: t.top, CanFailOver: Unknown}
	moving, others := 0, len(j.c.servers)-1
	for at, s := range j.c.servers {
		if s == t.server {
			moving = j.totals[at]
		}
	}
	free, known, nth := 0, len(j.c.missing) == 0, 0
	for at, s := range j.c.servers {
		if s == t.server {
			continue
		}
		now, limit := j.totals[at], j.d.Servers[s].MaxConnections
		after := now + moving/others
		if nth < moving%others {
			after++
		}
		nth++
		i.Survivors = append(i.Survivors, Survivor{Server: j.ref(s), Now: &now, After: &after, Limit: limit})
		if limit == nil {
			known = false
		} else {
			free += max(0, *limit-now)
		}
	}
	for _, m := range j.c.missing {
		i.Survivors = append(i.Survivors, Survivor{Server: ServerRef{ID: m.ID, Name: m.Name, Host: m.Host}})
	}
	if known {
		stranded := max(0, t.top-free)
		i.Stranded = &stranded
		if stranded > 0 {
			i.CanFailOver = No
		}
	}
	return i
}

// priority by the rule of [Finding].
func priority(f Finding) Priority {
	if f.Connections < 50 {
		return Low
	}
	if f.OnServer >= 1000 || (f.Impact.Stranded != nil && *f.Impact.Stranded >= 50) {
		return High
	}
	for _, s := range f.Impact.Survivors {
		if s.overLimit() {
			return High
		}
	}
	return Normal
}
