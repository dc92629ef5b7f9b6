package record

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// unclear takes in that it is unknown whether a pair leans, and to which server, or was so until
// now: if that differs next from what it was, it began at some time since that was last known.
func (w *Watch) unclear(p *pair, r *checks.Row, differs bool, now time.Time) {
	incomplete := r.Verdict == checks.Incomplete
	last, went := w.lastOf[p.cluster]
	switch {
	case !differs && !incomplete:
		if !p.clear.IsZero() && p.written != nil && r.Connections > 0 { // which is not written down where it is as it was
			p.complete(&Spread{Time: now, Account: r.Account, Cluster: r.Cluster, Connections: r.Connections, Of: p.written.Of, Verdict: r.Verdict, Servers: []Share{{r.Server, r.OnServer}}})
		}
		if !p.clear.IsZero() {
			p.say(now)
		}
	case p.clear.IsZero() && (incomplete || went || !w.unsureSince.IsZero()):
		p.clear, p.never = now, !w.judged // as no watch before this one knew it
		if !w.unsureSince.IsZero() {
			p.clear = w.unsureSince
		}
		if went && w.judged && last.Before(p.clear) {
			p.clear = last
		}
		if p.clear.Before(p.said) { // what was said is not taken back
			p.clear = p.said
		}
		p.known = slices.DeleteFunc(p.known, func(s *Spread) bool { return s.Time.After(p.clear) })
	}
}

// say is that it is said, or known again, whether a pair leans, and to which server.
func (p *pair) say(now time.Time) { p.clear, p.said, p.never = time.Time{}, now, false }

// wentUnheard is that a server of a cluster is gone, or runs as another process, that did not
// say that it shuts down: what was known of the cluster was known until it was last heard of.
func (w *Watch) wentUnheard(s *server) {
	if last, is := w.lastOf[s.cluster]; !is || s.heard.Before(last) {
		w.lastOf[s.cluster] = s.heard
	}
}

// complete keeps a spread in which no server was missing that decides. One that is missing
// may be noticed long after it was last heard of: how the account was spread then is in an
// earlier one.
func (p *pair) complete(s *Spread) {
	if s.Verdict == checks.Incomplete {
		return
	}
	p.known = append(p.known, s)
	for len(p.known) > 1 && s.Time.Sub(p.known[1].Time) > arrivalsFor {
		p.known = p.known[1:]
	}
}

// before is the last spread that was known; nil where there is none.
func (p *pair) before() *Spread {
	if len(p.known) == 0 {
		return nil
	}
	return p.known[len(p.known)-1]
}
