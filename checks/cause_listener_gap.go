package checks

// listenerGap: the connections' protocol, MQTT or WebSocket, is served by one
// server only.
//
// Confirmed takes that without these connections the account would not be
// concentrated, and that every other server of the cluster says in VARZ that it
// has no such listener. It may take both protocols together. An account of plain
// clients can't have it. Where such connections are too few to be the cause, they
// have nowhere else to go all the same, see [Unserved].
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
		{"MQTT or WebSocket", []string{"mqtt", "websocket", "mqtt over websocket"}, func(d *Details) int { return max(d.MQTT, d.WebSocket) }},
	}
}

func judgeListenerGap(s *situation) judgement {
	if s.Profile == nil {
		return notTested("CONNZ", "The connections were not read: leave out --no-causes, or pass a longer --timeout.")
	}
	var served judgement // by another server too
	for _, p := range protocols() {
		here, elsewhere := countKeys(s.Profile.Protocols, p.keys)
		if here == 0 || s.concentratedWithout(here, elsewhere) {
			continue
		}
		j := judgement{explains: s.explained(here), evidence: []Evidence{
			say("CONNZ", "%d of the %s on %s are %s connections.", here, connectionsOf(s.onServer()), s.server.label(), p.name)}}
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
			if served.verdict == "" {
				served = ruledOut("VARZ", "%s %s %s as well.", otherNames(with), verb(with, "serves", "serve"), p.name)
			}
			continue
		case len(silent)+s.missing > 0:
			j.verdict, j.confidence = Likely, 0.7
			if len(without) == 0 {
				j.verdict, j.confidence = NotTested, 0
			}
			j.evidence = append(j.evidence, say("VARZ", "%s did not say whether %s %s.", s.silentNames(silent), verb(silent, "it serves", "they serve"), p.name))
		default:
			j.verdict, j.confidence = Confirmed, 1
			j.evidence = append(j.evidence, say("VARZ", "%s %s no %s listener.", otherNames(without), verb(without, "has", "have"), p.name))
		}
		return j
	}
	n, names := s.unserved()
	switch {
	case served.verdict != "":
		return served
	case n > 0:
		return ruledOut("VARZ", "%d of the %s on %s are %s connections, which no other server takes. Without them the account would be concentrated all the same.",
			n, connectionsOf(s.onServer()), s.server.label(), enumerate(names))
	case !s.Profile.Whole:
		return s.notWhole()
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
