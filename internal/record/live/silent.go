package live

// hangs reports, with the lock held, whether nothing was heard of any server for longer than
// their heartbeats take, though the connection that events come by is there.
func (s *session) hangs() bool {
	from := s.heard
	if s.resumed.After(from) {
		from = s.resumed
	}
	quiet := s.l.wall().Sub(from)
	if _, watching := s.l.w.Since(); !watching || !s.l.connected || !s.l.heartbeat || quiet < silentFor {
		return false
	}
	return quiet >= silentForAlone || s.l.w.Totals().Servers > 1
}

// reconnect leaves the servers that the connections lead to, for others where there are: both
// may lead to the one that hangs.
func (s *session) reconnect() {
	if s.l.o.Trace != nil {
		s.l.o.Trace("!!! no server was heard: connecting to another one")
	}
	_, _ = s.events.ForceReconnect(), s.asks.ForceReconnect() // fails only where it is closed, which is noticed
}
