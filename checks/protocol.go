package checks

import "slices"

// Takes is whether the server has the listener that a protocol, a key of
// [Profile.Protocols], needs: every server takes plain clients. Unknown where
// the server said nothing of itself.
func (s *Server) Takes(protocol string) Answer {
	var listener int
	switch {
	case s.Details == nil:
		return Unknown
	case protocol == "mqtt":
		listener = s.Details.MQTT
	case protocol == "websocket", protocol == "mqtt over websocket":
		listener = s.Details.WebSocket
	default:
		return Yes
	}
	if listener > 0 {
		return Yes
	}
	return No
}

// Unserved is how many connections of a finding's account, on its server, speak
// a protocol that no other server of the cluster takes, and which protocols
// these are: "MQTT", "WebSocket". They have nowhere else to go, whatever the
// cause of the concentration is. What a server did not say counts as taken.
func Unserved(c Case) (connections int, protocols []string) { return newSituation(c).unserved() }

func (s *situation) unserved() (connections int, names []string) {
	if s.Profile == nil || s.missing > 0 || len(s.others) == 0 {
		return 0, nil
	}
	for _, p := range protocols()[:2] {
		here, _ := countKeys(s.Profile.Protocols, p.keys)
		taken := func(o *Server) bool { return o.Takes(p.keys[0]) != No }
		if here > 0 && !slices.ContainsFunc(s.others, taken) {
			connections += here
			names = append(names, p.name)
		}
	}
	return s.explained(connections), names
}
