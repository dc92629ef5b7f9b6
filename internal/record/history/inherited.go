package history

import (
	"context"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// Inherited hands over what was recorded last of every account in every cluster, see
// [record.Watch.Inherit], and returns until when another recorder recorded; zero where none
// did. What this recorder saw and has not written is made to go on from there: what is
// recorded already is not written again, and what another one recorded while this watch stood
// still is not unknown.
func (s *Store) Inherited(ctx context.Context, still record.Standstill, take func(record.Recorded)) (until time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, startsIn)
	defer cancel()
	until = s.othersRecorded(ctx)
	h, err := s.verdicts(ctx)
	if err != nil {
		return until, err
	}
	known := map[pair]*record.Recorded{}
	err = s.last(ctx, func(d *record.Document, last record.Spread, leans record.Lean) {
		r := &record.Recorded{Last: last, At: d.Time, Lean: leans}
		if !until.IsZero() {
			r.Until = h.knownUntil(&last, until)
		}
		if leans.Since.IsZero() { // of which there are many
			r.Last = record.Spread{Account: last.Account, Cluster: last.Cluster, Verdict: last.Verdict}
		} else {
			r.Lean.Unknown = h.unknownFor(last.Cluster, leans.Since, until)
		}
		known[pair{last.Account.ID, last.Cluster}] = r
	})
	if err != nil {
		return until, err
	}
	s.mu.Lock()
	left := s.queue[:0:0]
	queued := heirs{known: known, still: still, until: until, leans: map[pair]record.Lean{}}
	for i := range s.queue {
		if d := &s.queue[i]; queued.keep(d) {
			left = append(left, *d)
		}
	}
	s.queue = left
	if !until.IsZero() {
		s.recorded(until)
	}
	s.mu.Unlock()
	for _, r := range known {
		take(*r)
	}
	return until, nil
}

// heirs are documents that a recorder has not written, in the order of their times, as they
// follow what another one recorded.
type heirs struct {
	known map[pair]*record.Recorded
	still record.Standstill
	until time.Time // as of [Store.Inherited]
	// leans is how accounts lean by what was kept, where that differs from what is recorded.
	leans map[pair]record.Lean
}

// keep reports whether a document says something that is not recorded, and has it go on from
// what is.
func (x *heirs) keep(d *record.Document) bool {
	switch {
	case d.Cluster == nil && (d.Change == record.Undecided || d.Change == record.Decided):
		return x.keepUnknown(d)
	case d.Account == nil || d.Cluster == nil || d.Change == record.Kicked:
		return true
	}
	of := pair{d.Account.ID, *d.Cluster}
	r, is := x.known[of]
	if !is {
		return true
	}
	own, changed := x.leans[of]
	leans := r.Lean
	if changed {
		leans = own
	}
	here := record.Recorded{Lean: leans}
	to := d.LeanOf().To
	if d.LeansTo != nil { // also of one that is back
		to = checks.ServerRef(*d.LeansTo)
	}
	same := here.Same(to)
	if early := d.Time.Before(r.At); early && (d.Change != record.Held || !same) {
		return false
	}
	switch {
	case d.Change == record.Crossed && same, d.Change == record.Held && same && leans.Finding:
		return false
	case d.Change == record.Crossed:
		lean := d.LeanOf()
		from := r.Begins(lean, x.still)
		if changed {
			from = lean.NotBefore
		}
		if !from.IsZero() {
			from = from.UTC()
			d.NotBefore = &from
		}
		lean.NotBefore = from
		x.leans[of], r.Queued = lean, true
		return true
	case d.Change == record.Back && leans.Since.IsZero():
		return false
	case d.Change == record.Back:
		x.leans[of], r.Queued = record.Lean{}, true
	case d.Since != nil && leans.Since.IsZero(): // it leaned before it was recorded to be back
		return false
	}
	if d.Since != nil && same {
		since := leans.Since.UTC()
		d.Since, d.AtStart = &since, &leans.AtStart
		if d.NotBefore = nil; !leans.NotBefore.IsZero() {
			from := leans.NotBefore.UTC()
			d.NotBefore = &from
		}
		if d.Unknown != nil && !r.Until.IsZero() { // what is recorded is known
			own := min(*d.Unknown, max(0, d.Time.Sub(r.Until).Seconds()))
			own += leans.Unknown.Seconds()
			d.Unknown = &own
		}
		if finding := leans.Finding || d.Finding != nil && *d.Finding; d.Finding != nil {
			d.Finding = &finding
			leans.Finding = finding
		}
		if changed {
			x.leans[of] = leans
		}
	}
	return true
}

// keepUnknown is [heirs.keep] of a document that says that verdicts are unknown everywhere, or
// are known again: where this watch stood still, another one may have recorded.
func (x *heirs) keepUnknown(d *record.Document) bool {
	if d.Since == nil || !x.still.Has(*d.Since) || !d.Since.Before(x.until) {
		return true
	}
	if !d.Time.After(x.until) {
		return false
	}
	since := x.until.UTC()
	d.Since = &since
	return true
}
