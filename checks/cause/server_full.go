package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// ServerFull is the code of the cause.
const ServerFull Code = "server-full"

// serverFull: the other servers are at their connection limit.
//
// What a server has now against its max_connections, from VARZ: all client
// connections count there, also those of other accounts and of the system
// account. That they are full now does not show that the clients tried them when
// they came, so it is confirmed only where the account's list surely leads there
// and clients that take it in order would be elsewhere. A server that the account
// can't use is no place to go either.
func serverFull() rule {
	return rule{
		Definition: Definition{Code: ServerFull, Title: "The other servers have no room for more clients", Over: "The other servers had no room when the clients came", Role: Root, Step: Room, Moved: GoOn, First: RemedyCapacity,
			Helps: []Help{{RemedyCapacity, Immediate}, {RemedyRebalance, ShortTerm}, {RemedyLimits, ShortTerm}}},
		thing: func(s *Situation) string { return s.heldBack(Room) },
		judge: judgeServerFull,
	}
}

// room says which servers have room for more clients.
func (s *Situation) room() []checks.Answer {
	out := s.all(checks.Yes)
	limited, _ := s.limitedOn()
	for i, o := range s.Others {
		switch {
		case len(limited) > 0:
			out[i+1] = checks.No
		case o.Details == nil || o.MaxConnections != nil && o.Details.Connections == nil:
			out[i+1] = checks.Unknown
		case o.Full():
			out[i+1] = checks.No
		}
	}
	return out
}

// toldToOrder reports whether an option beside a list of the account makes clients
// take the concentrated server first.
func (s *Situation) toldToOrder() bool {
	return slices.ContainsFunc(listsOf(s.Own, wide), func(f List) bool {
		_, _, came := s.turn(f.Reach.Arrivals)
		return f.Ordered == checks.Yes && came == checks.Yes
	})
}

// roomOnOthers are the other servers that take these clients otherwise, by whether
// they have room.
func (s *Situation) roomOnOthers() (room, full, silent []*checks.Server) {
	takes := both(s.serves(), s.accepts())
	for i, o := range s.Others {
		switch {
		case takes[i+1] == checks.No: // see listenerGap and accountGap
		case o.MaxConnections == nil && o.Details != nil: // it has no limit
			room = append(room, o)
		case o.MaxConnections == nil || o.Details == nil || o.Details.Connections == nil:
			silent = append(silent, o)
		case o.Full():
			full = append(full, o)
		default:
			room = append(room, o)
		}
	}
	return room, full, silent
}

func judgeServerFull(s *Situation) judgement {
	room, full, silent := s.roomOnOthers()
	turned, refusals := s.turnedAway()
	doubt, doubted := s.doubtRefusals(refusals)
	limited, often := s.limitedOn()
	over, overs := s.overLimit()
	switch {
	case len(room)+len(full)+len(silent)+s.Missing == 0 && len(s.Others) > 0:
		return ruledOut("ACCOUNT INFO", "The other servers do not take these clients, full or not.")
	case len(limited) > 0:
		return judgement{verdict: Likely, confidence: 0.75, direct: true, explains: s.Finding.OnServer, evidence: []Evidence{
			say("closed connections", "%s refused these clients %s for their account's limit of connections, and %s did not: the limit is lower there.", otherNames(limited), times(often), label(s.Server))}}
	case len(full) == 0 && len(turned) > 0 && len(turned) == len(s.Others):
		j := judgement{verdict: Likely, confidence: 0.7, explains: s.Finding.OnServer, past: true, evidence: []Evidence{
			say("closed connections", "%s turned clients from these addresses away %s, as full. Now %s room.", otherNames(turned), times(refusals), verb(turned, "it has", "they have"))}}
		if doubted {
			j.verdict, j.confidence = Possible, 0.3
			j.evidence = append(j.evidence, doubt)
		}
		return j
	case len(full)+len(silent)+s.Missing == 0 && len(s.Others) > 0 && s.tight(room):
		return notTested("VARZ", "All other servers have room for more connections now. It is unknown whether they had when these clients came.").settledBy(NeedServerAnswers)
	case len(full)+len(silent)+s.Missing == 0 && len(over) > 0:
		return notTested("closed connections", "%s refused these clients for their account's limit of connections (%s in all): whether the account has the same limit on all servers is unknown.", otherNames(over), times(overs))
	case len(full)+len(silent)+s.Missing == 0 && s.Profile == nil && slices.ContainsFunc(s.History, isOverLimit):
		return notTested("closed connections", "Servers refused clients for a limit of their account: whether they were these is unknown, as the connections were not read.").settledBy(NeedConnections)
	case len(full)+len(silent)+s.Missing == 0 && len(s.untold()) > 0:
		return notTested("VARZ", "All other servers have room for more connections. Whether %s refused these clients for a limit of their account is unknown: the connections that were closed there were not read.", otherNames(s.untold()))
	case len(full)+len(silent)+s.Missing == 0 && len(s.Others) > 0:
		return ruledOut("VARZ", "All other servers have room for more connections.")
	case len(full) == 0 && len(room) == 0:
		return notTested("VARZ", "The other servers did not say how full they are.").settledBy(s.Gap.details())
	case len(full) == 0:
		return notTested("VARZ", "%s did not say how full %s.", s.silentNames(silent), verb(silent, "it is", "they are"))
	}
	j := judgement{explains: s.Finding.OnServer}
	for i, o := range full {
		if i < 4 {
			j.evidence = append(j.evidence, say("VARZ", "%s is full: it has %s, its limit is %d.", label(o), connectionsOf(*o.Details.Connections), *o.MaxConnections))
		}
	}
	switch {
	case s.toldToOrder():
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say("client URLs", "But the clients take %s first, as an option beside their list says.", label(s.Server)))
	case len(room) > 0:
		j.verdict, j.confidence, j.explains = Possible, 0.3, s.Finding.OnServer/2
		j.evidence = append(j.evidence, say("VARZ", "%s %s room.", otherNames(room), verb(room, "has", "have")))
	case len(silent)+s.Missing > 0:
		j.verdict, j.confidence = Likely, 0.6
	case len(full) < len(s.Others):
		j.verdict, j.confidence = Likely, 0.7
		held := slices.DeleteFunc(slices.Clone(s.Others), func(o *checks.Server) bool { return slices.Contains(full, o) })
		j.evidence = append(j.evidence, say("VARZ", "%s %s these clients for another reason.", otherNames(held), verb(held, "does not take", "do not take")))
	case s.reachable() == checks.Yes && !s.firstInOrder():
		j.verdict, j.confidence = Confirmed, 0.9
	default:
		j.verdict, j.confidence = Likely, 0.85
	}
	if len(turned) == len(s.Others) && len(full) == len(s.Others) && !doubted {
		j.evidence = append(j.evidence, say("closed connections", "%s turned clients from these addresses away %s.", otherNames(turned), times(refusals)))
		j.verdict, j.confidence, j.direct = Confirmed, 0.95, true
	}
	return j
}

// tight reports whether the connections of the cluster would fill each of these
// servers, so that they may have been full before.
func (s *Situation) tight(room []*checks.Server) bool {
	all := 0
	for _, o := range s.cluster() {
		for _, u := range o.Usage {
			all += int(u.Connections)
		}
	}
	all = max(all, s.Finding.Connections)
	return !slices.ContainsFunc(room, func(o *checks.Server) bool { return o.MaxConnections == nil || *o.MaxConnections > all })
}
