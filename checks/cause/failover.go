package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// failOver says whether the account's clients can fail over: the funnel up to room
// for a reconnect, with what servers advertise added to what is listed.
//
// Yes takes, for every service that makes the finding, another server that passes
// each step, and that all of them find room. No takes that none can.
func (d Diagnosis) failOver(views []view) checks.FailOver {
	f := d.Finding
	abroad := slices.ContainsFunc(views, func(v view) bool { return v.leaves() == checks.Yes })
	none := func(stranded int, why checks.Obstacle) checks.FailOver {
		if abroad {
			return checks.FailOver{CanFailOver: checks.Unknown, Why: otherClusters, Stranded: new(int)}
		}
		return checks.FailOver{CanFailOver: checks.No, Why: why, Stranded: &stranded}
	}
	o := f.Impact.FailOver
	if o.CanFailOver == checks.No {
		if abroad {
			return none(0, nil)
		}
		return o
	}
	for _, c := range d.Causes {
		if r, _ := Define(c.Code); c.Verdict == Confirmed && (r.Step == Serves || r.Step == Accepts) {
			return none(c.Explains, HeldBack{r.Step})
		}
	}
	can, stranded := checks.Yes, 0
	var why, open checks.Obstacle
	for _, v := range views {
		for _, one := range v.each() {
			switch a, step, doubt := one.canMove(); a {
			case checks.No:
				stranded += one.Finding.OnServer
				why = one.nowhereElse(step)
			case checks.Unknown:
				can, open = checks.Unknown, doubt.obstacle()
			case checks.Yes:
				if doubt := d.mayFail(one, v); doubt != noDoubt {
					can, open = checks.Unknown, doubt
				}
			}
		}
	}
	switch {
	case stranded > 0:
		return none(min(stranded, f.OnServer), why)
	case d.Unserved.Connections > 0:
		return none(d.Unserved.Connections, HeldBack{Serves})
	case can == checks.Yes && o.Stranded != nil && d.Missing == 0:
		o.CanFailOver = checks.Yes
	case o.CanFailOver == checks.Unknown:
		o.Why = open
	}
	return o
}

// AtLimit reports whether the account's limit of connections can refuse clients that
// connect anew: servers refused some for it, or the limit has no room for them twice,
// as others count those of a dead server on for some minutes.
func (d Diagnosis) AtLimit() bool {
	if slices.ContainsFunc(d.History, isOverLimit) {
		return true
	}
	limits := slices.DeleteFunc(slices.Clone(d.Others), func(o *checks.Server) bool { return d.Accounts[o.ID].MaxConnections == nil })
	if len(limits) == 0 || d.Deployment == nil {
		return false
	}
	account := slices.IndexFunc(d.Deployment.Accounts, func(a checks.Account) bool { return a.ID == d.Finding.Account.ID })
	use := 0
	for i := range d.Deployment.Servers { // of all clusters, as the limit is
		for _, u := range d.Deployment.Servers[i].Usage {
			if int(u.Account) == account {
				use += int(u.Connections)
			}
		}
	}
	return slices.ContainsFunc(limits, func(o *checks.Server) bool { return use+d.Finding.OnServer > *d.Accounts[o.ID].MaxConnections })
}

// nowhereElse is why clients have nowhere to go: each of the other servers is held back by
// a step of its own, and the last one by this.
func (s *Situation) nowhereElse(last StepName) checks.Obstacle {
	var held eachHeldBack
	for _, f := range funnelSteps() {
		if f.name != Serves && f.name != Accepts && f.name != Room {
			continue
		}
		at := heldAt{step: f.name}
		for i, a := range f.passes(s) {
			if i == 0 || a != checks.No || slices.ContainsFunc(held, func(h heldAt) bool { return slices.Contains(h.servers, s.Others[i-1]) }) {
				continue
			}
			at.servers = append(at.servers, s.Others[i-1])
		}
		if len(at.servers) > 0 {
			held = append(held, at)
		}
	}
	if last != Serves && last != Accepts && last != Room || len(held) < 2 {
		return HeldBack{last}
	}
	return held
}

// canMove says whether clients that lose the server find another one, which step takes
// the last one from them where they do not, and why it is unknown where it is.
func (s *Situation) canMove() (checks.Answer, StepName, doubt) {
	left, fallen := s.reconnects()
	switch {
	case s.leaves() == checks.Yes && s.Missing == 0 && (len(s.Others) == 0 || fallen != ""):
		return checks.Unknown, "", otherClusters
	case len(s.Others) == 0 || s.Missing > 0:
		return checks.Unknown, "", noDoubt
	case slices.Contains(left[1:], checks.Yes), s.eachListHelps():
		return checks.Yes, "", noDoubt
	case fallen != "":
		return checks.No, fallen, noDoubt
	}
	return checks.Unknown, "", s.doubt()
}

