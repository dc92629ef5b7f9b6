package checks

// What clients speak, as servers call it in CONNZ, a key of [Profile.Protocols]. MQTT over
// WebSocket is MQTT there, and needs that listener in any case: without it a server
// refuses the upgrade.
const (
	NATS      = "nats"
	MQTT      = "mqtt"
	WebSocket = "websocket"
)

// Takes reports whether the server has the listener that a protocol, a key of
// [Profile.Protocols], needs: every server takes plain clients. Unknown where
// the server said nothing of itself.
func (s *Server) Takes(protocol string) Answer {
	var listener int
	switch {
	case s.Details == nil:
		return Unknown
	case protocol == MQTT:
		listener = s.Details.MQTT
	case protocol == WebSocket:
		listener = s.Details.WebSocket
	default:
		return Yes
	}
	if listener > 0 {
		return Yes
	}
	return No
}

// Full reports whether the server says that it is at its limit of connections.
func (s *Server) Full() bool {
	return s.MaxConnections != nil && s.Details != nil && s.Details.Connections != nil && *s.Details.Connections >= *s.MaxConnections
}
