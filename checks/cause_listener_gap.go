package checks

// listenerGap: the connections' protocol, MQTT or WebSocket, is served by one
// server only.
//
// Confirmed takes that without these connections the account would not be
// concentrated, and that every other server of the cluster says in VARZ that it
// has no such listener. An account of plain clients can't have it.
func listenerGap() rule {
	return rule{code: "listener-gap", title: "The protocol of the clients is served by one server only", role: Root, firm: true, judge: judgeListenerGap}
}

// protocol is a listener that not every server has.
type protocol struct {
	name string
	keys []string
	port func(*Details) int
}

func protocols() []protocol {
	return []protocol{
		{"MQTT", []string{"mqtt"}, func(d *Details) int { return d.MQTT }},
		{"WebSocket", []string{"websocket", "mqtt over websocket"}, func(d *Details) int { return d.WebSocket }},
	}
}

func judgeListenerGap(s *situation) judgement {
	if s.Profile == nil {
		return notTested("CONNZ", "The connections were not read: leave out --no-causes, or pass a longer --timeout.")
	}
	for _, p := range protocols() {
		here, elsewhere := countKeys(s.Profile.Protocols, p.keys)
		if here == 0 || s.concentratedWithout(here, elsewhere) {
			continue
		}
		j := judgement{explains: here, evidence: []Evidence{
			say("CONNZ", "%d of the %d connections on %s are %s connections.", here, s.Finding.OnServer, s.server.Name, p.name)}}
		var with, without, silent []*Server
		for _, o := range s.others {
			switch {
			case o.Details == nil:
				silent = append(silent, o)
			case p.port(o.Details) > 0:
				with = append(with, o)
			default:
				without = append(without, o)
			}
		}
		switch {
		case len(with) > 0:
			return ruledOut("VARZ", "%s serves %s as well.", otherNames(with), p.name)
		case len(silent)+s.missing > 0:
			j.verdict, j.confidence = Likely, 0.7
			if len(without) == 0 {
				j.verdict = NotTested
			}
			j.evidence = append(j.evidence, say("VARZ", "%s did not say whether it serves %s.", s.silentNames(silent), p.name))
		default:
			j.verdict, j.confidence = Confirmed, 1
			j.evidence = append(j.evidence, say("VARZ", "%s has no %s listener.", otherNames(without), p.name))
		}
		return j
	}
	if !s.Profile.Whole {
		return notTested("CONNZ", "%s", s.Profile.Note)
	}
	return ruledOut("CONNZ", "What is concentrated are plain client connections, which every server takes.")
}

// countKeys adds up groups, on the concentrated server and on the others.
func countKeys(groups []Group, keys []string) (here, elsewhere int) {
	for _, g := range groups {
		for _, key := range keys {
			if g.Key != key || g.Other {
				continue
			}
			for i, n := range g.Counts {
				if i == 0 {
					here += n
				} else {
					elsewhere += n
				}
			}
		}
	}
	return here, elsewhere
}
