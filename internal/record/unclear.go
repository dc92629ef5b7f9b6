package record

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// unclear takes in, of a pair that was not above the threshold, that it is unknown whether it
// is, or was so until now: if it is above it next, it began at some time since it was last
// known not to be.
func (w *Watch) unclear(p *pair, over, incomplete bool, now time.Time) {
	last, went := w.lastOf[p.cluster]
	switch {
	case p.over:
	case !over && !incomplete:
		p.clear = time.Time{}
	case p.clear.IsZero() && (incomplete || went || !w.blindSince.IsZero()):
		p.clear = now
		if !w.blindSince.IsZero() {
			p.clear = w.blindSince
		}
		if went && w.judged && last.Before(p.clear) {
			p.clear = last
		}
	}
}

// wentUnheard is that a server of a cluster is gone, or runs as another process, that did not
// say that it shuts down: what was known of the cluster was known until it was last heard of.
func (w *Watch) wentUnheard(s *server) {
	if last, is := w.lastOf[s.cluster]; !is || s.heard.Before(last) {
		w.lastOf[s.cluster] = s.heard
	}
}

// complete keeps what was written down where no server was missing that decides. One that is
// missing may be noticed long after it was last heard of: how the account was spread then is
// in what was written down before.
func (p *pair) complete() {
	if p.written.Verdict == checks.Incomplete {
		return
	}
	p.known = append(p.known, p.written)
	for len(p.known) > 1 && p.written.Time.Sub(p.known[1].Time) > arrivalsFor {
		p.known = p.known[1:]
	}
}

// before is the last spread that was written down until a time, or the last one of all where
// that is zero; nil where there is none.
func (p *pair) before(until time.Time) *Spread {
	for i := len(p.known) - 1; i >= 0; i-- {
		if until.IsZero() || !p.known[i].Time.After(until) {
			return p.known[i]
		}
	}
	return nil
}
