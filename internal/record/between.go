package record

import "time"

// betweenFor is how long clients whose connections ended are taken to be on their way to
// another server. It is less than what a change may take to be told, which is 2 s.
const betweenFor = 1500 * time.Millisecond

// again has a pair judged again at a time, or before it.
func (w *Watch) again(k pairKey, at time.Time) {
	if due, ok := w.later[k]; !ok || at.Before(due) {
		w.later[k] = at
	}
}

// between reports whether clients of a pair above the threshold may be between two servers:
// it has fewer connections than a moment ago. Where they had most, the account is not back to even
// because they have not come anywhere yet.
func (w *Watch) between(k pairKey, p *pair, connections int, now time.Time) bool {
	switch {
	case !p.over || connections >= p.most || !p.fell.IsZero() && now.Sub(p.fell) >= betweenFor:
		p.most, p.fell = connections, time.Time{}
		return false
	case p.fell.IsZero():
		p.fell = now
	}
	w.again(k, p.fell.Add(betweenFor))
	return true
}
