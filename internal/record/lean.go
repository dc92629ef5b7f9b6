package record

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Lean is that an account leans to a server of a cluster: it is above the threshold there. On
// another server it is another one.
type Lean struct {
	To    checks.ServerRef
	Since time.Time // from when on that is known; zero where it does not lean
	// NotBefore and AtStart are as in [Change].
	NotBefore time.Time
	AtStart   bool
	Finding   bool
	// Unknown is for how long of the time since then it was unknown whether it leaned.
	Unknown time.Duration
}

// Left is the lean that ended where one to another server began.
type Left struct {
	Server  checks.ServerRef
	Since   time.Time
	Finding bool
}

// lean is how a pair that is above the threshold leans, until now.
func (p *pair) lean(now time.Time) Lean {
	l := Lean{To: p.on, Since: p.since, NotBefore: p.notBefore, AtStart: p.atStart, Finding: p.held, Unknown: p.unseen}
	if !p.dark.IsZero() && p.dark.Before(now) {
		l.Unknown += now.Sub(p.dark)
	}
	return l
}

// take has a pair lean.
func (p *pair) take(l Lean) {
	p.over, p.on, p.since, p.notBefore, p.atStart, p.held, p.unseen, p.dark = true, l.To, l.Since, l.NotBefore, l.AtStart, l.Finding, l.Unknown, time.Time{}
}

// drop has it lean no longer.
func (p *pair) drop() {
	p.take(Lean{})
	p.over = false
}

// set is what a change says of the lean that it is of.
func (c *Change) set(l Lean) {
	c.Since, c.NotBefore, c.AtStart, c.Finding, c.Unknown = l.Since, l.NotBefore, l.AtStart, l.Finding, l.Unknown
	if !l.Since.IsZero() {
		c.LeansTo = l.To
	}
}

// stays reports whether a pair that is above the threshold is so on the server that it leaned
// to, or on that server's next process. Below a threshold of 50% two servers may be above it.
func (w *Watch) stays(k pairKey, p *pair, r *checks.Row) bool {
	if p.on == (checks.ServerRef{}) || p.on.ID == r.Server.ID {
		return true
	}
	if s := w.m.server(p.on.ID); s != nil && s.counts() {
		return w.s.Parameters.For(r.Account).Exceeds(w.m.clients(k.account, p.on.ID), r.Connections)
	}
	return p.on.Name != "" && p.on.Name == r.Server.Name
}

// leansTo is the server that a pair leans to, as its row has it: of two that are above the
// threshold the one that it leaned to, which may have started again meanwhile.
func (w *Watch) leansTo(p *pair, r *checks.Row) checks.ServerRef {
	if s := w.m.server(p.on.ID); s != nil && s.counts() {
		return p.on
	}
	return r.Server
}

// darken takes in for how long it is unknown whether those lean that did.
func (w *Watch) darken(now time.Time) {
	for _, p := range w.over {
		switch dark := p.open || !w.unsureSince.IsZero(); {
		case dark && p.dark.IsZero():
			p.dark = now
			if !w.unsureSince.IsZero() {
				p.dark = w.unsureSince
			}
			if p.dark.Before(p.since) {
				p.dark = p.since
			}
		case !dark && !p.dark.IsZero():
			p.unseen, p.dark = p.lean(now).Unknown, time.Time{}
		}
	}
}
