package history

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// judgesIn is how soon after its first full report a recorder has judged all accounts.
const judgesIn = time.Second

// begin is an episode by the first document of it, and by how the account was spread before.
// The document is of its beginning where the account crossed the threshold then.
func (x *episodes) begin(d *record.Document, before *record.DocumentSpread) *Episode {
	e := &Episode{Account: *d.Account, Cluster: *d.Cluster, Began: *d.Since, To: record.DocumentServer(d.LeanOf().To)}
	if d.LeansTo != nil {
		e.To = *d.LeansTo
	}
	if d.MovedFrom != nil {
		e.From = d.MovedFrom.Server
	}
	if e.Unread = d.Change != record.Crossed || !d.Since.Equal(d.Time); e.Unread {
		return e
	}
	e.Then, e.Before, e.Moves = d.Spread, d.Before, d.Moves
	e.MoreMoves, e.MovesMissed = d.MoreMoves, d.MovesMissed
	open := before != nil && before.Verdict == checks.Incomplete
	atStart := d.AtStart != nil && *d.AtStart
	switch {
	case atStart && (d.Before == nil && !open || x.started.Since == nil):
		e.NotBefore = &time.Time{}
	case atStart:
		e.NotBefore, e.Undecided = x.lastKnown(e.Cluster, before)
	case d.NotBefore != nil:
		e.NotBefore, e.Undecided = d.NotBefore, true
		if now := x.started.Time; !d.NotBefore.Before(now) && !d.NotBefore.After(now.Add(judgesIn)) { // nor when the recorder began
			if e.NotBefore = (&time.Time{}); x.started.Since != nil {
				e.NotBefore, _ = x.lastKnown(e.Cluster, before)
			}
		}
		// What was written down meanwhile may show that it had begun by then.
		if open && asMuch(before, e.Then) && before.Time.After(*e.NotBefore) {
			e.Began = before.Time
		}
	}
	return e
}

// lastKnown is until when the recorder before the last one knew what leaned in a cluster,
// and whether that was unknown when it ended. Where it is not known of which accounts it was
// unknown, it may have been of any that was not spread evenly since.
func (x *episodes) lastKnown(cluster string, before *record.DocumentSpread) (*time.Time, bool) {
	known, undecided := *x.started.Since, false
	for _, u := range x.verdicts.all {
		if (u.Cluster == nil || *u.Cluster == cluster) && u.To != nil && u.To.Equal(x.started.Time) && u.From.Before(known) {
			known, undecided = u.From, true
		}
	}
	if before != nil && before.Verdict != checks.Incomplete && before.Time.After(known) && !before.Time.After(*x.started.Since) {
		known = before.Time
	}
	return &known, undecided
}

// asMuch reports whether a spread has about the share of another one on the same server.
func asMuch(a, b *record.DocumentSpread) bool {
	const about = 5 // points: what changes less is not written down
	return a != nil && b != nil && len(a.Servers) > 0 && len(b.Servers) > 0 && a.Servers[0].Server.ID == b.Servers[0].Server.ID && a.SharePercent+about >= b.SharePercent
}
