package record

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// confirmIn is how long after a count of the global account by which it leans another one
// must say the same. Servers count a connection in it until that has logged in to its own
// account, for which they leave it 2 seconds by default.
const confirmIn = time.Second

// claim is that the global account is above the threshold by one count.
type claim struct {
	at      time.Time // zero where there is none
	atStart bool      // nothing was judged before
}

// unconfirmed reports whether a pair that would be above the threshold is one of the global
// account and was not counted again since: connections may be about to log in. The server
// that has most is asked.
func (w *Watch) unconfirmed(k pairKey, p *pair, r checks.Row, now time.Time) bool {
	s := w.m.server(r.Server.ID)
	if w.m.accounts[k.account].ID != checks.GlobalAccount || s == nil {
		return false
	}
	if p.claimed.at.IsZero() {
		p.claimed = claim{now, !w.judged}
		if now.Sub(s.looked) < confirmIn { // by that look
			p.claimed.at = s.looked
		}
		w.toCount = append(w.toCount, wire.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.cluster})
	}
	if s.looked.Sub(p.claimed.at) >= confirmIn {
		return false
	}
	w.again(k, now.Add(askAgainIn))
	return true
}

// ToCount are servers to ask for what they have of the global account, for longer than a
// moment: whether that lasts decides what is told. An answer goes to [Watch.CountedNow].
func (w *Watch) ToCount() []wire.Server {
	out := w.toCount
	w.toCount = nil
	return out
}

// CountedNow is what a server has of the global account, as it was asked.
func (w *Watch) CountedNow(server string, clients, leaves uint32, now time.Time) {
	if s := w.m.server(server); s != nil {
		s.heard, s.looked = now, now
		w.count(s, checks.GlobalAccount, "", clients, leaves)
	}
}