// eachListHelps reports whether clients of each list that may be these clients' find
// another server, though perhaps not all of them the same one.
func (s *Situation) eachListHelps() bool {
	if len(s.Own) < 2 || s.disputed() || s.unshown() {
		return false
	}
	for _, l := range s.Own {
		one := *s
		one.Own = []List{l}
		if left, _ := one.reconnects(); !slices.Contains(left[1:], checks.Yes) {
			return false
		}
	}
	return true
}

// reconnects says which servers of the cluster clients that lose the concentrated
// one can get to, and which step takes the last one from them where one does.
func (s *Situation) reconnects() (left []checks.Answer, fallen StepName) {
	left = s.all(checks.No)
	for i, o := range s.Others {
		left[i+1] = s.knowsOf(o)
	}
	if s.alone(left) {
		fallen = Listed
	}
	for _, f := range funnelSteps() {
		if f.name == Serves || f.name == Accepts || f.name == Room {
			left = both(left, s.passesAgain(f))
			if s.alone(left) && fallen == "" {
				fallen = f.name
			}
		}
	}
	return left, fallen
}

// knowsOf says whether clients know a server that they can get to: by each list that
// may be theirs, as one that leads there speaks for those alone that have it.
func (s *Situation) knowsOf(o *checks.Server) checks.Answer {
	if !s.Tied || len(s.Own) == 0 {
		return checks.Unknown
	}
	disputed, told := s.disputed() || s.unshown(), s.tells(o)
	if !slices.ContainsFunc(s.Own, func(l List) bool {
		return (!s.tellsOf(l, told) || !s.comeFromWhereTheyGet(o)) && (disputed || !s.surelyHas(l, o))
	}) {
		return checks.Yes
	}
	switch {
	case s.disputed(), s.mayHaveAnother(), told != checks.No || len(listsOf(s.Own, perhaps, unclear)) > 0:
		return checks.Unknown
	case s.reachable() == checks.No, s.surelyElsewhere(o):
		return checks.No
	}
	return checks.Unknown
}

// comeFromWhereTheyGet reports whether some client of a network of these clients is on a
// server, or was: what a server tells them of it is its address there, which they may not
// get to.
func (s *Situation) comeFromWhereTheyGet(o *checks.Server) bool {
	if s.Profile == nil {
		return false
	}
	if s.on(o.ID) > 0 || s.wasThere(o) {
		return true
	}
	mine := map[string]bool{}
	for _, g := range s.Profile.Networks {
		mine[g.Key] = mine[g.Key] || !g.Other && len(g.Counts) > 0 && g.Counts[0] > 0
	}
	there := func(p *checks.Profile) bool {
		at := slices.Index(p.Servers, o.ID)
		return at >= 0 && slices.ContainsFunc(p.Networks, func(g checks.Group) bool { return mine[g.Key] && at < len(g.Counts) && g.Counts[at] > 0 })
	}
	if s.whole != nil && s.whole.Profile != nil && there(s.whole.Profile) {
		return true
	}
	if s.Neighbours != nil {
		for _, p := range s.Neighbours.Profiles {
			if there(p) {
				return true
			}
		}
	}
	return false
}

// tellsOf reports whether clients of a list come to the concentrated server by its
// own address, and hear of a server there. A balancer that leads to one server now
// may lead to another when that is down.
func (s *Situation) tellsOf(l List, told checks.Answer) bool {
	return told == checks.Yes && slices.ContainsFunc(l.Reach.Arrivals, func(a Arrival) bool { return l.sure(a) && a.Server == s.here && a.Own == checks.Yes })
}

// surelyHas reports whether a list surely leads to a server.
func (s *Situation) surelyHas(l List, o *checks.Server) bool {
	return slices.ContainsFunc(l.Reach.Arrivals, func(a Arrival) bool { return l.surelyLeads(a) && s.Deployment.Servers[a.Server].ID == o.ID })
}

// surelyElsewhere reports whether every list of the clients is known to the end,
// and none leads to the server.
func (s *Situation) surelyElsewhere(o *checks.Server) bool {
	for _, f := range s.Own {
		if len(f.Reach.Open) > 0 || len(f.Reach.Arrivals) == 0 {
			return false
		}
		for _, a := range f.Reach.Arrivals {
			if !f.surelyLeads(a) || a.Own != checks.Yes || s.Deployment.Servers[a.Server].ID == o.ID {
				return false
			}
		}
	}
	return len(s.Own) > 0
}
