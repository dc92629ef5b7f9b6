package history

import (
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
)

// begin is an episode by the first document of it, which is of its beginning where the account
// crossed the threshold then. Since when it leans, and from when on it may have, is what watch
// said.
func (x *episodes) begin(d *record.Document) *Episode {
	e := &Episode{Account: *d.Account, Cluster: *d.Cluster, Began: *d.Since, To: record.DocumentServer(d.LeanOf().To)}
	if d.LeansTo != nil {
		e.To = *d.LeansTo
	}
	if d.MovedFrom != nil {
		e.From = d.MovedFrom.Server
	}
	switch {
	case d.NotBefore != nil:
		e.NotBefore = d.NotBefore
		gap := d.AtStart != nil && *d.AtStart && x.started.Since != nil && !d.NotBefore.Before(*x.started.Since)
		e.Undecided = !gap
	case d.AtStart != nil && *d.AtStart:
		e.NotBefore = &time.Time{}
	}
	if e.Unread = d.Change != record.Crossed || !d.Since.Equal(d.Time); e.Unread {
		return e
	}
	e.Then, e.Before, e.Moves = d.Spread, d.Before, d.Moves
	e.MoreMoves, e.MovesMissed = d.MoreMoves, d.MovesMissed
	return e
}
