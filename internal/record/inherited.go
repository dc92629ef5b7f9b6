package record

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Recorded is what another watch, which records no more, recorded last of an account in a
// cluster.
type Recorded struct {
	// Last is its last spread. Of one that does not lean the servers may be left out.
	Last Spread
	At   time.Time // when that was recorded
	Lean Lean      // Since is zero where it does not lean
	// Until is until when whoever recorded knew it to be so; zero where not known.
	Until time.Time
	// Queued is that this watch has since seen it cross the threshold, or be back, and that
	// this is about to be written.
	Queued bool
}

// Begins is from when on a lean that this watch saw, and that is not the recorded one, may have
// begun: not before another one recorded last that the account leaned otherwise. Where this
// watch saw nothing, as it began or stood still, it is not before the other one last knew that.
func (r *Recorded) Begins(l Lean, still Standstill) time.Time {
	if l.NotBefore.IsZero() && !l.AtStart {
		return l.NotBefore
	}
	from := l.NotBefore
	if r.Last.Verdict != checks.Incomplete && r.At.After(from) {
		from = r.At
	}
	if (l.AtStart || still.Has(l.NotBefore)) && r.Until.After(from) {
		from = r.Until
	}
	if from.After(l.Since) {
		from = l.Since
	}
	return from
}

// Same reports whether a lean is to the server that the recorded one is to, or to its next
// process.
func (r *Recorded) Same(to checks.ServerRef) bool {
	on := r.Lean.To
	return !r.Lean.Since.IsZero() && (on.ID == to.ID || on.Name != "" && on.Name == to.Name)
}

// Inherit takes over what another watch, which records no more, recorded last of a pair: what
// is recorded already is not a change.
//   - Where both say that it leans to the same server, it does so since the recorded time.
//   - Where this watch has not seen it lean, as that lasted for less than the moment between
//     their looks, it says next that the pair is back, or still there.
//   - Where it is recorded not to lean, and this watch has not seen that yet, it says nothing
//     of it, unless the pair is still above the threshold in a moment.
func (w *Watch) Inherit(r Recorded, now time.Time) {
	a, ok := w.m.byAccount[r.Last.Account.ID]
	if !ok && !r.Lean.Since.IsZero() {
		a, ok = w.m.account(r.Last.Account.ID, r.Last.Account.Name)
	}
	if !ok || !w.ready {
		return
	}
	k := pairKey{a, r.Last.Cluster}
	p, known := w.pair(k)
	switch {
	case r.Lean.Since.IsZero() && !p.over:
		if known && w.still.Has(p.clear) && p.clear.Before(r.Until) {
			p.clear = r.Until
		}
		return
	case p.over && r.Queued && !r.Same(p.on):
		p.notBefore = r.Begins(p.lean(now), w.still)
		return
	case r.Lean.Since.IsZero():
		p.drop()
		p.clear, p.settles = r.At, now.Add(betweenFor)
		delete(w.over, k)
		w.m.changed[k] = struct{}{}
		return
	case p.over && r.Same(p.on):
		p.inherit(r, w.still, now)
		return
	case r.Queued: // it is back
		return
	}
	if !known {
		w.pairs[a] = append(w.pairs[a], p)
	}
	p.take(r.Lean)
	w.over[k] = p
	w.m.changed[k] = struct{}{}
}

// inherit has a pair that leans do so as it is recorded. What this watch did not see of it is
// known from the record, as long as that goes.
func (p *pair) inherit(r Recorded, still Standstill, now time.Time) {
	l := r.Lean
	l.To, l.Finding = p.on, l.Finding || p.held
	since := p.dark
	own := p.unseen
	if !r.Until.IsZero() {
		own = min(own, max(0, now.Sub(r.Until)))
		if still.Has(since) && since.Before(r.Until) {
			since = r.Until
		}
	} else if !p.since.After(l.Since) { // of the same time
		l.Unknown = 0
	}
	l.Unknown += own
	p.take(l)
	p.dark = since
}

// Standstill is a time in which a watch itself stood still: it saw nothing, and nobody else
// need have missed anything.
type Standstill struct{ From, To time.Time }

// Has reports whether what is unknown since a time is so as watch stood still.
func (s Standstill) Has(since time.Time) bool {
	return !s.From.IsZero() && !since.Before(s.From) && !since.After(s.To)
}

// Unknown is a time since which something is unknown, where another watch recorded until a
// time: what this one missed while it stood still is known from the record.
func (s Standstill) Unknown(since, recorded time.Time) time.Time {
	if s.Has(since) && since.Before(recorded) {
		return recorded
	}
	return since
}

// StoodStill is when watch itself last stood still; its times are zero where it never did.
func (w *Watch) StoodStill() Standstill { return w.still }

// InheritUntil takes in until when another watch, which records no more, recorded: what this
// one missed until then while it stood still is known.
func (w *Watch) InheritUntil(recorded time.Time) {
	w.unsureFrom = w.still.Unknown(w.unsureFrom, recorded)
	w.unsureSince = w.still.Unknown(w.unsureSince, recorded)
}
