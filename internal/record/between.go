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

// between reports whether clients of a pair may be between two servers: it has fewer
// connections than a moment ago. What is on one side of the threshold then is not on the
// other because they have not come anywhere yet.
func (p *pair) between(connections int, now time.Time) bool {
	if !p.falling(now) && !p.fell.IsZero() {
		p.most, p.fell = p.last, time.Time{}
	}
	p.last = connections
	switch {
	case connections >= p.most:
		p.most, p.fell = connections, time.Time{}
		return false
	case p.fell.IsZero():
		p.fell = now
	}
	return true
}

// falling reports whether connections ended within that time, and as many are not there yet.
func (p *pair) falling(now time.Time) bool { return !p.fell.IsZero() && now.Sub(p.fell) < betweenFor }
