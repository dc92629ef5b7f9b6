package record

import "time"

// Begun says whether a lean was seen to begin, and why not.
type Begun int

// What is known of a beginning.
const (
	// SeenToBegin: it began when it is said to.
	SeenToBegin Begun = iota
	// NeverKnown: until it was known to lean nobody knew whether it does.
	NeverKnown
	// Unread: what was recorded of its beginning is gone, or was too much to read.
	Unread
	// WhileUnknown: from a time on it was unknown whether it leans.
	WhileUnknown
	// WhileUnrecorded: from a time on nothing was recorded.
	WhileUnrecorded
)

// Beginning is what is known of when a lean began, beside since when it is known to lean. Where
// it was not seen to begin, it may have begun earlier.
type Beginning struct {
	Begun Begun
	from  time.Time
}

// BegunSince is a beginning at any time from one on.
func BegunSince(from time.Time, why Begun) Beginning { return Beginning{why, from} }

// Seen reports whether it was seen to begin.
func (b Beginning) Seen() bool { return b.Begun == SeenToBegin }

// Earliest is from when on it may have begun. It is not known where it was seen to begin, and
// where it may have begun at any time.
func (b Beginning) Earliest() (from time.Time, known bool) { return b.from, !b.from.IsZero() }

// Beginning is what is known of when the lean began that a change is of.
func (c *Change) Beginning() Beginning {
	switch {
	case !c.NotBefore.IsZero():
		return BegunSince(c.NotBefore, WhileUnknown)
	case c.AtStart:
		return Beginning{Begun: NeverKnown}
	}
	return Beginning{}
}
