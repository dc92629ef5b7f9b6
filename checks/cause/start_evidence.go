package cause

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// startEvidence says how many connections began before the other servers last started.
// Those alone count that these clients could have reached, as for [Situation.startsFit]:
// of the others it says nothing, and they may have been up all the time.
func (s *Situation) startEvidence(alone int) Evidence {
	const layout = "2006-01-02 15:04:05"
	first, at, reached := s.firstOther()
	if alone == 0 || len(reached) == 0 {
		return say("start times", "Part of the servers started after the clients of %s had connected (%s to %s UTC).",
			label(s.Server), s.Profile.Oldest.UTC().Format(layout), s.Profile.Newest.UTC().Format(layout))
	}
	than, which := "any other server", "The first of these, "+label(first)+","
	switch {
	case len(reached) == 1:
		than, which = label(first), "It"
	case len(reached) < len(s.Others):
		than = "any other server that they could reach"
	}
	e := say("start times", "%d of the %s began before %s last started.", alone, s.ofThese(), than)
	// Clocks have margins: times that look the other way round would speak against it.
	if !at.Before(s.Profile.Oldest) {
		e.Text += " " + which + " started at " + at.UTC().Format(layout) + " UTC, the oldest connection at " + s.Profile.Oldest.UTC().Format(layout) + "."
	}
	return e
}

// firstOther is the first to start of the other servers that these clients could have
// reached, with when, by the auditor's clock as the times of the connections are, and
// all those of which that is known.
func (s *Situation) firstOther() (first *checks.Server, at time.Time, reached []*checks.Server) {
	can := s.reachableThen()
	for i, o := range s.Others {
		if can[i+1] == checks.No || o.Start.IsZero() || o.Details == nil {
			continue
		}
		reached = append(reached, o)
		if start := o.Start.Add(-o.Details.Offset); first == nil || start.Before(at) {
			first, at = o, start
		}
	}
	return first, at, reached
}
