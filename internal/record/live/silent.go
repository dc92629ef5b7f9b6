package live

import "time"

const (
	// silentFor is how long nothing is heard of any of several servers until the connection is
	// taken for lost, as where the server that it leads to hangs: each sends a heartbeat every
	// 10 seconds. One server alone may have sent one that is lost.
	silentFor      = 12 * time.Second
	silentForAlone = 22 * time.Second
)

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
	return quiet >= silentForAlone || s.l.w.Servers() > 1
}

// reconnect leaves the servers that the connections lead to, for others where there are: both
// may lead to the one that hangs.
func (s *session) reconnect() {
	if s.l.o.Trace != nil {
		s.l.o.Trace("!!! no server was heard: connecting to another one")
	}
	_, _ = s.events.ForceReconnect(), s.asks.ForceReconnect() // fails only where it is closed, which is noticed
}

// lostSince takes note that no events came since a time, with the lock held.
func (l *Live) lostSince(at time.Time) {
	if l.connected || l.lostAt.IsZero() {
		l.lostAt = at
	}
	l.connected = false
}
