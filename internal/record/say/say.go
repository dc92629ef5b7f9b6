// Package say words what text, page and chart say alike of what was recorded: what
// happened to a server, what moves are not listed, and that nobody records. It decides nothing.
package say

import (
	"cmp"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Happening is what happened to a server, to follow its name, and Why, a clause that is empty
// where there is nothing to add. Both are harmless.
type Happening struct{ What, Why string }

// Happened is what a change says that happened to a server.
func Happened(d *record.Document) Happening {
	reason := ""
	if d.Reason != nil {
		reason = words.Sentence(*d.Reason)
	}
	switch d.Change { //nolint:exhaustive // of servers
	case record.Started:
		return Happening{What: "started"}
	case record.Answering:
		return Happening{What: "answers again"}
	case record.Draining:
		return Happening{What: "drains (lame duck)"}
	case record.Stopped:
		return stopped(d.Unannounced)
	case record.Refused:
		refused := "connections"
		if d.Count != nil {
			refused = words.Plural(*d.Count, "connection")
		}
		return Happening{"refused " + refused, cmp.Or(reason, "no reason given")}
	}
	return Happening{"does not report", reason}
}

func stopped(how *record.Unannounced) Happening {
	if how == nil {
		return Happening{What: "shut down"}
	}
	switch *how {
	case record.Drained:
		return Happening{"is gone", "it drained, and sends no events any more"}
	case record.Replaced:
		return Happening{"is gone", "its former process, without a goodbye; another one runs"}
	}
	return Happening{What: "is gone"} // by a later version, as it may be in a store
}

// String is all of it.
func (h Happening) String() string { return h.At("") }

// At is all of it, with when that was, in words, after what happened.
func (h Happening) At(when string) string {
	text := h.What
	if when != "" {
		text += " at " + when
	}
	if h.Why != "" {
		text += ": " + h.Why
	}
	return text
}

// NotListed says what moves there were beside those that a change lists: how many more
// connections came or left, and whether some were missed.
func NotListed(others int, missed bool) []string {
	var out []string
	if others > 0 {
		out = append(out, "and "+words.Count(others)+" more came or left")
	}
	if missed {
		out = append(out, "others may have come and left: watch did not hear all of it")
	}
	return out
}

// NoRecorder says that nothing is recorded since a time, in the format of whoever says so: no
// watch is there, or so many changes wait that can't be written.
func NoRecorder(since string, waiting int) string {
	if waiting > 0 {
		return "Watch can't write to the history: " + words.Plurals(waiting, "change waits", "changes wait") + " since " + since + ", and what happened since then is unknown."
	}
	return "No watch records now: what happened since " + since + " is unknown."
}

// Damage says what of a record is not there any more, or can't be read; nothing where all of it
// is there.
func Damage(missing int, all bool, unreadable int) (notes []string) {
	switch {
	case all:
		notes = append(notes, "Nothing is left of the record: its files are damaged, or somebody purged the stream.")
	case missing > 0:
		notes = append(notes, words.Plurals(missing, "document is", "documents are")+" missing in the record: a file of it is damaged, or somebody deleted them. What happened then is unknown.")
	}
	if unreadable > 0 {
		notes = append(notes, words.Plurals(unreadable, "document in the record can't be read: another version or somebody else wrote it.", "documents in the record can't be read: another version or somebody else wrote them."))
	}
	return notes
}
