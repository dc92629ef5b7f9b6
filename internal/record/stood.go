package record

import "time"

// stoodStill is why no verdict is known where watch looked much later than it meant to:
// its process or its machine stood still, or the clock was set.
const stoodStill = "watch itself stood still, or its clock was set"

// Stood is that watch itself stood still since a time, as where its machine was paused: what
// changed meanwhile is heard late, or not at all. As after a lost connection, no verdict is
// known until a full report, and what leans then may have begun at any time since.
func (w *Watch) Stood(since, now time.Time) {
	if !w.ready {
		return
	}
	w.lost = true
	w.missedMoves(now)
	if !w.unsure {
		w.unsure, w.unsureFrom, w.stood = true, since, true
		w.still = Standstill{since, now}
	}
	w.want(stoodStill, now)
}

// NoEvents is that no event came since a time, which is noticed now: as after [Watch.Stood], what
// leans when a full report comes may have begun at any time since.
func (w *Watch) NoEvents(since time.Time) {
	if w.ready && !w.unsure {
		w.unsureFrom = since
	}
	w.Hear(false)
}

// whyUnsure is why no verdict is known anywhere.
func (w *Watch) whyUnsure() string {
	if w.stood {
		return stoodStill
	}
	return notConnected
}
