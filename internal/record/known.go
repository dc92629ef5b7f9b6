package record

import "time"

// Known takes over what an earlier watch knew of a pair, before the first full
// report: how it leans, where it does, and how it was spread. Until is when that was known
// last; zero where it is not known. Without a spread it does nothing.
func (w *Watch) Known(last Spread, leans Lean, until time.Time) {
	a, ok := w.m.account(last.Account.ID, last.Account.Name)
	if !ok || w.ready {
		return
	}
	p := &pair{cluster: last.Cluster, written: &last, clear: until}
	p.complete(p.written)
	w.pairs[a] = append(w.pairs[a], p)
	if !leans.Since.IsZero() {
		p.take(leans)
		if p.dark = until; p.dark.Before(p.since) {
			p.dark = p.since
		}
		w.over[pairKey{a, last.Cluster}] = p
	}
	w.m.changed[pairKey{a, last.Cluster}] = struct{}{}
}
