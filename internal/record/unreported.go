package record

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// unreported is what is known of a server that has started and was not in a full report
// since. Clients may have come to it before what it says of them got to this watch: its
// routes and gateways to the others take a moment, in which it takes connections. So what
// events say that it has may be less than it has, until it says that it has none, or until
// a full report that was asked for after it was first heard.
type unreported struct {
	since time.Time // when it was first heard
	// claim is how many connections it said that it has in all, and counted how many of them
	// were known then. Of those that it said later all are known.
	claim, counted int
	claimed        bool
}

// ranBefore reports whether a server's process is one that was there before: it said
// nothing for a while, or it is older than this watch. A process has an id of its own.
func (w *Watch) ranBefore(s *server) bool {
	_, hung := w.hung[s.ID]
	return hung || !s.start.IsZero() && s.start.Before(w.began) ||
		slices.ContainsFunc(w.missing, func(m checks.Missing) bool { return m.ID == s.ID })
}

// claims takes in how many connections a server says that it has.
func (w *Watch) claims(s *server, connections int) {
	b := s.unreported
	if b == nil {
		return
	}
	if connections == 0 && s.connections == 0 {
		s.unreported = nil
	} else {
		b.claim, b.counted, b.claimed = connections, s.connections, true
	}
	w.m.moved[s.cluster] = struct{}{}
}

// wasReported takes in that a server is in the full report.
func (w *Watch) wasReported(s *server) {
	if s.unreported != nil && !s.unreported.since.After(w.asked) {
		s.unreported = nil
		w.m.moved[s.cluster] = struct{}{}
	}
}

// uncounted is a server of which it is not known what it has, as one that is missing, where its
// former processes may have some connections; nil where that is known.
func (s *server) uncounted(former int) *checks.Missing {
	m := &checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.cluster, ClusterKnown: true, Kind: checks.Silent}
	switch b := s.unreported; {
	case s.unknown:
		m.Reason = "it answers again, and what it has is being asked for"
	case b != nil:
		m.Reason = "it started, and what it has is being asked for"
		if b.claimed {
			// Of an account of which events said nothing before, they count as new what was there.
			most := former + max(b.claim, b.claim+s.connections-b.counted)
			m.Bound = &most
		}
	case former > 0:
		most := former + s.connections
		m.Bound, m.Reason = &most, "it runs again, and whether its former process has connections is being asked"
	default:
		return nil
	}
	return m
}
