package history

import (
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
)

// knownWith is how soon after verdicts are known again an account is told to lean that
// did before.
const knownWith = time.Second

// notSeen takes in that an episode was told as verdicts came to be known again: it began at
// some time while they were unknown. What was written down then may show that it had by then.
func (e *Episode) notSeen(all []Unknown) {
	if e.NotBefore != nil {
		return
	}
	for _, u := range all {
		if u.Cluster != nil && *u.Cluster != e.Cluster || u.To == nil || e.Began.Before(u.From) ||
			e.Began.Before(u.To.Add(-knownWith)) || e.Began.After(u.To.Add(knownWith)) {
			continue
		}
		from := u.From
		e.NotBefore, e.Undecided = &from, true
		if b := e.Before; b != nil && !b.Time.Before(from) {
			if asMuch(b, e.Then) {
				e.Began = b.Time
			} else {
				e.NotBefore = &b.Time
			}
		}
		return
	}
}

// asMuch reports whether a spread has about the share of another one on the same server.
func asMuch(a, b *record.DocumentSpread) bool {
	const about = 5 // points: what changes less is not written down
	return a != nil && b != nil && len(a.Servers) > 0 && len(b.Servers) > 0 && a.Servers[0].Server.ID == b.Servers[0].Server.ID && a.SharePercent+about >= b.SharePercent
}
