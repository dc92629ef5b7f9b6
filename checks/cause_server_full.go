package checks

// serverFull: the other servers are at their connection limit.
//
// What a server has now against its max_connections, from VARZ: all client
// connections count there, also those of other accounts and of the system
// account. That they are full does not show that the clients tried them, so it
// is confirmed only where the account's list is known to lead there.
func serverFull() rule {
	return rule{code: "server-full", title: "The other servers have no room for more clients", role: Root, judge: judgeServerFull,
		silenced: []string{"account-gap", "listener-gap", "single-url", "single-address-dns"}}
}

func judgeServerFull(s *situation) judgement {
	var full, room, silent []*Server
	for _, o := range s.others {
		switch {
		case o.MaxConnections == nil && o.Details != nil: // it has no limit
			room = append(room, o)
		case o.MaxConnections == nil || o.Details == nil || o.Details.Connections == nil:
			silent = append(silent, o)
		case *o.Details.Connections >= *o.MaxConnections:
			full = append(full, o)
		default:
			room = append(room, o)
		}
	}
	switch {
	case len(room) > 0 && len(room) == len(s.others) && s.missing == 0:
		return ruledOut("VARZ", "All other servers have room for more connections.")
	case len(full) == 0 && len(room) == 0:
		return notTested("VARZ", "The other servers did not say how full they are: pass a longer --timeout, or allow the user $SYS.REQ.SERVER.*.VARZ.")
	case len(full) == 0:
		return notTested("VARZ", "%s did not say how full %s.", s.silentNames(silent), verb(silent, "it is", "they are"))
	}
	j := judgement{explains: s.Finding.OnServer}
	for i, o := range full {
		if i < 4 {
			j.evidence = append(j.evidence, say("VARZ", "%s is full: it has %s, its limit is %d.", o.Name, connectionsOf(*o.Details.Connections), *o.MaxConnections))
		}
	}
	switch {
	case len(room) > 0:
		j.verdict, j.confidence, j.explains = Possible, 0.3, s.Finding.OnServer/2
		j.evidence = append(j.evidence, say("VARZ", "%s %s room.", otherNames(room), verb(room, "has", "have")))
	case len(silent)+s.missing > 0:
		j.verdict, j.confidence = Likely, 0.6
	case s.reachable() == Yes:
		j.verdict, j.confidence = Confirmed, 0.9
	default:
		j.verdict, j.confidence = Likely, 0.85
	}
	return j
}
