package checks

import "slices"

// Impact is what failing of the concentrated server means. All its client
// connections move, of every account, so the survivors are reckoned with all.
type Impact struct {
	// ConnectionsLost of the account, that drop at once.
	ConnectionsLost int
	// Survivors are the other servers of the cluster, in order of name. Findings on the
	// same server share them: nothing changes them.
	Survivors []Survivor
	// FailOver is what the limits of the survivors say of it. Alone they can say
	// no; yes takes knowing what the clients can reach.
	FailOver
}

// FailOver reports whether the account's clients find a place elsewhere when the
// concentrated server fails.
type FailOver struct {
	CanFailOver Answer
	// Why is the reason where CanFailOver is No, and what leaves it open where it is
	// Unknown; nil where that can't be named.
	Why Obstacle
	// Stranded is how many of the account's connections find no place, at the
	// least. Nil where a limit, or a server of the cluster, is not known.
	Stranded *int
}

// Obstacle is why clients find no place on other servers, or why that is unknown.
type Obstacle interface {
	// Clause says it to people.
	Clause() string
}

// FullThen is that the other servers have no room for those that come.
type FullThen struct{}

// Clause implements [Obstacle].
func (FullThen) Clause() string { return "the other servers are full then" }

// NoOtherServer is that the cluster has none.
type NoOtherServer struct{}

// Clause implements [Obstacle].
func (NoOtherServer) Clause() string { return "the cluster has no other server" }

// Survivor is a server that stays. Counts are client connections of all
// accounts; Now and After are nil where the server did not report, or has an
// account that nobody counted, Limit where it is not known or there is none.
type Survivor struct {
	Server            ServerRef
	Now, After, Limit *int
}

func (s Survivor) overLimit() bool { return s.After != nil && s.Limit != nil && *s.After > *s.Limit }

// failure is the cluster without one server. It is the same for all accounts that are
// mostly on that, and kept once: there may be ten thousand on a hundred servers.
type failure struct {
	survivors []Survivor
	free      int
	known     bool // whether there is no more room than that
}

// failure shares the failed server's connections evenly among the survivors
// that reported, the remainder going to the first.
func (j judge) failure(server int) failure {
	if out, done := j.failures[server]; done {
		return out
	}
	moving, others := 0, len(j.c.servers)-1
	for at, s := range j.c.servers {
		if s == server {
			moving = j.totals[at]
		}
	}
	// A server that may be there may have room.
	uncounted := j.d.lacksCounts(j.c.name)
	out, nth := failure{survivors: make([]Survivor, 0, max(0, j.members()-1)), known: j.missing.members+j.missing.unplaced == 0 && !uncounted}, 0
	for at, s := range j.c.servers {
		if s == server {
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
		out.survivors = append(out.survivors, survivor)
		if limit == nil {
			out.known = false
		} else {
			out.free = plus(out.free, max(0, *limit-now))
		}
	}
	for _, m := range j.c.missing {
		out.survivors = append(out.survivors, Survivor{Server: m.Ref()})
	}
	out.survivors = slices.Clip(out.survivors) // nobody appends to what is shared
	if j.failures != nil {
		j.failures[server] = out
	}
	return out
}

// impact is what the failure of its server means for an account.
func (j judge) impact(t tally) Impact {
	of := j.failure(t.server)
	i := Impact{ConnectionsLost: t.top, Survivors: of.survivors, FailOver: FailOver{CanFailOver: Unknown}}
	if of.known {
		stranded := max(0, t.top-of.free)
		i.Stranded = &stranded
		if stranded > 0 {
			i.CanFailOver, i.Why = No, FullThen{}
			if len(of.survivors) == 0 {
				i.Why = NoOtherServer{}
			}
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
