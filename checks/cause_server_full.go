package checks

import "slices"

// serverFull: the other servers are at their connection limit.
//
// What a server has now against its max_connections, from VARZ: all client
// connections count there, also those of other accounts and of the system
// account. That they are full now does not show that the clients tried them when
// they came, so it is confirmed only where the account's list surely leads there
// and clients that take it in order would be elsewhere. A server that the account
// can't use is no place to go either.
func serverFull() rule {
	return rule{code: "server-full", title: "The other servers have no room for more clients", role: Root, judge: judgeServerFull,
		silenced: []string{"account-gap", "listener-gap", "single-url", "single-address-dns"}}
}

// toldToOrder is whether an option beside a list of the account makes clients
// take the concentrated server first.
func (s *situation) toldToOrder() bool {
	return slices.ContainsFunc(listsOf(s.lists, wide), func(f followed) bool {
		return f.Ordered == Yes && s.thenUp(f.reach.Arrivals)[0].Server == s.here
	})
}

// roomOnOthers are the other servers that the account can use, by whether they
// have room.
func (s *situation) roomOnOthers() (room, full, silent []*Server) {
	for _, o := range s.others {
		switch {
		case s.Accounts[o.ID].Usable == No && !s.uses(o): // see accountGap
		case o.MaxConnections == nil && o.Details != nil: // it has no limit
			room = append(room, o)
		case o.MaxConnections == nil || o.Details == nil || o.Details.Connections == nil:
			silent = append(silent, o)
		case o.full():
			full = append(full, o)
		default:
			room = append(room, o)
		}
	}
	return room, full, silent
}

func judgeServerFull(s *situation) judgement {
	room, full, silent := s.roomOnOthers()
	switch {
	case len(room)+len(full)+len(silent)+s.missing == 0 && len(s.others) > 0:
		return ruledOut("ACCOUNT INFO", "The account can't use the other servers, full or not.")
	case len(full)+len(silent)+s.missing == 0 && len(s.others) > 0:
		return ruledOut("VARZ", "All other servers have room for more connections.")
	case len(full) == 0 && len(room) == 0:
		return notTested("VARZ", "The other servers did not say how full they are: %s.", s.toTell())
	case len(full) == 0:
		return notTested("VARZ", "%s did not say how full %s.", s.silentNames(silent), verb(silent, "it is", "they are"))
	}
	j := judgement{explains: s.Finding.OnServer}
	for i, o := range full {
		if i < 4 {
			j.evidence = append(j.evidence, say("VARZ", "%s is full: it has %s, its limit is %d.", o.label(), connectionsOf(*o.Details.Connections), *o.MaxConnections))
		}
	}
	switch {
	case s.toldToOrder():
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say("client URLs", "But the clients take %s first, as an option beside their list says.", s.server.label()))
	case len(room) > 0:
		j.verdict, j.confidence, j.explains = Possible, 0.3, s.Finding.OnServer/2
		j.evidence = append(j.evidence, say("VARZ", "%s %s room.", otherNames(room), verb(room, "has", "have")))
	case len(silent)+s.missing > 0:
		j.verdict, j.confidence = Likely, 0.6
	case s.reachable() == Yes && !s.firstInOrder():
		j.verdict, j.confidence = Confirmed, 0.9
	default:
		j.verdict, j.confidence = Likely, 0.85
	}
	return j
}
