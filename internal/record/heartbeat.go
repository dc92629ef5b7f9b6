package record

// heartbeat is what a server said of its connections as a whole, and what the
// matrix had then.
type heartbeat struct {
	off      int // by how much the last one differed
	events   uint64
	known    bool // there was one
	settled  int  // by how much it may differ: a full report did not change it
	asked    bool // a full report was asked for because of it, and has not come
	reported bool // it has
	askedFor int  // by how much it differed then
}

// disagrees reports whether the second heartbeat in a row differs from the matrix
// by as much, with no event between them: an event was lost. Connections that are
// just being made are counted by heartbeats alone, so that one is no sign.
func (h *heartbeat) disagrees(says, have int, events uint64) bool {
	off := says - have
	again := h.known && h.off == off && h.events == events
	h.off, h.events, h.known = off, events, true
	switch {
	case h.reported && off != h.askedFor: // the full report explained it
		h.reported = false
	case h.reported && again:
		h.settled, h.reported = off, false
	}
	if off == 0 || off == h.settled || !again || h.asked || h.reported {
		return false
	}
	h.asked, h.askedFor = true, off
	return true
}

// report is that a full report has the server.
func (h *heartbeat) report() {
	h.asked, h.reported = false, h.reported || h.asked
}
