package record

import "time"

// Known takes over what an earlier watch knew of a pair, before the first full
// report: since when it is above the threshold, and how it was spread. Without a
// spread it does nothing.
func (w *Watch) Known(last Spread, since time.Time, finding bool) {
	a, ok := w.m.account(last.Account.ID, last.Account.Name)
	if !ok || w.ready {
		return
	}
	p := &pair{cluster: last.Cluster, over: !since.IsZero(), since: since, held: finding, written: &last}
	p.complete(p.written)
	w.pairs[a] = append(w.pairs[a], p)
	if p.over {
		w.over[pairKey{a, last.Cluster}] = p
	}
	w.m.changed[pairKey{a, last.Cluster}] = struct{}{}
}

// Inherit takes over from another watch, which records no more, that it said a pair to be
// above the threshold. Where this one has not seen it so, as that lasted for less than
// the moment between their looks, it says next that the pair is back, or still there.
func (w *Watch) Inherit(last Spread, since time.Time, finding bool) {
	a, ok := w.m.account(last.Account.ID, last.Account.Name)
	if !ok || !w.ready || since.IsZero() {
		return
	}
	k := pairKey{a, last.Cluster}
	p, known := w.pair(k)
	if p.over {
		return
	}
	if !known {
		w.pairs[a] = append(w.pairs[a], p)
	}
	p.over, p.since, p.held = true, since, finding
	w.over[k] = p
	w.m.changed[k] = struct{}{}
}
