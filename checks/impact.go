package checks

// Impact is what failing of the concentrated server means. All its client
// connections move, of every account, so the survivors are reckoned with all.
type Impact struct {
	// ConnectionsLost of the account, that drop at once.
	ConnectionsLost int
	// Survivors are the other servers of the cluster, in order of name.
	Survivors []Survivor
	// FailOver is what the limits of the survivors say of it. Alone they can say
	// no; yes takes knowing what the clients can reach.
	FailOver
}

// FailOver reports whether the account's clients find a place elsewhere when the
// concentrated server fails.
type FailOver struct {
	CanFailOver Answer
	// Why is the reason in a clause where CanFailOver is No; where it is Unknown, the
	// question that is open, if it is one that can be named.
	Why string
	// Stranded is how many of the account's connections find no place, at the
	// least. Nil where a limit, or a server of the cluster, is not known.
	Stranded *int
}

// Survivor is a server that stays. Counts are client connections of all
// accounts; Now and After are nil where the server did not report, or has an
// account that nobody counted, Limit where it is not known or there is none.
type Survivor struct {
	Server            ServerRef
	Now, After, Limit *int
}

func (s Survivor) overLimit() bool { return s.After != nil && s.Limit != nil && *s.After > *s.Limit }

// impact shares the failed server's connections evenly among the survivors
// that reported, the remainder going to the first.
func (j judge) impact(t tally) Impact {
	i := Impact{ConnectionsLost: t.top, FailOver: FailOver{CanFailOver: Unknown}}
	moving, others := 0, len(j.c.servers)-1
	for at, s := range j.c.servers {
		if s == t.server {
			moving = j.totals[at]
		}
	}
	// A server that may be there may have room.
	uncounted := j.d.lacksCounts(j.c.name)
	free, known, nth := 0, j.missing.members+j.missing.unplaced == 0 && !uncounted, 0
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
		survivor := Survivor{Server: j.d.Servers[s].Ref(), Now: &now, After: &after, Limit: limit}
		if uncounted {
			survivor.Now, survivor.After = nil, nil
		}
		i.Survivors = append(i.Survivors, survivor)
		if limit == nil {
			known = false
		} else {
			free = plus(free, max(0, *limit-now))
		}
	}
	for _, m := range j.c.missing {
		i.Survivors = append(i.Survivors, Survivor{Server: m.Ref()})
	}
	if known {
		stranded := max(0, t.top-free)
		i.Stranded = &stranded
		if stranded > 0 {
			i.CanFailOver, i.Why = No, "the other servers are full then"
		}
	}
	return i
}

// PriorityWith is the finding's priority if its clients fail over like this: low
// below 50 connections; else high if 1,000 or more drop at once, or a survivor
// would pass its limit, or 50 or more can't fail over; else normal.
func (f Finding) PriorityWith(o FailOver) Priority {
	if f.Connections < 50 {
		return Low
	}
	if f.OnServer >= 1000 || o.Stranded != nil && *o.Stranded >= 50 {
		return High
	}
	for _, s := range f.Impact.Survivors {
		if s.overLimit() {
			return High
		}
	}
	return Normal
}
